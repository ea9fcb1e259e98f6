"""The estimated cost of a job: its steps, their sum, and what to say about them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from core.artifacts.store import Store
from core.pipeline.estimates.cost_evidence import NO_CORRECTION, CostCorrection, find_corrections
from core.pipeline.estimates.cost_laws import LAWS, PROGRAM_BYTES, PROGRAM_SECONDS
from core.pipeline.estimates.machine_speed import MachineSpeed, known_speed
from core.pipeline.estimates.work_amounts import Work, WorkReader

StepState = Literal["estimated", "computed", "unknown"]
NO_ESTIMATE = "No estimate yet"
# Share of the free memory or disk space above which a warning is given.
_MOST_OF_SPACE = 0.9


@dataclass(frozen=True)
class StepEstimate:
    """The estimated cost of one step of a job.

    Attributes
    ----------
    title : str
        What the step computes, for tables.
    state : {"estimated", "computed", "unknown"}
        "computed" if the result exists and costs nothing; "unknown" without a basis.
    seconds, low, high : float
        Wall time on this machine without other load, and the range it is expected in.
    bytes : float
        Peak memory of the process, the program included.
    disk : float
        Bytes that the result takes on the disk.
    reason : str
        Why there is no estimate; empty if there is one.
    """

    title: str
    state: StepState = "estimated"
    seconds: float = 0.0
    low: float = 0.0
    high: float = 0.0
    bytes: float = 0.0
    disk: float = 0.0
    reason: str = ""


@dataclass(frozen=True)
class FreeSpace:
    """The memory and the disk space that are free now, in bytes; None if not known."""

    memory: float | None = None
    disk: float | None = None


@dataclass(frozen=True)
class JobEstimate:
    """The estimated cost of a job; the steps run one after the other."""

    steps: tuple[StepEstimate, ...]
    space: FreeSpace = field(default_factory=FreeSpace)

    @property
    def pending(self) -> tuple[StepEstimate, ...]:
        """The steps that have not been computed yet."""
        return tuple(step for step in self.steps if step.state != "computed")

    @property
    def unknown(self) -> tuple[StepEstimate, ...]:
        """The steps without an estimate."""
        return tuple(step for step in self.steps if step.state == "unknown")

    @property
    def is_known(self) -> bool:
        """True if at least one of the pending steps has an estimate."""
        return len(self.unknown) < len(self.pending)

    @property
    def seconds(self) -> float:
        """Wall time of all steps with an estimate; 0 if nothing is pending."""
        return sum(step.seconds for step in self.pending) + self._start

    @property
    def seconds_range(self) -> tuple[float, float]:
        """The range that the wall time is expected in."""
        return (
            sum(step.low for step in self.pending) + self._start / 2,
            sum(step.high for step in self.pending) + self._start * 2,
        )

    @property
    def bytes(self) -> float:
        """Peak memory of the job's process."""
        return max((step.bytes for step in self.pending), default=0.0)

    @property
    def disk(self) -> float:
        """Bytes that the results take on the disk."""
        return sum(step.disk for step in self.pending)

    @property
    def _start(self) -> float:
        return PROGRAM_SECONDS if self.pending else 0.0

    @property
    def sentence(self) -> str:
        """The estimate in one line."""
        if not self.pending:
            return "Already computed"
        if not self.is_known:
            return f"{NO_ESTIMATE}: {self.unknown[0].reason}"
        low, high = self.seconds_range
        time = f"{describe_seconds(self.seconds)} ({describe_range(low, high)})"
        if self.unknown:
            names = " and ".join(step.title.lower() for step in self.unknown)
            time += f" plus {names}, for which there is no estimate yet"
        return f"About {time}, {describe_bytes(self.bytes)} of memory"

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences on memory or disk space that may not suffice, with a remedy."""
        warnings = []
        memory, disk = self.space.memory, self.space.disk
        if memory is not None and self.bytes > _MOST_OF_SPACE * memory:
            warnings.append(
                f"This needs about {describe_bytes(self.bytes)} of memory, and "
                f"{describe_bytes(memory)} are free. Close other programs, or use smaller chips or "
                "fewer of them."
            )
        if disk is not None and self.disk > _MOST_OF_SPACE * disk:
            warnings.append(
                f"The results take about {describe_bytes(self.disk)} of disk space, and "
                f"{describe_bytes(disk)} are free. Free some space, for example with `chipscape "
                "clean`, or use a workspace on another disk."
            )
        return tuple(warnings)

    def as_table(self) -> dict[str, Any]:
        """The estimate as plain values for JSON; times without a basis are None."""
        rows = [
            {
                name: None if step.state == "unknown" and value == 0 else value
                for name, value in asdict(step).items()
            }
            for step in self.steps
        ]
        low, high = self.seconds_range
        known = not self.pending or self.is_known
        return {
            "steps": rows,
            "seconds": self.seconds if known else None,
            "low": low if known else None,
            "high": high if known else None,
            "bytes": self.bytes if known else None,
            "disk": self.disk if known else None,
            "complete": not self.unknown,
            "sentence": self.sentence,
            "warnings": list(self.warnings),
        }


@dataclass(frozen=True)
class CostModel:
    """Turns amounts of work into estimates for this machine.

    `corrections` are those of `find_corrections`.
    """

    speed: MachineSpeed
    corrections: Mapping[str, CostCorrection] = field(default_factory=dict)

    def has_basis(self, name: str) -> bool:
        """Return True if the costs of a law can be estimated."""
        return name in LAWS or name in self.corrections

    def estimate(self, title: str, works: Work | Sequence[Work], disk: float = 0.0) -> StepEstimate:
        """Estimate a step of one or more pieces of work that follow the same law."""
        works = [works] if isinstance(works, Work) else works
        name = works[0].law
        correction = self.corrections.get(name, NO_CORRECTION)
        law = correction.law or LAWS.get(name)
        if law is None:
            return unknown_step(title, f"there is no former result with {name} to judge by.")
        if not self.speed.measured and correction is NO_CORRECTION:
            return unknown_step(title, "the first job measures the speed of this machine.")
        core_seconds = sum(law.core_seconds(work.amount) for work in works) * correction.factor
        seconds = self.speed.wall_seconds(core_seconds, law.parallel)
        return StepEstimate(
            title,
            "estimated",
            seconds,
            seconds / correction.spread,
            seconds * correction.spread,
            PROGRAM_BYTES
            + max(
                law.peak_bytes(work.amount if work.resident is None else work.resident)
                for work in works
            ),
            disk,
        )


def cost_model(store: Store, readers: Mapping[str, WorkReader]) -> CostModel:
    """Return the model for this machine, corrected by the former results of a workspace.

    `readers` are those of `find_corrections`.
    """
    speed = known_speed()
    return CostModel(speed, find_corrections(store, readers, speed.speed))


def computed_step(title: str) -> StepEstimate:
    """Return a step whose result exists."""
    return StepEstimate(title, "computed")


def tried_step(title: str, seconds: float, memory: float, disk: float) -> StepEstimate:
    """Return a step whose wall time and additional memory were measured on a few of the chips."""
    low, high = seconds / NO_CORRECTION.spread, seconds * NO_CORRECTION.spread
    return StepEstimate(title, "estimated", seconds, low, high, PROGRAM_BYTES + memory, disk)


def unknown_step(title: str, reason: str) -> StepEstimate:
    """Return a step that cannot be estimated, with the reason as a sentence's second half."""
    return StepEstimate(title, "unknown", reason=reason)


