"""Stages: kinds of artifacts, each with functions that list its inputs, compute it and read it."""

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
        Name of the stage's folder in the store.
    version : int
        Part of the key; increased when a change of code changes the result for the same inputs.
    inputs : callable
        Returns everything about a subject that changes the result, as plain values.
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
        """Return the stage and the inputs of a subject, which determine the artifact's key."""
        return Step(self.name, self.version, self.inputs(subject))

    def find(self, store: Store, subject: Subject) -> Artifact | None:
        """Return the finished artifact of a subject, or None."""
        return store.find(self.step(subject))

    def read(self, store: Store, subject: Subject) -> Result | None:
        """Return the result for a subject, or None if it has not been computed."""
        artifact = self.find(store, subject)
        return self.open(artifact) if artifact else None

    def make(self, store: Store, subject: Subject, report: Progress = silent) -> Artifact:
        """Find the artifact of a subject, or compute it.

        Raises ChipscapeError if it cannot be computed, and Cancelled if `report` asks to stop.
        """
        return store.make(self.step(subject), lambda path: self.compute(subject, path, report))


Resolve = Callable[..., Artifact]
"""A function ``resolve(stage, subject, report) -> artifact``; `report` is optional.

In a run it computes a missing artifact; in a look-up it stops at the first missing one.
"""
