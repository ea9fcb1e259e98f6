import dataclasses
import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.artifacts import keys
from core.artifacts.keys import Checksums, file_checksum, make_key
from core.settings import (
    ChipSettings,
    CutSettings,
    EmbedSettings,
    GmmSettings,
    ProjectionSettings,
    ReductionSettings,
    TreeSettings,
)

STAGES = (
    ChipSettings,
    EmbedSettings,
    ReductionSettings,
    GmmSettings,
    TreeSettings,
    CutSettings,
    ProjectionSettings,
)
FIELDS = [(stage, item) for stage in STAGES for item in dataclasses.fields(stage)]


def other_value(item):
    """A valid value of a setting that is not the default."""
    if "bounds" in item.metadata:
        low, high = item.metadata["bounds"]
        return high if item.default != high else low
    if "choices" in item.metadata:
        return next(choice for choice in item.metadata["choices"] if choice != item.default)
    kinds = {bool: not item.default, str: "other", tuple: ("other",)}
    return kinds[type(item.default)]


def key(settings):
    return make_key("stage", 1, {"settings": dataclasses.asdict(settings)})


@pytest.mark.parametrize(
    ("stage", "item"), FIELDS, ids=lambda v: getattr(v, "__name__", None) or v.name
)
def test_make_key__depends_on_each_setting(stage, item):
    changed = dataclasses.replace(stage(), **{item.name: other_value(item)})
    assert key(changed) != key(stage())


def test_make_key__whole_floats_equal_integers():
    assert key(ProjectionSettings(perplexity=30)) == key(ProjectionSettings(perplexity=30.0))
    assert key(ChipSettings(size=64)) == key(ChipSettings(size=64.0))


def test_make_key__depends_on_stage_and_version():
    variants = {make_key("a", 1, {}), make_key("b", 1, {}), make_key("a", 2, {})}
    assert len(variants) == 3


def test_make_key__tuples_equal_lists():
    assert make_key("a", 1, {"bands": ("red",)}) == make_key("a", 1, {"bands": ["red"]})


plain = st.dictionaries(st.text(), st.integers() | st.text() | st.booleans() | st.none())


@given(plain)
def test_make_key__independent_of_the_order_of_inputs(inputs):
    assert make_key("a", 1, inputs) == make_key("a", 1, dict(reversed(inputs.items())))


@given(plain, plain)
def test_make_key__differs_where_inputs_differ(first, second):
    # True == 1 in Python, but not in JSON.
    same = repr(sorted(first.items())) == repr(sorted(second.items()))
    assert (make_key("a", 1, first) == make_key("a", 1, second)) == same


@pytest.fixture
def reads(monkeypatch):
    """The names of the files that were read."""
    names = []

    def read(path):
        names.append(path.name)
        return file_checksum(path)

    monkeypatch.setattr(keys, "file_checksum", read)
    return names


@pytest.fixture
def ledger(tmp_path):
    return tmp_path / "store" / "checksums.json"


def test_checksums__unchanged_files_are_read_once(tmp_path, ledger, reads):
    file = tmp_path / "a.tif"
    file.write_bytes(b"one")
    first = Checksums(ledger)
    expected = first.of(file)
    first.save()
    assert Checksums(ledger).of(file) == first.of(file) == expected
    assert reads == ["a.tif"]


def test_checksums__changed_size_or_time_is_read_again(tmp_path, ledger, reads):
    file = tmp_path / "a.tif"
    file.write_bytes(b"one")
    checksums = Checksums(ledger)
    before = checksums.of(file)
    file.write_bytes(b"two!")
    assert checksums.of(file) != before
    os.utime(file, ns=(0, 1))
    checksums.of(file)
    assert len(reads) == 3


def test_checksums__a_change_that_keeps_size_and_modification_time(tmp_path, ledger):
    file = tmp_path / "a.tif"
    file.write_bytes(b"one")
    os.utime(file, ns=(0, 0))
    checksums = Checksums(ledger)
    before = checksums.of(file)
    checksums.save()
    file.write_bytes(b"two")
    os.utime(file, ns=(0, 0))
    assert Checksums(ledger).of(file) != before


def test_checksums__a_change_while_the_file_is_read(tmp_path, ledger, monkeypatch):
    file = tmp_path / "a.tif"
    file.write_bytes(b"one")

    def read_and_change(path):
        checksum = file_checksum(path)
        file.write_bytes(b"two")
        return checksum

    monkeypatch.setattr(keys, "file_checksum", read_and_change)
    checksums = Checksums(ledger)
    before = checksums.of(file)
    monkeypatch.undo()
    assert checksums.of(file) == file_checksum(file) != before


def test_checksums__times_of_whole_seconds_are_trusted_later(tmp_path, ledger, reads, monkeypatch):
    """On FAT, a second change within two seconds need not change the times."""
    file = tmp_path / "a.tif"
    file.write_bytes(b"one")
    changed = 10**18
    monkeypatch.setattr(keys, "file_mark", lambda path: (3, changed, changed))
    for age, n_reads in ((1.0, 2), (3.0, 1)):
        monkeypatch.setattr(keys.time, "time_ns", lambda age=age: changed + int(age * 1e9))
        checksums = Checksums(ledger)
        reads.clear()
        checksums.of(file)
        checksums.of(file)
        assert len(reads) == n_reads


def test_checksums__ledger_of_an_earlier_version(tmp_path, ledger, reads):
    file = tmp_path / "a.tif"
    file.write_bytes(b"one")
    status = file.stat()
    ledger.parent.mkdir()
    entry = [status.st_size, status.st_mtime_ns, "0" * 64]
    ledger.write_text(json.dumps({str(file): entry}))
    assert Checksums(ledger).of(file) == file_checksum(file)


def test_checksums__verify_ignores_the_ledger(tmp_path, ledger, reads):
    file = tmp_path / "a.tif"
    file.write_bytes(b"one")
    checksums = Checksums(ledger)
    checksums.of(file)
    checksums.save()
    Checksums(ledger, verify=True).of(file)
    assert len(reads) == 2


def test_checksums__verify_reads_each_file_once(tmp_path, ledger, reads):
    file = tmp_path / "a.tif"
    file.write_bytes(b"one")
    checksums = Checksums(ledger, verify=True)
    assert checksums.of(file) == checksums.of(file)
    assert len(reads) == 1


@pytest.mark.parametrize("content", ["", '{"a": [1', "[]", "5"])
def test_checksums__damaged_ledger_is_replaced(tmp_path, ledger, content):
    file = tmp_path / "a.tif"
    file.write_bytes(b"one")
    ledger.parent.mkdir()
    ledger.write_text(content)
    checksums = Checksums(ledger)
    assert checksums.of(file) == file_checksum(file)
    checksums.save()
    assert Checksums(ledger).of(file) == file_checksum(file)


def test_checksums__ledger_is_not_written_if_no_file_was_read(ledger):
    Checksums(ledger).save()
    assert not ledger.parent.exists()
