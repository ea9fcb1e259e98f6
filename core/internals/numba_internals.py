"""The stamp by which numba decides whether machine code on disk is still valid."""

from typing import Any


def set_cache_stamp(dispatcher: Any, stamp: str) -> None:
    """Keep cached machine code valid as long as `stamp` stays the same.

    Numba's own stamp covers only the file of the function itself: a function that calls one in
    another file would keep outdated machine code when that file changes.
    """
    dispatcher._cache._cache_file._source_stamp = stamp
