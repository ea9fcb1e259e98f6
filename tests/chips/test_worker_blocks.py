from functools import partial

import numpy as np
import pytest

from core.artifacts import row_target
from core.artifacts.formats import write_array
from core.artifacts.row_target import RowTarget
from core.chips.worker_blocks import ChipBlock, write_on_workers


def write_sums(target, block):
    """Write the sum of each chip, of its mask and of the details."""
    sums = block.values.read().sum(axis=1) + block.mask.read().sum(axis=1) + block.details
    return target.write(block.rows, sums.astype(np.float32))


@pytest.mark.parametrize("with_exchange", [False, True])
def test_write__rows_of_two_scenes_in_order_and_no_copies_remain(
    tmp_path, monkeypatch, with_exchange
):
    exchange = tmp_path / "exchange"
    exchange.mkdir()
    address = f"file://{exchange}" if with_exchange else ""
    monkeypatch.setattr(row_target, "exchange_folder", lambda: address)
    expected = []
    for scene, n in enumerate((5, 3)):
        folder = tmp_path / str(scene)
        folder.mkdir()
        values = np.arange(4 * n, dtype=np.float32).reshape(n, 4)
        write_array(folder / "chips.npy", values)
        write_array(folder / "mask.npy", np.ones((n, 2), np.uint8))
        expected += (values.sum(axis=1) + 2 + 10 * scene).tolist()
    parts = [(0, 0, 2, 0), (0, 2, 5, 0), (1, 0, 3, 5)]
    blocks = (
        ChipBlock.share(tmp_path / str(scene), start, stop, 10 * scene, first)
        for scene, start, stop, first in parts
    )
    target = RowTarget.create(tmp_path / "sums.npy", (8,), "float32")
    written = [
        rows.tolist() for rows in write_on_workers(partial(write_sums, target), blocks, target)
    ]
    assert written == [[0, 1], [2, 3, 4], [5, 6, 7]]
    np.testing.assert_array_equal(np.load(target.file), np.array(expected, np.float32))
    assert list(exchange.iterdir()) == []
