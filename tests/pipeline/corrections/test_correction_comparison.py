import dataclasses
import re

import pytest

from core.artifacts.keys import make_key
from core.clusters.evaluation.corrections import CORRECTIONS
from core.errors import SettingsError, TooFewError
from core.pipeline.cluster_stages import REDUCTION, open_reduction
from core.pipeline.corrections import correction_comparison
from core.pipeline.corrections.correction_comparison import (
    compare_corrections,
    find_correction_comparison,
)
from core.pipeline.demo_workspace import ensure_demo
from core.pipeline.run import run_pipeline
from core.pipeline.workspace import Workspace
from core.settings import GmmSettings, RunSettings

ON_EMBEDDINGS = ["current", "centre", "brightness", "sharpness"]


def run_clusters(workspace, settings, **tables):
    return run_pipeline(workspace, settings(method="kmeans", **tables), until="clusters")


def names(comparison):
    return [effect.name for effect in comparison.effects]


def centring_note(run):
    """The number of scenes in the note on centring."""
    note = next(note for note in run.notes() if "by scene" in note)
    return int(re.search(r"(\d+) scenes", note)[1])


def test_reduction__key_without_corrections_is_that_of_earlier_versions(workspace, settings):
    view = run_pipeline(workspace, settings(), until="reduction").view
    former = {"n_dims": 50, "longitude": 0.0, "latitude": 0.0, "width": 0.0, "height": 0.0}
    embeddings = [artifact.key for artifact in view.artifacts["embeddings"][1:]]
    key = make_key("reduction", 1, {"embeddings": embeddings, "settings": former})
    assert view.artifacts["reduction"][0].key == REDUCTION.step(view).key == key


@pytest.mark.parametrize(
    "change", [{"harmonisation": "centre"}, {"nuisance": "brightness"}, {"nuisance": "sharpness"}]
)
def test_reduction__each_correction_has_its_own_key(workspace, settings, change):
    plain = run_pipeline(workspace, settings(), until="reduction").view
    corrected = run_pipeline(workspace, settings(reduction=change), until="reduction").view
    assert corrected.artifacts["reduction"][0].key != plain.artifacts["reduction"][0].key
    keys = [[a.key for a in view.artifacts["embeddings"]] for view in (plain, corrected)]
    assert keys[0] == keys[1]
    assert len(open_reduction(corrected).notes) == len(open_reduction(plain).notes) + 1


def test_reduction__centring_uses_all_scenes_also_those_added_later(add_scene, workspace, settings):
    tables = settings(reduction={"harmonisation": "centre"})
    assert centring_note(run_pipeline(workspace, tables, until="reduction")) == 2
    add_scene("c", seed=2)
    assert centring_note(run_pipeline(workspace, tables, until="reduction")) == 3


def test_reduction__a_class_nested_in_scenes_is_named(add_scene, workspace, settings, monkeypatch):
    monkeypatch.setattr(
        "core.pipeline.cluster_stages.centring_warnings", lambda *_: ["Each scene has one site."]
    )
    run = run_pipeline(
        workspace, settings(reduction={"harmonisation": "centre"}), until="reduction"
    )
    assert "Each scene has one site." in run.notes()
    assert "Each scene has one site." not in run_pipeline(workspace, settings()).notes()


def test_compare__corrections_of_existing_embeddings(workspace, settings, look_up):
    run = run_clusters(workspace, settings)
    assert find_correction_comparison(run.view, "class") is None
    comparison = compare_corrections(run.view, "class")
    assert names(comparison) == ON_EMBEDDINGS
    assert comparison.effects[0].n_clusters == run.labelling.n_clusters
    assert all(0 <= effect.stability <= 1 for effect in comparison.effects)
    assert len([note for note in comparison.notes if "--recut" in note]) == 2
    view = look_up(workspace, settings(method="kmeans"))
    assert find_correction_comparison(view, "class") == comparison
    assert find_correction_comparison(view, "number") is None


def test_compare__effects_are_those_of_a_run_with_the_correction(workspace, settings):
    comparison = compare_corrections(run_clusters(workspace, settings).view, "class")
    tables = {"reduction": {"nuisance": "brightness"}}
    direct = compare_corrections(run_clusters(workspace, settings, **tables).view, "class")
    by_name = {effect.name: effect for effect in comparison.effects}
    measures = [dataclasses.astuple(effect)[2:] for effect in (by_name["brightness"],)]
    assert measures == [dataclasses.astuple(direct.effects[0])[2:]]
    without = next(effect for effect in direct.effects if effect.name == "brightness")
    assert without.title == "Without removing brightness"
    assert dataclasses.astuple(without)[2:] == dataclasses.astuple(comparison.effects[0])[2:]


def test_compare__new_chips_only_on_request_or_if_they_exist(workspace, settings):
    view = run_clusters(workspace, settings).view
    recut = compare_corrections(view, "", recut=True)
    assert names(recut) == ["current", *(correction.name for correction in CORRECTIONS)]
    assert not recut.notes
    assert recut.effects[0].ari is None
    # The embeddings of all corrections now exist.
    assert compare_corrections(view, "") == recut


def test_compare__a_correction_that_fails_is_noted(workspace, settings, monkeypatch):
    def fail(view, listen):
        raise TooFewError("there are too few chips")

    view = run_clusters(workspace, settings).view
    monkeypatch.setattr(correction_comparison, "_clustered_view", fail)
    comparison = compare_corrections(view, "class")
    assert names(comparison) == ["current"]
    assert comparison.notes[0].startswith("Centring by scene was not compared: there are too few")


def test_compare__unknown_attribute_and_missing_clusters(workspace, settings):
    run = run_clusters(workspace, settings)
    with pytest.raises(SettingsError, match="no annotation has an attribute 'colour'"):
        compare_corrections(run.view, "colour")
    reduction = run_pipeline(workspace, settings(), until="reduction").view
    assert find_correction_comparison(reduction, "class") is None
    with pytest.raises(TooFewError, match="no clusters to correct"):
        compare_corrections(reduction, "class")


def test_compare__one_scene_cannot_be_centred(add_scene, tmp_path, settings):
    add_scene("a")
    view = run_clusters(Workspace.at(tmp_path), settings, kmeans={"n_clusters": 3}).view
    assert "centre" not in names(compare_corrections(view, "class"))


@pytest.mark.long
def test_compare__centring_helps_on_the_demo(tmp_path):
    workspace = Workspace.at(tmp_path / "demo")
    ensure_demo(workspace)
    demo = RunSettings(gmm=GmmSettings(n_components=7))
    view = run_pipeline(workspace, demo, until="clusters").view
    effects = {item.name: item for item in compare_corrections(view, "class").effects}
    before, after = effects["current"], effects["centre"]
    assert before.scene > 0.15 > after.scene
    assert after.ari > before.ari
    assert after.ami > before.ami
