"""The bands of an image, with the roles that features of the surroundings need."""

from dataclasses import dataclass

import numpy as np

from core.errors import BandError
from core.land.data.bands import Bands
from core.types import AnyArray, BoolArray, DoubleArray


@dataclass(frozen=True)
class ImageBands:
    """The pixels of one image or of one window of it.

    Attributes
    ----------
    values : array, (b, h, w)
        The stored values of any number of bands.
    bands : Bands
        Their names and roles, and the value that features scale to 1.
    valid : bool array, (h, w), or None
        False for pixels without data; they do not contribute to the features of other pixels.
        None if all pixels are valid.
    """

    values: AnyArray
    bands: Bands
    valid: BoolArray | None = None

    def __post_init__(self) -> None:
        if self.values.ndim != 3 or len(self.values) != len(self.bands):
            raise BandError(
                f"there are {len(self.bands)} names for bands of shape {self.values.shape}",
                where="image",
            )

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.values.shape[1], self.values.shape[2]

    def usable(self) -> BoolArray | None:
        """Return the valid pixels whose bands are finite, (h, w); None if all are."""
        usable = self.valid
        if np.issubdtype(self.values.dtype, np.floating):
            finite: BoolArray = np.asarray(np.isfinite(self.values).all(axis=0))
            usable = finite if usable is None else np.asarray(usable & finite)
        return None if usable is None or usable.all() else usable

    def crop(self, rows: slice, columns: slice) -> "ImageBands":
        """Return a window of the image."""
        valid = None if self.valid is None else self.valid[rows, columns]
        return ImageBands(self.values[:, rows, columns], self.bands, valid)


class Surroundings:
    """An image prepared for features of surroundings: bands in 0..1 without holes.

    Pixels without data have the value of the nearest valid pixel, so that they make no edges, and 0
    if there is none.

    Attributes
    ----------
    roles : Bands
        The names and roles of the bands.
    bands : float64 array, (b, h, w)
    stored_brightness : float64 array, (h, w)
        In the unit of the stored values.
    usable : bool array, (h, w), or None
        False for pixels without data; None if there are none.
    """

    def __init__(self, image: ImageBands) -> None:
        self.roles = roles = image.bands
        self.usable = image.usable()
        stored: DoubleArray = np.asarray(image.values, np.float64)
        if self.usable is not None:
            stored = fill_from_nearest(stored, self.usable)
        self.bands: DoubleArray = stored / roles.divisor
        # An image of the elevation alone has no other brightness.
        positions = roles.visible or roles.spectral or (0,)
        self.stored_brightness = stored[list(positions)].mean(axis=0)
        self.brightness: DoubleArray = self.stored_brightness / roles.divisor

    def surfaces(self) -> dict[str, DoubleArray]:
        """Return the brightness, near infrared and elevation, (h, w) each, as far as present."""
        roles, surfaces = self.roles, {"brightness": self.brightness}
        if roles.nir is not None:
            surfaces["near infrared"] = self.bands[roles.nir]
        if roles.elevation is not None:
            surfaces["elevation"] = self.bands[roles.elevation]
        return surfaces


def fill_from_nearest(bands: AnyArray, usable: BoolArray) -> DoubleArray:
    """Replace unusable pixels of (b, h, w) bands by the nearest usable ones, or by 0."""
    from scipy.ndimage import distance_transform_edt

    if not usable.any():
        return np.zeros(bands.shape)
    rows, columns = distance_transform_edt(~usable, return_distances=False, return_indices=True)
    filled: DoubleArray = np.asarray(bands[:, rows, columns], np.float64)
    return filled
