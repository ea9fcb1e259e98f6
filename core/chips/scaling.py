"""The linear scaling of native pixel values to 0..1."""

from dataclasses import dataclass

import numpy as np

from core.types import AnyArray, BoolArray, FloatArray

# Robust limits of the value range: 0.1 % of the pixels may saturate at either end.
PERCENTILES = (0.1, 99.9)


@dataclass(frozen=True)
class Scaling:
    """A linear map from native values to 0..1, clipped, with limits for each band.

    `low` and `high` are the native values that become 0 and 1. `rule` describes for the user how
    the limits were found.
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

    def clipped_fraction(self, pixels: AnyArray, mask: BoolArray) -> float:
        """Return the fraction of valid values beyond the limits, 0..1.

        The pixels have shape (n, bands, height, width), and the mask (n, height, width).
        """
        low, high = (np.asarray(limits)[:, None, None] for limits in (self.low, self.high))
        beyond = (pixels < low) | (pixels > high)
        valid = np.broadcast_to(~mask[:, None], pixels.shape)
        return float(beyond[valid].mean()) if valid.any() else 0.0


def fit_scaling(pixels: AnyArray, mask: BoolArray) -> Scaling:
    """Fit the scaling of one dtype to pixels (n, bands, height, width) under a mask.

    uint8 is divided by 255; any other dtype is scaled between the 0.1 and 99.9 percentiles of the
    valid, finite pixels of each band. The mask, (n, height, width), is True where masked.
    """
    n_bands = pixels.shape[1]
    if pixels.dtype == np.uint8:
        return Scaling((0.0,) * n_bands, (255.0,) * n_bands, "uint8 divided by 255")
    limits = np.tile((0.0, 1.0), (n_bands, 1))
    for band in range(n_bands):
        values = pixels[:, band][~mask].astype(np.float64)
        values = values[np.isfinite(values)]
        if values.size:
            limits[band] = np.percentile(values, PERCENTILES)
    low, high = limits.T.tolist()
    rule = f"{pixels.dtype} from percentile {PERCENTILES[0]} to {PERCENTILES[1]} of each band"
    return Scaling(tuple(low), tuple(high), rule)
