"""The chips that the user has marked as examples for or against, stored in the workspace.

They refer to chips by id, so they outlast added scenes and other settings. The app and the command
line use the same file.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from core.artifacts.integrity import file_stamp, read_versioned_json, write_sealed_json
from core.errors import ArtifactError
from core.pipeline.results.current_file import results_lock
from core.pipeline.workspace import Workspace

FORMAT = 1


@dataclass(frozen=True)
class ExampleSet:
    """The ids of the chips that results should resemble, and of those they should not.

    No chip is in both. The ids are in the order in which the chips were marked.
    """

    examples: tuple[str, ...] = ()
    counterexamples: tuple[str, ...] = ()

    def mark_for(self, chip_ids: Iterable[str]) -> "ExampleSet":
        """Return the set with more examples for."""
        chip_ids = tuple(chip_ids)
        remaining = self.unmark(chip_ids)
        return ExampleSet((*remaining.examples, *chip_ids), remaining.counterexamples)

    def mark_against(self, chip_ids: Iterable[str]) -> "ExampleSet":
        """Return the set with more examples against."""
        chip_ids = tuple(chip_ids)
        remaining = self.unmark(chip_ids)
        return ExampleSet(remaining.examples, (*remaining.counterexamples, *chip_ids))

    def unmark(self, chip_ids: Iterable[str]) -> "ExampleSet":
        """Return the set without some chips."""
        removed = frozenset(chip_ids)
        groups = (self.examples, self.counterexamples)
        return ExampleSet(*(tuple(i for i in ids if i not in removed) for ids in groups))


def examples_path(workspace: Workspace) -> Path:
    """Return the path of the file that holds the examples."""
    return workspace.results / "examples.json"


def load_examples(workspace: Workspace) -> ExampleSet:
    """Load the examples; empty if there are none.

    Raises ArtifactError if the file is damaged or of another version.
    """
    path = examples_path(workspace)
    stamp = file_stamp(path)
    return ExampleSet() if stamp is None else _read_examples(path, *stamp)


def change_examples(workspace: Workspace, change: Callable[[ExampleSet], ExampleSet]) -> ExampleSet:
    """Replace the examples and return the new ones; only one process at a time changes them."""
    former = load_examples(workspace)
    if change(former) == former:
        # A finished workspace may be read-only.
        return former
    with results_lock(workspace.results):
        examples = change(load_examples(workspace))
        groups = {"for": examples.examples, "against": examples.counterexamples}
        write_sealed_json(examples_path(workspace), {"format": FORMAT, **groups})
    return examples


@lru_cache(maxsize=8)
def _read_examples(path: Path, _changed: int, _size: int) -> ExampleSet:
    try:
        document = read_versioned_json(path, FORMAT)
        groups = [tuple(map(str, document[name])) for name in ("for", "against")]
        return ExampleSet().mark_for(groups[0]).mark_against(groups[1])
    except (ArtifactError, KeyError, TypeError) as error:
        raise ArtifactError(
            f"the examples cannot be read ({error.__cause__ or error})",
            where=str(path),
            remedy="Repair the file, or move it to another folder and mark the examples again.",
        ) from error
