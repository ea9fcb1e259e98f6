"""A full disk at every stage and for every export: a clear error, and nothing damaged."""

import contextlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from core.errors import WorkspaceError
from core.export.export_formats import FORMATS, write_results
from core.export.seed_layout import write_seed_layout
from core.pipeline.run import run_pipeline
from core.pipeline.run_results import collect_results
from core.pipeline.run_stages import STAGE_NAMES
from core.pipeline.workspace import Workspace

ROOT = Path(__file__).resolve().parents[2]
FULL = r"the disk is full: (at least|more than) [\d.]+ [kM]B are needed, and [\d.]+ [kM]B are free"


@pytest.fixture
def small_workspace(workspace, small_disk):
    """The workspace on a small disk."""
    shutil.copytree(workspace.raw, small_disk / "raw")
    return Workspace.at(small_disk)


def all_files(folder):
    return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.name != ".ballast"}


@pytest.mark.parametrize(("stage", "former"), zip(STAGE_NAMES[1:], STAGE_NAMES, strict=False))
@pytest.mark.parametrize("n_free", [0, 24_000])
def test_stage__on_a_full_disk(
    small_workspace, settings, data_files, fill_disk, stage, former, n_free
):
    root = small_workspace.root
    run_pipeline(small_workspace, settings(), until=former)
    before = data_files(root)
    fill_disk(root, n_free)
    # With some space, the results of small stages can be written.
    with (
        contextlib.suppress(WorkspaceError)
        if n_free
        else pytest.raises(WorkspaceError, match=FULL) as error
    ):
        run_pipeline(Workspace.at(root), settings(), until=stage)
    if not n_free:
        assert str(root) in error.value.where
        assert "clean" in error.value.remedy
    assert {name: data_files(root)[name] for name in before} == before
    (root / ".ballast").unlink()

    run = run_pipeline(Workspace.at(root), settings(), until=stage)
    assert run.stages[former] == "cached"
    after = data_files(root)
    shutil.rmtree(root / "artifacts")
    run_pipeline(Workspace.at(root), settings(), until=stage)
    assert data_files(root) == after


def write_export(results, folder, name):
    if name == "seed":
        write_seed_layout(results, folder / "extracted", folder / "results")
    elif name == "zip":
        write_results(results, folder, "chips-png", zipped=True)
    else:
        write_results(results, folder, name)


@pytest.mark.parametrize("name", [*FORMATS, "seed", "zip"])
@pytest.mark.parametrize("fraction", [0, 0.5])
def test_export__to_a_full_disk(
    workspace, settings, small_disk, fill_disk, tmp_path, name, fraction
):
    results = collect_results(run_pipeline(workspace, settings()))
    n_free = 0
    if fraction:
        # Some libraries write most of a file when they close it.
        write_export(results, tmp_path / "complete", name)
        files = [p for p in (tmp_path / "complete").rglob("*") if p.is_file()]
        n_free = int(fraction * sum(p.stat().st_blocks * 512 for p in files))
    fill_disk(small_disk, n_free)
    before = all_files(small_disk)
    with pytest.raises(WorkspaceError, match=FULL) as caught:
        write_export(results, small_disk, name)
    assert str(small_disk) in caught.value.where
    # The files of the seed's layout are independent of each other.
    assert name == "seed" or all_files(small_disk) == before


EMBED = """
import resource, sys
from core.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv.pop(1)), resource.RLIM_INFINITY))
main()
"""


def test_command__stops_with_a_sentence_at_the_limit_of_a_file(workspace, settings):
    """Where no disk can be mounted, a limit on the length of files stands for a full one."""
    run_pipeline(workspace, settings(), until="chips")
    options = ["embed", "--workspace", str(workspace.root), "--chip-size", "32"]
    result = subprocess.run(
        [sys.executable, "-c", EMBED, "2000", *options],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert result.returncode == 1
    assert "the disk is full" in result.stderr
    assert "Traceback" not in result.stderr
    assert "artifacts" in result.stderr
