"""The contents of a land-cover data set: patches with their files, and problems with the files."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from core.land.data.bands import FLAIR_BANDS, SENTINEL_BANDS, Bands
from core.land.data.nomenclature import FLAIR, FLAIR_HUB, Legend

SIDE = 512
"""Pixels along one side of a FLAIR patch, and the longest side of any patch."""

AERIAL_BANDS_ONLY = "so only its aerial bands are used"
"""How a patch whose Sentinel files are missing is handled, for the reason of a problem."""


@dataclass(frozen=True)
class Problem:
    """A problem with one file or patch; all other files and patches are still processed.

    The name is the patch's name, or the file's path relative to the root of the data set. The
    reason states what is wrong and how it was handled.
    """

    name: str
    reason: str

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}"


def merge_problems(problems: Iterable[Problem]) -> list[Problem]:
    """Return one problem for all files or patches that have the same reason."""
    by_reason: dict[str, list[str]] = {}
    for problem in problems:
        by_reason.setdefault(problem.reason, []).append(problem.name)
    return [
        Problem(names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} others", reason)
        for reason, names in by_reason.items()
    ]


@dataclass(frozen=True)
class Acquisition:
    """The metadata of one patch; values that the metadata file lacks are empty or None.

    Attributes
    ----------
    x, y, z : float or None
        Coordinates of the centre in EPSG:2154, and its elevation, metres.
    date : str
        yyyy-mm-dd.
    time : str
        Such as 10h20.
    """

    x: float | None
    y: float | None
    z: float | None
    date: str
    time: str
    camera: str


@dataclass(frozen=True)
class SuperArea:
    """The files of one Sentinel super area, which the patches of an area share.

    In FLAIR-HUB, each patch has a series of its own: `data` and `masks` are GeoTIFFs, and `dates`,
    yyyy-mm-dd, come from the table `products`.
    """

    data: Path
    masks: Path
    products: Path
    dates: tuple[str, ...] = ()


@dataclass(frozen=True)
class SeriesDate:
    """One date of a time series of your own: an image, and its mask of clouds, if any.

    The date is yyyy-mm-dd. All dates of a series have one grid.
    """

    date: str
    image: Path
    mask: Path | None = None


@dataclass(frozen=True)
class LabelRule:
    """How the labels of your own data become classes.

    Attributes
    ----------
    values : tuple of str
        The stored value of each class: that of a raster ("3"), or that of the attribute of a
        polygon ("boat"). The first is class 1.
    attribute : str
        The attribute of polygons; empty for a raster.
    background : int
        The class of all other pixels, such as those outside all polygons; 0 if they have none.
    """

    values: tuple[str, ...]
    attribute: str = ""
    background: int = 0


@dataclass(frozen=True)
class Layout:
    """How the files of a data set are read: bands, classes, and the labels of your own data.

    `rule` is None for FLAIR, whose patches are files of 512 x 512 pixels and whose masks contain
    the values of the classes. `series_bands` are the bands of the time series.
    """

    bands: Bands = FLAIR_BANDS
    legend: Legend = FLAIR
    rule: LabelRule | None = None
    series_bands: Bands = SENTINEL_BANDS

    @property
    def is_own(self) -> bool:
        """True for images of your own, False for FLAIR's data."""
        return self.rule is not None

    @property
    def is_hub(self) -> bool:
        """True for FLAIR-HUB, whose labels, heights and series are stored in their own ways."""
        return self.rule is None and self.legend == FLAIR_HUB


FLAIR_LAYOUT = Layout()
"""The layout of FLAIR #2."""


_OWN_TERMS = {
    "patch": "window",
    "patches": "windows",
    # A window is a unit of its own: intervals resample windows.
    "area": "window",
    "areas": "windows",
    "domain": "group",
    "domains": "groups",
}
_TERM = re.compile(rf"\b({'|'.join(_OWN_TERMS)})\b", re.I)


def adapt_terms(text: str, *, is_own: bool) -> str:
    """Return a text in the terms of the data.

    The texts of the land-cover half use FLAIR's terms: patches, in areas of domains. Images of
    your own (`is_own`) have windows, in groups that are left out together. Names of files, classes
    and groups are to be inserted afterwards, so that they stay as they are.
    """
    if not is_own:
        return text

    def replace(match: re.Match[str]) -> str:
        term = _OWN_TERMS[match[0].lower()]
        return term.capitalize() if match[0][0].isupper() else term

    return _TERM.sub(replace, text)


@dataclass(frozen=True)
class Patch:
    """One patch with its files: a FLAIR patch, or a window of an image.

    Attributes
    ----------
    number : str
        Digits, as in FLAIR's file names, where there are six.
    split : {"train", "test"}
    domain, area : str
        Such as D004_2021 and Z8_NF.
    mask : Path or None
        None for a patch without labels.
    centroid : tuple of int, or None
        Row and column of the patch's centre in the super area.
    window : tuple of int, or None
        Left, top, right and bottom in pixels of the image, right and bottom excluded; None for
        the whole image.
    title : str
        The name of a window, or of a patch of FLAIR-HUB.
    height : Path or None
        FLAIR-HUB's surface and terrain models of the patch.
    series : tuple of SeriesDate
        The time series that covers a window of your own images; empty if there is none.
    """

    number: str
    split: str
    domain: str
    area: str
    image: Path
    mask: Path | None
    super_area: SuperArea | None = None
    centroid: tuple[int, int] | None = None
    acquisition: Acquisition | None = None
    layout: Layout = FLAIR_LAYOUT
    window: tuple[int, int, int, int] | None = None
    title: str = ""
    height: Path | None = None
    series: tuple[SeriesDate, ...] = ()

    @property
    def name(self) -> str:
        """The title, or the name of the image, such as IMG_000001."""
        return self.title or f"IMG_{self.number}"

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        if self.window is None:
            return SIDE, SIDE
        left, top, right, bottom = self.window
        return bottom - top, right - left

    @property
    def area_id(self) -> str:
        """Domain and area, such as D004_2021/Z8_NF."""
        return f"{self.domain}/{self.area}"

    @property
    def has_sentinel(self) -> bool:
        """True if the patch has a super area and a centroid that locates the patch in it."""
        return self.super_area is not None and self.centroid is not None

    @property
    def has_series(self) -> bool:
        """True if the patch has a time series, Sentinel's or your own."""
        return self.has_sentinel or bool(self.series)


@dataclass(frozen=True)
class Dataset:
    """The patches of a data set, with missing and superfluous files listed as problems.

    The patches are sorted by split (train first), then by number. `patches` have masks;
    `unlabelled` have none, so they can be predicted, but neither trained on nor scored.
    """

    root: Path
    patches: tuple[Patch, ...]
    problems: tuple[Problem, ...]
    unlabelled: tuple[Patch, ...] = ()
    layout: Layout = FLAIR_LAYOUT

    def split_indexes(self, split: str) -> tuple[int, ...]:
        """Return the indexes of the patches of one split, "train" or "test"."""
        return tuple(i for i, patch in enumerate(self.patches) if patch.split == split)
