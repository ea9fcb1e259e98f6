"""Land-cover classes and their colours: legends, and FLAIR's with its citation and licence."""

import colorsys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

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

HUB_CITATION = (
    "Garioud, A., Giordano, S., David, N. and Gonthier, N. (2025). FLAIR-HUB: Large-scale "
    "Multimodal Dataset for Land Cover and Crop Mapping. doi:10.48550/arXiv.2506.07080"
)
HUB_ATTRIBUTION = f"FLAIR-HUB, IGN. {HUB_CITATION} FLAIR-HUB is under the {LICENCE}."

SYNTHETIC = (
    "This is a synthetic data set, which contains no IGN data. It imitates the following data set:"
)


_DISTINCT = ("#e69f00", "#56b4e9", "#009e73", "#0072b2", "#d55e00", "#cc79a7", "#f0e442")


@dataclass(frozen=True)
class LandCover:
    """One land-cover class: its value in the masks, its name, and its colour, #rrggbb."""

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


@dataclass(frozen=True)
class Legend:
    """The classes of a data set, and how many of them are scored.

    Attributes
    ----------
    classes : tuple of LandCover
        Their values are 1, 2 and so on, as returned by `read_mask`.
    n_scored : int
        The mIoU is the mean over the classes 1 to `n_scored`. In the reduced nomenclature, all
        other classes are merged into one class "other" with the next value.
    """

    classes: tuple[LandCover, ...]
    n_scored: int

    @property
    def other(self) -> int:
        """The value of the class "other" of the reduced nomenclature, which is its last."""
        return self.n_scored + 1

    @property
    def highest(self) -> int:
        """The highest value of a label in either nomenclature."""
        return max(len(self.classes), self.other)

    @property
    def reduced(self) -> tuple[LandCover, ...]:
        """The classes of the reduced nomenclature."""
        return (*self.classes[: self.n_scored], LandCover(self.other, "other", "#000000"))

    @property
    def has_other(self) -> bool:
        """True if some classes are merged into "other"."""
        return len(self.classes) > self.n_scored

    @property
    def listed(self) -> tuple[LandCover, ...]:
        """The reduced classes that can occur, for keys and tables."""
        return self.reduced if self.has_other else self.classes

    def select(self, nomenclature: Nomenclature) -> tuple[LandCover, ...]:
        """Return the classes of a nomenclature, sorted by value."""
        return self.classes if nomenclature == "full" else self.reduced

    def reduce_labels(self, labels: AnyArray) -> ByteArray:
        """Convert labels to the reduced nomenclature; 0, no class, stays 0."""
        return np.minimum(labels, self.other).astype(np.uint8)

    def is_other(self, labels: AnyArray) -> AnyArray:
        """Return True for labels, in either nomenclature, of classes that the mIoU leaves out."""
        return np.asarray(labels) > self.n_scored

    def palette(self, nomenclature: Nomenclature = "reduced") -> ByteArray:
        """Return the colours by class value, uint8 (n + 1, 3); row 0 (no class) is grey."""
        grey = (128, 128, 128)
        return np.array([grey, *(cover.rgb for cover in self.select(nomenclature))], np.uint8)


def legend_table(legend: Legend) -> dict[str, Any]:
    """Return a legend in the form in which JSON files store it."""
    classes = [{"name": cover.name, "colour": cover.colour} for cover in legend.classes]
    return {"classes": classes, "n_scored": legend.n_scored}


def legend_from_table(table: Mapping[str, Any]) -> Legend:
    """Return the legend that `legend_table` stored."""
    classes = tuple(
        LandCover(value, cover["name"], cover["colour"])
        for value, cover in enumerate(table["classes"], start=1)
    )
    return Legend(classes, table["n_scored"])


def class_colours(n: int) -> list[str]:
    """Return n distinct colours, #rrggbb: those of Okabe and Ito (2008), then other hues."""
    golden = (5**0.5 - 1) / 2
    colours = list(_DISTINCT[:n])
    for i in range(n - len(colours)):
        rgb = colorsys.hsv_to_rgb(i * golden % 1, 0.55 + 0.3 * (i % 2), 0.9 - 0.25 * (i % 3) / 2)
        colours.append("#" + "".join(f"{round(255 * channel):02x}" for channel in rgb))
    return colours


FLAIR = Legend(FULL, n_scored=12)
"""FLAIR's 19 classes; its challenge scores the first 12 and merges the others."""

# FLAIR's value of each value that FLAIR-HUB stores, from 0. Source: the class list in the README of
# IGNF/FLAIR-HUB.
_HUB_STORED = (1, 18, 13, 3, 2, 4, 5, 14, 10, 11, 12, 9, 7, 6, 8, 15, 17, 16, 19)
# FLAIR's values of the classes that FLAIR-HUB scores in addition (swimming pool, snow and
# greenhouse), and of those that it leaves out (clear cut, mixed, ligneous and other).
_HUB_VALUES = (*range(1, 13), 13, 14, 18, 15, 16, 17, 19)
FLAIR_HUB = Legend(
    tuple(
        LandCover(value, FULL[flair - 1].name, FULL[flair - 1].colour)
        for value, flair in enumerate(_HUB_VALUES, start=1)
    ),
    n_scored=15,
)
"""FLAIR-HUB's classes: the same 19, of which it scores 15. Classes 1 to 14 have FLAIR's values."""


def hub_values(legend: Legend = FLAIR_HUB) -> ByteArray:
    """Return the class, in FLAIR or FLAIR_HUB, of each value that FLAIR-HUB stores, uint8 (256,).

    Values above 18 become 0, no class.
    """
    numbers = {cover.name: cover.value for cover in legend.classes}
    values = np.zeros(256, np.uint8)
    values[: len(_HUB_STORED)] = [numbers[FULL[flair - 1].name] for flair in _HUB_STORED]
    return values


def attribution_text(*, look_alike: bool, is_hub: bool = False) -> str:
    """Return citation and licence of FLAIR data; for synthetic data, those of the data imitated."""
    if is_hub:
        return HUB_ATTRIBUTION
    return f"{SYNTHETIC} {ATTRIBUTION}" if look_alike else ATTRIBUTION
