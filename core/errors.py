"""Every error Chipscape raises on purpose; all else is a defect.

::

    ChipscapeError              an input or an environment that cannot be worked with: exit code 1
    ├── SettingsError           a setting out of its bounds, unknown, or impossible for these data
    ├── WorkspaceError          the workspace is missing, empty or not writable
    ├── SceneError              a raster that cannot be used
    ├── AnnotationError         a vector file that cannot be used
    ├── BandError               scenes whose bands cannot be brought together
    ├── WeightsError            weights that are missing, truncated, wrong or not finite
    ├── TooFewError             fewer chips, clusters or classes than the stage needs
    ├── DegenerateError         data without the variation that the stage needs
    └── ArtifactError           an artifact that is damaged or belongs to another version
    Cancelled                   the user asked to stop: exit code 130, nothing lost

A message names the thing, the place and the remedy.
"""


class ChipscapeError(Exception):
    """An input or environment that cannot be worked with.

    Parameters
    ----------
    what : str
        The thing that is wrong, in one sentence without a full stop.
    where : str, optional
        The file, the annotation or the setting that it concerns.
    remedy : str, optional
        What the user can do about it, in one sentence.
    """

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        self.what = what
        self.where = where
        self.remedy = remedy
        # One argument only: pickle calls the class with `args`, then sets the attributes.
        super().__init__(what)

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        return f"{place}{self.what}." + (f" {self.remedy}" if self.remedy else "")


class SettingsError(ChipscapeError):
    """A setting is out of its bounds, unknown, or impossible for these data."""


class WorkspaceError(ChipscapeError):
    """The workspace is missing, empty or not writable."""


class SceneError(ChipscapeError):
    """A raster cannot be used."""


class AnnotationError(ChipscapeError):
    """A vector file cannot be used."""


class BandError(ChipscapeError):
    """The scenes' bands cannot be brought together."""


class WeightsError(ChipscapeError):
    """Weights are missing, truncated, wrong or not finite."""


class TooFewError(ChipscapeError):
    """There are fewer chips, clusters or classes than the stage needs."""


class DegenerateError(ChipscapeError):
    """The data lack the variation that the stage needs."""


class ArtifactError(ChipscapeError):
    """An artifact is damaged or was written by another version."""


class Cancelled(Exception):
    """The user asked to stop; what was finished is kept."""
