import dataclasses

import pytest

from core.pipeline.run import run_pipeline
from core.pipeline.run_stages import STAGE_NAMES, with_settings
from core.pipeline.workspace import Workspace
from core.settings import GmmSettings, NoiseSettings


@pytest.fixture
def view(workspace, settings):
    return run_pipeline(workspace, settings(), until="reduction").view


def test_has__stages_of_the_run(view):
    assert [stage for stage in STAGE_NAMES if view.has(stage)] == list(STAGE_NAMES[:4])
    assert not view.has("no such stage")


def test_view__is_read_only(view, settings):
    with pytest.raises(dataclasses.FrozenInstanceError):
        view.settings = settings(gmm={"seed": 1})


def test_key__same_for_the_same_view(view, workspace, settings, look_up):
    for stage in STAGE_NAMES[:4]:
        assert look_up(workspace, settings()).key(stage, "gmm") == view.key(stage, "gmm")


def test_key__another_stage_or_workspace(view, tmp_path):
    keys = {view.key(stage) for stage in STAGE_NAMES[:4]}
    elsewhere = dataclasses.replace(view, workspace=Workspace.at(tmp_path / "elsewhere"))
    assert len(keys) == 4
    assert elsewhere.key("reduction") not in keys


def test_key__artifacts_of_the_stage(view, workspace, settings):
    other = run_pipeline(workspace, settings(reduction={"n_dims": 5}), until="reduction").view
    assert other.key("reduction") != view.key("reduction")
    assert other.key("embeddings") == view.key("embeddings")


def test_key__only_the_named_tables(view):
    other = with_settings(view, gmm=GmmSettings(n_components=7))
    assert other.key("reduction") == view.key("reduction")
    assert other.key("reduction", "noise") == view.key("reduction", "noise")
    assert other.key("reduction", "gmm") != view.key("reduction", "gmm")
    assert other.key("reduction", "gmm", "noise") != view.key("reduction", "gmm", "noise")
    hdbscan = with_settings(view, method="hdbscan")
    assert hdbscan.key("reduction", "method") != view.key("reduction", "method")
    nearest = with_settings(view, noise=NoiseSettings("nearest"))
    assert nearest.key("reduction", "noise") != view.key("reduction", "noise")


def test_key__other_values(view):
    assert view.key("chips", rows=[1, 2]) == view.key("chips", rows=[1, 2])
    keys = {view.key("chips"), view.key("chips", rows=[1, 2]), view.key("chips", rows=[1, 3])}
    assert len(keys | {view.key("chips", columns=[1, 2])}) == 4
