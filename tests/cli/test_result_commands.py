"""Commands for the runs of a workspace, and the settings that other commands take from them."""

import json
import shutil
import sys

import numpy as np
import pandas as pd
import pytest
from shapely.geometry import box

from core import cli
from core.clusters.editing import edit_history, edits
from core.pipeline.results.current_file import load_current
from core.pipeline.results.current_result import change_edits
from core.pipeline.results.displayed_result import apply_saved_edits
from core.pipeline.results.run_records import list_run_records
from core.pipeline.run import keep_run, run_pipeline
from core.pipeline.workspace import Workspace
from core.settings import RunSettings
from core.tables import read_toml, settings_from_table

QUICK = """
[chips]
size = 32
[kmeans]
n_init = 2
[projection]
n_iter = 50
"""
OPTIONS = ("--method", "kmeans", "--n-clusters", "3")


@pytest.fixture
def call(make_scene, make_annotations, to_ground, tmp_path, monkeypatch, capsys):
    """Run a command on forty squares; return its JSON or text, or the text of its error."""
    pixels = np.random.default_rng(0).normal(128, 40, (3, 160, 256)).clip(1, 254)
    raster = make_scene("a.tif", pixels)
    corners = [(x, y) for x in range(2, 250, 32) for y in range(2, 150, 30)]
    squares = [to_ground(box(x, y, x + 22, y + 22)) for x, y in corners]
    make_annotations(raster, squares, [{"number": i} for i in range(len(squares))])
    quick = tmp_path / "quick.toml"
    quick.write_text(QUICK)

    def run(command, *options, settings=True, as_json=True):
        arguments = ["chipscape", command, *(["--json"] if as_json else []), *options]
        if "--workspace" not in options:
            arguments += ["--workspace", str(tmp_path)]
        if settings:
            arguments += ["--settings", str(quick)]
        monkeypatch.setattr(sys, "argv", arguments)
        with pytest.raises(SystemExit) as caught:
            cli.main()
        printed = capsys.readouterr()
        if caught.value.code:
            return printed.err
        return json.loads(printed.out) if as_json else printed.out

    return run


def name_first_cluster(folder, name):
    """Name cluster 0 of the current result of a workspace, as the app does."""
    workspace = Workspace(folder)
    run = run_pipeline(workspace, load_current(workspace).settings)
    edited, _ = apply_saved_edits(run.view, run.labelling, run.chip_ids)
    edit = edits.rename_cluster(edited, 0, name)
    change_edits(
        run.view,
        run.labelling,
        run.chip_ids,
        lambda history: edit_history.add_edit(history, edit, run.chip_ids),
    )


def labels_of(folder):
    (path,) = (folder / "artifacts" / "kmeans").glob("*/labels.npy")
    return np.load(path)


def test_export__current_result_of_the_app(call, tmp_path):
    table = read_toml(tmp_path / "quick.toml") | {"method": "kmeans", "kmeans": {"n_clusters": 3}}
    workspace = Workspace(tmp_path)
    keep_run(run_pipeline(workspace, settings_from_table(RunSettings, table)))
    name_first_cluster(tmp_path, "ferries")
    call("export", "--format", "csv", settings=False)
    chips = pd.read_csv(tmp_path / "results" / "chips.csv")
    assert chips["cluster"].nunique() == 3
    assert set(chips["cluster_name"][chips["cluster"] == 0]) == {"ferries"}


def test_export__options_change_the_current_result_only_for_the_command(call, tmp_path):
    call("run", *OPTIONS)
    before = load_current(Workspace(tmp_path))
    call("export", "--n-clusters", "4", "--format", "csv", settings=False)
    assert pd.read_csv(tmp_path / "results" / "chips.csv")["cluster"].nunique() == 4
    assert load_current(Workspace(tmp_path)) == before


@pytest.mark.parametrize("change", ["added", "moved away"])
def test_export__displayed_chips_although_the_scenes_have_changed(
    call, tmp_path, make_scene, make_annotations, to_ground, change
):
    call("run", *OPTIONS)
    before = load_current(Workspace(tmp_path))
    if change == "added":
        raster = make_scene("b.tif", np.random.default_rng(1).normal(128, 40, (3, 96, 96)))
        make_annotations(raster, [to_ground(box(10, 10, 40, 40))], [{"number": 99}])
    else:
        raster = make_scene("b.tif", np.random.default_rng(1).normal(128, 40, (3, 96, 96)))
        make_annotations(raster, [to_ground(box(10, 10, 40, 40))], [{"number": 99}])
        for path in (tmp_path / "raw").glob("a.*"):
            path.unlink()
    call("export", "--format", "csv", settings=False)
    chips = pd.read_csv(tmp_path / "results" / "chips.csv")
    assert set(chips["scene"]) == {"a"}
    assert len(chips) == 40
    assert load_current(Workspace(tmp_path)) == before
    assert call("quality", settings=False)["card"]["n"] == 40


