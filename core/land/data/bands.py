"""The bands of a data set's images: their names, and which of them have a special role."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.errors import BandError, SettingsError

BYTE_DIVISOR = 255.0
"""The divisor of images of bytes."""


@dataclass(frozen=True)
class Bands:
    """The bands of all images of a data set.

    Attributes
    ----------
    names : tuple of str
        One for each band, in the order of the files.
    visible : tuple of int
        Positions of red, green and blue. Their sum is the intensity by which spectra are
        normalised. If they are not known, all spectral bands.
    red, nir, elevation : int or None
        Positions of red, near infrared and a height; None if there is no such band. All bands
        but the elevation are spectral.
    divisor : float
        The stored value that features scale to 1, the same for all bands, so that the ratios of
        bands are kept.
    """

    names: tuple[str, ...]
    visible: tuple[int, ...]
    red: int | None = None
    nir: int | None = None
    elevation: int | None = None
    divisor: float = BYTE_DIVISOR

    def __post_init__(self) -> None:
        for position in (*self.visible, self.red, self.nir, self.elevation):
            if position is not None and not 0 <= position < len(self.names):
                raise BandError(
                    f"there is no band {position + 1}; the image has {len(self.names)}",
                    where="band roles",
                )

    def __len__(self) -> int:
        return len(self.names)

    @property
    def spectral(self) -> tuple[int, ...]:
        """Positions of all bands but the elevation."""
        return tuple(i for i in range(len(self.names)) if i != self.elevation)

    @property
    def has_colour(self) -> bool:
        """True if red, green and blue are known."""
        return len(self.visible) == 3 and self.red == self.visible[0]


FLAIR_BANDS = Bands(
    ("red", "green", "blue", "nir", "elevation"), (0, 1, 2), red=0, nir=3, elevation=4
)
"""The bands of FLAIR's aerial images; the elevation above ground is coded in a byte."""

SENTINEL = ("B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B11", "B12")
SENTINEL_BANDS = Bands(SENTINEL, (2, 1, 0), red=2, nir=6, divisor=10_000.0)
"""The bands of FLAIR's Sentinel-2 series; a stored value of 10,000 is reflectance 1."""


def bands_from_table(table: Mapping[str, Any]) -> Bands:
    """Return the bands that were stored as the fields of `Bands`, in JSON."""
    lists = {name: tuple(table[name]) for name in ("names", "visible")}
    return Bands(**{**table, **lists})


_ALIASES = {
    "red": ("red", "r", "b04", "b4"),
    "green": ("green", "g", "b03", "b3"),
    "blue": ("blue", "b", "b02", "b2"),
    "nir": ("nir", "near infrared", "near-infrared", "infrared", "b08", "b8", "nir1"),
    "elevation": ("elevation", "height", "ndsm", "chm", "dsm"),
}


def guess_bands(names: tuple[str, ...], divisor: float) -> Bands:
    """Return bands whose roles follow from their names.

    Names such as "red" or "nir" count; those of Sentinel-2 (B04, B03, B02, B08) only if all of red,
    green and blue are named like that. Raises SettingsError if a name occurs twice.
    """
    lowered = [name.strip().lower() for name in names]
    if len(set(lowered)) < len(lowered):
        raise SettingsError(
            f"a name occurs twice in {', '.join(names)}",
            where="bands",
            remedy="Give each band a name of its own.",
        )
    roles: dict[str, int | None] = {}
    for role, aliases in _ALIASES.items():
        roles[role] = next((lowered.index(alias) for alias in aliases if alias in lowered), None)
    rgb = tuple(i for role in ("red", "green", "blue") if (i := roles[role]) is not None)
    if len(rgb) < 3:
        # Without all three, a code such as "b4" may be the fourth band of any sensor.
        for role in ("red", "nir"):
            position = roles[role]
            if position is not None and lowered[position] not in (role, "near infrared"):
                roles[role] = None
        # An image of the elevation alone has no other intensity.
        rgb = tuple(i for i in range(len(names)) if i != roles["elevation"]) or (0,)
    return Bands(names, rgb, roles["red"], roles["nir"], roles["elevation"], divisor)
