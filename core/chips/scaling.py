"""One stated rule that brings the scenes' native values to 0..1."""

from dataclasses import dataclass

import numpy as np

from core.types import AnyArray, BoolArray, FloatArray

# Robust ends of the value range: 0.1 % of the pixels may saturate on either side.
LOW_PERCENTILE = 0.1
HIGH_PERCENTILE = 99.9


@dataclass(frozen=True)
class Scaling:
    """A linear map from native values to 0..1, clipped, one pair of ends a band.

    Attributes
    ----------
    low, high : tuple of float, one a band
        The native values that become 0 and 1.
    rule : str
        The rule in words, shown to the user.
    """

    low: tuple[float, ...]
    high: tuple[float, ...]
    rule: str

    def apply(self, pixels: AnyArray) -> FloatArray:
        """Scale pixels of shape (n, bands, height, width) to float32 in 0..1; NaN becomes 0."""
        low = np.asarray(self.low, np.float32)[:, None, None]
        span = np.asarray(self.high, np.float32)[:, None, None] - low
        scaled: FloatArray = pixels.astype(np.float32)
        scaled -= low
        scaled /= np.where(span > 0, span, 1)
        np.nan_to_num(scaled, copy=False, nan=0.0)
        return np.clip(scaled, 0.0, 1.0, out=scaled)

    def outside(self, pixels: AnyArray, mask: BoolArray) -> float:
        """Share of valid values beyond the ends, 0..1; (n, bands, h, w) beside (n, h, w)."""
        low = np.asarray(self.low)[:, None, None]
        high = np.asarray(self.high)[:, None, None]
        beyond = (pixels < low) | (pixels > high)
        valid = np.broadcast_to(~mask[:, None], pixels.shape)
        return float(beyond[valid].mean()) if valid.any() else 0.0


def fit_scaling(pixels: AnyArray, mask: BoolArray) -> Scaling:
    """The rule for one dtype: uint8 by 255, anything else by percentiles of the valid pixels.

    Parameters
    ----------
    pixels : array, (n, bands, height, width)
    mask : bool array, (n, height, width), True where masked
    """
    bands = pixels.shape[1]
    if pixels.dtype == np.uint8:
        return Scaling((0.0,) * bands, (255.0,) * bands, "uint8 divided by 255")
    low, high = [], []
    for band in range(bands):
        values = pixels[:, band][~mask].astype(np.float64)
        values = values[np.isfinite(values)]
        ends = np.percentile(values, (LOW_PERCENTILE, HIGH_PERCENTILE)) if values.size else (0, 1)
        low.append(float(ends[0]))
        high.append(float(ends[1]))
    rule = f"{pixels.dtype} from the {LOW_PERCENTILE} to the {HIGH_PERCENTILE} percentile, a band"
    return Scaling(tuple(low), tuple(high), rule)
