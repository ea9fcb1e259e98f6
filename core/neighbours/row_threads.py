"""Loops over rows split between threads, for code that runs without the interpreter's lock."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

from core.compute import n_workers

# Enough pieces that a slow one does not keep the others waiting.
_PIECES = 4


def map_row_chunks(n: int, call: Callable[[int, int], object]) -> None:
    """Call ``call(start, stop)`` on contiguous pieces of n rows, in as many threads as cores."""
    pieces = min(n, _PIECES * n_workers())
    bounds = [n * piece // max(pieces, 1) for piece in range(pieces + 1)]
    spans = list(pairwise(bounds))
    if n_workers() == 1 or len(spans) < 2:
        for start, stop in spans:
            call(start, stop)
        return
    with ThreadPoolExecutor(n_workers()) as pool:
        for done in [pool.submit(call, start, stop) for start, stop in spans]:
            done.result()
