"""The cores that this process may use, and the machine that they belong to."""

import os
import platform
import zlib

CORES = "CHIPSCAPE_CORES"
"""Environment variable with the number of cores that a process may use, if these are not all."""


def n_workers() -> int:
    """Return the number of CPU cores that this process may use."""
    has_affinity = hasattr(os, "sched_getaffinity")
    n_cores = len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count() or 1
    limit = os.environ.get(CORES, "")
    return min(n_cores, max(int(limit), 1)) if limit.isdecimal() else n_cores


def machine_mark() -> str:
    """Return a short text that differs between machines, without the machine's name."""
    text = f"{platform.node()} {platform.machine()} {platform.processor()}"
    return f"{zlib.crc32(text.encode()):08x}"
