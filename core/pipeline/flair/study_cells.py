"""Finished cells of a FLAIR study, and what they say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.artifacts.formats import read_array, read_json
from core.artifacts.store import Artifact
from core.flair.data.nomenclature import REDUCED
from core.flair.evaluation.confusion import Interval, Scores, bootstrap, scores, without_other
from core.flair.evaluation.protocols import Protocol
from core.types import AnyArray


@dataclass(frozen=True)
class CellResult:
    """One finished cell.

    Attributes
    ----------
    artifact : Artifact
    counts : int64 array, (p, 13, 13)
        Confusion of each judged patch, rows the truth.
    patches, areas : tuple of str
        Name, and domain and area, of each judged patch.
    scores : Scores
    interval : Interval or None
        By areas; None where only one was judged.
    seconds : float
        Sampling, learning (the tree included, also where it was kept) and predicting. A study keeps
        its sample in memory, so of cells that share one only the first that was run holds the
        time that sampling took.
    about : dict
        Folds with their clusters, reliability, labels and notes.
    """

    artifact: Artifact
    counts: AnyArray
    patches: tuple[str, ...]
    areas: tuple[str, ...]
    scores: Scores
    interval: Interval | None
    seconds: float
    about: dict[str, Any]

    @property
    def notes(self) -> list[str]:
        """What the user should know, each once."""
        folds = self.about["folds"]
        told = untaught([part.get("absent", []) for part in folds])
        return [*told, *dict.fromkeys(n for part in folds for n in part["notes"])]


def open_cell(artifact: Artifact, protocol: Protocol) -> CellResult:
    """The result of a finished artifact."""
    counts = read_array(artifact.folder / "counts.npy")
    about = read_json(artifact.folder / "cell.json")
    judged = without_other(counts) if protocol == "patches" else counts
    areas = tuple(about["areas"])
    return CellResult(
        artifact,
        counts,
        tuple(about["patches"]),
        areas,
        scores(judged.sum(axis=0)),
        bootstrap(by_area(judged, areas)),
        float(artifact.counts["seconds"]),
        about,
    )


def by_area(counts: AnyArray, areas: Sequence[str]) -> AnyArray:
    """Counts of patches summed by area: (p, 13, 13) -> (a, 13, 13), areas by name."""
    names, at = np.unique(np.array(areas, np.str_), return_inverse=True)
    summed = np.zeros((len(names), *counts.shape[1:]), counts.dtype)
    np.add.at(summed, at, counts)
    return summed


def untaught(absent: Sequence[Sequence[int]]) -> list[str]:
    """What to say of classes that lack in the training pixels of each of some folds."""
    everywhere = set(absent[0]).intersection(*absent[1:]) if absent else set()
    told = [_untaught(everywhere, "")]
    for at, lacking in enumerate(absent, start=1):
        told.append(_untaught(set(lacking) - everywhere, f"fold {at} of {len(absent)}: "))
    return [words for words in told if words]


def _untaught(values: set[int], where: str) -> str:
    if not values:
        return ""
    names = [f"{value} ({REDUCED[value - 1].name})" for value in sorted(values)]
    if len(names) == 1:
        return f"{where}class {names[0]} is in no training pixel: it cannot be predicted"
    listed = f"{', '.join(names[:-1])} and {names[-1]}"
    return f"{where}classes {listed} are in no training pixel: they cannot be predicted"


def gap(results: Mapping[Protocol, CellResult]) -> float | None:
    """The optimism gap: mIoU on the training patches minus that on domains left out.

    Both without the pixels of "other", so that only the patches differ.
    """
    if not {"patches", "domains"} <= results.keys():
        return None
    seen, unseen = (without_other(results[p].counts.sum(axis=0)) for p in ("patches", "domains"))
    difference = scores(seen).miou - scores(unseen).miou
    return None if np.isnan(difference) else difference
