"""Time and memory that an encoder would take, measured on a few chips."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from core.embeddings.encoder import ChipBatch, Encoder, Fitted

# Chips encoded to warm up, and seconds of measuring after which no more are taken.
_WARM_UP = 2
_ENOUGH_SECONDS = 1.0
_POLL_SECONDS = 0.002


@dataclass(frozen=True)
class Estimate:
    """What embedding n chips would take on this machine.

    Attributes
    ----------
    n : int
    seconds : float
        Loading, fitting where the encoder learns, and encoding, wall clock.
    bytes : int
        Most memory beyond what the process had: network, work, and the n embeddings.
    rate : float
        Chips a second while encoding.
    dim : int
        Length of one embedding for these chips.
    measured : int
        Chips that the rate was measured on.
    """

    n: int
    seconds: float
    bytes: int
    rate: float
    dim: int
    measured: int


def estimate(
    load: Callable[[], Encoder], chips: ChipBatch, n: int, sample: int | None = None
) -> Estimate:
    """Load an encoder, run it over a few chips, and reckon what n chips would take.

    Encoding grows with n; fitting grows with the chips it is given, `sample` at most.

    Parameters
    ----------
    load : callable
        Gives the encoder; called once, its time and memory count.
    chips : ChipBatch
        A few of the chips, 32 for example; after a second of measuring no more are taken.
    n : int
        Chips in all.
    sample : int, optional
        Chips that the encoder would be fitted on; all n if left out.
    """
    with _peak() as memory:
        begun = time.perf_counter()
        encoder = load()
        loading = time.perf_counter() - begun
        begun = time.perf_counter()
        fitted = encoder.fit(chips)
        fitting = (time.perf_counter() - begun) if fitted else 0.0
        encoder.encode(_rows(chips, 0, _WARM_UP), fitted)
        seconds, measured, dim = _measure(encoder, chips, fitted)
    rate = measured / seconds
    fit_share = min(n, sample or n) / len(chips)
    return Estimate(
        n=n,
        seconds=loading + fitting * max(fit_share, 1.0) + n / rate,
        bytes=memory.bytes + n * dim * 4,
        rate=rate,
        dim=dim,
        measured=measured,
    )


def _measure(encoder: Encoder, chips: ChipBatch, fitted: Fitted) -> tuple[float, int, int]:
    """Seconds, chips, and the length of an embedding; the whole batch, else as much as fits."""
    done, seconds, dim, size = 0, 0.0, 0, max(1, len(chips) // 4)
    while done < len(chips) and seconds < _ENOUGH_SECONDS:
        begun = time.perf_counter()
        part = _rows(chips, done, done + size)
        dim = encoder.encode(part, fitted).shape[1]
        seconds += time.perf_counter() - begun
        done += len(part)
    return max(seconds, 1e-9), done, dim


def _rows(chips: ChipBatch, start: int, stop: int) -> ChipBatch:
    cut = slice(start, stop)
    return ChipBatch(chips.pixels[cut], chips.mask[cut], chips.scaling, chips.bands)


class _Memory:
    """Most memory seen beyond that at the start."""

    bytes = 0


@contextmanager
def _peak() -> Iterator[_Memory]:
    """Watch this process's resident memory from a thread beside."""
    import psutil

    process = psutil.Process()
    before = process.memory_info().rss
    seen, over = _Memory(), threading.Event()

    def look() -> None:
        seen.bytes = max(seen.bytes, process.memory_info().rss - before)

    def watch() -> None:
        while not over.wait(_POLL_SECONDS):
            look()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield seen
        look()
    finally:
        over.set()
        watcher.join()
