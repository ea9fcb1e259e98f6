"""What FLAIR #2 consists of: patches, what belongs to each, and what is wrong with them."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Problem:
    """Something wrong with one file; the rest goes on.

    Attributes
    ----------
    name : str
        The file, relative to the data set's root, or the patch.
    why : str
        What is wrong and what was done instead.
    """

    name: str
    why: str

    def __str__(self) -> str:
        return f"{self.name}: {self.why}"


@dataclass(frozen=True)
class Acquisition:
    """What the metadata file says of one patch; empty or None where it says nothing.

    Attributes
    ----------
    x, y, z : float or None
        Centre in EPSG:2154 and elevation, metres.
    date : str
        yyyy-mm-dd.
    time : str
        HhMM.
    camera : str
    """

    x: float | None
    y: float | None
    z: float | None
    date: str
    time: str
    camera: str


@dataclass(frozen=True)
class SuperArea:
    """The files of one Sentinel super area; patches of one area share it."""

    data: Path
    masks: Path
    products: Path


@dataclass(frozen=True)
class Patch:
    """One aerial patch and what belongs to it.

    Attributes
    ----------
    number : str
        Six digits as in the file names.
    split : {"train", "test"}
    domain, area : str
        Such as D004_2021 and Z8_NF.
    image, mask : Path
    super_area : SuperArea or None
    centroid : tuple of int, or None
        Row and column of the patch's centre in the super area.
    acquired : Acquisition or None
    """

    number: str
    split: str
    domain: str
    area: str
    image: Path
    mask: Path
    super_area: SuperArea | None
    centroid: tuple[int, int] | None
    acquired: Acquisition | None

    @property
    def name(self) -> str:
        """The image's name, such as IMG_000001."""
        return f"IMG_{self.number}"

    @property
    def place(self) -> str:
        """Domain and area, such as D004_2021/Z8_NF."""
        return f"{self.domain}/{self.area}"

    @property
    def fused(self) -> bool:
        """True if Sentinel can be matched to it."""
        return self.super_area is not None and self.centroid is not None


@dataclass(frozen=True)
class Dataset:
    """The patches of a FLAIR #2 tree.

    Attributes
    ----------
    root : Path
    patches : tuple of Patch
        Sorted by split (train first), then by number.
    problems : tuple of Problem
        Missing and surplus files by name.
    """

    root: Path
    patches: tuple[Patch, ...]
    problems: tuple[Problem, ...]

    def of(self, split: str) -> tuple[int, ...]:
        """Indexes of the patches of one split, "train" or "test"."""
        return tuple(i for i, patch in enumerate(self.patches) if patch.split == split)
