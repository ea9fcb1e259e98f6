"""The exceptions that Chipscape raises on purpose; any other exception is a defect.

::

    ChipscapeError              an input or an environment that cannot be used: exit code 1
    ├── SettingsError           a setting is out of range, unknown, or impossible for the data
    ├── WorkspaceError          the workspace is missing, empty or not writable
    │   ├── ChangedInputError   an input file changed while it was being read
    │   └── ClusterError        a Dask cluster cannot be used, or failed: finished work is kept
    ├── SceneError              a raster cannot be used
    ├── AnnotationError         a vector file cannot be used
    ├── BandError               the bands of several scenes cannot be combined
    ├── WeightsError            weights are missing, truncated, wrong or not finite
    ├── TooFewError             there are fewer chips, clusters or classes than a stage needs
    ├── DegenerateError         the data lack the variation that a stage needs
    └── ArtifactError           an artifact is damaged or belongs to another version
    Cancelled                   the user stopped the work: exit code 130, finished results are kept

A message states the location, the problem and the remedy: ``"a.tif: cannot be read. Copy it
again."``
"""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)

# A library's message can contain a large part of a file.
MAX_REASON_LENGTH = 300


class ChipscapeError(Exception):
    """An input or an environment cannot be used.

    Parameters
    ----------
    problem : str
        What is wrong, in one sentence without a full stop.
    where : str, optional
        The file, annotation or setting that the problem concerns.
    remedy : str, optional
        What the user can do about it, in one sentence.
    """

    def __init__(self, problem: str, *, where: str = "", remedy: str = "") -> None:
        self.problem = problem
        self.where = where
        self.remedy = remedy
        # One argument only: unpickling calls the class with `args`, then sets the attributes.
        super().__init__(problem)

    def __str__(self) -> str:
        location = f"{self.where}: " if self.where else ""
        return f"{location}{self.problem}." + (f" {self.remedy}" if self.remedy else "")


class SettingsError(ChipscapeError):
    """A setting is out of range, unknown, or impossible for the data."""


class WorkspaceError(ChipscapeError):
    """The workspace is missing, empty or not writable."""


class ChangedInputError(WorkspaceError):
    """An input file changed while it was being read, so nothing computed from it is kept."""


class ClusterError(WorkspaceError):
    """A Dask cluster cannot be used, or failed; finished work is kept, as after a cancellation."""


class SceneError(ChipscapeError):
    """A raster cannot be used."""


class AnnotationError(ChipscapeError):
    """A vector file cannot be used."""


class BandError(ChipscapeError):
    """The bands of several scenes cannot be combined."""


class WeightsError(ChipscapeError):
    """Weights are missing, truncated, wrong or not finite."""


class TooFewError(ChipscapeError):
    """There are fewer chips, clusters or classes than a stage needs."""


class DegenerateError(ChipscapeError):
    """The data lack the variation that a stage needs."""


class ArtifactError(ChipscapeError):
    """An artifact is damaged or belongs to another version."""


class Cancelled(Exception):
    """The user stopped the work; finished results are kept in the workspace."""


@contextmanager
def convert_errors(kind: type[ChipscapeError], where: str, problem: str) -> Iterator[None]:
    """Raise any error of the `with` block as an error of `kind` about one input file.

    The libraries that read files raise exceptions of many types on damaged or odd files. One such
    file must not stop the work on others, so whatever they raise becomes a verdict on that file. A
    defect of Chipscape itself would be converted too, so the traceback is logged. Errors that
    Chipscape raises on purpose, and `Cancelled`, pass unchanged.

    Parameters
    ----------
    where : str
        Name of the file.
    problem : str
        What cannot be done with the file, in a sentence without a full stop.
    """
    try:
        yield
    except (ChipscapeError, Cancelled):
        raise
    except MemoryError as error:
        remedy = "Reading it takes more memory than there is: split it, or check that it is intact."
        raise kind(problem, where=where, remedy=remedy) from error
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split()).rstrip(".: ")
        log.error("%s: %s (%s).", where, problem, reason, exc_info=True)
        remedy = f"Check that the file is intact ({reason[:MAX_REASON_LENGTH]})."
        raise kind(problem, where=where, remedy=remedy) from error


def unknown_attribute_error(name: str, attributes: Iterable[object]) -> SettingsError:
    """Return the error for an attribute that no annotation has; it lists those that exist."""
    names = ", ".join(map(str, attributes)) or "none"
    return SettingsError(
        f"no annotation has an attribute {name!r}",
        where="class attribute",
        remedy=f"Known attributes: {names}.",
    )
