"""`rcf`: random convolutional features of the user's own chips (MOSAIKS, Rolf et al. 2021).

Small patches of the chips themselves are the filters. How strongly a chip answers to each, on
average over its pixels, is its embedding: no weights, no training, any number of bands.
"""

from collections.abc import Iterator

import numpy as np

from core.embeddings.encoder import ChipBatch, EncoderCard, Fitted, Identity
from core.errors import BandError, DegenerateError
from core.types import DoubleArray, FloatArray

SIDE = 3
FILTERS = 512
# Added to the covariance's eigenvalues before whitening, as in the publication.
WHITENING = 1e-3
# Windows that the whitening is learnt from.
SAMPLE = 1 << 16
SEED = 0
# Windows worked on at a time, so that their answers to all filters stay in the cache.
_ROWS = 256
_TINY = 1e-6

CARD = EncoderCard(
    name="rcf",
    title="Random convolutional features (MOSAIKS)",
    summary="How strongly a chip answers to small patches of all chips; for any number of bands, "
    "without weights.",
    dim=2 * FILTERS,
    licence="MIT",
    source="computed here; the filters are patches of the chips",
    paper="Rolf et al. 2021, A generalizable and accessible approach to machine learning with "
    "global satellite imagery, doi:10.1038/s41467-021-24638-z",
    learns=True,
    tags=("offline", "any bands"),
)


class Rcf:
    """Convolutions with patches of the chips, rectified both ways and averaged.

    A window that touches a masked pixel does not count. A chip without any whole window is
    embedded as the zero vector.
    """

    card = CARD

    @property
    def identity(self) -> Identity:
        """Name and version: nothing else changes the numbers."""
        return {"name": CARD.name, "version": CARD.version}

    def fit(self, sample: ChipBatch) -> Fitted:
        """Take filters from a sample of chips.

        Windows of 3 x 3 pixels, with their mean taken away and brought to length 1; filters are
        such windows, whitened twice (ZCA): a window's product with one is that of both whitened.

        Returns
        -------
        mapping
            ``filters``, float32 (9 x bands, 512); ``mean`` and ``std`` of the features.

        Raises
        ------
        DegenerateError
            If no window of the sample is whole and varies.
        """
        random = np.random.default_rng(SEED)
        patches = _sample(sample, random)
        patches -= patches.mean(axis=1, keepdims=True)
        length = np.linalg.norm(patches, axis=1)
        patches = patches[length > _TINY] / length[length > _TINY, None]
        if not len(patches):
            raise DegenerateError(
                f"no {SIDE} x {SIDE} pixels of the sample are valid and vary",
                where="rcf encoder",
                remedy="Look at the chips: they may be blank, or masked as a whole.",
            )
        values, vectors = np.linalg.eigh(patches.T @ patches / len(patches))
        whiten_twice = vectors / (values + WHITENING) @ vectors.T
        chosen = random.choice(len(patches), FILTERS, replace=len(patches) < FILTERS)
        filters = (patches[chosen] @ whiten_twice).T.astype(np.float32)
        features = np.concatenate([_features(sample, row, filters) for row in range(len(sample))])
        known = features[~np.isnan(features).any(axis=1)]
        std = known.std(axis=0)
        return {
            "filters": np.ascontiguousarray(filters),
            "mean": known.mean(axis=0),
            "std": np.where(std > _TINY, std, 1),
        }

    def encode(self, batch: ChipBatch, fitted: Fitted) -> FloatArray:
        """Embed chips with what `fit` returned: float32 array, (n, 1024).

        Raises
        ------
        BandError
            The chips have another number of bands than the sample had.
        """
        bands = len(fitted["filters"]) // SIDE**2
        if batch.pixels.shape[1] != bands:
            raise BandError(
                f"chips of {batch.pixels.shape[1]} bands; the encoder was fitted on {bands}",
                where="rcf encoder",
                remedy="Fit it again for these chips.",
            )
        embeddings = np.zeros((len(batch), CARD.dim), np.float32)
        for row in range(len(batch)):
            scores = (_features(batch, row, fitted["filters"]) - fitted["mean"]) / fitted["std"]
            embeddings[row] = np.nan_to_num(scores[0], nan=0.0)
        return embeddings


def _features(batch: ChipBatch, row: int, filters: FloatArray) -> DoubleArray:
    """Mean positive and mean negative answer to each filter, (1, 1024); NaN without a window."""
    windows = _windows(batch, row)
    if not len(windows):
        return np.full((1, 2 * filters.shape[1]), np.nan)
    strength = np.zeros(filters.shape[1])
    answers = np.empty((_ROWS, filters.shape[1]), np.float32)
    for start in range(0, len(windows), _ROWS):
        part = windows[start : start + _ROWS]
        found = np.matmul(part, filters, out=answers[: len(part)])
        strength += np.abs(found, out=found).sum(axis=0)
    strength /= len(windows)
    # A number's positive part is half the sum of itself and its size.
    level = windows.mean(axis=0, dtype=np.float64) @ filters
    return np.concatenate([strength + level, strength - level])[None] / 2


def _windows(batch: ChipBatch, row: int) -> FloatArray:
    """The whole windows of one chip, each flattened, (windows, bands x 9)."""
    part = ChipBatch(batch.pixels[row : row + 1], batch.mask[row : row + 1], batch.scaling)
    pixels = part.unit()[0]
    if min(pixels.shape[1:]) < SIDE:
        return np.empty((0, len(pixels) * SIDE**2), np.float32)
    view = np.lib.stride_tricks.sliding_window_view
    flat = view(pixels, (SIDE, SIDE), (1, 2)).transpose(1, 2, 0, 3, 4)
    windows: FloatArray = flat.reshape(-1, len(pixels) * SIDE**2)
    masked = view(part.mask[0], (SIDE, SIDE)).any(axis=(2, 3)).ravel()
    return windows[~masked] if masked.any() else windows


def _sample(sample: ChipBatch, random: np.random.Generator) -> DoubleArray:
    """Windows from all over the sample, (at most SAMPLE + chips, bands x 9)."""

    def some() -> Iterator[FloatArray]:
        each = -(-SAMPLE // max(len(sample), 1))
        for row in range(len(sample)):
            windows = _windows(sample, row)
            yield windows[random.choice(len(windows), min(each, len(windows)), replace=False)]

    empty = np.empty((0, sample.pixels.shape[1] * SIDE**2), np.float32)
    return np.concatenate([empty, *some()]).astype(np.float64)
