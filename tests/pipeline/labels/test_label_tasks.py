"""Labelling the chips of two small scenes."""

import geopandas as gpd
import pandas as pd
import pytest

from core.errors import SettingsError, TooFewError
from core.labels.label_history import LabelStep, add_label_steps, label_step
from core.pipeline.chip_stages import open_chips
from core.pipeline.labels.label_export import write_labels
from core.pipeline.labels.label_file import LABEL_ATTRIBUTE, change_labels
from core.pipeline.labels.label_tasks import find_duplicates, open_label_task, require_chips
from core.pipeline.run import run_pipeline


@pytest.fixture
def run(workspace, settings):
    return run_pipeline(workspace, settings(), until="clusters")


def label(run, ids, name, kind="label"):
    step = label_step(ids, name, kind)
    change_labels(run.view.workspace, lambda history: add_label_steps(history, step))


def label_by_class(run, n):
    """Label the n chips that are proposed, with their class."""
    classes = dict(zip(run.chip_ids, run.chips.properties["class"], strict=True))
    for _ in range(n):
        chip = run.chip_ids[open_label_task(run.view).next_chips()[0].row]
        label(run, [chip], classes[chip])


def test_label_task__proposes_chips_and_suggests_classes(run):
    label_by_class(run, 15)
    task = open_label_task(run.view)
    assert len(task.rows) == 15
    assert set(task.names) == {"striped", "checked", "plain"}
    table = task.table(task.suggestions())
    truth = run.chips.properties["class"].to_numpy()
    assert (table["label"] == truth).mean() > 0.8
    assert table["source"].value_counts().to_dict() == {"suggested": 25, "given": 15}
    assert table["confidence"].isna().sum() == 15
    assert task.learning_curve().n_labels[-1] == 15


def test_label_task__does_not_propose_skipped_chips(run):
    chip = run.chip_ids[open_label_task(run.view).next_chips()[0].row]
    skip = LabelStep("skip", (chip,))
    change_labels(run.view.workspace, lambda history: add_label_steps(history, skip))
    task = open_label_task(run.view)
    assert chip not in {run.chip_ids[c.row] for c in task.next_chips(len(run.chips))}
    assert len(task.next_chips(len(run.chips))) > 0


def test_labels__are_an_attribute_of_the_chips(run):
    assert LABEL_ATTRIBUTE not in open_chips(run.view).properties
    label(run, run.chip_ids[:3], "boat")
    label(run, ["of-a-removed-scene"], "quay")
    chips = open_chips(run.view)
    assert chips.properties[LABEL_ATTRIBUTE].tolist()[:4] == ["boat", "boat", "boat", None]
    assert chips.properties[LABEL_ATTRIBUTE].notna().sum() == 3
    assert open_label_task(run.view).names == ["boat"]


def test_doubtful_labels__of_an_attribute_and_of_the_given_labels(run):
    task = open_label_task(run.view)
    table = task.doubtful_labels("class")
    assert len(table) == 40
    assert set(table["chip_id"]) == set(run.chip_ids)
    with pytest.raises(TooFewError):
        task.doubtful_labels()
    label(run, run.chip_ids[:5], "boat")
    label(run, run.chip_ids[5:9], "quay")
    assert len(open_label_task(run.view).doubtful_labels()) == 9


def test_duplicates__across_scenes(add_scene, workspace, settings):
    # The scene c has the pixels of the scene a, elsewhere on the ground.
    raster = add_scene("c", seed=0)
    assert raster.is_file()
    run = run_pipeline(workspace, settings(), until="clusters")
    table = find_duplicates(run.view, open_label_task(run.view))
    copies = table[table["across_scenes"]]
    pairs = {
        (a.rpartition("-")[0], b.rpartition("-")[0])
        for a, b in zip(copies["chip_id"], copies["other_id"], strict=True)
    }
    assert pairs == {("c", "a")}
    assert len(copies) >= 20


@pytest.mark.parametrize("kind", ["csv", "geojson"])
def test_write_labels__given_and_suggested(run, tmp_path, kind):
    with pytest.raises(TooFewError, match="no chip has a label"):
        write_labels(run.view, open_label_task(run.view), None, tmp_path, kind)
    label_by_class(run, 6)
    task = open_label_task(run.view)
    read = pd.read_csv if kind == "csv" else gpd.read_file
    given = read(write_labels(run.view, task, None, tmp_path / "new", kind))
    assert len(given) == 6
    assert set(given["source"]) == {"given"}
    if len(task.names) > 1:
        everything = read(write_labels(run.view, task, task.suggestions(), tmp_path, kind))
        assert len(everything) == 40
    if kind == "geojson":
        assert given.crs.to_epsg() == 4326
        assert given.geometry.notna().all()
    with pytest.raises(SettingsError, match="never written to"):
        write_labels(run.view, task, None, run.view.workspace.raw, kind)


def test_require_chips__names_an_unknown_chip(run):
    require_chips(run.chips, run.chip_ids[:2])
    with pytest.raises(SettingsError, match="nowhere"):
        require_chips(run.chips, ["nowhere"])
