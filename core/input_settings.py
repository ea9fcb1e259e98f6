"""Settings of what comes in: how scenes are read and shown, and which chips are left out."""

from dataclasses import dataclass, field

from core.errors import SettingsError
from core.tables import Checked, bounded, one_of
from core.types import Stretch


@dataclass(frozen=True)
class GridSettings(Checked):
    """Chips on a grid, for scenes without annotations.

    Attributes
    ----------
    size : int
        Side of a chip in scene pixels; 0 for no grid, so that such scenes are left out.
    stride : int
        Scene pixels from one chip to the next; 0 for the size, so that they touch.
    coverage : float
        Least share of valid pixels in a chip, 0..1.
    """

    size: int = bounded(0, 0, 4096)
    stride: int = bounded(0, 0, 4096)
    coverage: float = bounded(0.5, 0, 1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if 0 < self.size < 8:
            raise SettingsError(f"{self.size} is less than 8 pixels", where="grid.size")


@dataclass(frozen=True)
class SceneSettings(Checked):
    """How scenes are looked at.

    Attributes
    ----------
    class_property : str
        The property that holds the class; empty for a guess. It counts and groups, and no chip
        depends on it.
    grid : GridSettings
    """

    class_property: str = ""
    grid: GridSettings = field(default_factory=GridSettings)


@dataclass(frozen=True)
class ScreenSettings(Checked):
    """Which of the flagged chips are left out; none unless the user says so.

    Attributes
    ----------
    leave_out : tuple of str
        Flags out of `core.chips.screening.FLAGS`.
    """

    leave_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class DisplaySettings(Checked):
    """How scenes are shown; nothing that is computed depends on it.

    Attributes
    ----------
    bands : tuple of str
        Three bands shown as red, green and blue, or one shown as grey; empty for a guess, which
        also stands in on a scene that lacks one of them.
    stretch : {"auto", "percentiles"}
        "auto" shows uint8 as it is and anything else from 2 to 98 %.
    low, high : float
        Percentiles of the valid pixels shown as black and white.
    """

    bands: tuple[str, ...] = ()
    stretch: Stretch = one_of("auto", Stretch)
    low: float = bounded(2.0, 0, 49)
    high: float = bounded(98.0, 51, 100)

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.bands) not in (0, 1, 3):
            raise SettingsError(
                f"{', '.join(self.bands)}: a picture shows one band or three", where="display.bands"
            )