def free_space(folder: Path) -> FreeSpace:
    """Return the free memory of this machine, and the free space of the disk with a folder."""
    import shutil

    import psutil

    existing = next(path for path in (folder, *folder.parents) if path.exists())
    return FreeSpace(psutil.virtual_memory().available, shutil.disk_usage(existing).free)


def describe_seconds(seconds: float) -> str:
    """Return a duration in words, with at most two digits, such as 8 s, 3 min or 1.5 h."""
    if seconds < 1:
        return "less than 1 s"
    number, unit = _duration(seconds)
    return f"{number} {unit}"


def describe_range(low: float, high: float) -> str:
    """Return a range of durations, such as 1.5 to 6 min."""
    first, second = _duration(low), _duration(high)
    if high < 1:
        return "less than 1 s"
    if first == second:
        return f"{first[0]} {first[1]}"
    if first[1] == second[1]:
        return f"{first[0]} to {second[0]} {second[1]}"
    return f"{first[0]} {first[1]} to {second[0]} {second[1]}"


def describe_bytes(n_bytes: float) -> str:
    """Return an estimated size with at most two digits, in MB or GB."""
    if n_bytes < 0.95e9:
        return f"{float(f'{n_bytes / 1e6:.1g}' if n_bytes < 1e7 else f'{n_bytes / 1e6:.2g}'):g} MB"
    return f"{float(f'{n_bytes / 1e9:.2g}'):g} GB"


def _duration(seconds: float) -> tuple[str, str]:
    """Return the number and the unit of a duration; no more digits than an estimate deserves."""
    if seconds < 1:
        return "1", "s"
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= 1.5 * size:
            value = seconds / size
            return (f"{float(f'{value:.2g}'):g}" if value < 10 else f"{value:.0f}"), unit
    step = 1 if seconds < 10 else 5
    return f"{round(seconds / step) * step:d}", "s"
