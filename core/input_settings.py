"""Input settings: how scenes are read and displayed, and which chips are left out."""

from dataclasses import dataclass, field

from core.errors import SettingsError
from core.tables import Checked, bounded, one_of
from core.types import Stretch


@dataclass(frozen=True)
class GridSettings(Checked):
    """A regular grid of chips for scenes without annotations.

    Attributes
    ----------
    size : int, default=0
        Side of a chip in scene pixels, from 8 to 4096. With 0 there is no grid, and scenes without
        annotations have no chips.
    stride : int, default=0
        Distance in scene pixels between the left (or upper) edges of neighbouring chips, from 1 to
        4096. A stride below `size` makes the chips overlap; 0 uses `size`, so that they touch.
    coverage : float, default=0.5
        Smallest fraction of valid pixels, from 0 to 1; chips with a smaller one are dropped.
    scenes : tuple of str, default=()
        File names of the scenes that the grid was chosen for; of these, it is used for the ones
        without annotations. If empty, it is used for every scene without annotations, including
        those that are added later.
    """

    size: int = bounded(0, 0, 4096)
    stride: int = bounded(0, 0, 4096)
    coverage: float = bounded(0.5, 0, 1)
    scenes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if 0 < self.size < 8:
            raise SettingsError(f"{self.size} is less than 8 pixels", where="grid.size")

    def covers(self, scene: str) -> bool:
        """Return True if the grid was chosen for a scene, given the scene's file name."""
        return self.size > 0 and (not self.scenes or scene in self.scenes)


@dataclass(frozen=True)
class SceneSettings(Checked):
    """How scenes and their annotations are read.

    Attributes
    ----------
    class_property : str, default=""
        Class attribute: the annotation attribute that holds the class. If empty, it is guessed. It
        is used for counts, captions and scores, and does not affect the chips.
    grid : GridSettings
        Grid of chips for scenes without annotations.
    """

    class_property: str = ""
    grid: GridSettings = field(default_factory=GridSettings)


@dataclass(frozen=True)
class ScreenSettings(Checked):
    """Which flagged chips are left out.

    Attributes
    ----------
    leave_out : tuple of str, default=()
        Flags from `core.chips.screening.FLAGS`; chips with any of them are left out. By default
        every chip stays.
    """

    leave_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class DisplaySettings(Checked):
    """How scenes and chips are displayed; these settings affect no computed result.

    Attributes
    ----------
    bands : tuple of str, default=()
        Names of three bands displayed as red, green and blue, or of one band displayed as grey. If
        empty, or if a scene lacks one of them, the bands are guessed from their names.
    stretch : {"auto", "percentiles"}, default="auto"
        How pixel values are mapped to brightness. "auto" displays uint8 unchanged, unless a
        displayed band is very dark, and stretches any other dtype from its 2nd to its 98th
        percentile; "percentiles" stretches from `low` to `high`. The percentiles are those of all
        scenes.
    low : float, default=2
        Percentile of the valid pixels that is displayed as black, from 0 to 49.
    high : float, default=98
        Percentile of the valid pixels that is displayed as white, from 51 to 100.
    """

    bands: tuple[str, ...] = ()
    stretch: Stretch = one_of("auto", Stretch)
    low: float = bounded(2.0, 0, 49)
    high: float = bounded(98.0, 51, 100)

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.bands) not in (0, 1, 3):
            raise SettingsError(
                f"{', '.join(self.bands)}: an image shows one band or three", where="display.bands"
            )
