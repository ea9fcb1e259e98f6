"""FLAIR's classes, their colours, its citation and its licence."""

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
"""What stands under every picture, download and export of FLAIR data."""

LOOK_ALIKE = "A procedural look-alike, none of it IGN's; what it looks like is"

OTHER = 13
"""The last class of the reduced nomenclature, and the first of those that it holds."""
N_SCORED = 12
"""The classes that the challenge's mIoU averages: 1 to 12."""
HIGHEST = 19


@dataclass(frozen=True)
class LandCover:
    """One class.

    Attributes
    ----------
    value : int
        Its value in the masks.
    name : str
    colour : str
        #rrggbb, FLAIR's own.
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


def attribution(*, look_alike: bool) -> str:
    """The credit of FLAIR's data, or of the look-alike, which says that it is one."""
    return f"{LOOK_ALIKE} {ATTRIBUTION}" if look_alike else ATTRIBUTION


def classes(nomenclature: Nomenclature) -> tuple[LandCover, ...]:
    """The classes of a nomenclature, by value."""
    return FULL if nomenclature == "full" else REDUCED


def reduce(labels: AnyArray) -> ByteArray:
    """Labels of the full nomenclature in the reduced one: 13 to 19 become 13; 0 stays 0."""
    return np.minimum(labels, OTHER).astype(np.uint8)


def is_other(labels: AnyArray) -> AnyArray:
    """True where a label, of either nomenclature, is one that the score's mean leaves out."""
    return np.asarray(labels) >= OTHER


def palette(nomenclature: Nomenclature) -> ByteArray:
    """Colours by value, uint8 (n + 1, 3); row 0, no class, is grey."""
    grey = (128, 128, 128)
    return np.array([grey, *(kind.rgb for kind in classes(nomenclature))], np.uint8)
