"""Encoders side by side in a workspace: compared once, found again."""

import dataclasses

import numpy as np
import pytest

from core.embeddings import registry
from core.embeddings.descriptors import texture
from core.errors import SettingsError, TooFewError, WeightsError
from core.pipeline.encoders import encoder_comparison
from core.pipeline.encoders.encoder_comparison import compare_encoders, find_compared
from core.pipeline.encoders.encoder_scores import scores_of
from core.pipeline.run import run
from core.settings import EmbedSettings

BOTH = ["texture", "rcf", "texture+rcf"]


@pytest.fixture
def chips(workspace, settings):
    return run(workspace, settings(), until="chips").chips


def test_settings_for__a_weight_file_is_that_of_one_encoder(tmp_path):
    file = EmbedSettings(encoder="resnet50", weights=str(tmp_path / "w.safetensors"), input_size=64)
    assert encoder_comparison.settings_for(file, "resnet50") == file
    other = encoder_comparison.settings_for(file, "dinov2-small")
    assert (other.encoder, other.weights, other.input_size) == ("dinov2-small", "", 64)
    folder = dataclasses.replace(file, weights=str(tmp_path))
    assert encoder_comparison.settings_for(folder, "dinov2-small").weights == str(tmp_path)


def test_settings_for__joined_with_one_that_needs_none(tmp_path):
    file = EmbedSettings(encoder="resnet50", weights=str(tmp_path / "w.safetensors"))
    assert encoder_comparison.settings_for(file, "texture+resnet50").weights == file.weights
    assert encoder_comparison.settings_for(file, "texture").weights == ""


def test_with_owner__the_one_that_needs_weights(tmp_path):
    file = EmbedSettings(weights=str(tmp_path / "w.pth"))
    names = ["texture", "texture+resnet50", "resnet50"]
    owned = encoder_comparison.with_owner(file, names)
    assert owned == dataclasses.replace(file, encoder="resnet50")
    assert encoder_comparison.settings_for(owned, "texture+resnet50").weights == file.weights
    assert encoder_comparison.with_owner(file, ["texture", "rcf"]) == file
    chosen = dataclasses.replace(file, encoder="dinov2-small")
    assert encoder_comparison.with_owner(chosen, names) == chosen
    folder = dataclasses.replace(file, weights=str(tmp_path))
    assert encoder_comparison.with_owner(folder, [*names, "dinov2-small"]) == folder
    with pytest.raises(SettingsError, match="one file cannot be the weights of resnet50 and dino"):
        encoder_comparison.with_owner(file, [*names, "dinov2-small"])


def test_ready_encoders__those_that_need_nothing(workspace, monkeypatch, tmp_path):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    assert encoder_comparison.ready_encoders(workspace, EmbedSettings()) == ["texture", "rcf"]


def test_compare__scores_are_those_of_the_embeddings(workspace, settings, chips):
    found = compare_encoders(workspace, chips, settings(), BOTH, "class")
    assert [one.encoder for one in found] == BOTH
    assert [one.scores.dim for one in found] == [320, 1024, 1344]
    assert all(one.seconds > 0 and not one.cached for one in found)
    for one in found:
        chosen = settings(embed={"encoder": one.encoder})
        done = run(workspace, chosen, until="embeddings")
        assert done.stages["embeddings"] == "cached"
        truth, scenes = chips.properties["class"].tolist(), chips.facts["scene"].tolist()
        again = scores_of(np.asarray(done.embeddings()), truth, scenes, "class", chosen)
        assert one.scores == again


def test_compare__a_second_time_computes_nothing(workspace, settings, chips, monkeypatch):
    first = compare_encoders(workspace, chips, settings(), BOTH, "class")

    def never(*_):
        raise AssertionError

    monkeypatch.setattr(encoder_comparison, "scores_of", never)
    monkeypatch.setattr(registry, "load", never)
    again = compare_encoders(workspace, chips, settings(), BOTH, "class")
    assert all(one.cached for one in again)
    assert [dataclasses.replace(one, cached=False) for one in again] == first
    for one in again:
        assert find_compared(workspace, chips, settings(), one.encoder, "class") == one


@pytest.mark.parametrize(
    "over",
    [
        {"gmm": {"n_components": 2}},
        {"tree": {"min_samples": 2}},
        {"cut": {"min_cluster_size": 8}},
        {"reduction": {"n_dims": 3}},
        {"embed": {"sample": 10}},
    ],
    ids=str,
)
def test_find_compared__of_other_settings_is_another_question(workspace, settings, chips, over):
    compare_encoders(workspace, chips, settings(), ["texture"], "class")
    assert find_compared(workspace, chips, settings(**over), "texture", "class") is None


def test_find_compared__neither_property_nor_encoder_asked(workspace, settings, chips):
    compare_encoders(workspace, chips, settings(), ["texture"], "class")
    assert find_compared(workspace, chips, settings(), "texture", "number") is None
    assert find_compared(workspace, chips, settings(), "rcf", "class") is None
    assert find_compared(workspace, chips, settings(), "resnet50", "class") is None
    # What does not touch the scores: the method of the run, the picture.
    same = settings(method="hdbscan", projection={"n_iter": 60})
    assert find_compared(workspace, chips, same, "texture", "class") is not None


def test_compare__refused_before_anything_is_computed(workspace, settings, chips, monkeypatch):
    monkeypatch.setattr(texture.Texture, "encode", None)
    with pytest.raises(SettingsError, match="no annotation has a property 'kind'"):
        compare_encoders(workspace, chips, settings(), ["texture"], "kind")
    for names in ([], ["texture", "texture"]):
        with pytest.raises(SettingsError, match="no encoder is named, or one of them twice"):
            compare_encoders(workspace, chips, settings(), names, "class")
    with pytest.raises(SettingsError, match="Did you mean 'texture'"):
        compare_encoders(workspace, chips, settings(), ["texture", "textur"], "class")
    missing = settings(embed={"encoder": "resnet50", "weights": str(workspace.root / "none")})
    with pytest.raises(WeightsError, match="there is no such weight file"):
        compare_encoders(workspace, chips, missing, ["texture", "resnet50"], "class")
    assert workspace.store.all("embeddings") == []


def test_compare__property_that_sorts_nothing(workspace, settings, chips):
    only = dataclasses.replace(chips, parts=chips.parts[:1])
    with pytest.raises(TooFewError, match="has a value of its own"):
        compare_encoders(workspace, only, settings(), ["texture"], "number")
