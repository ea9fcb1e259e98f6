"""ResNet-50 from hub folders served from disk, against transformers' own loading."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import ResNetConfig, ResNetForImageClassification, ResNetModel

from core.embeddings.networks.resnet50 import CARD, load
from core.errors import WeightsError
from core.settings import EmbedSettings

TINY = ResNetConfig(embedding_size=8, hidden_sizes=[16, 24], depths=[1, 2])
TINY_CARD = replace(CARD, dim=24)


@pytest.fixture
def folder(tmp_path, random_state):
    """A hub folder: config.json and model.safetensors of a classifier."""
    model = ResNetForImageClassification(TINY)
    model.load_state_dict(random_state(model))
    model.save_pretrained(tmp_path / "tiny")
    return tmp_path / "tiny"


def pooled(model, batch):
    mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    pixels = (torch.from_numpy(batch.pixels).float() / 255 - mean) / std
    with torch.inference_mode():
        return model.eval()(pixels).pooler_output.flatten(1).numpy()


def test_load__hub_folder_agrees_with_transformers(folder, make_batch, tmp_path):
    made = load(EmbedSettings(weights=str(folder)), tmp_path, TINY_CARD)
    batch = make_batch(n=4, size=64)
    found = made.encode(batch, made.fit(batch))
    expected = pooled(ResNetModel.from_pretrained(folder), batch)
    assert found.shape == (4, 24)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert np.abs(found[0] - found[1]).max() > 1e-3


def test_load__full_size_without_a_configuration(tmp_path, random_state, make_batch):
    model = ResNetModel(ResNetConfig())
    model.load_state_dict(random_state(model))
    state = {f"resnet.{key}": value for key, value in model.state_dict().items()}
    state |= {"classifier.1.weight": torch.zeros(9, 2048), "classifier.1.bias": torch.zeros(9)}
    (tmp_path / "resnet50").mkdir()
    save_file(state, tmp_path / "resnet50" / "model.safetensors")
    made = load(EmbedSettings(), tmp_path)
    batch = make_batch(n=2, size=64)
    found = made.encode(batch, {})
    assert found.shape == (2, 2048)
    expected = pooled(model, batch)
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize(
    "other",
    [
        {"downsample_in_bottleneck": True},
        {"downsample_in_first_stage": True},
        {"hidden_act": "gelu"},
        {"layer_type": "basic"},
    ],
)
def test_load__configuration_that_the_weights_do_not_show_is_refused(folder, tmp_path, other):
    ResNetConfig(**{**TINY.to_dict(), **other}).save_pretrained(folder)
    with pytest.raises(WeightsError, match=f"another network than resnet50: {next(iter(other))}"):
        load(EmbedSettings(weights=str(folder)), tmp_path, TINY_CARD)


def test_load__configuration_of_another_size(folder, tmp_path):
    with pytest.raises(WeightsError, match=r"config\.json: .*than resnet50: 24 features"):
        load(EmbedSettings(weights=str(folder)), tmp_path)


def test_load__configuration_that_is_no_json(folder, tmp_path):
    (folder / "config.json").write_text("{")
    with pytest.raises(WeightsError, match=r"config\.json: is not a configuration"):
        load(EmbedSettings(weights=str(folder)), tmp_path, TINY_CARD)


def change(folder, **changes):
    state = load_file(folder / "model.safetensors") | changes
    kept = {key: value for key, value in state.items() if value is not None}
    save_file(kept, folder / "model.safetensors")


KEY = "resnet.encoder.stages.0.layers.0.layer.1.convolution.weight"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "lacks encoder.stages.0.layers.0.layer.1.convolution.weight"),
        (torch.full((4, 4, 3, 3), float("nan")), "not finite in encoder.stages.0"),
        (torch.zeros(4, 4, 1, 1), r"is \(4, 4, 1, 1\), not \(4, 4, 3, 3\)"),
    ],
    ids=["missing", "nan", "shape"],
)
def test_load__wrong_key_is_named(folder, tmp_path, value, expected):
    change(folder, **{KEY: value})
    with pytest.raises(WeightsError, match=expected):
        load(EmbedSettings(weights=str(folder)), tmp_path, TINY_CARD)


def test_load__truncated_file(folder, tmp_path):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(WeightsError, match="cut off"):
        load(EmbedSettings(weights=str(folder)), tmp_path, TINY_CARD)
