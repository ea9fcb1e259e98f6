"""Commands killed at random moments: nothing wrong is left, and the next call gives the same."""

import os
import random
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from core.artifacts.sweep import list_leftovers
from core.leftovers import find_leftovers
from core.pipeline.results.run_records import list_run_records
from core.pipeline.results.verification import verify_workspace
from core.pipeline.workspace import Workspace
from tests.faults.command_runner import CommandRunner, command_runners
from tests.pipeline.conftest import QUICK

N_KILLS = int(os.environ.get("CHIPSCAPE_KILLS", "200"))
SLOW_SECONDS = 8
SEED = os.environ.get("CHIPSCAPE_KILL_SEED")
# Documents with times, which `verify_workspace` reads, and the marks of synthetic data, which are
# written before and after the data.
DOCUMENTS = {"manifest.json", "checksums.json", "current.json", "cell.json"}
DOCUMENTS |= {"demo.json", "land-cover.json"}
# Durations, of the machine at that moment.
TIMINGS = "artifacts/estimates/"


def first_run(root: Path) -> str:
    # The names do not tell which of two runs of one second was the first.
    return list_run_records(Workspace.at(root))[-1].run_id


def damage(root: Path) -> None:
    """Invert a byte in the projection, so that there is something to compute again."""
    for path in sorted((root / "artifacts").glob("projection/*/points.npy")):
        content = path.read_bytes()
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 0xFF]))


@dataclass(frozen=True)
class Step:
    """A command: its words, the folder it works on, and what is done once before it."""

    words: tuple[Any, ...]
    folder: str = ""
    has_settings: bool = True
    prepare: Callable[[Path], None] = lambda root: None

    @property
    def name(self) -> str:
        n_words = 2 if self.words[0] == "flair" else 1
        return " ".join(map(str, self.words[:n_words]))

    def arguments(self, root: Path, settings: Path) -> list[Any]:
        words = [word(root) if callable(word) else word for word in self.words]
        options = ["--settings", settings] if self.has_settings else []
        return [*words, "--workspace", root / self.folder, *options]


def source(root: Path) -> Path:
    return root.parent / "source"


def bare(*words: Any, **options: Any) -> Step:
    return Step(words, has_settings=False, **options)


TABLES = "csv,geojson,geoparquet,gpkg,fgb,hectares"
PICTURES = "coco,yolo,voc,chips-png,chips-geotiff,plot-svg,plot-png,report"
SHORT = [
    Step(("import", source)),
    Step(("run", "--n-components", "2")),
    Step(("run",)),
    Step(("export", "--format", "csv,chips-png")),
    bare("verify", "--recompute", prepare=damage),
    bare("clean", "--unpinned"),
]
RUN = [Step(("import", source)), Step(("run",))]
LONG = {
    "results": [
        RUN[0],
        Step(("scenes",)),
        Step(("chips",)),
        Step(("embed",)),
        Step(("cluster",)),
        Step(("cluster", "--method", "hdbscan")),
        Step(("project",)),
        Step(("run",)),
        Step(("run", "--chip-size", "24")),
        Step(("screen",)),
        Step(("score",)),
        Step(("quality",)),
        Step(("landscape",)),
        Step(("compare", "--encoders", "texture,colour")),
        Step(("estimate", "--encoders", "texture")),
        Step(("overviews",)),
    ],
    "exports": [
        *RUN,
        Step(("run", "--n-components", "2")),
        Step(("export", "--format", TABLES)),
        Step(("export", "--format", PICTURES)),
        Step(("export", "--format", "chips-png,yolo", "--zip")),
        Step(("export", "--layout", "seed")),
        bare("assign", source),
        bare("runs", first_run, "--rename", "mine", "--pin"),
        bare("verify", "--recompute", prepare=damage),
        Step(("run", "--chip-size", "24")),
        Step(("run",)),
        bare("clean", "--unpinned"),
        bare("replay", "mine"),
    ],
    "synthetic": [
        bare("demo", folder="harbour"),
        bare("flair", "demo", "--patches", 3, folder="land"),
        *(
            bare("flair", word, folder="land")
            for word in ("describe", "survey", "run", "maps", "bench", "recut")
        ),
    ],
}


@dataclass
class Log:
    """Numbers of kills by command and of commands that ended earlier, and what went wrong."""

    kills: Counter[str] = field(default_factory=Counter)
    n_late: int = 0
    failures: list[str] = field(default_factory=list)

    def write(self, title: str, *lines: str) -> None:
        numbers = f"{self.kills.total()} kills, {len(self.failures)} failures, {self.n_late} late"
        text = "\n".join([f"{title}: {numbers}", *lines])
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()


def all_files(root: Path) -> dict[str, bytes]:
    """Return all visible files; those of runs, whose names contain the time, are empty."""
    files = {}
    for path in root.rglob("*"):
        name = path.relative_to(root)
        is_hidden = any(part.startswith(".") for part in name.parts)
        is_timing = name.name in DOCUMENTS or str(name).startswith(TIMINGS)
        if path.is_file() and not is_hidden and not is_timing:
            is_record = name.parts[:2] == ("results", "runs")
            files[str(name)] = b"" if is_record else path.read_bytes()
    return files


def stable_names(files: dict[str, bytes]) -> list[str]:
    records = sum(not content and "runs" in name for name, content in files.items())
    names = [name for name, content in files.items() if content or "runs" not in name]
    return [f"{records} runs", *sorted(names)]


def is_same(content: bytes, known: dict[str, bytes], name: str, varying: set[str]) -> bool:
    """Return True if a file has the known content; one that names the time, about its length."""
    if name in varying and name in known:
        return abs(len(content) - len(known[name])) <= 0.05 * len(content)
    return known.get(name) == content


