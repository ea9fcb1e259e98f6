"""Spatial regularisation of class maps: majority filter, vote in superpixels, graph smoothing.

The class of a pixel is changed where its surroundings disagree with it. Pixels that are not
classified, 0, neither vote nor change.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from core.errors import SceneError, SettingsError
from core.tables import Checked, bounded, one_of
from core.types import AnyArray, ByteArray, FloatArray, IntArray

Regularisation = Literal["none", "majority", "superpixels", "graph"]
# Iterated conditional modes converge in a few rounds; later rounds change single pixels.
_ROUNDS = 10
# Contrast across an edge, relative to the mean contrast of the image, as in GrabCut (Rother et al.
# 2004): the weight of a pair of neighbours is exp(-difference^2 / (2 * mean squared difference)).
_NEIGHBOURS = ((0, 1), (1, 0), (1, 1), (1, -1))


@dataclass(frozen=True)
class RegularisationSettings(Checked):
    """How class maps are smoothed after the classification of single pixels.

    Attributes
    ----------
    regularisation : {"none", "majority", "superpixels", "graph"}
        "majority": the most common class in a window. "superpixels": the most common class in each
        superpixel of the image (SLIC, Achanta et al. 2012). "graph": neighbours prefer the same
        class, less so across edges of the image (a Potts model, solved by iterated conditional
        modes, Besag 1986).
    window : int
        Side of the majority filter's window in pixels; odd.
    superpixel_area : int
        Mean area of a superpixel in pixels.
    compactness : float
        How square superpixels are, in relation to the similarity of their colours.
    smoothness : float
        Weight of a neighbour of the graph in relation to the pixel's own class.
    """

    regularisation: Regularisation = one_of("none", Regularisation)
    window: int = bounded(7, 3, 101)
    superpixel_area: int = bounded(100, 4, 100_000)
    compactness: float = bounded(0.1, 0.0001, 100)
    smoothness: float = bounded(2.0, 0, 100)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.window % 2 == 0:
            raise SettingsError(
                f"{self.window} is even, but a window has a central pixel",
                where="window",
                remedy=f"Set it to {self.window + 1}, for example.",
            )

    @property
    def changes_classes(self) -> bool:
        """False without regularisation."""
        return self.regularisation != "none"

    @property
    def title(self) -> str:
        """The regularisation with the parameter that it uses; empty without one."""
        return REGULARISATIONS[self.regularisation].title(self)

    def key_inputs(self) -> dict[str, object]:
        """Return the inputs for keys: those that change the class map; none without any."""
        if not self.changes_classes:
            return {}
        names = REGULARISATIONS[self.regularisation].settings
        return {name: getattr(self, name) for name in ("regularisation", *names)}


UNSMOOTHED = RegularisationSettings()
"""No regularisation."""


def regularise_classes(
    classes: ByteArray, bands: FloatArray, settings: RegularisationSettings
) -> ByteArray:
    """Smooth a class map, uint8 (h, w); 0, not classified, is left untouched.

    `bands`, (b, h, w), are the bands of the image, all in the same unit; values that are not finite
    are replaced by 0. Only "superpixels" and "graph" use them.
    """
    if bands.shape[1:] != classes.shape:
        raise SceneError(
            f"the class map has shape {classes.shape}, the image {bands.shape[1:]}",
            where="regularisation",
        )
    method = REGULARISATIONS[settings.regularisation]
    classified = classes != 0
    if method.smooth is None or not classified.any():
        return classes
    finite = np.nan_to_num(np.asarray(bands, np.float32), nan=0, posinf=0, neginf=0)
    smoothed = method.smooth(classes, finite, settings)
    return np.where(classified, smoothed, classes)


def filter_majority(classes: ByteArray, window: int) -> ByteArray:
    """Return the most common class in a window around each pixel, uint8 (h, w).

    A pixel keeps its class if no other is more common; among several, the smallest class is
    chosen. The window is cut off at the edges.
    """
    values = np.unique(classes[classes != 0])
    votes = np.stack([_count_in_window(classes == value, window) for value in values])
    return _most_voted(classes, values, votes)


def vote_in_regions(classes: ByteArray, regions: IntArray) -> ByteArray:
    """Return the most common class of each region, uint8 (h, w).

    `regions` numbers the region of each pixel, (h, w), from 0; pixels that are not classified do
    not vote. Among several equally common classes, the smallest is chosen.
    """
    n_classes = int(classes.max()) + 1
    cells = regions.ravel().astype(np.int64) * n_classes + classes.ravel()
    n_regions = int(regions.max()) + 1
    counts = np.bincount(cells, minlength=n_regions * n_classes).reshape(n_regions, n_classes)
    counts[:, 0] = 0
    winners: ByteArray = counts.argmax(axis=1).astype(np.uint8)
    return np.asarray(winners[regions], np.uint8)


def segment_superpixels(bands: FloatArray, area: int, compactness: float) -> IntArray:
    """Divide an image, float32 (b, h, w), into connected superpixels by SLIC; numbers from 0."""
    from skimage.segmentation import slic

    _, height, width = bands.shape
    spread = bands.std(axis=(1, 2))
    # Each band is scaled by its deviation, so that the compactness does not depend on the units.
    image = bands / np.where(spread > 0, spread, 1)[:, None, None] / np.sqrt(len(bands))
    regions = slic(
        np.moveaxis(image, 0, -1),
        n_segments=max(1, round(height * width / area)),
        compactness=compactness,
        start_label=0,
        channel_axis=-1,
        convert2lab=False,
    )
    return np.asarray(regions, np.int32)


def smooth_on_graph(classes: ByteArray, bands: FloatArray, smoothness: float) -> ByteArray:
    """Find classes that agree with the pixel's own and with its eight neighbours, uint8 (h, w).

    The vote of a neighbour is weighted by the similarity of the two pixels in the image, the
    pixel's own class by 1 / `smoothness`. Pixels are updated together in four interleaved sets, of
    which no two pixels are neighbours, so that each update lowers the energy.
    """
    if smoothness == 0:
        return classes
    values = np.unique(classes[classes != 0])
    evidence = np.stack([classes == value for value in values]).astype(np.float32) / smoothness
    weights = _pair_weights(bands)
    labels = classes
    for _ in range(_ROUNDS):
        before = labels
        for top, left in ((0, 0), (0, 1), (1, 0), (1, 1)):
            votes = evidence + np.stack([_neighbour_votes(labels == v, weights) for v in values])
            updated = _most_voted(labels, values, votes)
            # Pixels that are not classified must not begin to vote.
            updated = np.where(classes == 0, classes, updated)
            labels = labels.copy()
            labels[top::2, left::2] = updated[top::2, left::2]
        if np.array_equal(before, labels):
            break
    return labels


def _count_in_window(pixels: AnyArray, window: int) -> IntArray:
    """Count the selected pixels in a window around each pixel, exactly."""
    half = window // 2
    sums = np.pad(pixels.astype(np.int32), ((half + 1, half), (half + 1, half)))
    sums = sums.cumsum(axis=0, dtype=np.int32).cumsum(axis=1, dtype=np.int32)
    counts: IntArray = (
        sums[window:, window:]
        - sums[:-window, window:]
        - sums[window:, :-window]
        + sums[:-window, :-window]
    )
    return counts


def _most_voted(classes: ByteArray, values: ByteArray, votes: AnyArray) -> ByteArray:
    """Return the value with most votes, (v, h, w); a pixel's present class wins a tie."""
    best = votes.max(axis=0)
    present = np.zeros_like(best)
    for value, value_votes in zip(values, votes, strict=True):
        present = np.where(classes == value, value_votes, present)
    return np.where(present == best, classes, values[votes.argmax(axis=0)])


