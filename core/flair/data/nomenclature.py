"""The land-cover classes of FLAIR and their colours, and its citation and licence."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from core.types import AnyArray, ByteArray

Nomenclature = Literal["reduced", "full"]

LICENCE = "Etalab Open Licence 2.0 (https://www.etalab.gouv.fr/licence-ouverte-open-licence/)"
CITATION = (
    "Garioud, A., Gonthier, N., Landrieu, L., De Wit, A., Valette, M., Poupée, M., Giordano, S. "
    "and Wattrelos, B. (2023). FLAIR: a Country-Scale Land Cover Semantic Segmentation Dataset "
    "From Multi-Source Optical Imagery. Advances in Neural Information Processing Systems "
    "(NeurIPS) 2023. doi:10.48550/arXiv.2310.13336"
)
ATTRIBUTION = f"FLAIR #2, IGN. {CITATION} Data under the {LICENCE}."
"""The credit that every page, download and export of FLAIR data carries."""

LOOK_ALIKE = "A procedural look-alike that contains no IGN data. It imitates"

OTHER = 13
"""The class of the reduced nomenclature that merges the classes 13 to 19."""
N_SCORED = 12
"""The number of classes that the challenge's mIoU averages: 1 to 12."""
HIGHEST = 19
"""The highest value of the full nomenclature."""


@dataclass(frozen=True)
class LandCover:
    """One land-cover class.

    Attributes
    ----------
    value : int
        The value of the class in the masks.
    name : str
    colour : str
        #rrggbb, as FLAIR defines it.
    """

    value: int
    name: str
    colour: str

    @property
    def rgb(self) -> tuple[int, int, int]:
        """Red, green and blue, 0..255."""
        red, green, blue = bytes.fromhex(self.colour[1:])
        return red, green, blue


# Source: FLAIR's data paper, arXiv:2310.13336.
FULL: tuple[LandCover, ...] = tuple(
    LandCover(value, name, colour)
    for value, (name, colour) in enumerate(
        (
            ("building", "#db0e9a"),
            ("pervious surface", "#938e7b"),
            ("impervious surface", "#f80c00"),
            ("bare soil", "#a97101"),
            ("water", "#1553ae"),
            ("coniferous", "#194a26"),
            ("deciduous", "#46e483"),
            ("brushwood", "#f3a60d"),
            ("vineyard", "#660082"),
            ("herbaceous vegetation", "#55ff00"),
            ("agricultural land", "#fff30d"),
            ("plowed land", "#e4df7c"),
            ("swimming pool", "#3de6eb"),
            ("snow", "#ffffff"),
            ("clear cut", "#8ab3a0"),
            ("mixed", "#6b714f"),
            ("ligneous", "#c5dc42"),
            ("greenhouse", "#9999ff"),
            ("other", "#000000"),
        ),
        start=1,
    )
)
REDUCED: tuple[LandCover, ...] = (*FULL[:N_SCORED], LandCover(OTHER, "other", "#000000"))


def attribution_text(*, look_alike: bool) -> str:
    """Return the credit of FLAIR data, or of look-alike data, which names them as such."""
    return f"{LOOK_ALIKE} {ATTRIBUTION}" if look_alike else ATTRIBUTION


def nomenclature_classes(nomenclature: Nomenclature) -> tuple[LandCover, ...]:
    """Return the classes of a nomenclature, sorted by value."""
    return FULL if nomenclature == "full" else REDUCED


def reduce_labels(labels: AnyArray) -> ByteArray:
    """Convert labels to the reduced nomenclature: 13 to 19 become 13, and 0 stays 0."""
    return np.minimum(labels, OTHER).astype(np.uint8)


def is_other(labels: AnyArray) -> AnyArray:
    """Return True where a label of either nomenclature is a class that mIoU leaves out."""
    return np.asarray(labels) >= OTHER


def class_palette(nomenclature: Nomenclature) -> ByteArray:
    """Return the colours by class value, uint8 (n + 1, 3); row 0, no class, is grey."""
    grey = (128, 128, 128)
    return np.array([grey, *(cover.rgb for cover in nomenclature_classes(nomenclature))], np.uint8)
