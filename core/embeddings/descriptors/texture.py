"""`texture`: statistics of colour and texture, the default encoder, which needs no weights.

It consists of four blocks: log-Euclidean region covariance at full and half resolution, a colour
histogram, local binary patterns, and the mean of each principal axis of the bands. Each statistic
is standardised with its mean and standard deviation in a sample of the chips, and the whole is
partially whitened.
"""

from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from core.embeddings.descriptors.binary_patterns import pattern_histogram
from core.embeddings.descriptors.colour_histograms import (
    N_COLOUR_AXES,
    ColourAxes,
    fit_colour_axes,
    mean_colour,
)
from core.embeddings.descriptors.masked_filters import halve_resolution
from core.embeddings.descriptors.partial_whitening import fit_partial_whitening
from core.embeddings.descriptors.region_covariance import log_covariance
from core.embeddings.encoder import (
    ChipBatch,
    EncoderCard,
    Fitted,
    Identity,
    require_bands,
    unit_length,
)
from core.errors import TooFewError
from core.types import DoubleArray, FloatArray

CARD = EncoderCard(
    name="texture",
    title="Texture and colour statistics",
    summary="Describes each chip by the covariance of its colours and gradients, a colour "
    "histogram and local binary patterns. Fast, works with any number of bands and needs no "
    "weights.",
    dim=0,
    licence="MIT",
    source="computed from the pixels; band axes and standardisation are fitted to your chips",
    paper="Tuzel et al. 2006 (region covariance); Arsigny et al. 2006 (log-Euclidean metrics); "
    "Ojala et al. 2002 (local binary patterns); Ledoit and Wolf 2004 (shrinkage)",
    learns=True,
    version=2,
    tags=("offline", "any bands"),
)

# Weight of each block in the distance between two chips, before the whitening. Colour has less
# weight, because it varies most with illumination and season. The few means matter for chips of
# fewer than 20 pixels, which have no texture. Tested on aerial, drone and Landsat scenes.
_BLOCK_WEIGHTS = {"covariance": 1.0, "histogram": 0.7, "patterns": 0.7, "means": 0.5}
_RADII = (1, 2)

# Standardised values are compressed to this many standard deviations (3 tanh(z / 3)), so that a
# colour that is rare in the sample does not outweigh everything else.
_MAX_DEVIATION = 3.0

# Statistics whose standard deviation over the sample is below this value are only centred.
_TINY = 1e-6

# Number of values (pixels times bands) processed at a time; limits the memory to about 30 MB.
WORKING_SET = 1 << 17
# Maximum number of the sample's pixels that are used to compute the band axes.
SAMPLE_PIXELS = 1 << 20


class Texture:
    """Statistics of colour and texture that do not change when a chip is rotated by 90 degrees.

    Masked pixels are ignored. All embeddings have length 1. Chips without any valid pixel share a
    fixed embedding that is not similar to those of other chips.
    """

    card = CARD
    identity: ClassVar[Identity] = {"name": CARD.name, "version": CARD.version}

    def fit(self, sample: ChipBatch) -> Fitted:
        """Fit the parameters to a sample of chips; see `fit_encode`."""
        return self.fit_encode(sample)[0]

    def fit_encode(self, sample: ChipBatch) -> tuple[Fitted, FloatArray]:
        """Fit the parameters to a sample of chips, and embed these chips.

        The parameters are ``centre``, ``axes``, ``low``, ``high`` of the `ColourAxes`, ``mean`` and
        ``std`` of each statistic, and ``mixing``, (dim, dim), which weights, partially whitens and
        rotates the standardised statistics. The embeddings are those that `encode` returns. Raises
        TooFewError if no pixel of the sample is valid.
        """
        pixels = _sample_pixels(sample)
        if not len(pixels):
            raise TooFewError(
                f"none of the {len(sample)} chips in the sample has a valid pixel",
                where="texture encoder",
                remedy="Check the nodata value and the annotations, or relax the screening.",
            )
        colour_axes = fit_colour_axes(pixels)
        blocks = _all_statistics(sample, colour_axes)
        lengths = [block.shape[1] for block in blocks]
        statistics = np.concatenate(blocks, 1)
        mean, std = _moments(statistics)
        scores = _standardise(statistics, mean, std)
        weight = np.repeat([*_BLOCK_WEIGHTS.values()] / np.sqrt(lengths), lengths)
        has_pixels = ~sample.mask.all((1, 2))
        mixing = weight[:, None] * fit_partial_whitening(scores[has_pixels] * weight)
        fitted = vars(colour_axes) | {"mean": mean, "std": std, "mixing": mixing}
        return fitted, _mix(scores, mixing)

    def encode(self, batch: ChipBatch, fitted: Fitted) -> FloatArray:
        """Embed chips with the result of `fit`: float32 array, (n, dim).

        `dim` depends only on the number of bands; it is 323 for three bands. Raises BandError if
        the chips and the sample have different numbers of bands.
        """
        require_bands(batch, len(fitted["centre"]), "texture encoder")
        colour_axes = ColourAxes(*(fitted[name] for name in ("centre", "axes", "low", "high")))
        statistics = np.concatenate(_all_statistics(batch, colour_axes), 1)
        scores = _standardise(statistics, fitted["mean"], fitted["std"])
        return _mix(scores, fitted["mixing"])


