import pickle
import shutil
import zipfile

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.artifacts.formats import (
    RowFile,
    read_array,
    read_arrays,
    read_json,
    read_table,
    write_array,
    write_arrays,
    write_atomically,
    write_json,
    write_table,
)
from core.errors import ArtifactError, WorkspaceError

shared = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


class Trap:
    """An object that sets a flag when it is unpickled."""

    sprung = False

    def __reduce__(self):
        return (setattr, (Trap, "sprung", True))


def damaged_contents(tmp_path, good):
    """Contents of damaged .npy files, by the kind of damage."""
    archive = tmp_path / "archive"
    with zipfile.ZipFile(archive, "w") as target:
        target.writestr("a.npy", good)
    objects = tmp_path / "objects.npy"
    np.save(objects, np.array([Trap()], dtype=object), allow_pickle=True)
    return {
        "empty": b"",
        "half the header": good[:40],
        "half the data": good[: len(good) - 40],
        "text": b"not an array",
        "pickle": pickle.dumps(Trap()),
        "objects": objects.read_bytes(),
        "archive": archive.read_bytes(),
        "half an archive": archive.read_bytes()[:30],
    }


@pytest.mark.parametrize("mapped", [False, True])
def test_read_array__damaged(tmp_path, mapped):
    path = tmp_path / "a.npy"
    write_array(path, np.arange(100.0))
    for name, content in damaged_contents(tmp_path, path.read_bytes()).items():
        path.write_bytes(content)
        with pytest.raises(ArtifactError) as caught:
            read_array(path, mapped=mapped)
        assert str(path) in str(caught.value), name
        assert "Delete its folder" in str(caught.value)
    assert not Trap.sprung


def test_read_array__missing(tmp_path):
    with pytest.raises(ArtifactError):
        read_array(tmp_path / "a.npy")


def test_read_array__mapped_is_read_only(tmp_path):
    write_array(tmp_path / "a.npy", np.arange(4))
    mapped = read_array(tmp_path / "a.npy", mapped=True)
    assert isinstance(mapped, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        mapped[0] = 1


def test_write_array__objects_are_refused(tmp_path):
    with pytest.raises(ValueError, match="pickle"):
        write_array(tmp_path / "a.npy", np.array([{}], dtype=object))


def test_row_file__rows_in_any_order(tmp_path):
    rng = np.random.default_rng(0)
    values = rng.integers(-9, 9, (5, 2, 3)).astype(np.int16)
    rows = np.array([6, 0, 3, 5, 1], np.int32)
    with RowFile(tmp_path / "a.npy", (7, 2, 3), "int16") as file:
        file.write(rows[:2], values[:2])
        file.write(rows[2:], values.astype(np.float32)[2:])
        file.write(rows[:0], values[:0])
    read = read_array(tmp_path / "a.npy", mapped=True)
    assert read.dtype == np.int16
    assert np.array_equal(read[rows], values)
    assert not read[[2, 4]].any()


def test_row_file__no_rows(tmp_path):
    RowFile(tmp_path / "a.npy", (0, 3), "uint8").__exit__()
    assert read_array(tmp_path / "a.npy").shape == (0, 3)


def test_row_file__part_of_a_write_is_continued(tmp_path, monkeypatch):
    written = []

    class SlowDisk:
        seek = staticmethod(lambda _: None)

        @staticmethod
        def write(data):
            written.extend(data[:2])
            return min(2, len(data))

    with RowFile(tmp_path / "a.npy", (4, 3), "uint8") as file:
        monkeypatch.setattr(file, "_file", SlowDisk)
        file.write(np.array([1, 2]), np.arange(6, dtype=np.uint8).reshape(2, 3))
        monkeypatch.undo()
    assert written == list(range(6))


def test_row_file__too_little_space(tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=5))
    with pytest.raises(OSError, match="No space left"):
        RowFile(tmp_path / "a.npy", (2, 3), "uint8")


def test_row_file__resume_keeps_rows(tmp_path):
    for row in range(2):
        with RowFile(tmp_path / "a.npy", (2, 3), "uint8", resume=True) as file:
            file.write(np.array([row]), np.full((1, 3), row + 1))
    assert read_array(tmp_path / "a.npy").tolist() == [[1, 1, 1], [2, 2, 2]]


def test_row_file__wrong_number_of_values(tmp_path):
    with (
        RowFile(tmp_path / "a.npy", (4, 3), "uint8") as file,
        pytest.raises(ValueError, match="2 values for 3 rows"),
    ):
        file.write(np.array([1, 2, 3]), np.zeros((2, 3)))


