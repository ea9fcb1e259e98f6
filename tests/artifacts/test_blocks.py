import numpy as np

from core.artifacts.blocks import BLOCK_LEDGER, Blocks
from core.artifacts.formats import read_array


def write_rows(blocks, rows, value, shape=(2,), dtype="float32"):
    with blocks.open_rows("a.npy", shape, dtype) as file:
        file.write(
            np.arange(rows.start, rows.stop), np.full((rows.stop - rows.start, *shape), value)
        )
        return file


def test_blocks__resume_after_the_last_finished_block(tmp_path):
    blocks = Blocks(tmp_path, 10, 4)
    with blocks.open_rows("a.npy", (2,), "float32") as file:
        for rows in list(blocks.pending())[:2]:
            file.write(np.arange(rows.start, rows.stop), np.full((4, 2), rows.start + 1))
            blocks.finish(rows, file)
        file.write(np.arange(8, 10), np.full((2, 2), 99))  # the block is not finished

    resumed = Blocks(tmp_path, 10, 4)
    assert list(resumed.pending()) == [slice(8, 10)]
    resumed.open_rows("a.npy", (2,), "float32").__exit__()
    array = read_array(tmp_path / "a.npy")
    assert array[:, 0].tolist() == [1, 1, 1, 1, 5, 5, 5, 5, 99, 99]
    assert array.shape == (10, 2)


def test_blocks__rows_are_an_npy_file_of_zeros(tmp_path):
    write_rows(Blocks(tmp_path, 3, 2), slice(1, 2), 7, dtype="uint16")
    assert read_array(tmp_path / "a.npy").tolist() == [[0, 0], [7, 7], [0, 0]]


def test_blocks__of_another_size_count_as_unfinished(tmp_path):
    blocks = Blocks(tmp_path, 10, 4)
    blocks.finish(slice(0, 4))
    assert list(Blocks(tmp_path, 10, 8).pending()) == [slice(0, 8), slice(8, 10)]


def test_blocks__without_a_finished_block_start_from_zeros(tmp_path):
    write_rows(Blocks(tmp_path, 3, 2), slice(0, 3), 7, ())
    Blocks(tmp_path, 3, 2).open_rows("a.npy", (), "int32").__exit__()
    assert read_array(tmp_path / "a.npy").tolist() == [0, 0, 0]


def test_blocks__incomplete_ledger_line_is_ignored(tmp_path):
    blocks = Blocks(tmp_path, 3000, 1000)
    blocks.finish(slice(0, 1000))
    with (tmp_path / BLOCK_LEDGER).open("a") as ledger:
        ledger.write("10")
    assert [rows.start for rows in blocks.pending()] == [1000, 2000]


def test_blocks__cover_every_row_once(tmp_path):
    for n in (1, 4, 5, 8):
        rows = [i for block in Blocks(tmp_path, n, 4).pending() for i in range(n)[block]]
        assert rows == list(range(n))
