import dataclasses

import numpy as np
import pytest

from core.errors import SettingsError
from core.pipeline.chip_stages import open_chips
from core.pipeline.cluster_stages import find_labelling, open_projection, open_reduction
from core.pipeline.embedding_stages import open_embeddings
from core.pipeline.run import run_pipeline
from core.pipeline.run_stages import (
    RUN_STAGES,
    STAGE_NAMES,
    complete_view,
    find_stage,
    settings_of,
    with_settings,
)
from core.pipeline.scene_survey import survey_scenes
from core.pipeline.view import View
from core.pipeline.workspace import Workspace
from core.settings import GmmSettings, ProjectionSettings, ReductionSettings, RunSettings


def stages_in(view):
    """Return the stages for which a view has artifacts."""
    return {stage: view.has(stage) for stage in STAGE_NAMES}


@pytest.mark.parametrize("until", STAGE_NAMES)
def test_look_up__stages_of_the_run(workspace, settings, until, look_up):
    run_pipeline(workspace, settings(), until=until)
    view = look_up(workspace, settings())
    expected = STAGE_NAMES[: STAGE_NAMES.index(until) + 1]
    assert stages_in(view) == {stage: stage in expected for stage in STAGE_NAMES}
    assert view.reason == ""


def test_look_up__computes_only_scene_reports(workspace, settings, look_up):
    view = look_up(workspace, settings())
    assert [stage for stage, present in stages_in(view).items() if present] == ["scenes"]
    assert sorted(p.name for p in workspace.artifacts.iterdir() if p.is_dir()) == [
        ".partial",
        "scenes",
    ]
    openers = (open_chips, open_embeddings, open_reduction, open_projection)
    assert [opener(view) for opener in openers] == [None] * 4
    assert find_labelling(view) is None


def test_look_up__reason_that_no_further_stage_is_found(workspace, settings, look_up):
    run_pipeline(workspace, settings())
    view = look_up(workspace, settings(embed={"encoder": "textur"}))
    assert "Did you mean 'texture'?" in view.reason
    assert view.has("chips")
    assert not view.has("embeddings")


def test_look_up__no_scene_with_annotations(make_scene, tmp_path, look_up):
    empty = look_up(Workspace.at(tmp_path / "empty"), RunSettings())
    make_scene("bare.tif")
    bare = look_up(Workspace.at(tmp_path), RunSettings())
    for view in (empty, bare, complete_view(bare)):
        assert not view.has("chips")
        assert view.reason == ""


def test_look_up__keys_change_with_the_settings(workspace, settings, look_up):
    run_pipeline(workspace, settings())
    before = look_up(workspace, settings())
    run_pipeline(workspace, settings(projection={"seed": 4}))
    after = look_up(workspace, settings(projection={"seed": 4}))
    changed = {stage for stage in STAGE_NAMES if before.key(stage) != after.key(stage)}
    assert changed == {"projection"}


def test_complete_view__equals_the_look_up(workspace, settings, look_up):
    run_pipeline(workspace, settings())
    view = look_up(workspace, settings())
    bare = View(workspace, settings(), survey_scenes(workspace))
    assert complete_view(bare).artifacts.keys() == view.artifacts.keys()
    assert list(complete_view(bare, until="embeddings").artifacts) == list(STAGE_NAMES[:3])
    other = complete_view(with_settings(view, gmm=GmmSettings(n_components=9)))
    assert [stage for stage, present in stages_in(other).items() if not present] == ["clusters"]
    assert complete_view(with_settings(other, gmm=view.settings.gmm)).artifacts == view.artifacts


def test_with_settings__drops_what_depends_on_the_change(workspace, settings):
    view = run_pipeline(workspace, settings()).view
    changes = {
        "projection": (ProjectionSettings(seed=4), ["projection"]),
        "gmm": (GmmSettings(n_components=9), ["clusters"]),
        "method": ("kmeans", ["clusters"]),
        "reduction": (ReductionSettings(n_dims=5), ["reduction", "clusters", "projection"]),
        "chips": (dataclasses.replace(view.settings.chips, margin=1.0), list(STAGE_NAMES[1:])),
    }
    for table, (value, dropped) in changes.items():
        other = with_settings(view, **{table: value})
        assert getattr(other.settings, table) == value
        assert [stage for stage in STAGE_NAMES if not other.has(stage)] == dropped
    same = with_settings(view, gmm=view.settings.gmm)
    assert np.array_equal(find_labelling(same).labels, find_labelling(view).labels)
    assert same == view


def test_find_stage__unknown_name():
    assert find_stage("chips") is RUN_STAGES[1]
    with pytest.raises(SettingsError, match="'tsne' is not one of scenes, chips") as caught:
        find_stage("tsne", where="until")
    assert caught.value.where == "until"


def test_settings_of__includes_the_stages_before():
    assert settings_of("scenes") == ("scenes",)
    assert settings_of("reduction") == ("scenes", "chips", "screen", "embed", "reduction")
    fields = {field.name for field in dataclasses.fields(RunSettings)}
    used = {table for stage in STAGE_NAMES for table in settings_of(stage)}
    assert fields - used == {"noise"}
