import shutil

import pytest

from core.errors import ArtifactError, SettingsError
from core.pipeline.results.run_records import (
    change_record,
    create_record,
    find_run_record,
    list_run_records,
    read_record,
    records_folder,
)
from core.pipeline.run import run_pipeline
from core.settings import RunSettings

KEYS = {"chips": ("a",), "projection": ("0123456789",)}


def record(workspace, **facts):
    return create_record(workspace, RunSettings(), KEYS, {"chips": 7, "clusters": 2}, {}, **facts)


def test_create_record__round_trip(workspace):
    written = record(workspace)
    assert read_record(written.path) == written
    assert written.name == "texture, Gaussian mixture, 2 clusters"
    assert (written.n_chips, written.n_clusters, written.noise_fraction) == (7, 2, None)
    assert written.is_complete
    assert not written.pinned


def test_create_record__in_the_same_second_under_other_names_and_ids(workspace):
    runs = [record(workspace) for _ in range(3)]
    assert len({run.run_id for run in runs}) == 3
    assert [run.name[-5:] for run in runs] == ["sters", "s (2)", "s (3)"]


def test_change_record__name_note_and_pin(workspace):
    changed = change_record(record(workspace), name="autumn", note="two quays", pinned=True)
    assert read_record(changed.path) == changed
    assert find_run_record("autumn", workspace).note == "two quays"


def test_find_run_record__by_path_id_and_name(workspace):
    run = record(workspace, name="autumn")
    for text in (str(run.path), run.run_id, "autumn"):
        assert find_run_record(text, workspace) == run


def test_find_run_record__unknown_run(workspace):
    record(workspace, name="autumn")
    with pytest.raises(SettingsError, match="'winter' is neither") as caught:
        find_run_record("winter", workspace)
    assert "'autumn'" in caught.value.remedy


def test_list_run_records__latest_first_without_damaged_files(workspace):
    first, second = record(workspace, name="a"), record(workspace, name="b")
    (records_folder(workspace) / "damaged.toml").write_text("= 1")
    assert {run.name for run in list_run_records(workspace)} == {"a", "b"}
    assert (
        sorted([first, second], key=lambda run: (run.finished, run.run_id))[-1]
        == (list_run_records(workspace)[0])
    )


@pytest.mark.parametrize("text", ["= 1", "a = 1", 'settings = 3\nfinished = ""'])
def test_read_record__damaged(workspace, text):
    path = records_folder(workspace) / "run.toml"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with pytest.raises((ArtifactError, SettingsError)):
        read_record(path)


def test_read_record__of_an_earlier_version(workspace, settings):
    """Records had no name, counts, note, pin or curation."""
    run = run_pipeline(workspace, settings())
    lines = run.record.path.read_text().splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("[counts]"))
    kept = [
        line
        for i, line in enumerate(lines)
        if not (start <= i <= start + 3) and not line.startswith(("name = ", "note = ", "pinned"))
    ]
    old = run.record.path.with_name("old.toml")
    old.write_text("\n".join(kept))
    shutil.move(old, records_folder(workspace) / "20260101-000000-abcdefgh.toml")
    record = find_run_record("20260101-000000-abcdefgh", workspace)
    assert record.settings == settings()
    assert record.n_chips is None
    assert not record.is_complete
