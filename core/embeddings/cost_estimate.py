"""Time and memory that an encoder would take, measured on a few chips."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from core.embeddings.encoder import ChipBatch, Encoder, Fitted

# Chips encoded to warm up, chips of the first part that is measured at most, and seconds after
# which no more are taken.
_WARM_UP = 2
_FIRST = 16
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
        Chips that were measured; the rate is that of the last part of them.
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
        A few of the chips, 256 for example; after a second of measuring no more are taken.
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
        rate, measured, dim = _measure(encoder, chips, fitted)
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
    """Chips a second of the last part, chips measured in all, and the length of an embedding.

    Parts grow while there is time: a small one leaves cores idle, a large one of a slow encoder
    takes minutes.
    """
    done, spent, size, part = 0, 0.0, max(1, min(_FIRST, len(chips) // 4)), 0
    while done < len(chips) and spent < _ENOUGH_SECONDS:
        rest = len(chips) - done
        part = rest if rest < 2 * size else size
        begun = time.perf_counter()
        dim = encoder.encode(_rows(chips, done, done + part), fitted).shape[1]
        seconds = max(time.perf_counter() - begun, 1e-9)
        done, spent, size = done + part, spent + seconds, 2 * size
    return part / seconds, done, dim


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
