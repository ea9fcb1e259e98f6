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
from core.pipeline.encoders import satdino_protocol
from core.pipeline.encoders.satdino_protocol import run_satdino_protocol
from core.pipeline.scene_survey import Survey
from core.pipeline.view import View
from core.pipeline.workspace import Workspace
from core.settings import EmbedSettings, RunSettings

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
def run_protocol(chips, tmp_path, monkeypatch):
    """Run the protocol on these chips."""
    monkeypatch.setattr(satdino_protocol, "open_chips", lambda _: chips)

    def run(attribute="class", report=lambda *_: False, encoder=NAME):
        settings = RunSettings(embed=EmbedSettings(encoder=encoder))
        view = View(Workspace(tmp_path), settings, Survey((), 0.0))
        return run_satdino_protocol(view, attribute, report)

    return run


@pytest.fixture
def network_inputs(monkeypatch, tmp_path):
    """The sides of the images that the network gets."""
    sides = []

    def network(pixels):
        sides.append(tuple(pixels.shape[-2:]))
        return pixels.mean((2, 3))

    def load(name, settings, folder):
        card = dataclasses.replace(CARDS[NAME], dim=3)
        weights = WeightFile(tmp_path / "w", "0" * 64)
        module = torch.nn.Identity()
        return NetworkEncoder(card, network, module, step=16, settings=settings, weights=weights)

    monkeypatch.setattr(registry, "load_encoder", load)
    return sides


@pytest.mark.usefixtures("network_inputs")
def test_protocol__clear_classes_are_right_at_every_scale(run_protocol):
    scores = run_protocol()
    assert scores["accuracies"] == (1.0, 1.0, 1.0, 1.0)
    assert scores["accuracy"] == 1.0
    assert scores["split"].startswith("every second scene")
    counts = [scores[name] for name in ("n_train", "n_test", "n_missing", "n_classes")]
    assert counts == [39, 40, 1, 3]


def test_protocol__central_crops_at_four_scales(run_protocol, network_inputs):
    scores = run_protocol()
    assert scores["sides"] == (64, 32, 16, 16)
    assert set(network_inputs) == {(side, side) for side in scores["sides"]}


@pytest.mark.usefixtures("network_inputs")
def test_protocol__mean_over_the_scales_and_progress(run_protocol, chips):
    reports = []
    for part in chips.parts:
        part.pixels[:, :, ::2, ::2] = np.random.default_rng(1).integers(0, 255, (40, 3, 35, 35))
    scores = run_protocol(report=lambda completed, total, _: reports.append((completed, total)))
    assert scores["accuracy"] == pytest.approx(np.mean(scores["accuracies"]))
    assert reports == [(1, 4), (2, 4), (3, 4), (4, 4)]


@pytest.mark.usefixtures("network_inputs")
def test_protocol__unknown_attribute_or_one_class(run_protocol):
    with pytest.raises(SettingsError, match=r"no annotation has an attribute 'kind'.*class, same"):
        run_protocol("kind")
    with pytest.raises(TooFewError, match="80 chips have 1 class"):
        run_protocol("same")


def test_protocol__needs_an_encoder_with_a_network(run_protocol):
    with pytest.raises(SettingsError, match="several scales, which texture does not support"):
        run_protocol(encoder="texture")


def test_protocol__needs_chips(run_protocol, monkeypatch):
    monkeypatch.setattr(satdino_protocol, "open_chips", lambda _: None)
    with pytest.raises(TooFewError, match="there are no chips"):
        run_protocol()