def _pair_weights(bands: FloatArray) -> list[FloatArray]:
    """Return the weight, 0..1, of each pixel and its neighbour in each of four directions."""
    squares = []
    for down, right in _NEIGHBOURS:
        first, second = _shifted_views(bands, down, right)
        squares.append(((first - second) ** 2).sum(axis=0))
    n_pairs = sum(square.size for square in squares)
    mean = sum(float(square.sum(dtype=np.float64)) for square in squares) / max(n_pairs, 1)
    scale = np.float32(2 * mean) if mean > 0 else np.float32(1)
    lengths = [np.hypot(*direction) for direction in _NEIGHBOURS]
    return [
        np.asarray(np.exp(-square / scale) / length, np.float32)
        for square, length in zip(squares, lengths, strict=True)
    ]


def _neighbour_votes(pixels: AnyArray, weights: list[FloatArray]) -> FloatArray:
    """Sum the weights of the selected neighbours of each pixel, float32 (h, w)."""
    votes = np.zeros(pixels.shape, np.float32)
    for (down, right), weight in zip(_NEIGHBOURS, weights, strict=True):
        first, second = _shifted_views(pixels, down, right)
        first_votes, second_votes = _shifted_views(votes, down, right)
        first_votes += weight * second
        second_votes += weight * first
    return votes


def _shifted_views(values: AnyArray, down: int, right: int) -> tuple[AnyArray, AnyArray]:
    """Return views of all pixels that have a neighbour in a direction, and of the neighbours."""
    height, width = values.shape[-2:]
    first = values[..., : height - down, max(0, -right) : width - max(0, right)]
    second = values[..., down:, max(0, right) : width + min(0, right)]
    return first, second


@dataclass(frozen=True)
class RegularisationMethod:
    """A kind of regularisation: the settings that it reads, its title, and its function."""

    settings: tuple[str, ...]
    title: Callable[[RegularisationSettings], str]
    smooth: Callable[[ByteArray, FloatArray, RegularisationSettings], ByteArray] | None = None


def _vote_in_superpixels(
    classes: ByteArray, bands: FloatArray, settings: RegularisationSettings
) -> ByteArray:
    regions = segment_superpixels(bands, settings.superpixel_area, settings.compactness)
    return vote_in_regions(classes, regions)


REGULARISATIONS: Mapping[Regularisation, RegularisationMethod] = {
    "none": RegularisationMethod((), lambda _: ""),
    "majority": RegularisationMethod(
        ("window",),
        lambda settings: f"majority filter of {settings.window} px",
        lambda classes, _, settings: filter_majority(classes, settings.window),
    ),
    "superpixels": RegularisationMethod(
        ("superpixel_area", "compactness"),
        lambda settings: f"superpixels of {settings.superpixel_area} px",
        _vote_in_superpixels,
    ),
    "graph": RegularisationMethod(
        ("smoothness",),
        lambda settings: f"graph smoothing {settings.smoothness:g}",
        lambda classes, bands, settings: smooth_on_graph(classes, bands, settings.smoothness),
    ),
}
"""The kinds of regularisation by name."""
