import numpy as np
import pytest

from core.artifacts import row_target
from core.artifacts.formats import RowFile, write_array
from core.artifacts.row_target import ArraySource, RowTarget

VALUES = np.arange(40, dtype=np.float32).reshape(10, 4)


@pytest.fixture(params=["folder", "object store"])
def exchange(request, tmp_path, monkeypatch):
    """The address of the exchange; empty for workers that see the folder."""
    address = "" if request.param == "folder" else f"file://{tmp_path}/exchange"
    (tmp_path / "exchange").mkdir()
    monkeypatch.setattr(row_target, "exchange_folder", lambda: address)
    return address


def objects(tmp_path):
    return list((tmp_path / "exchange").iterdir())


def test_target__rows_in_any_order(tmp_path, exchange):
    target = RowTarget.create(tmp_path / "values.npy", (10, 4), "float32")
    blocks = [np.array([7, 2, 9], np.int32), np.array([0, 1], np.int32), np.array([], np.int32)]
    receipts = [target.write(rows, VALUES[rows]) for rows in blocks]
    assert len(objects(tmp_path)) == (2 if exchange else 0)
    for rows, receipt in zip(blocks, receipts, strict=True):
        target.collect(rows, receipt)
    assert objects(tmp_path) == []
    expected = np.zeros_like(VALUES)
    expected[[0, 1, 2, 7, 9]] = VALUES[[0, 1, 2, 7, 9]]
    np.testing.assert_array_equal(np.load(tmp_path / "values.npy"), expected)


def test_target__missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        RowTarget(tmp_path / "values.npy").write(np.array([0], np.int32), VALUES[:1])


def test_source__whole_and_in_parts(tmp_path, exchange):
    write_array(tmp_path / "values.npy", VALUES)
    whole, part = (ArraySource.share(tmp_path / "values.npy", *rows) for rows in ((), (3, 6)))
    np.testing.assert_array_equal(whole.read(), VALUES)
    np.testing.assert_array_equal(part.read(), VALUES[3:6])
    assert len(objects(tmp_path)) == (2 if exchange else 0)
    for source in (whole, part):
        source.discard()
    assert objects(tmp_path) == []


def test_row_file__continued_has_the_same_shape_and_rows(tmp_path):
    with RowFile(tmp_path / "values.npy", (10, 4), "float32") as file:
        file.write(np.array([3], np.int32), VALUES[3:4])
    with RowFile.continued(tmp_path / "values.npy") as file:
        file.write(np.array([4], np.int32), VALUES[4:5])
    stored = np.load(tmp_path / "values.npy")
    assert stored.shape == (10, 4)
    np.testing.assert_array_equal(stored[3:5], VALUES[3:5])
