"""Where a network runs: blocks on all cores, or batches on a CUDA device."""

import ctypes
import platform
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

from core.errors import SettingsError

if TYPE_CHECKING:
    import torch

# A doubling that gains less than this is not worth its memory.
WORTHWHILE = 1.1
MOST = 1024
# Of glibc's malloc.h: the options' numbers, the value while blocks are computed, and the values
# at which glibc's own adjusting ends, which a value that was set once ends for good.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_KEPT = 1 << 30
_GLIBC_MOST = {_MMAP_THRESHOLD: 32 << 20, _TRIM_THRESHOLD: 64 << 20}
# The number of torch's threads belongs to the whole process: one change at a time.
_THREADS = threading.Lock()


def pick() -> "torch.device":
    """The CUDA device where there is one, else the processor."""
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def half_type(device: "torch.device") -> "torch.dtype":
    """The half precision that a CUDA device is fast at: bfloat16 from Ampere on, else float16."""
    import torch

    ampere = (8, 0)
    newer = torch.cuda.get_device_capability(device) >= ampere
    return torch.bfloat16 if newer else torch.float16


@contextmanager
def one_thread_each() -> Iterator[int]:
    """Let each Python thread compute with one torch thread; gives how many cores there are.

    As many Python threads with one torch thread each beat one Python thread that shares out every
    single product: the shares wait for each other, and for whatever else runs on the machine.
    """
    import torch

    with _THREADS:
        cores = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            yield cores
        finally:
            torch.set_num_threads(cores)


@contextmanager
def kept_memory() -> Iterator[None]:
    """Let glibc keep freed memory for the next block of chips, and give it back at the end.

    By itself it gives large tensors back to the system at once, so that each layer's are mapped,
    zeroed and faulted in anew: 7 % of a ViT's time on two cores (benchmarks/embed.py). Elsewhere
    nothing is changed.
    """
    libc = _glibc()
    if libc is None:
        yield
        return
    for option in _GLIBC_MOST:
        libc.mallopt(option, _KEPT)
    try:
        yield
    finally:
        for option, most in _GLIBC_MOST.items():
            libc.mallopt(option, most)
        libc.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    if platform.libc_ver()[0] != "glibc":
        return None
    return ctypes.CDLL(None)


def on_all_cores(call: Callable[[slice], None], blocks: Sequence[slice]) -> None:
    """Call for every block, on as many Python threads as torch has threads.

    What a block gives does not depend on the number of cores, as each is computed by one thread.
    """
    import torch

    with one_thread_each() as cores, kept_memory():
        workers = min(cores, len(blocks))
        if workers < 2:
            for block in blocks:
                call(block)
            return
        with ThreadPoolExecutor(workers, initializer=lambda: torch.set_num_threads(1)) as pool:
            for done in [pool.submit(call, block) for block in blocks]:
                done.result()


class BatchSize:
    """How many chips a device takes at once: doubled while that pays, halved when memory ends.

    Parameters
    ----------
    start : int
        Chips in the first batch.
    most : int
        Chips in a batch at most.
    wait : callable
        Returns when the device has finished; without it the clock would time the asking only.
    clock : callable
        Seconds.
    """

    def __init__(
        self,
        start: int = 8,
        most: int = MOST,
        wait: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.size = start
        self._most = most
        self._wait = wait
        self._clock = clock
        self._settled = False
        self._warm = False
        self._best = 0.0

    def run(self, n: int, call: Callable[[slice], None]) -> None:
        """Call for n chips, batch by batch; a batch for which memory ended is called again.

        Raises
        ------
        SettingsError
            If not even one chip fits.
        """
        import torch

        done = 0
        while done < n:
            block = slice(done, min(done + self.size, n))
            begun = self._clock()
            try:
                call(block)
                if not self._settled:
                    self._wait()
            except torch.OutOfMemoryError:
                self._shrink()
                continue
            if block.stop - block.start == self.size:
                self._learn(self.size / max(self._clock() - begun, 1e-9))
            done = block.stop

    def _shrink(self) -> None:
        import torch

        if self.size == 1:
            raise SettingsError(
                "one chip does not fit into the device's memory",
                where="input_size",
                remedy="Set a smaller one, or end other programs that use the device.",
            )
        self.size //= 2
        self._settled = True
        torch.cuda.empty_cache()

    def _learn(self, rate: float) -> None:
        """Grow while the rate does; the first batch of a size only warms up."""
        if self._settled:
            return
        if not self._warm:
            self._warm = True
            return
        if rate > WORTHWHILE * self._best and self.size < self._most:
            self._best, self._warm = rate, False
            self.size = min(2 * self.size, self._most)
            return
        self._settled = True
        if rate <= WORTHWHILE * self._best:
            self.size //= 2
