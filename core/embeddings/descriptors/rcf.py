"""`rcf`: random convolutional features of the user's own chips (MOSAIKS, Rolf et al. 2021).

The filters are small patches of the chips themselves. A chip's embedding is its mean response to
each of them, which needs no weights and no training and works with any number of bands.
"""

from typing import ClassVar

import numpy as np

from core.embeddings.encoder import ChipBatch, EncoderCard, Fitted, Identity, require_bands
from core.errors import DegenerateError
from core.types import DoubleArray, FloatArray

_SIDE = 3
N_FILTERS = 512
# Added to the eigenvalues of the covariance before whitening, as in the paper.
_WHITENING = 1e-3
# Number of windows from which the whitening is estimated.
_N_SAMPLE_WINDOWS = 1 << 16
_SEED = 0
# Windows per block, chosen so that their responses to all filters fit into the CPU's cache.
_BLOCK = 256
_TINY = 1e-6

CARD = EncoderCard(
    name="rcf",
    title="Random convolutional features (MOSAIKS)",
    summary="Measures how strongly each chip responds to filters that are small patches of your "
    "own chips. Works with any number of bands and needs no weights.",
    dim=2 * N_FILTERS,
    licence="MIT",
    source="computed from the pixels; the filters are patches of your chips",
    paper="Rolf et al. 2021, A generalizable and accessible approach to machine learning with "
    "global satellite imagery, doi:10.1038/s41467-021-24638-z",
    learns=True,
    tags=("offline", "any bands"),
)


class Rcf:
    """Mean positive and mean negative response to filters that are patches of the chips.

    Windows that contain a masked pixel are ignored. A chip in which all windows are ignored has
    the zero vector as its embedding.
    """

    card = CARD
    identity: ClassVar[Identity] = {"name": CARD.name, "version": CARD.version}

    def fit(self, sample: ChipBatch) -> Fitted:
        """Draw the filters from a sample of chips.

        The mean of each 3 x 3 window is subtracted and the window is scaled to length 1. Filters
        are such windows, whitened (ZCA) twice: multiplying a window by a filter then gives the same
        as whitening both of them once and multiplying the results. Returns ``filters``, float32
        (9 x bands, 512), and ``mean`` and ``std`` of the features. Raises DegenerateError if all
        windows of the sample are constant or contain masked pixels.
        """
        rng = np.random.default_rng(_SEED)
        patches = _sample_windows(sample, rng)
        patches -= patches.mean(axis=1, keepdims=True)
        length = np.linalg.norm(patches, axis=1)
        patches = patches[length > _TINY] / length[length > _TINY, None]
        if not len(patches):
            raise DegenerateError(
                f"the sample has no {_SIDE} x {_SIDE} window whose pixels are valid and vary",
                where="rcf encoder",
                remedy="Check whether the chips are blank or completely masked.",
            )
        values, vectors = np.linalg.eigh(patches.T @ patches / len(patches))
        whiten_twice = vectors / (values + _WHITENING) @ vectors.T
        chosen = rng.choice(len(patches), N_FILTERS, replace=len(patches) < N_FILTERS)
        filters = (patches[chosen] @ whiten_twice).T.astype(np.float32)
        features = np.stack([_features(sample, row, filters) for row in range(len(sample))])
        features = features[~np.isnan(features).any(axis=1)]
        std = features.std(axis=0)
        return {
            "filters": np.ascontiguousarray(filters),
            "mean": features.mean(axis=0),
            "std": np.where(std > _TINY, std, 1),
        }

    def encode(self, batch: ChipBatch, fitted: Fitted) -> FloatArray:
        """Embed chips with the result of `fit`: float32 array, (n, 1024).

        Raises BandError if the chips and the sample have different numbers of bands.
        """
        require_bands(batch, len(fitted["filters"]) // _SIDE**2, "rcf encoder")
        embeddings = np.empty((len(batch), CARD.dim), np.float32)
        for row in range(len(batch)):
            scores = (_features(batch, row, fitted["filters"]) - fitted["mean"]) / fitted["std"]
            embeddings[row] = np.nan_to_num(scores, nan=0.0)
        return embeddings


def _features(batch: ChipBatch, row: int, filters: FloatArray) -> DoubleArray:
    """Return mean positive and negative responses to the filters, (1024,); NaN without windows."""
    windows = _windows(batch, row)
    if not len(windows):
        return np.full(2 * filters.shape[1], np.nan)
    strength = np.zeros(filters.shape[1])
    buffer = np.empty((_BLOCK, filters.shape[1]), np.float32)
    for start in range(0, len(windows), _BLOCK):
        block = windows[start : start + _BLOCK]
        responses = np.matmul(block, filters, out=buffer[: len(block)])
        strength += np.abs(responses, out=responses).sum(axis=0)
    strength /= len(windows)
    # The positive part of a number is half the sum of the number and its absolute value.
    level = windows.mean(axis=0, dtype=np.float64) @ filters
    return np.concatenate([strength + level, strength - level]) / 2


def _windows(batch: ChipBatch, row: int) -> FloatArray:
    """Return one chip's windows that contain no masked pixel, (windows, bands x 9)."""
    chip = batch.select(slice(row, row + 1))
    pixels = chip.unit()[0]
    if min(pixels.shape[1:]) < _SIDE:
        return np.empty((0, len(pixels) * _SIDE**2), np.float32)
    view = np.lib.stride_tricks.sliding_window_view
    flat = view(pixels, (_SIDE, _SIDE), (1, 2)).transpose(1, 2, 0, 3, 4)
    windows: FloatArray = flat.reshape(-1, len(pixels) * _SIDE**2)
    masked = view(chip.mask[0], (_SIDE, _SIDE)).any(axis=(2, 3)).ravel()
    return windows[~masked] if masked.any() else windows


def _sample_windows(sample: ChipBatch, rng: np.random.Generator) -> DoubleArray:
    """Return random windows of all chips, (at most _N_SAMPLE_WINDOWS + chips, bands x 9)."""
    n_per_chip = -(-_N_SAMPLE_WINDOWS // max(len(sample), 1))
    parts = [np.empty((0, sample.pixels.shape[1] * _SIDE**2), np.float32)]
    for row in range(len(sample)):
        windows = _windows(sample, row)
        n = min(n_per_chip, len(windows))
        parts.append(windows[rng.choice(len(windows), n, replace=False)])
    return np.concatenate(parts).astype(np.float64)
