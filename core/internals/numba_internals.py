"""Private parts of numba: the validity stamp of its cached machine code, and LLVM helpers."""

from typing import Any

from numba.core.cgutils import alloca_once_value, for_range

__all__ = ["alloca_once_value", "for_range", "set_cache_stamp"]


def set_cache_stamp(dispatcher: Any, stamp: str) -> None:
    """Keep cached machine code valid as long as `stamp` stays the same.

    Numba's own stamp covers only the file of the function itself: a function that calls one in
    another file would keep outdated machine code when that file changes.
    """
    dispatcher._cache._cache_file._source_stamp = stamp
