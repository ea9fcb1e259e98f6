"""The bands of an image, with the roles that features of the surroundings need."""

from dataclasses import dataclass

import numpy as np

from core.errors import BandError
from core.types import AnyArray, BoolArray, FloatArray


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
        False for pixels without data; they don't contribute to the features of other pixels. None
        if all pixels are valid.
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
    def spectral(self) -> tuple[int, ...]:
        """The positions of all bands except the elevation."""
        return tuple(i for i in range(len(self.bands)) if i != self.roles.elevation)

    def brightness_bands(self) -> AnyArray:
        """Return the stored values of the bands whose mean is the brightness."""
        return self.bands[list(self.roles.visible or self.spectral)]

    def unit(self, index: int) -> FloatArray:
        """Return one band divided by the scale, float32 (h, w); NaN and nodata become 0."""
        band = np.asarray(self.bands[index], np.float32) / np.float32(self.scale)
        usable = self.usable()
        return band if usable is None else np.where(usable, band, np.float32(0))

    def usable(self) -> BoolArray | None:
        """Return the valid pixels whose bands are finite, (h, w); None if all are."""
        usable = self.valid
        if np.issubdtype(self.bands.dtype, np.floating):
            finite: BoolArray = np.asarray(np.isfinite(self.bands).all(axis=0))
            usable = finite if usable is None else np.asarray(usable & finite)
        return None if usable is None or usable.all() else usable
