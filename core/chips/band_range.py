"""Which bands have a single value in all chips of a scene, such as an alpha band of 255."""

from core.types import AnyArray, BoolArray


class BandRange:
    """The bands that have had a single value in all chips so far.

    Almost every band varies within the first chips, and is then not looked at again.
    """

    def __init__(self, n_bands: int) -> None:
        self._values: dict[int, float | None] = dict.fromkeys(range(n_bands))

    def update(self, pixels: AnyArray, mask: BoolArray) -> None:
        """Add chips, (n, bands, size, size), with masks, (n, size, size), True where masked."""
        if not self._values or mask.all():
            return
        for band, value in list(self._values.items()):
            values = pixels[:, band][~mask]
            first = values[0] if value is None else value
            if (values == first).all():
                self._values[band] = first
            else:
                del self._values[band]

    @property
    def constant(self) -> list[int]:
        """Positions of the constant bands; a band without a valid pixel is one of them."""
        return list(self._values)

    def merge(self, other: "BandRange") -> None:
        """Add the chips that another record of the same bands has seen."""
        self._values = {
            band: other._values[band] if value is None else value
            for band, value in self._values.items()
            if band in other._values and _may_be_equal(value, other._values[band])
        }


def _may_be_equal(value: float | None, other: float | None) -> bool:
    """Return True if two values are equal, or one of them is not known."""
    return value is None or other is None or bool(value == other)
