"""Blocks of rows, so that an interrupted computation resumes where it stopped."""

from collections.abc import Iterator
from pathlib import Path

from core.artifacts.formats import RowFile

BLOCK_LEDGER = "blocks.done"
"""File in the folder of an unfinished artifact that names its finished blocks."""


class Blocks:
    """Rows of an artifact computed block by block; an interrupted run resumes at the next block.

    The boundaries of the blocks depend only on `n`, the total number of rows, and `size`, the
    number of rows in a block, so the result does not depend on where a run was interrupted.
    """

    def __init__(self, folder: Path, n: int, size: int) -> None:
        self._ledger = folder / BLOCK_LEDGER
        self._folder, self._n, self._size = folder, n, size

    def open_rows(self, name: str, shape: tuple[int, ...], dtype: str) -> RowFile:
        """Open the .npy file `name`, shape (n, *shape), for writing; it is initially all zeros."""
        resume = self._ledger.is_file()
        return RowFile(self._folder / name, (self._n, *shape), dtype, resume=resume)

    def pending(self) -> Iterator[slice]:
        """Yield the blocks that are not finished, in order."""
        names = self._ledger.read_text().split() if self._ledger.is_file() else []
        for start in range(0, self._n, self._size):
            block = slice(start, min(start + self._size, self._n))
            if _block_name(block) not in names:
                yield block

    def finish(self, block: slice, *files: RowFile) -> None:
        """Write the rows of a block to disk, then record the block as finished."""
        for file in files:
            file.sync()
        with self._ledger.open("a") as ledger:
            ledger.write(f"{_block_name(block)}\n")


def _block_name(block: slice) -> str:
    # Both ends are named, so that a version with another block size does not use this block.
    return f"{block.start}-{block.stop}"
