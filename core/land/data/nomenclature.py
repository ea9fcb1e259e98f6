"""FLAIR's land-cover classes and their colours, its citation and its licence."""

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
ATTRIBUTION = f"FLAIR #2, IGN. {CITATION} FLAIR #2 is under the {LICENCE}."
"""The credit on every page and in every download and export of FLAIR data."""

SYNTHETIC = (
    "This is a synthetic data set, which contains no IGN data. It imitates the following data set:"
)

OTHER = 13
"""The class of the reduced nomenclature that merges the classes 13 to 19."""
N_SCORED = 12
"""Number of classes in the mIoU of the FLAIR challenge: the classes 1 to 12."""
HIGHEST = 19
"""The highest value of the full nomenclature."""


@dataclass(frozen=True)
class LandCover:
    """One land-cover class: its value in the masks, its name, and FLAIR's colour, #rrggbb."""

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
    """Return citation and licence of FLAIR data; for synthetic data, those of the data imitated."""
    return f"{SYNTHETIC} {ATTRIBUTION}" if look_alike else ATTRIBUTION


def nomenclature_classes(nomenclature: Nomenclature) -> tuple[LandCover, ...]:
    """Return the classes of a nomenclature, sorted by value."""
    return FULL if nomenclature == "full" else REDUCED


def reduce_labels(labels: AnyArray) -> ByteArray:
    """Convert labels to the reduced nomenclature: 13 to 19 become 13, and 0 stays 0."""
    return np.minimum(labels, OTHER).astype(np.uint8)


def is_other(labels: AnyArray) -> AnyArray:
    """Return True for labels, in either nomenclature, of the classes that the mIoU leaves out."""
    return np.asarray(labels) >= OTHER


def class_palette(nomenclature: Nomenclature) -> ByteArray:
    """Return the colours by class value, uint8 (n + 1, 3); row 0 (no class) is grey."""
    grey = (128, 128, 128)
    return np.array([grey, *(cover.rgb for cover in nomenclature_classes(nomenclature))], np.uint8)