class Chain:
    """Runs steps without a kill, and keeps the files after each step.

    `varying` are the files that differ between two such runs.
    """

    def __init__(self, folder: Path, runner: CommandRunner, steps: list[Step]) -> None:
        self.folder, self.runner, self.steps = folder, runner, steps
        self.settings = folder / "quick.toml"
        self.settings.write_text(tomli_w.dumps(QUICK))
        self.reference, self.seconds = self.run(self.start("reference"), steps)
        # Only exports name their run, and thus the time.
        is_export = any(step.words[0] == "export" for step in steps)
        second = self.run(self.start("reference"), steps)[0] if is_export else self.reference
        self.varying = {
            name
            for one, other in zip(self.reference, second, strict=True)
            for name in one.keys() & other.keys()
            if one[name] != other[name]
        }
        assert not any(name.startswith(("artifacts", "raw")) for name in self.varying)

    def run(self, root: Path, steps: list[Step]) -> tuple[list[dict[str, bytes]], list[float]]:
        files, seconds = [], []
        for step in steps:
            step.prepare(root)
            outcome = self.runner.run(*step.arguments(root, self.settings))
            assert outcome.code == 0, (step.name, outcome.output)
            seconds.append(outcome.seconds)
            files.append(all_files(root))
        return files, seconds

    def start(self, name: str) -> Path:
        root = self.folder / name
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir()
        return root

    def run_killed(self, root: Path, numbers: random.Random, n_per_step: int, log: Log) -> None:
        """Kill each step some times, then complete it, with a check after each of them."""
        before: dict[str, bytes] = {}
        for step, seconds, expected in zip(self.steps, self.seconds, self.reference, strict=True):
            step.prepare(root)
            for _ in range(n_per_step if seconds < SLOW_SECONDS else 2):
                kill_after = numbers.uniform(0, seconds)
                arguments = step.arguments(root, self.settings)
                outcome = self.runner.run(*arguments, kill_after=kill_after)
                log.kills[step.name] += outcome.code == -9
                log.n_late += outcome.code == 0
                problems = list(self.partial_problems(root, step, before, expected))
                if outcome.code not in (0, -9):
                    problems.append(outcome.output)
                case = f"{step.name} killed after {kill_after:.3f} s of {seconds:.3f} s"
                log.failures += [f"{case}: {problem}" for problem in problems]
            outcome = self.runner.run(*step.arguments(root, self.settings))
            before = all_files(root)
            problems = list(self.final_problems(before, expected))
            if outcome.code:
                problems.insert(0, outcome.output)
            log.failures += [f"{step.name} completed: {problem}" for problem in problems]
            log.write(f"{step.name} of {seconds:.2f} s")

    def final_problems(self, files: dict[str, bytes], expected: dict[str, bytes]) -> Iterator[str]:
        """Yield the differences between the files of a completed command and those expected."""
        names, expected_names = (set(stable_names(f)) for f in (files, expected))
        yield from (f"{name} is missing" for name in sorted(expected_names - names))
        yield from (f"{name} is too many" for name in sorted(names - expected_names))
        for name in sorted(files.keys() & expected.keys()):
            if not is_same(files[name], expected, name, self.varying):
                yield f"{name} differs"

    def partial_problems(
        self, root: Path, step: Step, before: dict[str, bytes], expected: dict[str, bytes]
    ) -> Iterator[str]:
        """Yield what a killed process left that is neither the old nor the new content."""
        for folder in {root, root / step.folder}:
            verification = verify_workspace(Workspace.at(folder))
            yield from verification.unreadable
            # The command is to repair the damage made before it.
            if step.prepare is not damage:
                yield from (f"{damaged.folder} is damaged" for damaged in verification.damaged)
        if step.prepare is damage:
            return
        for name, content in all_files(root).items():
            is_known = [is_same(content, files, name, self.varying) for files in (before, expected)]
            if not name.startswith("results/runs/") and not any(is_known):
                yield f"{name} is neither the old nor the new file"


def kill_commands(chain: Chain, n_kills: int, n_per_step: int, seed: int) -> Log:
    numbers, log, start = random.Random(seed), Log(), time.perf_counter()
    while log.kills.total() < n_kills:
        root = chain.start("killed")
        chain.run_killed(root, numbers, n_per_step, log)
        outcome = chain.runner.run("clean", "--workspace", root)
        assert outcome.code == 0, outcome.output
        leftovers = list_leftovers(Workspace.at(root).store)
        leftovers += find_leftovers([root, root / "raw", root / "results"])
        log.failures += [f"left over: {path}" for path in leftovers]
        counts = [f"{name:16} {n:4}" for name, n in sorted(log.kills.items())]
        log.write(f"\nseed {seed}, {time.perf_counter() - start:.0f} s", *counts, *log.failures)
    assert log.failures == []
    return log


@pytest.fixture
def chain(workspace, tmp_path):
    """A function that runs steps without a kill, in a process of its own."""
    workspace.raw.rename(tmp_path / "source")
    with command_runners(tmp_path, 1) as (runner,):
        yield lambda steps: Chain(tmp_path, runner, steps)


def test_killed__short(chain):
    kill_commands(chain(SHORT), n_kills=1, n_per_step=1, seed=int(SEED or 0))


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("part", LONG)
def test_killed__every_command(chain, part):
    seed = int(SEED or random.randrange(10**6))
    kill_commands(chain(LONG[part]), N_KILLS // len(LONG) + 1, n_per_step=4, seed=seed)
