"""One flipped byte in any file of any kind of artifact, or in the edits, is found."""

import json
import os
import random
import shutil

import pytest
from typer.testing import CliRunner

from core.artifacts.formats import read_json
from core.artifacts.store import MANIFEST
from core.cli.stage_commands import app
from core.clusters.editing import edits
from core.clusters.editing.edit_history import add_edit
from core.errors import ArtifactError, ChipscapeError
from core.export.export_formats import write_results
from core.pipeline.chip_stages import screen_chips
from core.pipeline.results.current_file import current_path, load_current
from core.pipeline.results.current_result import change_edits
from core.pipeline.results.displayed_result import apply_saved_edits
from core.pipeline.results.verification import recompute_damaged, verify_workspace
from core.pipeline.run import keep_run, run_pipeline
from core.pipeline.run_results import collect_results
from core.pipeline.workspace import Workspace


def flip_byte(path, position, *, keep_time=True):
    """Invert one byte; the modification time stays, as after a defect of the disk."""
    status = path.stat()
    content = bytearray(path.read_bytes())
    content[position % len(content)] ^= 0xFF
    path.write_bytes(content)
    if keep_time:
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.fixture
def finished(workspace, settings):
    run = run_pipeline(workspace, settings())
    keep_run(run)
    screen_chips(run.view)
    return workspace


def files_of(workspace):
    folders = workspace.artifacts.glob("*/*")
    return sorted(
        path
        for folder in folders
        if folder.parent.name != ".partial"
        for path in folder.rglob("*")
        if path.is_file()
    )


def kind(path):
    return f"{path.parents[0].parent.name}/{path.name}"


def export(workspace, folder):
    run = run_pipeline(Workspace.at(workspace.root), load_current(workspace).settings)
    return write_results(collect_results(run), folder, "csv").read_bytes()


def test_flipped_byte__is_named_by_verify_and_never_exported(finished, tmp_path):
    random.seed(0)
    expected = export(finished, tmp_path / "intact")
    assert verify_workspace(finished).is_intact
    paths = {kind(path): path for path in files_of(finished)}
    assert len(paths) > 20
    for name, path in paths.items():
        content = path.read_bytes()
        flip_byte(path, random.randrange(len(content)))
        damaged = verify_workspace(Workspace.at(finished.root)).damaged
        assert [d.folder in path.parents for d in damaged] == [True], name
        try:
            assert export(finished, tmp_path / "damaged") == expected, name
        except ChipscapeError as error:
            assert isinstance(error, ArtifactError), name  # noqa: PT017
            assert str(path) in str(error), name  # noqa: PT017
        path.write_bytes(content)
    assert verify_workspace(finished).is_intact
    assert export(finished, tmp_path / "restored") == expected


def test_recompute__restores_the_result(finished, data_files, tmp_path):
    before, expected = data_files(finished.root), export(finished, tmp_path / "a")
    for path in {kind(path): path for path in files_of(finished)}.values():
        if path.parent.parent.name != "screen":
            flip_byte(path, -3)
    verification = verify_workspace(finished)
    assert len(verification.damaged) >= 8
    recompute_damaged(finished, verification)
    assert verify_workspace(finished).is_intact
    assert {n: b for n, b in data_files(finished.root).items() if n in before} == before
    assert export(finished, tmp_path / "b") == expected


@pytest.mark.parametrize("seed", range(12))
def test_flipped_byte__in_the_edits(finished, settings, seed):
    run = run_pipeline(finished, settings())
    edited, _ = apply_saved_edits(run.view, run.labelling, run.chip_ids)
    edit = edits.rename_cluster(edited, 0, "roof")
    change_edits(
        run.view, run.labelling, run.chip_ids, lambda history: add_edit(history, edit, run.chip_ids)
    )
    path = current_path(finished)
    flip_byte(path, random.Random(seed).randrange(path.stat().st_size), keep_time=False)
    with pytest.raises(ArtifactError, match="current result cannot be read"):
        load_current(finished)
    assert str(path) in verify_workspace(finished).unreadable[0]


@pytest.mark.parametrize("seed", range(12))
def test_flipped_byte__in_a_run_record(finished, seed):
    (path,) = (finished.results / "runs").glob("*.toml")
    text = path.read_bytes()
    flip_byte(path, random.Random(seed).randrange(len(text) - 24), keep_time=False)
    assert str(path) in verify_workspace(finished).unreadable[0]
    # A record that the user has edited is accepted without the line of the checksum.
    lines = text.decode().splitlines()
    path.write_text("\n".join(lines[:-1]).replace('note = ""', 'note = "mine"'))
    assert verify_workspace(finished).is_intact


def test_copy__is_read_once_and_then_trusted(finished, tmp_path_factory, monkeypatch):
    root = tmp_path_factory.mktemp("copy") / "workspace"
    shutil.copytree(finished.root, root, copy_function=shutil.copyfile)
    reads = []
    monkeypatch.setattr(
        "core.artifacts.integrity.file_crc", lambda path: reads.append(path) or crc(path)
    )
    workspace = Workspace.at(root)
    artifact = workspace.store.all("embeddings")[0]
    artifact.require_intact()
    assert len(reads) == 1
    monkeypatch.setattr("core.artifacts.store._CURRENT_FILES", {})  # another process
    workspace.store.all("embeddings")[0].require_intact()
    assert len(reads) == 1


def crc(path):
    import zlib

    return f"{zlib.crc32(path.read_bytes()):08x}"


def without_checksums(workspace):
    """Turn the manifests into those of an earlier version."""
    for path in workspace.artifacts.glob(f"*/*/{MANIFEST}"):
        manifest = {n: v for n, v in read_json(path).items() if n not in ("files", "checksum")}
        path.write_text(json.dumps(manifest, indent=1))


def test_earlier_version__stays_usable(finished, tmp_path):
    expected = export(finished, tmp_path / "a")
    without_checksums(finished)
    assert export(finished, tmp_path / "b") == expected
    verification = verify_workspace(finished)
    assert verification.is_intact
    assert verification.n_intact == 0
    assert verification.n_unchecked > 8
    path = next(finished.artifacts.glob("embeddings/*/embeddings.npy"))
    path.write_bytes(path.read_bytes()[:-1])
    assert [d.folder for d in verify_workspace(finished).damaged] == [path.parent]


def test_command__names_the_damage_and_repairs_it(finished):
    def invoke(*options):
        arguments = ["verify", "--workspace", str(finished.root), *options]
        return CliRunner().invoke(app, arguments)

    result = invoke()
    assert result.exit_code == 0
    assert "results intact" in result.stdout
    path = next(finished.artifacts.glob("*/*/points.npy"))
    flip_byte(path, -1)
    result = invoke()
    assert result.exit_code == 1
    assert f"damaged: {path}: its content has changed" in result.stdout
    assert "chipscape verify --recompute" in result.stdout
    assert json.loads(invoke("--json").stdout)["damaged"][0]["files"].keys() == {"points.npy"}
    result = invoke("--recompute", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["recomputed"]
    assert json.loads(invoke("--json").stdout)["damaged"] == []


def test_chips__opened_for_computing_are_checked(finished, settings):
    path = next(finished.artifacts.glob("chips/*/chips.npy"))
    flip_byte(path, 500)
    with pytest.raises(ArtifactError, match="content has changed") as caught:
        run_pipeline(Workspace.at(finished.root), settings(embed={"sample": 1000}))
    assert str(path) in str(caught.value)
