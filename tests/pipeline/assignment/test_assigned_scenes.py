"""Chips of added scenes get clusters of the existing result, which does not change."""

import dataclasses
import shutil

import numpy as np
import pytest

from core.clusters.assignment import UNKNOWN, AssignmentSettings
from core.errors import SettingsError, TooFewError, WeightsError, WorkspaceError
from core.pipeline.assignment import new_chips
from core.pipeline.assignment.assigned_scenes import (
    ASSIGNMENTS,
    assign_scenes,
    open_reference,
    unassigned_scenes,
)
from core.pipeline.assignment.new_chips import ScenesFolder, cut_new_chips, standardise_new_chips
from core.pipeline.run import keep_run, run_pipeline
from core.pipeline.scene_survey import survey_scenes
from core.pipeline.workspace import Workspace

RGB = ("red", "green", "blue")


@pytest.fixture
def result(workspace, settings):
    """The workspace with a complete current result."""

    def compute(**tables):
        keep_run(run_pipeline(workspace, settings(**tables)))
        return workspace

    return compute


def reopened(workspace, **options):
    workspace = Workspace.at(workspace.root)
    reference = open_reference(workspace)
    return unassigned_scenes(reference, survey_scenes(workspace), **options)


def test_assign__no_new_scenes(result):
    assert reopened(result()) is None


def test_assign__no_result(workspace):
    with pytest.raises(WorkspaceError, match="no complete result"):
        open_reference(workspace)


def test_assign__like_chips_get_the_cluster_of_their_class(result, add_scene):
    workspace = result()
    add_scene("c", seed=2, n=12)
    new = reopened(workspace)
    assert [scene.report.path for scene in new.scenes] == ["c.tif"]
    assigned = assign_scenes(new)
    table = assigned.table
    assert len(table) == 12
    known = table[table["cluster"] != UNKNOWN]
    assert len(known) >= 6
    # The classes take turns, and each of the three clusters is one class.
    run = run_pipeline(Workspace.at(workspace.root), new.reference.view.settings, until="chips")
    classes = run.chips.properties.set_index(run.chips.facts["chip_id"])["class"]
    old = new.reference.view.artifacts["chips"]
    assert len(old) == 2
    by_class = known.groupby(classes.loc[known["chip_id"]].to_numpy())["cluster"]
    agreement = sum(group.value_counts().iloc[0] for _, group in by_class) / len(known)
    assert agreement >= 0.9
    assert np.isfinite(table[["x", "y", "relative_distance"]]).all().all()
    assert [share.scene for share in assigned.shares] == ["c"]
    assert "times the mean distance" in assigned.threshold


def test_assign__existing_artifacts_do_not_change_and_are_reused(result, add_scene, data_files):
    workspace = result()
    before = data_files(workspace.root)
    add_scene("c", seed=2, n=12)
    new = reopened(workspace)
    first = ASSIGNMENTS.make(workspace.store, new)
    after = data_files(workspace.root)
    assert before.items() <= after.items()
    stages = {path.split("/")[0] for path in after.keys() - before.keys()}
    assert stages == {"scenes", "chips", "embeddings", "assignments"}
    assert ASSIGNMENTS.make(workspace.store, reopened(workspace)).cached
    assert first.key == ASSIGNMENTS.find(workspace.store, reopened(workspace)).key
    run = run_pipeline(Workspace.at(workspace.root), new.reference.view.settings, until="reduction")
    assert run.stages["chips"] == run.stages["embeddings"] == "cached"


def test_assign__embeddings_are_those_of_a_run_with_the_kept_fit(result, add_scene):
    workspace = result()
    add_scene("c", seed=2, n=12)
    new = reopened(workspace)
    view = new.reference.view
    chips = cut_new_chips(view, new.scenes)
    columns = standardise_new_chips(view, chips)
    run = run_pipeline(Workspace.at(workspace.root), view.settings, until="embeddings")
    rows = (run.chips.facts["scene"] == "c").to_numpy()
    from core.pipeline.cluster_stages import open_reduction

    reduction = open_reduction(view)
    expected = (np.asarray(run.embeddings())[rows] - reduction.mean) * reduction.scale
    assert np.allclose(columns, expected)


