"""`chipscape edit`: edits of the clusters from the command line."""

import json
import sys

import numpy as np
import pandas as pd
import pytest
from shapely.geometry import box

from core import cli
from core.pipeline.results.current_file import load_current
from core.pipeline.run import keep_run, run_pipeline
from core.pipeline.workspace import Workspace
from core.reduction_settings import ProjectionSettings
from core.settings import ChipSettings, KMeansSettings, RunSettings

SETTINGS = RunSettings(
    "kmeans",
    ChipSettings(size=32),
    kmeans=KMeansSettings(n_clusters=3, n_init=2),
    projection=ProjectionSettings(n_iter=50),
)


@pytest.fixture
def edit(make_scene, make_annotations, to_ground, tmp_path, monkeypatch, capsys):
    """Run `chipscape edit` on three clusters of forty chips; return its JSON, or the error."""
    pixels = np.random.default_rng(0).normal(128, 40, (3, 160, 256)).clip(1, 254)
    raster = make_scene("a.tif", pixels)
    corners = [(x, y) for x in range(2, 250, 32) for y in range(2, 150, 30)]
    squares = [to_ground(box(x, y, x + 22, y + 22)) for x, y in corners]
    make_annotations(raster, squares, [{"number": i} for i in range(len(squares))])
    workspace = Workspace(tmp_path)
    run = run_pipeline(workspace, SETTINGS)
    keep_run(run)

    def call(*arguments, command="edit"):
        argv = ["chipscape", command, *arguments, "--json", "--workspace", str(workspace.root)]
        monkeypatch.setattr(sys, "argv", argv)
        with pytest.raises(SystemExit) as caught:
            cli.main()
        printed = capsys.readouterr()
        return printed.err if caught.value.code else json.loads(printed.out)

    call.chip_ids, call.workspace = run.chip_ids, workspace
    return call


def clusters_by_name(table):
    return {row["name"]: row for row in table["clusters"]}


def test_edit__name_merge_approve_and_undo(edit):
    first = edit()
    assert len(first["clusters"]) == 3
    assert first["edits"] == []
    sizes = {row["cluster"]: row["chips"] for row in first["clusters"]}
    assert clusters_by_name(edit("rename", "0", "boats"))["boats"]["chips"] == sizes[0]
    merged = clusters_by_name(edit("merge", "boats", "2"))
    assert merged["boats"]["chips"] == sizes[0] + sizes[2]
    approved = clusters_by_name(edit("approve", "boats"))
    assert approved["boats"]["approved"] == sizes[0] + sizes[2]
    assert clusters_by_name(edit("split", "1"))["Cluster 1000"]["chips"] < sizes[1]
    table = edit("undo")
    assert table["edits"] == ["renamed to boats", "merged", "approved"]
    assert table["undone"] == 1
    assert len(edit("redo")["edits"]) == 4
    assert len(load_current(edit.workspace).curation.history.edits) == 4


def test_edit__single_chips(edit, tmp_path):
    chip_ids = edit.chip_ids
    table = edit("name", "masts", "--chips", ",".join(chip_ids[:3]))
    assert clusters_by_name(table)["masts"] == {
        "cluster": 1000, "name": "masts", "chips": 3, "approved": 3,
    }  # fmt: skip
    listed = tmp_path / "chips.txt"
    listed.write_text("\n".join(chip_ids[1:5]))
    assert edit("exclude", "--chips", str(listed))["excluded"] == 4
    assert edit("include", "--chips", chip_ids[1])["excluded"] == 3
    assert clusters_by_name(edit("move", "masts", "--chips", chip_ids[6]))["masts"]["chips"] == 3
    assert edit("approve", "--chips", f"{chip_ids[6]},{chip_ids[7]}")["approved"] == 5
    exported = edit("--format", "csv", command="export")
    approved = pd.read_csv(exported["written"][0], index_col="chip_id")["approved"]
    assert approved[chip_ids[0]]
    assert approved[chip_ids[7]]
    assert not approved[chip_ids[8]]
    assert chip_ids[2] not in approved


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("paint",), "'paint' is not one of"),
        (("rename", "0"), "do not fit"),
        (("rename", "7", "x"), "there is no cluster '7'"),
        (("merge", "0"), "do not fit"),
        (("name", "x"), "do not fit"),
        (("name", "x", "--chips", "nowhere"), "not in the current result, such as 'nowhere'"),
        (("split", "0", "--chips", "a"), "do not fit"),
        (("list", "0"), "needs neither clusters nor chips"),
    ],
)
def test_edit__bad_arguments(edit, arguments, message):
    assert message in edit(*arguments)
    assert load_current(edit.workspace).curation.history.edits == ()
