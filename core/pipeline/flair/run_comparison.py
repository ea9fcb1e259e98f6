"""Comparison of finished runs: by protocol, with and without "other", and by patches left out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from core.flair.evaluation.confusion import score_confusion, without_other
from core.flair.evaluation.protocols import Protocol
from core.flair.models.classifier_table import CLASSIFIERS
from core.pipeline.flair.study import Study
from core.pipeline.flair.study_cells import CellResult, StudyRun


def find_run(finished: Iterable[StudyRun], run: StudyRun) -> StudyRun | None:
    """Return the finished run that is equal to a run, or None."""
    similar = [other for other in finished if (other.method, other.spec) == (run.method, run.spec)]
    # The key comes last: it may need checksums of Sentinel files that are not known yet.
    return next((other for other in similar if other.key == run.key), None)


def group_by_protocol(runs: Iterable[StudyRun]) -> list[dict[Protocol, StudyRun]]:
    """Group runs that differ only in their protocol; groups of chance baselines come last."""
    groups: dict[Any, dict[Protocol, StudyRun]] = {}
    for run in runs:
        settings = replace(run.settings, protocol="domains", n_folds=3)
        groups.setdefault((run.method, run.spec, settings), {})[run.settings.protocol] = run
    return sorted(groups.values(), key=lambda group: next(iter(group.values())).is_chance)


def pair_by_other(runs: Iterable[StudyRun]) -> list[tuple[StudyRun, StudyRun]]:
    """Pair runs that differ only in being trained without and with "other"."""
    pairs: dict[Any, dict[bool, StudyRun]] = {}
    for run in runs:
        if CLASSIFIERS[run.method.method].uses_labels:
            sample = run.settings.sample
            settings = replace(run.settings, sample=replace(sample, other=False))
            pairs.setdefault((run.method, run.spec, settings), {})[sample.other] = run
    return [(pair[False], pair[True]) for pair in pairs.values() if len(pair) == 2]


def optimism_gap(results: Mapping[Protocol, CellResult]) -> float | None:
    """Return the mIoU on the training patches minus that on domains left out.

    Both are computed without the pixels of "other", so that only the patches differ. None if one
    of the two results is missing, or a score is undefined.
    """
    if not {"patches", "domains"} <= results.keys():
        return None
    counts = [without_other(results[p].counts.sum(axis=0)) for p in ("patches", "domains")]
    difference = score_confusion(counts[0]).miou - score_confusion(counts[1]).miou
    return None if np.isnan(difference) else difference


def unjudged_patches(study: Study, results: Sequence[CellResult]) -> dict[str, list[str]]:
    """Return the held-out patches that results lack, with the reason of each such result."""
    reasons: dict[str, list[str]] = {}
    names = [study.dataset.patches[i].name for fold in study.folds for i in fold.test]
    for result in results:
        for name in dict.fromkeys(names):
            if name not in result.patches:
                notes = [note for note in result.notes if note.startswith(f"{name}:")]
                reason = notes[-1].removeprefix(f"{name}: ") if notes else "not predicted"
                reasons.setdefault(name, []).append(reason)
    return reasons
