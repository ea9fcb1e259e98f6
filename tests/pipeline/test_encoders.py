"""Encoders side by side in a workspace: measured before, compared once, found again."""

import dataclasses
import sys

import numpy as np
import pytest

from core.embeddings import registry, texture
from core.embeddings.readiness import readiness
from core.errors import SettingsError, TooFewError, WeightsError
from core.pipeline import encoders
from core.pipeline.comparison import scores_of
from core.pipeline.encoders import compare_encoders, find_compared, known_outlook, outlook
from core.pipeline.runs import run
from core.settings import EmbedSettings

BOTH = ["texture", "rcf", "texture+rcf"]
BROKEN = """
import os
from core.embeddings.encoder import EncoderCard
from core.embeddings.registry import Source
from core.errors import DegenerateError

class Broken:
    def __init__(self, name):
        self.card = EncoderCard(name, name, "", dim=1)
        self.identity = {"name": name, "version": 1}
    def fit(self, sample): return {}
    def encode(self, batch, fitted):
        if self.card.name == "dying":
            os._exit(1)
        raise DegenerateError("these chips do not please me", where="broken")

def source(name):
    return Source(EncoderCard(name, name, "", dim=1), lambda settings, folder: Broken(name))

dying, moody = source("dying"), source("moody")
"""


@pytest.fixture
def chips(workspace, settings):
    return run(workspace, settings(), until="chips").chips


@pytest.fixture
def broken(tmp_path, monkeypatch):
    """An installed package with an encoder that ends its process, and one that refuses."""
    info = tmp_path / "site" / "broken_encoders-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-encoders\nVersion: 1.0\n")
    entries = "dying = broken_encoders:dying\nmoody = broken_encoders:moody\n"
    (info / "entry_points.txt").write_text(f"[chipscape.encoders]\n{entries}")
    (tmp_path / "site" / "broken_encoders.py").write_text(BROKEN)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    yield
    sys.modules.pop("broken_encoders", None)


def test_settings_for__a_weight_file_is_that_of_one_encoder(tmp_path):
    file = EmbedSettings(encoder="resnet50", weights=str(tmp_path / "w.safetensors"), input_size=64)
    assert encoders.settings_for(file, "resnet50") == file
    other = encoders.settings_for(file, "dinov2-small")
    assert (other.encoder, other.weights, other.input_size) == ("dinov2-small", "", 64)
    folder = dataclasses.replace(file, weights=str(tmp_path))
    assert encoders.settings_for(folder, "dinov2-small").weights == str(tmp_path)


def test_ready_encoders__those_that_need_nothing(workspace, monkeypatch, tmp_path):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    assert encoders.ready_encoders(workspace, EmbedSettings()) == ["texture", "rcf"]


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

    monkeypatch.setattr(encoders, "scores_of", never)
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
    with pytest.raises(TooFewError, match="has a value of its own"):
        only = dataclasses.replace(chips, parts=chips.parts[:1])
        compare_encoders(workspace, only, settings(), ["texture"], "number")


def test_outlook__measured_in_a_process_of_its_own_and_kept(workspace, settings, chips):
    embed = settings().embed
    assert known_outlook(workspace, chips, embed, "texture") is None
    found = outlook(workspace, chips, embed, "texture")
    assert (found.ready, found.needs) == (True, "")
    assert (found.estimate.n, found.estimate.measured, found.estimate.dim) == (40, 40, 320)
    assert found.estimate.seconds > 0
    # The network libraries are no part of it.
    assert 40 * 320 * 4 < found.estimate.bytes < 300e6
    assert known_outlook(workspace, chips, embed, "texture") == found
    assert known_outlook(workspace, chips, embed, "rcf") is None
    one_scene = dataclasses.replace(chips, parts=chips.parts[:1])
    assert known_outlook(workspace, one_scene, embed, "texture") is None
    assert workspace.store.all("embeddings") == []


def test_outlook__not_ready_is_not_tried(workspace, settings, chips, monkeypatch, tmp_path):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    found = outlook(workspace, chips, settings().embed, "rcf+dinov2-small")
    assert (found.ready, found.estimate) == (False, None)
    assert str(workspace.weights / "dinov2-small" / "model.safetensors") in found.needs
    assert found.needs == readiness("dinov2-small", settings().embed, workspace.weights).needs


@pytest.mark.usefixtures("broken")
@pytest.mark.parametrize(
    ("name", "words"),
    [("moody", "these chips do not please me"), ("dying", "the memory may not suffice")],
)
def test_outlook__one_that_fails_is_told(workspace, settings, chips, name, words):
    found = outlook(workspace, chips, settings().embed, name)
    assert found.ready
    assert found.estimate is None
    assert words in found.needs
    assert encoders.known_outlook(workspace, chips, settings().embed, name) == found


def test_known_outlook__of_another_version_is_measured_anew(workspace, settings, chips):
    file = encoders._outlook_file(workspace, chips, settings().embed)
    file.parent.mkdir(parents=True)
    file.write_text('{"n": 40, "fortnights": 2}')
    assert known_outlook(workspace, chips, settings().embed, "texture") is None