@pytest.mark.parametrize("source", ["path", "id", "name", "current"])
def test_settings__of_a_run(call, tmp_path, source):
    call("run", *OPTIONS)
    record = list_run_records(Workspace(tmp_path))[0]
    texts = {"path": record.path, "id": record.run_id, "name": record.name, "current": "current"}
    assert call("settings", "--settings", str(texts[source]), settings=False)["method"] == "kmeans"


def test_settings__no_current_result(call):
    assert "no current result" in call("settings", "--settings", "current", settings=False)


def test_replay__in_another_workspace_with_copied_scenes(call, tmp_path):
    first = call("run", *OPTIONS)
    name_first_cluster(tmp_path, "ferries")
    record, other = list_run_records(Workspace(tmp_path))[0], tmp_path / "other"
    replayed = call("replay", str(record.path), "--workspace", str(other), settings=False)
    assert set(first) <= set(replayed)
    assert replayed["identical"]
    assert replayed["copied"]
    np.testing.assert_array_equal(labels_of(other), labels_of(tmp_path))
    call("export", "--format", "csv", "--workspace", str(other), settings=False)
    chips = pd.read_csv(other / "results" / "chips.csv")
    assert "ferries" in set(chips["cluster_name"])


def test_replay__by_name_in_the_same_workspace(call, tmp_path):
    call("run", *OPTIONS)
    first = list_run_records(Workspace(tmp_path))[0]
    call("run", "--method", "ward")
    replayed = call("replay", first.name, settings=False)
    assert set(replayed["stages"].values()) == {"cached"}
    assert load_current(Workspace(tmp_path)).run == first.run_id


def test_replay__of_a_grown_result_keeps_the_fit_of_the_encoder(
    call, tmp_path, make_scene, make_annotations, to_ground
):
    call("run", *OPTIONS)
    first = list_run_records(Workspace(tmp_path))[0]
    raster = make_scene("b.tif", np.random.default_rng(1).normal(128, 40, (3, 96, 96)))
    corners = [(x, y) for x in (2, 34, 66) for y in (2, 34, 66)]
    squares = [to_ground(box(x, y, x + 22, y + 22)) for x, y in corners]
    make_annotations(raster, squares, [{"number": i} for i in range(len(squares))])
    call("run", "--settings", "current", settings=False)
    # Both runs may have finished in the same second.
    second = next(r for r in list_run_records(Workspace(tmp_path)) if r.run_id != first.run_id)
    assert second.fitted_to == ("a.tif",)
    for record, scenes in ((first, {"a"}), (second, {"a", "b"})):
        other = tmp_path / record.run_id
        replayed = call("replay", str(record.path), "--workspace", str(other), settings=False)
        assert replayed["identical"]
        assert {path.stem for path in (other / "raw").glob("*.tif")} == scenes
    # In its own workspace, too, a run is replayed without the scene that was added later.
    assert call("replay", first.run_id, settings=False)["identical"]


def test_replay__missing_scene_is_named(call, tmp_path):
    call("run", *OPTIONS)
    record, other = list_run_records(Workspace(tmp_path))[0], tmp_path / "other"
    (other / "raw").mkdir(parents=True)
    scene = next((tmp_path / "raw").glob("*.tif"))
    shutil.copy(scene, other / "raw" / "another.tif")
    text = call("replay", str(record.path), "--workspace", str(other), settings=False)
    assert scene.name in text
    assert "lacks 1 of the 1 scenes" in text


def test_replay__unknown_run(call):
    assert "'winter' is neither" in call("replay", "winter", settings=False)


@pytest.fixture
def two_runs(call, tmp_path):
    """Two runs: three clusters with `texture`, named, and four with `colour`, the current one."""
    call("run", *OPTIONS)
    name_first_cluster(tmp_path, "ferries")
    call("run", "--method", "kmeans", "--n-clusters", "4", "--encoder", "colour")
    latest, first = list_run_records(Workspace(tmp_path))
    return first, latest