def test_assign__settings_and_edits_change_the_key(result, add_scene):
    workspace = result()
    add_scene("c", seed=2, n=12)
    new = reopened(workspace)
    other = reopened(workspace, settings=AssignmentSettings(quantile=0.9))
    edited = new.reference.edited
    excluded = edited.excluded.copy()
    excluded[0] = True
    changed = dataclasses.replace(edited, excluded=excluded)
    reference = dataclasses.replace(new.reference, edited=changed)
    third = dataclasses.replace(new, reference=reference)
    assert len({ASSIGNMENTS.step(subject).key for subject in (new, other, third)}) == 3


def test_assign__another_folder_is_not_written_to(result, add_scene, tmp_path, make_scene):
    workspace, folder = result(), tmp_path / "elsewhere"
    add_scene("d", seed=5, n=9, folder=folder)
    before = sorted(path.name for path in folder.iterdir())
    reference = open_reference(Workspace.at(workspace.root))
    source = ScenesFolder(workspace, folder)
    new = unassigned_scenes(reference, survey_scenes(source))
    assert len(assign_scenes(new).table) == 9
    assert sorted(path.name for path in folder.iterdir()) == before


def test_assign__scenes_that_cannot_be_compared_are_refused(result, add_scene, make_scene):
    workspace = result()
    add_scene("c", seed=2, n=6)
    add_scene("deep", seed=3, n=6, dtype="uint16", descriptions=RGB)
    add_scene("named", seed=4, n=6, descriptions=("x", "y", "z"))
    assigned = assign_scenes(reopened(workspace))
    assert set(assigned.refused) == {"deep.tif", "named.tif"}
    assert "uint16" in assigned.refused["deep.tif"]
    assert "is missing" in assigned.refused["named.tif"]
    assert set(assigned.table["scene"]) == {"c"}


def test_assign__only_scenes_that_cannot_be_used(result, add_scene):
    workspace = result()
    add_scene("deep", seed=3, n=6, dtype="uint16", descriptions=RGB)
    with pytest.raises(TooFewError, match="none of the new scenes"):
        assign_scenes(reopened(workspace))


def test_assign__a_corrected_result(result, add_scene):
    workspace = result(reduction={"harmonisation": "centre"})
    add_scene("c", seed=2, n=6)
    with pytest.raises(SettingsError, match="corrected for a confounder"):
        assign_scenes(reopened(workspace))


def test_assign__weights_that_have_changed(result, add_scene, monkeypatch):
    workspace = result()
    add_scene("c", seed=2, n=6)
    monkeypatch.setattr(new_chips, "encoder_identity", lambda *_: {"name": "other"})
    with pytest.raises(WeightsError, match="not those of this result"):
        assign_scenes(reopened(workspace))


@pytest.mark.parametrize("method", ["hdbscan", "kmeans", "ward"])
def test_assign__every_method(result, add_scene, method):
    workspace = result(method=method)
    add_scene("c", seed=2, n=6)
    assert len(assign_scenes(reopened(workspace)).table) == 6


def test_assign__to_a_named_run(result, add_scene, settings):
    workspace = result()
    record = next((workspace.results / "runs").glob("*.toml"))
    keep_run(run_pipeline(workspace, settings(gmm={"n_components": 2})))
    reference = open_reference(Workspace.at(workspace.root), record.stem)
    assert reference.view.settings.gmm.n_components == 3
    assert open_reference(Workspace.at(workspace.root)).view.settings.gmm.n_components == 2


def test_assign__an_old_scene_that_was_moved_away(result, add_scene):
    workspace = result()
    shutil.move(workspace.raw / "b.tif", workspace.root / "b.tif")
    add_scene("c", seed=2, n=6)
    assert len(assign_scenes(reopened(workspace)).table) == 6
