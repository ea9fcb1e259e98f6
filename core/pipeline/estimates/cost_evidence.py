"""What former results of a workspace say about its costs on this machine.

The manifest of each artifact holds the core-seconds that it took. Compared with the law of its
stage, they correct the next estimate.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.artifacts.store import MANIFEST, Artifact, Store
from core.compute.cores import machine_mark
from core.errors import ArtifactError, SettingsError
from core.pipeline.estimates.cost_laws import LAWS, CostLaw
from core.pipeline.estimates.work_amounts import Work, WorkReader

MOST_ARTIFACTS = 8
"""Number of the latest artifacts of a stage that are compared with its law."""
# Without evidence, the true time is expected within this factor of the estimate.
_SPREAD = 2.0
# An artifact counts as much as this many, but less if it took less than a second, because the
# start of libraries is then part of its time.
_WEIGHT = 2.0
# A single measurement never changes an estimate by more than this factor.
_MOST_CHANGE = 8.0


@dataclass(frozen=True)
class CostCorrection:
    """What former results say about a law on this machine.

    Estimates are multiplied by `factor`; the time is expected between ``estimate / spread`` and
    ``estimate * spread``. `law` is the law itself if it is known from former results alone.
    """

    factor: float = 1.0
    spread: float = _SPREAD
    law: CostLaw | None = None


@dataclass(frozen=True)
class Measurement:
    """The measured costs of an artifact, as core-seconds of the reference machine."""

    work: Work
    core_seconds: float


NO_CORRECTION = CostCorrection()


def find_corrections(
    store: Store, readers: Mapping[str, WorkReader], speed: float
) -> dict[str, CostCorrection]:
    """Return the corrections by the name of the law, from artifacts of this machine.

    `readers` are functions that read the work of an artifact, by the name of its stage, and `speed`
    is that of this machine relative to the reference machine.
    """
    by_law: dict[str, list[Measurement]] = {}
    for stage, read in readers.items():
        for measurement in _measurements(store, stage, read, speed):
            by_law.setdefault(measurement.work.law, []).append(measurement)
    return {name: combine_measurements(rows, LAWS.get(name)) for name, rows in by_law.items()}


def combine_measurements(rows: Sequence[Measurement], law: CostLaw | None) -> CostCorrection:
    """Return the correction of a law, or the law itself if it is None, from measurements.

    The factor is the weighted geometric mean of the ratios of measured and estimated time, with a
    ratio of 1 for the law itself.
    """
    weights = [_WEIGHT * min(1.0, row.core_seconds) for row in rows]
    if law is None:
        rate = sum(row.core_seconds for row in rows) / sum(row.work.amount for row in rows)
        spread = _SPREAD ** (1 / math.sqrt(max(1.0, sum(weights))))
        return CostCorrection(1.0, spread, CostLaw("million values", 0.0, rate))
    total = 1 + sum(weights)
    logs = [_log_ratio(row.core_seconds, law.core_seconds(row.work.amount)) for row in rows]
    factor = math.exp(sum(w * log for w, log in zip(weights, logs, strict=True)) / total)
    return CostCorrection(factor, _SPREAD ** (1 / math.sqrt(total)))


def _log_ratio(measured: float, estimated: float) -> float:
    """Return the logarithm of a ratio of times, within limits."""
    log, limit = math.log(max(measured, 1e-3) / max(estimated, 1e-3)), math.log(_MOST_CHANGE)
    return max(-limit, min(limit, log))


def evidence_stamp(store: Store, readers: Mapping[str, WorkReader]) -> tuple[int, ...]:
    """Return a value that changes whenever an artifact of one of the stages is added."""
    return tuple(_changed(store.root / stage) for stage in readers)


def _changed(folder: Path) -> int:
    try:
        return folder.stat().st_mtime_ns
    except OSError:
        return 0


def _measurements(
    store: Store, stage: str, read: WorkReader, speed: float
) -> Iterator[Measurement]:
    """Yield the measurements of the latest artifacts that this machine has computed."""
    for artifact in latest_artifacts(store, stage):
        if artifact.manifest.get("machine") != machine_mark() or artifact.failed:
            continue
        try:
            work = read(store, artifact)
        except (ArtifactError, KeyError, OSError, SettingsError, TypeError):
            # The manifest of another version, or an input that was deleted.
            continue
        if work is None or work.amount <= 0:
            continue
        # Networks may run on other devices than processor cores, and are measured by the clock.
        name = "core_seconds" if work.law in LAWS else "seconds"
        if seconds := float(artifact.manifest.get(name, 0)):
            yield Measurement(work, seconds * speed)


def latest_artifacts(store: Store, stage: str, most: int = MOST_ARTIFACTS) -> list[Artifact]:
    """Return the latest artifacts of a stage, without those that are damaged."""
    folders = [path for path in (store.root / stage).glob("*") if (path / MANIFEST).is_file()]
    folders.sort(key=_changed, reverse=True)
    artifacts = []
    for folder in folders[:most]:
        try:
            artifact = store.get(stage, folder.name)
        except ArtifactError:
            continue
        if artifact is not None:
            artifacts.append(artifact)
    return artifacts
