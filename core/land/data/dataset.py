"""The contents of a FLAIR #2 data set: patches with their files, and problems with the files."""

from dataclasses import dataclass
from pathlib import Path


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
    """The files of one Sentinel super area, which the patches of an area share."""

    data: Path
    masks: Path
    products: Path


@dataclass(frozen=True)
class Patch:
    """One aerial patch with its files.

    Attributes
    ----------
    number : str
        Six digits, as in the file names.
    split : {"train", "test"}
    domain, area : str
        Such as D004_2021 and Z8_NF.
    mask : Path or None
        None for a patch without labels.
    centroid : tuple of int, or None
        Row and column of the patch's centre in the super area.
    """

    number: str
    split: str
    domain: str
    area: str
    image: Path
    mask: Path | None
    super_area: SuperArea | None
    centroid: tuple[int, int] | None
    acquisition: Acquisition | None

    @property
    def name(self) -> str:
        """The name of the image, such as IMG_000001."""
        return f"IMG_{self.number}"

    @property
    def area_id(self) -> str:
        """Domain and area, such as D004_2021/Z8_NF."""
        return f"{self.domain}/{self.area}"

    @property
    def has_sentinel(self) -> bool:
        """True if the patch has a super area and a centroid that locates the patch in it."""
        return self.super_area is not None and self.centroid is not None


@dataclass(frozen=True)
class Dataset:
    """The patches of a FLAIR #2 data set, with missing and superfluous files listed as problems.

    The patches are sorted by split (train first), then by number. `patches` have masks;
    `unlabelled` have none, so they can be predicted, but neither trained on nor scored.
    """

    root: Path
    patches: tuple[Patch, ...]
    problems: tuple[Problem, ...]
    unlabelled: tuple[Patch, ...] = ()

    def split_indexes(self, split: str) -> tuple[int, ...]:
        """Return the indexes of the patches of one split, "train" or "test"."""
        return tuple(i for i, patch in enumerate(self.patches) if patch.split == split)