def test_runs__list(call, two_runs):
    tables = call("runs", settings=False)["runs"]
    assert [table["encoder"] for table in tables] == ["colour", "texture"]
    assert [table["current"] for table in tables] == [True, False]
    assert [table["n_clusters"] for table in tables] == [4, 3]
    assert all(table["bytes"] > 0 and table["missing_artifacts"] == 0 for table in tables)


def test_runs__rename_note_and_pin(call, two_runs):
    options = ("--rename", "boats", "--note", "for Anna", "--pin")
    tables = call("runs", two_runs[0].run_id, *options, settings=False)["runs"]
    assert (tables[1]["name"], tables[1]["note"], tables[1]["pinned"]) == (
        "boats",
        "for Anna",
        True,
    )
    tables = call("runs", "boats", "--unpin", settings=False)["runs"]
    assert not tables[1]["pinned"]


@pytest.mark.parametrize("options", [("--pin",), ("boats",), ("boats", "--rename", " ")])
def test_runs__incomplete_change(call, options):
    assert "needs a RUN" in call("runs", *options, settings=False)


def test_runs__compare(call, two_runs):
    first, second = two_runs
    result = call("runs", "--compare", first.run_id, second.name, settings=False)
    assert -1 <= result["ari"] <= 1
    assert result["shared"] == sum(row["chips"] for row in result["flow"])
    assert result["moved"] == sum(row["chips"] for row in result["flow"] if row["moved"])
    assert {row["first_name"] for row in result["flow"]} == {"ferries", "cluster 1", "cluster 2"}
    second_names = {row["second_name"] for row in result["flow"]}
    assert "ferries" not in second_names or second.curation.history.edits


def test_runs__compare_says_which_chips_moved(call, two_runs):
    names = (two_runs[0].run_id, two_runs[1].run_id)
    result = call("runs", "--compare", *names, settings=False)
    text = call("runs", "--compare", *names, settings=False, as_json=False)
    assert "==" not in text
    assert text.count("(moved)") == sum(row["moved"] for row in result["flow"])
    assert text.count(" -> ") == len(result["flow"]) + 1


def test_runs__unreadable_record_is_named(call, two_runs):
    two_runs[0].path.write_text("name = ")
    result = call("runs", settings=False)
    assert len(result["runs"]) == 1
    assert two_runs[0].path.name in result["unreadable"][0]


def test_runs__damaged_current_result_is_named_and_set_aside(call, two_runs, tmp_path):
    path = tmp_path / "results" / "current.json"
    path.write_text("{")
    assert str(path) in call("runs", settings=False)["unreadable"][0]
    assert "--set-aside" in call("export", settings=False)
    result = call("runs", "--set-aside", settings=False)
    assert result["unreadable"] == []
    assert (tmp_path / "results" / "current-damaged.json").read_text() == "{"
    assert not path.exists()
    assert "is not damaged" in call("runs", "--set-aside", settings=False)


def test_clean__dry_run_then_run(call, two_runs, tmp_path):
    first, _ = two_runs
    planned = call("clean", first.name, "--dry-run", settings=False)
    assert planned["dry_run"]
    assert len(list_run_records(Workspace(tmp_path))) == 2
    cleaned = call("clean", first.name, settings=False)
    assert cleaned == planned | {"dry_run": False}
    assert cleaned["bytes"] > 0
    assert cleaned["artifacts"]["embeddings"] == 1
    assert call("runs", settings=False)["runs"][0]["missing_artifacts"] == 0


def test_clean__current_run_is_refused(call, two_runs):
    assert "is the current result" in call("clean", two_runs[1].name, settings=False)


def test_clean__unpinned(call, two_runs):
    call("runs", two_runs[0].run_id, "--pin", settings=False)
    assert call("clean", "--unpinned", settings=False)["runs"] == []
    call("runs", two_runs[0].run_id, "--unpin", settings=False)
    assert call("clean", "--older-than", "1", settings=False)["runs"] == []
    assert len(call("clean", "--unpinned", settings=False)["runs"]) == 1


def test_clean__text(two_runs, tmp_path, monkeypatch, capsys):
    arguments = ["chipscape", "clean", "--unpinned", "--dry-run", "--workspace", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit):
        cli.main()
    printed = capsys.readouterr().out
    assert "nothing was deleted" in printed
    assert "embeddings: 1 result" in printed
