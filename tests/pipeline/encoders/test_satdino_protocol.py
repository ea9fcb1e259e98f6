"""The published protocol on chips, with a network that is the mean of its pixels."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import torch

from core.chips.chip_set import ChipSet, SceneChips
from core.embeddings import registry
from core.embeddings.networks.network_encoder import NetworkEncoder
from core.embeddings.networks.satdino import CARDS
from core.embeddings.networks.weight_files import WeightFile
from core.errors import SettingsError, TooFewError
from core.pipeline.encoders.satdino_protocol import satdino_protocol
from core.pipeline.workspace import Workspace
from core.settings import EmbedSettings

NAME = "satdino-small-16"


@pytest.fixture
def chips():
    """Two scenes of red, green and blue chips, one chip without a class."""
    rng = np.random.default_rng(0)
    parts = []
    for scene in ("a", "b"):
        kinds = rng.permutation(np.arange(40) % 3)
        pixels = rng.integers(0, 120, (40, 3, 70, 70), dtype=np.uint8)
        pixels[np.arange(40), kinds] += 100
        names = np.array(["red", "green", "blue"], object)[kinds]
        names[0] = None if scene == "a" else names[0]
        facts = pd.DataFrame({"chip_id": [f"{scene}{i}" for i in range(40)], "scene": scene})
        properties = pd.DataFrame({"class": names, "same": "x"})
        mask = np.zeros((40, 70, 70), np.uint8)
        parts.append(SceneChips(scene, scene, pixels, mask, facts, properties))
    return ChipSet(tuple(parts), ("red", "green", "blue"))


@pytest.fixture
def seen(monkeypatch, tmp_path):
    """The sides of all that the network was shown."""
    sides = []

    def network(pixels):
        sides.append(tuple(pixels.shape[-2:]))
        return pixels.mean((2, 3))

    def load(name, settings, folder):
        card = dataclasses.replace(CARDS[NAME], dim=3)
        weights = WeightFile(tmp_path / "w", "0" * 64, "here")
        module = torch.nn.Identity()
        return NetworkEncoder(card, network, module, step=16, settings=settings, weights=weights)

    monkeypatch.setattr(registry, "load", load)
    return sides


def judge(chips, tmp_path, name="class", report=lambda *_: False):
    settings = EmbedSettings(encoder=NAME)
    return satdino_protocol(Workspace(tmp_path), chips, settings, name, report)


@pytest.mark.usefixtures("seen")
def test_protocol__a_clear_case_is_right_at_every_scale(chips, tmp_path):
    found = judge(chips, tmp_path)
    assert found.accuracies == (1.0, 1.0, 1.0, 1.0)
    assert found.accuracy == 1.0
    assert found.split.startswith("every second scene")
    assert (found.n_train, found.n_test, found.n_missing, found.n_classes) == (39, 40, 1, 3)


def test_protocol__shows_the_middle_at_four_scales(chips, tmp_path, seen):
    found = judge(chips, tmp_path)
    assert found.sides == (64, 32, 16, 16)
    assert set(seen) == {(side, side) for side in found.sides}


@pytest.mark.usefixtures("seen")
def test_protocol__the_mean_is_over_the_scales_and_reported(chips, tmp_path):
    told = []
    for part in chips.parts:
        part.pixels[:, :, ::2, ::2] = np.random.default_rng(1).integers(0, 255, (40, 3, 35, 35))
    found = judge(chips, tmp_path, report=lambda done, total, _: told.append((done, total)))
    assert found.accuracy == pytest.approx(np.mean(found.accuracies))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


@pytest.mark.usefixtures("seen")
def test_protocol__unknown_property_or_one_class(chips, tmp_path):
    with pytest.raises(SettingsError, match=r"no annotation has a property 'kind'.*class, same"):
        judge(chips, tmp_path, "kind")
    with pytest.raises(TooFewError, match="1 class on 80 chips"):
        judge(chips, tmp_path, "same")


def test_protocol__needs_an_encoder_with_a_network(chips, tmp_path):
    with pytest.raises(SettingsError, match="for which texture is not made"):
        satdino_protocol(Workspace(tmp_path), chips, EmbedSettings(), "class")
