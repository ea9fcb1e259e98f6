"""Blocks of chips that the workers of a cluster read, and rows that they write for each chip."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np

from core.artifacts.row_target import ArraySource, RowTarget
from core.compute.work_streams import stream_results
from core.types import IntArray

Details = TypeVar("Details")


@dataclass(frozen=True)
class ChipBlock(Generic[Details]):
    """Some chips of one scene, what else a worker needs for them, and their rows in the result."""

    values: ArraySource
    mask: ArraySource
    rows: IntArray
    details: Details

    @classmethod
    def share(
        cls, folder: Path, start: int, stop: int, details: Details, first_row: int = 0
    ) -> "ChipBlock[Details]":
        """Return the chips from `start` to `stop` in the folder of a scene's chips.

        `first_row` is the row of the scene's first chip in the result.
        """
        values, mask = (
            ArraySource.share(folder / name, start, stop) for name in ("chips.npy", "mask.npy")
        )
        rows = np.arange(first_row + start, first_row + stop, dtype=np.int32)
        return cls(values, mask, rows, details)


def write_on_workers(
    function: Callable[[ChipBlock[Details]], str],
    blocks: Iterable[ChipBlock[Details]],
    target: RowTarget,
) -> Generator[IntArray]:
    """Let workers compute blocks; yield the rows of each block, in order, once they are written.

    The function writes the rows of a block to the target and returns the receipt. The blocks are
    taken from an iterable a few at a time, so that few copies are in the exchange.
    """
    submitted: deque[ChipBlock[Details]] = deque()

    def submissions() -> Iterator[ChipBlock[Details]]:
        for block in blocks:
            submitted.append(block)
            yield block

    with closing(stream_results(function, submissions())) as receipts:
        for receipt in receipts:
            block = submitted.popleft()
            target.collect(block.rows, receipt)
            block.values.discard()
            block.mask.discard()
            yield block.rows
