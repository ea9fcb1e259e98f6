"""The stamp by which numba decides whether machine code on disk is still valid."""

from typing import Any


def set_cache_stamp(dispatcher: Any, stamp: str) -> None:
    """Let cached machine code be valid as long as a stamp stays the same.

    Numba's own stamp covers only the file of the function itself: one that calls a function in
    another file would keep outdated machine code when that file changes.
    """
    dispatcher._cache._cache_file._source_stamp = stamp
