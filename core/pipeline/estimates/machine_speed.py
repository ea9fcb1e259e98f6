"""The speed of this machine, relative to the machine on which the costs of stages were measured.

A few short kernels are timed once, in processor time, so that other load hardly matters. The result
is stored in the user's cache folder until the number of cores or a library changes.
"""

import os
import statistics
import sys
import time
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from core.artifacts.formats import read_json, write_json
from core.compute.cores import machine_mark, n_workers
from core.errors import ArtifactError, WorkspaceError

VARIABLE = "CHIPSCAPE_CACHE"
"""Environment variable with another folder than the user's cache folder."""
_VERSION = 1
_REPEATS = 3
# Core-seconds of each kernel on the reference machine: a virtual machine with two cores of an Intel
# Xeon at 2.6 GHz, NumPy 2.4 with OpenBLAS and Python 3.11.
_REFERENCE = {"matrices": 0.0165, "arrays": 0.0085, "bytes": 0.0069, "objects": 0.0248}


@dataclass(frozen=True)
class MachineSpeed:
    """The speed of one core relative to the reference machine, and the number of cores.

    `measured` is False if the speed has not been measured yet, and is that of the reference.
    """

    speed: float = 1.0
    cores: int = 1
    measured: bool = False

    def wall_seconds(self, core_seconds: float, parallel: float) -> float:
        """Return the wall time of some work on this machine without other load.

        `core_seconds` is its time on one core of the reference machine, and `parallel` the share of
        it that the cores divide among them, 0..1.
        """
        return core_seconds / self.speed * (1 - parallel + parallel / self.cores)


def known_speed() -> MachineSpeed:
    """Return the stored speed of this machine; without one, that of the reference machine."""
    path = _speed_file()
    try:
        changed = path.stat().st_mtime_ns
    except OSError:
        return MachineSpeed(cores=n_workers())
    return _read_speed(path, changed, _identity())


def ensure_speed() -> MachineSpeed:
    """Return the speed of this machine, which is measured in half a second if it is not stored."""
    speed = known_speed()
    if speed.measured:
        return speed
    speed = MachineSpeed(_measure_speed(), n_workers(), measured=True)
    try:
        path = _speed_file()
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, {"identity": _identity(), **asdict(speed)})
    except (OSError, WorkspaceError):
        # Without a cache folder, the speed is measured again by the next command.
        return speed
    return speed


def _measure_speed() -> float:
    """Return the geometric mean of the speeds of all kernels, relative to the reference."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        ratios = [_REFERENCE[name] / _best_seconds(run) for name, run in _KERNELS.items()]
    return statistics.geometric_mean(ratios)


def _best_seconds(run: Callable[[], object]) -> float:
    seconds = []
    for _ in range(_REPEATS):
        start = time.process_time()
        run()
        seconds.append(time.process_time() - start)
    return max(min(seconds), 1e-6)


def _multiply_matrices() -> None:
    matrix = np.full((512, 512), 0.5, np.float32)
    for _ in range(8):
        matrix @ matrix


def _sort_array() -> None:
    values = np.random.default_rng(0).random(500_000)
    np.sort(values)
    np.exp(values).sum()


def _compress_bytes() -> None:
    values = np.random.default_rng(0).integers(0, 16, 400_000, dtype=np.uint8)
    zlib.decompress(zlib.compress(values.tobytes(), 1))


def _count_objects() -> None:
    counts: dict[int, int] = {}
    for number in range(300_000):
        counts[number % 1000] = counts.get(number % 1000, 0) + 1


_KERNELS: dict[str, Callable[[], object]] = {
    "matrices": _multiply_matrices,
    "arrays": _sort_array,
    "bytes": _compress_bytes,
    "objects": _count_objects,
}


def _identity() -> str:
    """Return a text that changes with everything on which the speed depends."""
    versions = f"{sys.version_info.major}.{sys.version_info.minor} {np.__version__}"
    return f"{_VERSION} {machine_mark()} {n_workers()} {versions}"


def _speed_file() -> Path:
    folder = os.environ.get(VARIABLE)
    if folder is None:
        local = os.environ.get("LOCALAPPDATA") if os.name == "nt" else None
        cache = local or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        folder = str(Path(cache) / "chipscape")
    return Path(folder) / "speed.json"


# The app asks for the speed several times in each run of a page.
@lru_cache(maxsize=8)
def _read_speed(path: Path, changed: int, identity: str) -> MachineSpeed:  # noqa: ARG001
    try:
        table = read_json(path)
        if table.pop("identity") == identity:
            return MachineSpeed(**table)
    except (ArtifactError, AttributeError, KeyError, TypeError):
        # Written by another version.
        pass
    return MachineSpeed(cores=n_workers())
