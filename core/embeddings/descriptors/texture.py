"""`texture`: colour and texture statistics, the encoder that needs no weights.

Three blocks: log-Euclidean region covariance at full and half resolution, a colour histogram, and
local binary patterns. Each is standardised with the sample's mean and standard deviation.
"""

from collections.abc import Iterator

import numpy as np

from core.embeddings.descriptors.binary_patterns import pattern_histogram
from core.embeddings.descriptors.colour_histograms import COLOUR_AXES, Palette, fit_palette
from core.embeddings.descriptors.masked_filters import smooth
from core.embeddings.descriptors.region_covariance import log_covariance
from core.embeddings.encoder import ChipBatch, EncoderCard, Fitted, Identity
from core.errors import BandError, TooFewError
from core.types import DoubleArray, FloatArray

CARD = EncoderCard(
    name="texture",
    title="Texture and colour statistics",
    summary="Covariance of colours and gradients, colour histogram and local binary patterns; "
    "fast, for any number of bands, without weights.",
    dim=0,
    licence="MIT",
    source="computed here; standardisation and band axes are learnt from the chips",
    paper="Tuzel et al. 2006 (region covariance); Arsigny et al. 2006 (log-Euclidean metrics); "
    "Ojala et al. 2002 (local binary patterns)",
    learns=True,
    tags=("offline", "any bands"),
)

# The share of each block in the distance. Colour counts half, as it varies most with light and
# season; chosen on aerial tiles and made-up scenes.
BLOCK_WEIGHTS = {"covariance": 1.0, "histogram": 0.5, "patterns": 1.0}
RADII = (1, 2)

# Standardised values are bent towards this many standard deviations (3 tanh(z / 3)), so that a
# colour which the sample hardly had doesn't outweigh all else.
BEND = 3.0

# A statistic that varies less than this over the sample is left as it is, not blown up.
TINY = 1e-6

# Pixels that are worked on at a time (in bands x pixels), which bounds the memory to some 30 MB,
# and pixels of the sample that determine the band axes.
WORKING_SET = 1 << 17
SAMPLE_PIXELS = 1 << 20


class Texture:
    """Statistics of colour and texture; quarter turns of a square chip leave them unchanged.

    Masked pixels don't count. A chip without any valid pixel is embedded as the zero vector; all
    others have length 1, unless they equal the sample's mean in everything.
    """

    card = CARD

    @property
    def identity(self) -> Identity:
        """Name and version: nothing else changes the numbers."""
        return {"name": CARD.name, "version": CARD.version}

    def fit(self, sample: ChipBatch) -> Fitted:
        """Learn band axes, histogram ends and standardisation from a sample of chips.

        Returns
        -------
        mapping
            ``centre``, ``axes``, ``low``, ``high`` of the `Palette`; ``mean``, ``std`` and
            ``weight`` of each statistic: float64 arrays.

        Raises
        ------
        TooFewError
            No pixel of the sample is valid.
        """
        pixels = _sample_pixels(sample)
        if not len(pixels):
            raise TooFewError(
                f"none of the {len(sample)} chips in the sample has a valid pixel",
                where="texture encoder",
                remedy="Check nodata and the annotations, or relax the screening.",
            )
        palette = fit_palette(pixels)
        parts = [_statistics(part, palette) for part in _parts(sample)]
        blocks = [np.concatenate([part[name] for part in parts]) for name in BLOCK_WEIGHTS]
        mean, std = _moments(np.concatenate(blocks, 1))
        weight = [
            np.full(block.shape[1], share / np.sqrt(block.shape[1]))
            for block, share in zip(blocks, BLOCK_WEIGHTS.values(), strict=True)
        ]
        return {
            "centre": palette.centre,
            "axes": palette.axes,
            "low": palette.low,
            "high": palette.high,
            "mean": mean,
            "std": std,
            "weight": np.concatenate(weight),
        }

    def encode(self, batch: ChipBatch, fitted: Fitted) -> FloatArray:
        """Embed chips with what `fit` returned.

        Returns
        -------
        float32 array, (n, dim)
            `dim` is 320 for three bands; it depends on the number of bands only.

        Raises
        ------
        BandError
            The chips have another number of bands than the sample had.
        """
        bands = len(fitted["centre"])
        if batch.pixels.shape[1] != bands:
            raise BandError(
                f"chips of {batch.pixels.shape[1]} bands; the encoder was fitted on {bands}",
                where="texture encoder",
                remedy="Fit it again for these chips.",
            )
        palette = Palette(*(fitted[name] for name in ("centre", "axes", "low", "high")))
        return np.concatenate([_embed(_statistics(p, palette), fitted) for p in _parts(batch)])


def _embed(blocks: dict[str, DoubleArray], fitted: Fitted) -> FloatArray:
    """Standardise, weigh, and bring to length 1."""
    scores = (np.concatenate(list(blocks.values()), 1) - fitted["mean"]) / fitted["std"]
    # What a chip has no pixels for is as in the mean of the sample.
    np.nan_to_num(scores, copy=False, nan=0.0)
    scores = BEND * np.tanh(scores / BEND) * fitted["weight"]
    length = np.linalg.norm(scores, axis=1, keepdims=True)
    embeddings: FloatArray = (scores / np.where(length > 0, length, 1)).astype(np.float32)
    return embeddings


def _statistics(part: ChipBatch, palette: Palette) -> dict[str, DoubleArray]:
    """The blocks by name, (n, length) each; NaN where a chip has no pixels for a statistic."""
    valid = (~part.mask).astype(np.float32)
    turned = palette.turn(part.unit(), valid)
    scales = ((turned, valid, 1), (*smooth(turned, valid), 2))
    return {
        "covariance": np.concatenate([log_covariance(*scale) for scale in scales], 1),
        "histogram": palette.histogram(turned, valid),
        "patterns": np.concatenate(
            [
                pattern_histogram(values[:, :COLOUR_AXES], ok, step * radius)
                for values, ok, step in scales
                for radius in RADII
            ],
            1,
        ),
    }


def _parts(batch: ChipBatch) -> Iterator[ChipBatch]:
    """The batch in parts of bounded size, one at least."""
    _, bands, height, width = batch.pixels.shape
    step = max(1, WORKING_SET // (max(bands, 1) * height * width))
    for start in range(0, max(len(batch), 1), step):
        cut = slice(start, start + step)
        yield ChipBatch(batch.pixels[cut], batch.mask[cut], batch.scaling)


def _sample_pixels(sample: ChipBatch) -> FloatArray:
    """Valid pixels spread evenly over the sample, (at most SAMPLE_PIXELS, bands) of 0..1."""
    stride = -(-int((~sample.mask).sum()) // SAMPLE_PIXELS) or 1
    found, seen = [], 0
    for part in _parts(sample):
        pixels = part.unit().transpose(0, 2, 3, 1)[~part.mask]
        # A copy, or the part would be kept for the sake of a few of its pixels.
        found.append(pixels[-seen % stride :: stride].copy())
        seen += len(pixels)
    return np.concatenate(found)


def _moments(flat: DoubleArray) -> tuple[DoubleArray, DoubleArray]:
    """Mean and deviation of each column without NaN; 0 and 1 where it tells nothing."""
    known = ~np.isnan(flat)
    count = np.maximum(known.sum(0), 1)
    mean = np.where(known, flat, 0).sum(0) / count
    spread = np.where(known, flat - mean, 0)
    std = np.sqrt((spread * spread).sum(0) / count)
    return mean, np.where(std > TINY, std, 1)
