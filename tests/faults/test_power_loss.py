"""Loss of power: what is renamed has been synced before, and what is lost anyway is found."""

import os
from pathlib import Path

import pytest

from core.clusters.editing import edits
from core.clusters.editing.edit_history import add_edit
from core.errors import ArtifactError
from core.export.export_formats import write_results
from core.pipeline.results.current_file import current_path, load_current
from core.pipeline.results.current_result import change_edits
from core.pipeline.results.displayed_result import apply_saved_edits
from core.pipeline.results.verification import verify_workspace
from core.pipeline.run import keep_run, run_pipeline
from core.pipeline.run_results import collect_results
from core.pipeline.workspace import Workspace
from core.raster.importing.file_import import import_files


class SyncedDisk:
    """Records what has been synced, as a disk that loses everything else with the power."""

    def __init__(self, monkeypatch):
        self.synced: dict[int, bytes] = {}
        self.pending_names: set[Path] = set()
        self.unsynced: list[Path] = []

        def fsync(descriptor):
            path = Path(f"/proc/self/fd/{descriptor}").resolve()
            if path.is_dir():
                self.pending_names = {p for p in self.pending_names if p.parent != path}
            else:
                self.synced[path.stat().st_ino] = path.read_bytes()

        monkeypatch.setattr(os, "fsync", fsync)
        for name in ("replace", "rename", "link"):
            monkeypatch.setattr(os, name, self._checked(getattr(os, name)))

    def _checked(self, function):
        def move(source, target, **options):
            source, target = Path(source), Path(target).resolve()
            for path in [source, *source.rglob("*")]:
                # Unfinished artifacts are synced as a whole.
                if ".partial" in target.parts:
                    break
                if path.is_file() and self.synced.get(path.stat().st_ino) != path.read_bytes():
                    self.unsynced.append(target / path.relative_to(source))
            function(source, target, **options)
            # An artifact whose name is lost is computed again.
            if "artifacts" not in target.parts:
                self.pending_names.add(target)

        return move

    def require_durable(self):
        assert self.unsynced == []
        assert self.pending_names == set()


@pytest.fixture
def synced_disk(monkeypatch):
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("needs the list of open files that Linux has")
    return SyncedDisk(monkeypatch)


def test_rename__content_and_names_are_synced(workspace, settings, synced_disk, tmp_path):
    sources = [(p.name, lambda p=p: p.open("rb")) for p in sorted(workspace.raw.iterdir())]
    raw = tmp_path / "imported" / "raw"
    assert {verdict.state for verdict in import_files(raw, sources)} == {"taken"}
    synced_disk.require_durable()

    imported = Workspace.at(raw.parent)
    run = run_pipeline(imported, settings())
    keep_run(run)
    imported.checksums.save()
    edited, _ = apply_saved_edits(run.view, run.labelling, run.chip_ids)
    edit = edits.rename_cluster(edited, 0, "roof")
    change_edits(
        run.view, run.labelling, run.chip_ids, lambda history: add_edit(history, edit, run.chip_ids)
    )
    for name in ("csv", "gpkg"):
        write_results(collect_results(run), tmp_path / "exports", name)
    synced_disk.require_durable()
    assert len(synced_disk.synced) > 30


@pytest.mark.parametrize("content", [b"", b"\0"])
def test_lost_content__is_found(workspace, settings, content):
    """A disk that reports writes as finished too early can lose them all the same."""
    keep_run(run_pipeline(workspace, settings()))
    paths = [
        path
        for path in workspace.artifacts.glob("*/*/**/*")
        if path.is_file() and ".partial" not in path.parts
    ]
    assert len(paths) > 20
    for path in paths:
        before, times = path.read_bytes(), path.stat()
        path.write_bytes(content * len(before))
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
        damaged = verify_workspace(Workspace.at(workspace.root)).damaged
        assert [d.folder in path.parents for d in damaged] == [True], path
        path.write_bytes(before)

    (record,) = (workspace.results / "runs").glob("*.toml")
    for path in (record, current_path(workspace)):
        before = path.read_bytes()
        path.write_bytes(content * len(before))
        assert str(path) in verify_workspace(workspace).unreadable[0]
        path.write_bytes(before)
    current_path(workspace).write_bytes(content * 100)
    with pytest.raises(ArtifactError, match="set it aside"):
        load_current(workspace)
