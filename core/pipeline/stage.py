"""Stages: kinds of artifacts, each with functions that list its inputs, compute it and read it."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from core.artifacts.store import Artifact, Step, Store
from core.artifacts.sweep import delete_folders, find_dependants
from core.errors import ChangedInputError, ChipscapeError
from core.progress import Progress, silent

log = logging.getLogger(__name__)

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
    load : callable
        Reads an artifact that is intact; see `open`.
    sources : callable, optional
        Returns the state of the input files of a subject, which must be the same before and after
        computing. Raises ChangedInputError if they are not the files that the inputs describe.
    is_rechecked : bool
        True if `--verify` computes existing artifacts again, to find those that an earlier version
        computed from files that changed at the same time.
    """

    name: str
    version: int
    inputs: Callable[[Subject], Mapping[str, Any]]
    compute: Callable[[Subject, Path, Progress], Mapping[str, Any]]
    load: Callable[[Artifact], Result]
    sources: Callable[[Subject], object] | None = None
    is_rechecked: bool = False

    def step(self, subject: Subject) -> Step:
        """Return the stage and the inputs of a subject, which determine the artifact's key."""
        return Step(self.name, self.version, self.inputs(subject))

    def find(self, store: Store, subject: Subject) -> Artifact | None:
        """Return the finished artifact of a subject, or None."""
        return store.find(self.step(subject))

    def open(self, artifact: Artifact) -> Result:
        """Read a finished artifact; raises ArtifactError if it is damaged."""
        artifact.require_intact()
        return self.load(artifact)

    def read(self, store: Store, subject: Subject) -> Result | None:
        """Return the result for a subject, or None if it has not been computed."""
        artifact = self.find(store, subject)
        return self.open(artifact) if artifact else None

    def make(
        self,
        store: Store,
        subject: Subject,
        report: Progress = silent,
        *,
        retry_failed: bool = False,
    ) -> Artifact:
        """Find the artifact of a subject, or compute it.

        With `retry_failed`, an artifact that holds an error is computed again. Raises
        ChipscapeError if it cannot be computed, and Cancelled if `report` asks to stop.
        """
        step = self.step(subject)

        def compute(folder: Path) -> Mapping[str, Any]:
            return self._compute_from_unchanged(subject, folder, report)

        artifact = store.make(step, compute)
        is_due = (retry_failed and artifact.failed) or (store.verify and self.is_rechecked)
        if not artifact.cached or not is_due or not store.is_first_check(artifact):
            return artifact
        checked = store.make_again(step, compute)
        if not checked.cached and not artifact.failed:
            log.warning(
                "%s %s was wrong and has been computed again, as is everything computed from it.",
                *(step.stage, step.key),
            )
            delete_folders(store, [item.folder for item in find_dependants(store, step.key)])
        return checked

    def _compute_from_unchanged(
        self, subject: Subject, folder: Path, report: Progress
    ) -> Mapping[str, Any]:
        """Compute an artifact; raises ChangedInputError if its input files change meanwhile."""
        if self.sources is None:
            return self.compute(subject, folder, report)
        before = self.sources(subject)
        try:
            counts = self.compute(subject, folder, report)
        except (ChipscapeError, OSError):
            # If a file has changed, that explains the error.
            self.sources(subject)
            raise
        if self.sources(subject) != before:
            raise changed_input_error(f"an input of the stage {self.name}")
        return counts


def changed_input_error(where: str) -> ChangedInputError:
    """Return the error for an input file that is not, or no longer, the one that was inspected."""
    return ChangedInputError(
        "was changed, moved or removed while it was in use, so nothing computed from it was kept",
        where=where,
        remedy="Wait until the file is complete and in its place, then try again.",
    )


Resolve = Callable[..., Artifact]
"""A function ``resolve(stage, subject, report) -> artifact``; `report` is optional.

In a run it computes a missing artifact; in a look-up it stops at the first missing one.
"""
