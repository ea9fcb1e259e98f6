"""Stages: kinds of artifacts, each with what its key is made of and how it is computed and read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from core.artifacts.store import Artifact, Step, Store
from core.progress import Progress, silent

Subject = TypeVar("Subject")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Stage(Generic[Subject, Result]):
    """One kind of artifact.

    A subject is whatever the artifact is made from, for example a `View`. Its inputs must be known
    without computing anything, so that an artifact can be looked up.

    Attributes
    ----------
    name : str
        Its folder in the store.
    version : int
        Part of the key; raised whenever the same inputs give another result.
    inputs : callable
        Everything about a subject that changes the result, as plain values.
    compute : callable
        Writes the data files of a subject into a folder and returns counts for the manifest.
    open : callable
        Reads a finished artifact.
    """

    name: str
    version: int
    inputs: Callable[[Subject], Mapping[str, Any]]
    compute: Callable[[Subject, Path, Progress], Mapping[str, Any]]
    open: Callable[[Artifact], Result]

    def step(self, subject: Subject) -> Step:
        """The stage with the inputs of a subject; it has the key."""
        return Step(self.name, self.version, self.inputs(subject))

    def find(self, store: Store, subject: Subject) -> Artifact | None:
        """The finished artifact of a subject, or None."""
        return store.find(self.step(subject))

    def read(self, store: Store, subject: Subject) -> Result | None:
        """The result of a subject, or None if it has not been computed."""
        artifact = self.find(store, subject)
        return self.open(artifact) if artifact else None

    def make(self, store: Store, subject: Subject, report: Progress = silent) -> Artifact:
        """Find the artifact of a subject, or compute it.

        Raises
        ------
        ChipscapeError
            If it cannot be computed.
        Cancelled
            If the listener asked to stop.
        """
        return store.make(self.step(subject), lambda path: self.compute(subject, path, report))


Resolve = Callable[..., Artifact]
"""``resolve(stage, subject, report) -> artifact``, where a run and a look-up differ.

A run makes an artifact that is missing; a look-up stops there. The report may be left out.
"""