def test_arrays__round_trip(tmp_path):
    arrays = {"b": np.arange(3), "a": np.eye(2, dtype=np.float32)}
    write_arrays(tmp_path / "set", arrays)
    read = read_arrays(tmp_path / "set")
    assert sorted(read) == ["a", "b"]
    assert all(
        np.array_equal(read[n], arrays[n]) and read[n].dtype == arrays[n].dtype for n in read
    )


@pytest.mark.parametrize("content", ["new", lambda path: path.write_text("new")])
def test_write_atomically__replaces_the_file(tmp_path, content):
    path = tmp_path / "folder" / "a.csv"
    for _ in range(2):
        assert write_atomically(path, content) == path
        assert path.read_text() == "new"
    assert list(path.parent.iterdir()) == [path]


def test_write_atomically__temporary_name_keeps_the_suffix(tmp_path):
    names = []
    write_atomically(tmp_path / "a.csv", lambda path: names.append(path.name) or path.touch())
    assert names[0].endswith(".csv")


def test_write_atomically__failure_leaves_the_old_file(tmp_path):
    def fail(path):
        path.write_text("half")
        raise OSError(28, "No space left on device")

    path = tmp_path / "a.csv"
    path.write_text("old")
    with pytest.raises(WorkspaceError, match="disk is full") as caught:
        write_atomically(path, fail)
    assert caught.value.where == str(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_write_json__leaves_no_temporary_file(tmp_path):
    write_json(tmp_path / "new" / "a.json", {"bands": ("red",)})
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["a.json"]
    assert read_json(tmp_path / "new" / "a.json") == {"bands": ["red"]}


@pytest.mark.parametrize("content", [b"", b'{"a":', b"\xff\xfe"])
def test_read_json__damaged(tmp_path, content):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(ArtifactError, match=r"a\.json"):
        read_json(tmp_path / "a.json")


def test_read_table__damaged(tmp_path):
    path = tmp_path / "a.parquet"
    write_table(path, pd.DataFrame({"a": range(100)}))
    for content in (b"", b"PAR1", path.read_bytes()[:-10]):
        path.write_bytes(content)
        with pytest.raises(ArtifactError):
            read_table(path)
    with pytest.raises(ArtifactError):
        read_table(tmp_path / "none.parquet")


def column(*values):
    return pd.Series(list(values), dtype=object)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["a", 1, None], ["a", "1", None]),
        (["a", 2.5, float("nan")], ["a", "2.5", None]),
        ([True, 2], ["True", "2"]),
        ([1, 2.5], [1, 2.5]),
        ([True, None, False], [True, None, False]),
        ([2**70, None], [str(2**70), None]),
        ([2**70, 1.5], [str(2**70), "1.5"]),
        (["<img src=x onerror=alert(1)>", "漢字"], ["<img src=x onerror=alert(1)>", "漢字"]),
        ([None, None], [None, None]),
        ([[1, "a"], [2]], ["[1, 'a']", "[2]"]),
    ],
    ids=str,
)
def test_write_table__columns_of_any_kind(tmp_path, values, expected):
    write_table(tmp_path / "a.parquet", pd.DataFrame({"kind": column(*values)}))
    read = read_table(tmp_path / "a.parquet")["kind"]
    assert [None if pd.isna(v) else v for v in read] == expected


cells = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text("aü<")


@shared
@given(st.lists(cells, min_size=1, max_size=6))
def test_write_table__any_mixture_of_types(tmp_path, values):
    write_table(tmp_path / "a.parquet", pd.DataFrame({"kind": column(*values)}))
    read = read_table(tmp_path / "a.parquet")["kind"]
    assert [pd.isna(v) for v in read] == [v is None for v in values]
    for before, after in zip(values, read, strict=True):
        if before is not None:
            assert after == before or after == str(before)


def test_write_table__does_not_change_the_table(tmp_path):
    table = pd.DataFrame({1: column("a", 1)})
    write_table(tmp_path / "a.parquet", table)
    assert table.columns.tolist() == [1]
    assert table[1].tolist() == ["a", 1]


def test_write_table__equal_content_gives_equal_bytes(tmp_path):
    table = pd.DataFrame({"a": range(50), "b": list("xy") * 25})
    for name in ("first", "second"):
        write_table(tmp_path / name, table.copy())
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()
