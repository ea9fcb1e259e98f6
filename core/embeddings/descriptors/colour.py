"""`colour`: means, deviations and histograms of the bands, the control for all other encoders.

An encoder that is not better than this one adds nothing to the plain colours of a chip.
"""

from typing import ClassVar

import numpy as np

from core.embeddings.encoder import ChipBatch, EncoderCard, Fitted, Identity, require_bands
from core.errors import TooFewError
from core.types import DoubleArray, FloatArray

CARD = EncoderCard(
    name="colour",
    title="Simple colour",
    summary="Describes each chip by the mean, the standard deviation and a histogram of each band. "
    "It is the control in comparisons.",
    dim=0,
    licence="MIT",
    source="computed from the pixels; ranges and standardisation are fitted to your chips",
    learns=True,
    tags=("offline", "any bands", "control"),
)

_N_BINS = 8
# A histogram covers this many standard deviations of the sample's pixels around their mean; values
# beyond are counted in its first and last bins.
_HALF_RANGE = 2.0
# Weight of the histograms against the standardised means and deviations. Of 0, 1, 2, 3 and 5, it
# has the highest accuracy across scenes on the demo (0.52; 0.47 without histograms).
_HISTOGRAM_WEIGHT = 3.0
# Statistics whose standard deviation over the sample is below this value are only centred.
_TINY = 1e-6
# Number of values (pixels times bands) processed at a time; limits the memory to about 50 MB.
_WORKING_SET = 1 << 21


class Colour:
    """Simple colour statistics; masked pixels are ignored.

    A chip without any valid pixel has the zero vector as its embedding.
    """

    card = CARD
    identity: ClassVar[Identity] = {"name": CARD.name, "version": CARD.version}

    def fit(self, sample: ChipBatch) -> Fitted:
        """Return ``mean`` and ``std`` of the moments, and ``low`` and ``high`` of the histograms.

        The moments are the mean and the standard deviation of each band, (2 x bands,). Raises
        TooFewError if no pixel of the sample is valid.
        """
        n_bands = sample.pixels.shape[1]
        moments = np.concatenate([_moments(sample.select(rows)) for rows in _parts(sample)])
        moments = moments[~np.isnan(moments).any(axis=1)]
        if not len(moments):
            raise TooFewError(
                f"none of the {len(sample)} chips in the sample has a valid pixel",
                where="colour encoder",
                remedy="Check the nodata value and the annotations, or relax the screening.",
            )
        mean, std = moments.mean(axis=0), moments.std(axis=0)
        means, deviations = moments[:, :n_bands], moments[:, n_bands:]
        # Chips have equal weight: variance within the chips plus variance between their means.
        spread = np.sqrt((deviations**2).mean(axis=0) + means.var(axis=0))
        half_range = _HALF_RANGE * np.where(spread > _TINY, spread, 1)
        centre = mean[:n_bands]
        return {
            "mean": mean,
            "std": np.where(std > _TINY, std, 1),
            "low": centre - half_range,
            "high": centre + half_range,
        }

    def encode(self, batch: ChipBatch, fitted: Fitted) -> FloatArray:
        """Embed chips: float32 array, (n, 10 x bands).

        Raises BandError if the chips and the sample have different numbers of bands.
        """
        require_bands(batch, len(fitted["low"]), "colour encoder")
        embeddings = []
        for rows in _parts(batch):
            part = batch.select(rows)
            # A chip without any valid pixel gets the sample's mean.
            scores = np.nan_to_num((_moments(part) - fitted["mean"]) / fitted["std"])
            histograms = _histograms(part, fitted["low"], fitted["high"])
            embeddings.append(np.concatenate([scores, _HISTOGRAM_WEIGHT * histograms], axis=1))
        return np.concatenate(embeddings).astype(np.float32)


def _parts(batch: ChipBatch) -> list[slice]:
    """Return slices of limited size that cover the batch; one empty slice if it has no chips."""
    step = max(1, _WORKING_SET // max(int(np.prod(batch.pixels.shape[1:])), 1))
    return [slice(start, start + step) for start in range(0, max(len(batch), 1), step)]


def _moments(part: ChipBatch) -> DoubleArray:
    """Return mean and standard deviation of each band, (n, 2 x bands); NaN without valid pixels."""
    unit = part.unit().astype(np.float64)
    valid = ~part.mask[:, None]
    count = valid.sum(axis=(2, 3)).astype(np.float64)
    count[count == 0] = np.nan
    mean = unit.sum(axis=(2, 3)) / count
    deviations = np.where(valid, unit - mean[:, :, None, None], 0)
    std = np.sqrt((deviations**2).sum(axis=(2, 3)) / count)
    return np.concatenate([mean, std], axis=1)


def _histograms(part: ChipBatch, low: DoubleArray, high: DoubleArray) -> DoubleArray:
    """Return the square roots of the relative frequencies of each band's bins, (n, 8 x bands).

    The Euclidean distance of square roots is proportional to the Hellinger distance.
    """
    n, n_bands = part.pixels.shape[:2]
    position = part.unit() - low.astype(np.float32)[:, None, None]
    position *= (_N_BINS / (high - low)).astype(np.float32)[:, None, None]
    bins = position.clip(0, _N_BINS - 1).astype(np.int64)
    bins += _N_BINS * np.arange(n * n_bands).reshape(n, n_bands, 1, 1)
    weights = np.broadcast_to(~part.mask[:, None], bins.shape).ravel()
    counts = np.bincount(bins.ravel(), weights, n * n_bands * _N_BINS)
    counts = counts.reshape(n, n_bands * _N_BINS)
    totals = counts.sum(axis=1, keepdims=True) / max(n_bands, 1)
    return np.asarray(np.sqrt(counts / np.where(totals > 0, totals, 1)))
