"""Run a network on all cores in blocks, or on a CUDA device in batches of a suitable size."""

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

# The batch size is doubled again only if throughput rose by at least this factor the last time.
_MIN_GAIN = 1.1
MAX_BATCH = 1024
# Options of mallopt (glibc's malloc.h), the value of both while blocks are computed, and their
# values afterwards. Setting an option ends glibc's automatic adjustment, so the values afterwards
# are the highest ones that this adjustment would have reached.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_THRESHOLD_WHILE_COMPUTING = 1 << 30
_THRESHOLDS_AFTERWARDS = {_MMAP_THRESHOLD: 32 << 20, _TRIM_THRESHOLD: 64 << 20}
# Major compute capability of the first generation with fast bfloat16.
_AMPERE = 8
# The number of torch threads is a setting of the whole process, so only one caller may change it.
_THREADS_LOCK = threading.Lock()


def half_precision(device: "torch.device") -> "torch.dtype":
    """Return a CUDA device's fast half precision: bfloat16 from Ampere on, float16 before."""
    import torch

    major, _ = torch.cuda.get_device_capability(device)
    return torch.bfloat16 if major >= _AMPERE else torch.float16


@contextmanager
def one_thread_each() -> Iterator[int]:
    """Let each Python thread compute with one torch thread; yields the number of cores.

    Several Python threads with one torch thread each are faster than one Python thread that
    splits every matrix product, because the parts of a product wait for each other and for
    other programs on the machine.
    """
    import torch

    with _THREADS_LOCK:
        cores = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            yield cores
        finally:
            torch.set_num_threads(cores)


@contextmanager
def keep_freed_memory() -> Iterator[None]:
    """Let glibc keep freed memory for the next block of chips, and release it at the end.

    By default glibc returns the memory of large tensors to the system at once, and it is mapped,
    zeroed and faulted in again for each layer. This takes 7 % of a ViT's time on two cores
    (benchmarks/embed.py). With other C libraries nothing is changed.
    """
    if platform.libc_ver()[0] != "glibc":
        yield
        return
    libc = ctypes.CDLL(None)
    for option in _THRESHOLDS_AFTERWARDS:
        libc.mallopt(option, _THRESHOLD_WHILE_COMPUTING)
    try:
        yield
    finally:
        for option, threshold in _THRESHOLDS_AFTERWARDS.items():
            libc.mallopt(option, threshold)
        libc.malloc_trim(0)


def run_on_all_cores(call: Callable[[slice], None], blocks: Sequence[slice]) -> None:
    """Call a function for every block, on as many Python threads as torch has threads.

    The result of a block does not depend on the number of cores, because a single thread computes
    it.
    """
    import torch

    with one_thread_each() as cores, keep_freed_memory():
        workers = min(cores, len(blocks))
        if workers < 2:
            for block in blocks:
                call(block)
            return
        with ThreadPoolExecutor(workers, initializer=lambda: torch.set_num_threads(1)) as pool:
            for future in [pool.submit(call, block) for block in blocks]:
                future.result()


class BatchSize:
    """Number of chips per batch, doubled while throughput rises, halved when memory runs out.

    It starts at `start` and is at most `limit`. `wait` returns when the device has finished;
    without it only the launch would be timed. `clock` returns the time in seconds.
    """

    def __init__(
        self,
        start: int = 8,
        limit: int = MAX_BATCH,
        wait: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.size = start
        self._limit = limit
        self._wait = wait
        self._clock = clock
        self._settled = False
        self._warm = False
        self._best_rate = 0.0

    def run(self, n: int, call: Callable[[slice], None]) -> None:
        """Call a function for n chips, in batches that are halved and retried if memory runs out.

        Raises SettingsError if not even a single chip fits into memory.
        """
        import torch

        start = 0
        while start < n:
            block = slice(start, min(start + self.size, n))
            begin = self._clock()
            try:
                call(block)
                if not self._settled:
                    self._wait()
            except torch.OutOfMemoryError:
                self._shrink()
                continue
            if block.stop - block.start == self.size:
                self._adjust(self.size / max(self._clock() - begin, 1e-9))
            start = block.stop

    def _shrink(self) -> None:
        import torch

        if self.size == 1:
            raise SettingsError(
                "a single chip does not fit into the device's memory",
                where="input_size",
                remedy="Set a smaller input size, or close other programs that use the device.",
            )
        self.size //= 2
        self._settled = True
        torch.cuda.empty_cache()

    def _adjust(self, rate: float) -> None:
        """Double the size while the rate grows; the first batch of each size is a warm-up."""
        if self._settled:
            return
        if not self._warm:
            self._warm = True
            return
        faster = rate > _MIN_GAIN * self._best_rate
        if faster and self.size < self._limit:
            self._best_rate, self._warm = rate, False
            self.size = min(2 * self.size, self._limit)
            return
        self._settled = True
        if not faster:
            self.size //= 2
