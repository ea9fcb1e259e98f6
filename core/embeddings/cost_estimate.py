"""Estimate the time and memory that an encoder needs by running it on a few chips."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from core.embeddings.encoder import ChipBatch, Encoder, Fitted, SampleEncoder

# Number of chips encoded as a warm-up, largest size of the first measured part, and time in seconds
# after which no further part is started.
_WARM_UP = 2
_FIRST_PART = 16
_ENOUGH_SECONDS = 1.0
_POLL_SECONDS = 0.002


@dataclass(frozen=True)
class CostEstimate:
    """The estimated time and memory for embedding n chips on this machine.

    Attributes
    ----------
    seconds : float
        Wall time for loading the encoder, fitting its parameters if any, and encoding, without
        other load.
    bytes : int
        Peak memory beyond what the process used before: network, working arrays, n embeddings.
    rate : float
        Chips encoded per second, measured on the last part of the chips.
    dim, measured : int
        Length of one embedding of these chips, and number of chips that were encoded.
    """

    n: int
    seconds: float
    bytes: int
    rate: float
    dim: int
    measured: int


def estimate_cost(
    load: Callable[[], Encoder], chips: ChipBatch, n: int, sample: int | None = None
) -> CostEstimate:
    """Load an encoder, run it on some of the chips, for example 256, and extrapolate to n chips.

    `load` is called once; its time and memory are included. No more chips are encoded once a second
    has passed. The encoding time is scaled to n chips, and the fitting time to the number of chips
    that the encoder would be fitted to: at most `sample`, by default all n.
    """
    with _sampled_memory() as memory:
        start = _unloaded_clock()
        encoder = load()
        loading = _unloaded_clock() - start
        start = _unloaded_clock()
        fitted = encoder.fit(chips)
        fitting = (_unloaded_clock() - start) if fitted else 0.0
        encoder.encode(chips.select(slice(_WARM_UP)), fitted)
        rate, measured, dim = _measure_rate(encoder, chips, fitted)
    n_sample = min(n, sample or n)
    # An encoder that embeds its sample while it is fitted encodes nothing if it is fitted to all.
    encoding = 0.0 if n_sample == n and isinstance(encoder, SampleEncoder) else n / rate
    return CostEstimate(
        n=n,
        seconds=loading + fitting * max(n_sample / len(chips), 1.0) + encoding,
        bytes=max(memory) + n * dim * 4,
        rate=rate,
        dim=dim,
        measured=measured,
    )


def _measure_rate(encoder: Encoder, chips: ChipBatch, fitted: Fitted) -> tuple[float, int, int]:
    """Return chips per second in the last part, number of encoded chips, and embedding length.

    The chips are encoded in parts. Each is twice as large as the one before, because a small part
    leaves cores idle, and a slow encoder would need minutes for a large first part.
    """
    start, elapsed, size, n_part = 0, 0.0, max(1, min(_FIRST_PART, len(chips) // 4)), 0
    while start < len(chips) and elapsed < _ENOUGH_SECONDS:
        remaining = len(chips) - start
        n_part = remaining if remaining < 2 * size else size
        begin = _unloaded_clock()
        dim = encoder.encode(chips.select(slice(start, start + n_part)), fitted).shape[1]
        seconds = max(_unloaded_clock() - begin, 1e-9)
        start, elapsed, size = start + n_part, elapsed + seconds, 2 * size
    return n_part / seconds, start, dim


def _unloaded_clock() -> float:
    """Return the time in seconds, minus the time that this thread has waited for a busy core.

    So other programs hardly change an estimate. Only Linux reports this waiting time.
    """
    waiting = 0.0
    with suppress(OSError, IndexError, ValueError):
        status = Path("/proc/thread-self/schedstat").read_text("ascii")
        waiting = int(status.split()[1]) / 1e9
    return time.perf_counter() - waiting


@contextmanager
def _sampled_memory() -> Iterator[list[int]]:
    """Collect samples of the increase in this process's resident memory, in bytes."""
    import psutil

    process = psutil.Process()
    before = process.memory_info().rss
    samples, stop = [0], threading.Event()

    def poll() -> None:
        while not stop.wait(_POLL_SECONDS):
            samples.append(process.memory_info().rss - before)

    thread = threading.Thread(target=poll, daemon=True)
    thread.start()
    try:
        yield samples
        samples.append(process.memory_info().rss - before)
    finally:
        stop.set()
        thread.join()
