"""Compare estimates with measurements at three sizes: `python benchmarks/estimate.py`.

Generated chips are run through every stage with each clustering method, and through the jobs that
follow a run; generated land-cover patches are run through several classifiers. Each command runs in
a process of its own. Its processor time and peak memory are compared with two estimates for one
core that were made before: without former results, and corrected by the results of the size before
in another workspace. Processor time hardly changes with other load, unlike wall time. `--quick`
uses small sizes; there, the start of the program is most of the time.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from generated_workspace import write_scene

from core.artifacts.store import Store
from core.demo.land_cover.patches import write_land_cover
from core.land.models.classifiers import MethodSettings
from core.land.models.features import FeatureSpec
from core.pipeline.estimates.cost_evidence import find_corrections
from core.pipeline.estimates.encoder_estimate import estimate_comparison
from core.pipeline.estimates.fit_estimate import (
    estimate_component_sweep,
    estimate_quality,
    estimate_screening,
)
from core.pipeline.estimates.job_estimate import CostModel, JobEstimate
from core.pipeline.estimates.land_estimate import LandJob, estimate_file_survey, estimate_land
from core.pipeline.estimates.land_work import LAND_READERS
from core.pipeline.estimates.machine_speed import ensure_speed
from core.pipeline.estimates.output_estimate import estimate_export
from core.pipeline.estimates.run_estimate import estimate_run
from core.pipeline.estimates.work_amounts import CHIP_READERS, WorkReader
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


@dataclass(frozen=True)
class Job:
    """A command of Chipscape, and the estimate of its time and memory by a cost model."""

    title: str
    words: tuple[str, ...]
    estimate: Callable[[CostModel], JobEstimate]


# The peak memory that Linux reports of a process is at least that of the process which started it.
# This small program in between has none of the libraries.
LAUNCHER = """
import json, resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([code, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024]))
"""


def run_measured(*words: str) -> Usage:
    """Run a command of Chipscape in a process of its own."""
    command = [sys.executable, "-c", LAUNCHER, sys.executable, "-m", "core", *words]
    process = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    code, core_seconds, n_bytes = json.loads(process.stdout)
    if code:
        raise SystemExit(f"{' '.join(words)} failed")
    return Usage(core_seconds, n_bytes)


def compare(job: Job, root: Path, n: int, model: CostModel, former: CostModel) -> dict[str, object]:
    """Run a job, and compare what it takes with its estimates with and without former results."""
    estimate, corrected = job.estimate(model), job.estimate(former)
    usage = run_measured(*job.words, "--workspace", str(root), "--json")
    low, high = corrected.seconds_range
    return {
        "job": job.title,
        "n": n,
        "estimated_core_s": round(estimate.seconds, 2),
        "measured_core_s": round(usage.core_seconds, 2),
        "time_ratio": round(estimate.seconds / usage.core_seconds, 2),
        "corrected_ratio": round(corrected.seconds / usage.core_seconds, 2),
        "in_range": bool(low <= usage.core_seconds <= high),
        "memory_ratio": round(estimate.bytes / usage.bytes, 2),
        "measured_mb": round(usage.bytes / 1e6),
    }


def compare_chips(
    root: Path, n: int, model: CostModel, former: CostModel
) -> Iterator[dict[str, object]]:
    write_scene(root / "raw", n)
    workspace = Workspace.at(root)

    def view(method: str) -> View:
        return complete_view(View(workspace, RunSettings(method), survey_scenes(workspace)))

    for method in METHODS:
        words = ("run", "--method", method)
        job = Job(f"run, {method}", words, partial(estimate_run, view(method)))
        before = stage_seconds(workspace.store)
        estimate = job.estimate(model)
        row = compare(job, root, n, model, former)
        after = stage_seconds(workspace.store)
        row["stages"] = {
            step.title: [round(step.seconds, 2), round(after[step.title] - before[step.title], 2)]
            for step in estimate.pending
        }
        yield row
    mixture = view("gmm")
    for title, words, estimate_job in (
        ("screen", ("screen",), estimate_screening),
        ("landscape, gmm", ("landscape",), estimate_component_sweep),
        ("quality, gmm", ("quality",), estimate_quality),
        ("quality, hdbscan", ("quality", "--method", "hdbscan"), estimate_quality),
    ):
        judged = view("hdbscan") if "hdbscan" in words else mixture
        yield compare(Job(title, words, partial(estimate_job, judged)), root, n, model, former)
    options = ("--encoders", "colour", "--property", "class")
    estimate = partial(estimate_comparison, mixture, encoders=["colour"], attribute="class")
    yield compare(Job("compare", ("compare", *options), estimate), root, n, model, former)
    options = ("--format", "gpkg,coco,chips-png", "--out", str(root / "exports"))
    estimate = partial(estimate_export, mixture, formats=["gpkg", "coco", "chips-png"])
    yield compare(Job("export", ("export", *options), estimate), root, n, model, former)


def stage_seconds(store: Store) -> dict[str, float]:
    """Return the core-seconds of the artifacts of each step."""
    return {
        title: sum(float(a.manifest["core_seconds"]) for name in names for a in store.all(name))
        for title, names in STAGES.items()
    }


def compare_land(
    root: Path, n: int, model: CostModel, former: CostModel
) -> Iterator[dict[str, object]]:
    write_land_cover(root / "flair", patches=n)
    workspace = Workspace.at(root)
    study = Study(workspace, StudySettings(), open_dataset(workspace))
    # The tree comes first, because a run with HDBSCAN would leave it nothing to build.
    run = StudyRun(study, MethodSettings("hdbscan"), FeatureSpec())
    words = ("land", "bench", "--protocol", "domains")
    job = Job("land bench", words, partial(estimate_land, [LandJob(run, "bench")]))
    yield compare(job, root, n, model, former)
    for name in CLASSIFIERS:
        estimated = [LandJob(StudyRun(study, MethodSettings(name), FeatureSpec()))]
        words = ("land", "run", "--method", name, "--protocol", "domains")
        job = Job(f"land run, {name}", words, partial(estimate_land, estimated))
        yield compare(job, root, n, model, former)
    survey = partial(estimate_file_survey, workspace, study.dataset)
    yield compare(Job("land survey", ("land", "survey"), survey), root, n, model, former)


def corrected_model(model: CostModel, root: Path, readers: Mapping[str, WorkReader]) -> CostModel:
    """Return a model corrected by the results of another workspace."""
    store = Workspace.at(root).store
    return replace(model, corrections=find_corrections(store, readers, model.speed.speed))


def worst_factor(ratios: Sequence[float]) -> float:
    """Return the largest factor between estimates and measurements, in either direction."""
    return round(max(max(ratio, 1 / ratio) for ratio in ratios), 2)


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
    halves = (
        ("chips", compare_chips, sizes[0], CHIP_READERS),
        ("land", compare_land, sizes[1], LAND_READERS),
    )
    with tempfile.TemporaryDirectory() as folder:
        for name, compare_size, numbers, readers in halves:
            if not numbers:
                continue
            # The first size is corrected by a small trial, as users make it with new data.
            former = Path(folder) / f"{name}-trial"
            list(compare_size(former, max(3, numbers[0] // 4), model, model))
            for n in numbers:
                root = Path(folder) / f"{name}-{n}"
                for row in compare_size(root, n, model, corrected_model(model, former, readers)):
                    print(json.dumps(row), flush=True)
                    rows.append(row)
                former = root
    kinds = ("time_ratio", "corrected_ratio", "memory_ratio")
    times, corrected, memories = ([float(str(r[k])) for r in rows] for k in kinds)
    result = {
        "name": "estimate",
        "ours": round(sum(0.5 <= ratio <= 2 for ratio in times) / len(times), 3),
        "other": None,
        "ratio": round(statistics.geometric_mean(times), 2),
        "unit": "share of jobs within a factor of two; ratio of estimate and measurement",
        "detail": {
            "worst_time_factor": worst_factor(times),
            "worst_corrected_factor": worst_factor(corrected),
            "worst_memory_factor": worst_factor(memories),
            "speed": round(speed.speed, 2),
            "cores": speed.cores,
            "jobs": rows,
        },
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