def _standardise(statistics: DoubleArray, mean: DoubleArray, std: DoubleArray) -> DoubleArray:
    """Return compressed standard scores, (n, dim), in -3..3."""
    scores = (statistics - mean) / std
    # If a chip has no pixels for a statistic, the sample's mean is used.
    np.nan_to_num(scores, copy=False, nan=0.0)
    compressed: DoubleArray = _MAX_DEVIATION * np.tanh(scores / _MAX_DEVIATION)
    return compressed


def _mix(scores: DoubleArray, mixing: DoubleArray) -> FloatArray:
    """Return the embeddings, (n, dim), of standard scores."""
    # One product per chip, because the rounding of a single product depends on the number of rows.
    mixed = scores[:, None] @ mixing
    embeddings = unit_length(mixed[:, 0])
    # The zero vector would be closer to most chips than they are to each other.
    embeddings[~embeddings.any(1)] = embeddings.shape[1] ** -0.5
    return embeddings


def _all_statistics(batch: ChipBatch, colour_axes: ColourAxes) -> list[DoubleArray]:
    """Return the blocks, (n, length) each, in the order of their weights."""
    parts = [_statistics(part, colour_axes) for part in _split(batch)]
    return [np.concatenate([part[name] for part in parts]) for name in _BLOCK_WEIGHTS]


def _statistics(part: ChipBatch, colour_axes: ColourAxes) -> dict[str, DoubleArray]:
    """Return the blocks by name, (n, length) each; NaN if a chip has no pixels for a statistic."""
    valid = (~part.mask).astype(np.float32)
    rotated = colour_axes.rotate(part.unit(), valid)
    scales = ((rotated, valid, 1), (*halve_resolution(rotated, valid), 2))
    patterns = [
        pattern_histogram(values[:, :N_COLOUR_AXES], values_valid, step * radius)
        for values, values_valid, step in scales
        for radius in _RADII
    ]
    return {
        "covariance": np.concatenate([log_covariance(*scale) for scale in scales], 1),
        "histogram": colour_axes.histogram(rotated, valid),
        "patterns": np.concatenate(patterns, 1),
        "means": mean_colour(rotated, valid),
    }


def _split(batch: ChipBatch) -> Iterator[ChipBatch]:
    """Yield the batch in one or more parts of limited size."""
    _, bands, height, width = batch.pixels.shape
    step = max(1, WORKING_SET // (max(bands, 1) * height * width))
    for start in range(0, max(len(batch), 1), step):
        yield batch.select(slice(start, start + step))


def _sample_pixels(sample: ChipBatch) -> FloatArray:
    """Return evenly spaced valid pixels of the sample, (at most SAMPLE_PIXELS, bands) in 0..1."""
    stride = -(-int((~sample.mask).sum()) // SAMPLE_PIXELS) or 1
    selected, n_passed = [], 0
    for part in _split(sample):
        pixels = part.unit().transpose(0, 2, 3, 1)[~part.mask]
        # A copy, because a view would keep all pixels of the part in memory.
        selected.append(pixels[-n_passed % stride :: stride].copy())
        n_passed += len(pixels)
    return np.concatenate(selected)


def _moments(statistics: DoubleArray) -> tuple[DoubleArray, DoubleArray]:
    """Return the mean and standard deviation (1 if tiny) of each column, ignoring NaN."""
    defined = ~np.isnan(statistics)
    count = np.maximum(defined.sum(0), 1)
    mean = np.where(defined, statistics, 0).sum(0) / count
    deviation = np.where(defined, statistics - mean, 0)
    std = np.sqrt((deviation * deviation).sum(0) / count)
    return mean, np.where(std > _TINY, std, 1)
