"""The bands of an image, with the roles that features of the surroundings need."""

from dataclasses import dataclass

import numpy as np

from core.errors import BandError
from core.types import AnyArray, BoolArray, DoubleArray


@dataclass(frozen=True)
class BandRoles:
    """The positions of bands, counted from 0, that have a special meaning.

    Attributes
    ----------
    visible : tuple of int
        Red, green and blue, or fewer; the brightness of a pixel is their mean. Without any, it is
        the mean of all bands except the elevation.
    near_infrared, elevation : int or None
    """

    visible: tuple[int, ...] = ()
    near_infrared: int | None = None
    elevation: int | None = None


FLAIR_ROLES = BandRoles((0, 1, 2), 3, 4)
"""The roles of FLAIR's five aerial bands."""


@dataclass(frozen=True)
class ImageBands:
    """The bands of one image or of one window of it.

    Attributes
    ----------
    bands : array, (b, h, w)
        The stored values of any number of bands.
    names : tuple of str
        The name of each band.
    scale : float
        The stored values are divided by it, so that features are about 0..1.
    roles : BandRoles
    valid : bool array, (h, w), or None
        False for pixels without data; they do not contribute to the features of other pixels.
        None if all pixels are valid.
    """

    bands: AnyArray
    names: tuple[str, ...]
    scale: float = 255.0
    roles: BandRoles = BandRoles()
    valid: BoolArray | None = None

    def __post_init__(self) -> None:
        n_bands = len(self.bands)
        if self.bands.ndim != 3 or len(self.names) != n_bands:
            raise BandError(
                f"there are {len(self.names)} names for bands of shape {self.bands.shape}",
                where="image",
            )
        roles = (*self.roles.visible, self.roles.near_infrared, self.roles.elevation)
        for index in roles:
            if index is not None and not 0 <= index < n_bands:
                raise BandError(
                    f"there is no band {index + 1}; the image has {n_bands}", where="band roles"
                )

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.bands.shape[1], self.bands.shape[2]

    def usable(self) -> BoolArray | None:
        """Return the valid pixels whose bands are finite, (h, w); None if all are."""
        usable = self.valid
        if np.issubdtype(self.bands.dtype, np.floating):
            finite: BoolArray = np.asarray(np.isfinite(self.bands).all(axis=0))
            usable = finite if usable is None else np.asarray(usable & finite)
        return None if usable is None or usable.all() else usable

    def crop(self, rows: slice, columns: slice) -> "ImageBands":
        """Return a window of the image."""
        valid = None if self.valid is None else self.valid[rows, columns]
        bands = self.bands[:, rows, columns]
        return ImageBands(bands, self.names, self.scale, self.roles, valid)


class Surroundings:
    """An image prepared for features of surroundings: bands in 0..1 without holes.

    Pixels without data have the value of the nearest valid pixel, so that they make no edges, and 0
    if there is none.

    Attributes
    ----------
    bands : float64 array, (b, h, w)
    stored_brightness : float64 array, (h, w)
        In the unit of the stored values.
    usable : bool array, (h, w), or None
        False for pixels without data; None if there are none.
    """

    def __init__(self, image: ImageBands) -> None:
        self.names, self.roles, self.scale = image.names, image.roles, image.scale
        self.usable = image.usable()
        stored: DoubleArray = np.asarray(image.bands, np.float64)
        if self.usable is not None:
            stored = fill_from_nearest(stored, self.usable)
        self.bands: DoubleArray = stored / image.scale
        roles = self.roles
        spectral = [i for i in range(len(stored)) if i != roles.elevation]
        # An image of the elevation alone has no other brightness.
        self.stored_brightness = stored[list(roles.visible) or spectral or [0]].mean(axis=0)
        self.brightness: DoubleArray = self.stored_brightness / image.scale

    def surfaces(self) -> dict[str, DoubleArray]:
        """Return the brightness, near infrared and elevation, (h, w) each, as far as present."""
        roles, surfaces = self.roles, {"brightness": self.brightness}
        if roles.near_infrared is not None:
            surfaces["near infrared"] = self.bands[roles.near_infrared]
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
