"""Compare estimates with measurements at three sizes: `python benchmarks/estimate.py`.

Generated chips are run through every stage with each clustering method, and generated land-cover
patches through several classifiers. Each command runs in a process of its own. Its processor time
and peak memory are compared with the estimate that was made before, without former results, for one
core: processor time does not change with other load, unlike wall time. `--quick` uses small sizes;
there, the start of the program is most of the time.
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from generated_workspace import write_scene

from core.artifacts.store import Store
from core.demo.land_cover.patches import write_land_cover
from core.land.models.classifiers import MethodSettings
from core.land.models.features import FeatureSpec
from core.pipeline.estimates.job_estimate import CostModel, JobEstimate
from core.pipeline.estimates.land_estimate import LandJob, estimate_land
from core.pipeline.estimates.machine_speed import ensure_speed
from core.pipeline.estimates.run_estimate import estimate_run
from core.pipeline.land.land_workspace import open_dataset
from core.pipeline.land.study import Study, StudySettings
from core.pipeline.land.study_cells import StudyRun
from core.pipeline.run_stages import complete_view
from core.pipeline.scene_survey import survey_scenes
from core.pipeline.view import View
from core.pipeline.workspace import Workspace
from core.settings import RunSettings

ROOT = Path(__file__).resolve().parents[1]
CHIPS, PATCHES = (1000, 5000, 20_000), (5, 20, 60)
QUICK_CHIPS, QUICK_PATCHES = (200, 400, 800), (3, 4, 5)
METHODS = ("gmm", "hdbscan", "kmeans")
CLASSIFIERS = ("knn", "hdbscan", "gmm", "kmeans")
# The stages of the store that belong to each step of an estimate.
STAGES = {
    "Chips": ("chips",),
    "Embeddings": ("encoders", "embeddings"),
    "Reduction": ("reduction",),
    "Clusters": ("mixtures", "trees", "cuts", "kmeans"),
    "Projection": ("projections",),
}


@dataclass(frozen=True)
class Usage:
    """Core-seconds and peak memory in bytes of a process."""

    core_seconds: float
    bytes: float


def run_measured(*words: str) -> Usage:
    """Run a command of Chipscape in a process of its own."""
    command = [sys.executable, "-m", "core", *words]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(words)} failed")
    return Usage(usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024.0)


def compare(name: str, n: int, estimate: JobEstimate, usage: Usage) -> dict[str, object]:
    return {
        "job": name,
        "n": n,
        "estimated_core_s": round(estimate.seconds, 2),
        "measured_core_s": round(usage.core_seconds, 2),
        "time_ratio": round(estimate.seconds / usage.core_seconds, 2),
        "memory_ratio": round(estimate.bytes / usage.bytes, 2),
    }


def compare_chips(folder: Path, n: int, model: CostModel) -> Iterator[dict[str, object]]:
    root = folder / f"chips-{n}"
    write_scene(root / "raw", n)
    workspace = Workspace.at(root)
    for method in METHODS:
        view = View(workspace, RunSettings(method), survey_scenes(workspace))
        estimate = estimate_run(complete_view(view), model)
        before = stage_seconds(workspace.store)
        usage = run_measured("run", "--workspace", str(root), "--method", method, "--json")
        row = compare(f"run, {method}", n, estimate, usage)
        after = stage_seconds(workspace.store)
        row["stages"] = {
            step.title: [round(step.seconds, 2), round(after[step.title] - before[step.title], 2)]
            for step in estimate.pending
        }
        yield row


def stage_seconds(store: Store) -> dict[str, float]:
    """Return the core-seconds of the artifacts of each step."""
    return {
        title: sum(float(a.manifest["core_seconds"]) for name in names for a in store.all(name))
        for title, names in STAGES.items()
    }


def compare_land(folder: Path, n: int, model: CostModel) -> Iterator[dict[str, object]]:
    root = folder / f"land-{n}"
    write_land_cover(root / "flair", patches=n)
    workspace = Workspace.at(root)
    study = Study(workspace, StudySettings(), open_dataset(workspace))
    for name in CLASSIFIERS:
        run = StudyRun(study, MethodSettings(name), FeatureSpec())
        estimate = estimate_land([LandJob(run)], model)
        words = ("land", "run", "--workspace", str(root), "--method", name, "--json")
        usage = run_measured(*words, "--protocol", "domains")
        yield compare(f"land run, {name}", n, estimate, usage)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes")
    parser.add_argument("--chips", help="numbers of chips, such as 1000,5000")
    parser.add_argument("--patches", help="numbers of patches, such as 5,20")
    arguments = parser.parse_args()
    sizes = [QUICK_CHIPS, QUICK_PATCHES] if arguments.quick else [CHIPS, PATCHES]
    for i, text in enumerate((arguments.chips, arguments.patches)):
        if text is not None:
            sizes[i] = tuple(int(word) for word in text.split(",") if word)
    # Compiled code is stored by the first command that uses it.
    run_measured("warm-up")
    speed = ensure_speed()
    model = CostModel(replace(speed, cores=1))
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as folder:
        for compare_size, numbers in ((compare_chips, sizes[0]), (compare_land, sizes[1])):
            for n in numbers:
                for row in compare_size(Path(folder), n, model):
                    print(json.dumps(row), flush=True)
                    rows.append(row)
    times, memories = ([float(str(r[k])) for r in rows] for k in ("time_ratio", "memory_ratio"))
    result = {
        "name": "estimate",
        "ours": round(sum(0.5 <= ratio <= 2 for ratio in times) / len(times), 3),
        "other": None,
        "ratio": round(statistics.geometric_mean(times), 2),
        "unit": "share of jobs within a factor of two; ratio of estimate and measurement",
        "detail": {
            "worst_time_factor": round(max(math.exp(abs(math.log(r))) for r in times), 2),
            "worst_memory_factor": round(max(math.exp(abs(math.log(r))) for r in memories), 2),
            "speed": round(speed.speed, 2),
            "cores": speed.cores,
            "jobs": rows,
        },
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
