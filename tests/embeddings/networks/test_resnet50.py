"""ResNet-50 from hub folders on disk and with folded batch norms, compared with transformers."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import ResNetConfig, ResNetForImageClassification, ResNetModel

from core.embeddings.networks.resnet50 import CARD, fold_batch_norms, load_resnet50
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
    encoder = load_resnet50(EmbedSettings(weights=str(folder)), tmp_path, TINY_CARD)
    batch = make_batch(n=4, size=64)
    embeddings = encoder.encode(batch, encoder.fit(batch))
    expected = pooled(ResNetModel.from_pretrained(folder), batch)
    assert embeddings.shape == (4, 24)
    np.testing.assert_allclose(embeddings, expected, atol=1e-5)
    assert np.abs(embeddings[0] - embeddings[1]).max() > 1e-3


def test_load__full_size_without_a_configuration(tmp_path, random_state, make_batch):
    model = ResNetModel(ResNetConfig())
    model.load_state_dict(random_state(model))
    state = {f"resnet.{key}": value for key, value in model.state_dict().items()}
    state |= {"classifier.1.weight": torch.zeros(9, 2048), "classifier.1.bias": torch.zeros(9)}
    (tmp_path / "resnet50").mkdir()
    save_file(state, tmp_path / "resnet50" / "model.safetensors")
    batch = make_batch(n=2, size=64)
    embeddings = load_resnet50(EmbedSettings(), tmp_path).encode(batch, {})
    assert embeddings.shape == (2, 2048)
    expected = pooled(model, batch)
    np.testing.assert_allclose(embeddings, expected, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize(
    "change",
    [
        {"downsample_in_bottleneck": True},
        {"downsample_in_first_stage": True},
        {"hidden_act": "gelu"},
        {"layer_type": "basic"},
    ],
)
def test_load__configuration_of_another_network_raises(folder, tmp_path, change):
    ResNetConfig(**{**TINY.to_dict(), **change}).save_pretrained(folder)
    with pytest.raises(WeightsError, match=f"network resnet50: {next(iter(change))}"):
        load_resnet50(EmbedSettings(weights=str(folder)), tmp_path, TINY_CARD)


def test_load__configuration_of_another_size_raises(folder, tmp_path):
    with pytest.raises(WeightsError, match=r"config\.json: .*network resnet50: 24 features"):
        load_resnet50(EmbedSettings(weights=str(folder)), tmp_path)


def test_load__configuration_that_is_not_json_raises(folder, tmp_path):
    (folder / "config.json").write_text("{")
    with pytest.raises(WeightsError, match=r"config\.json: the file is not a valid configuration"):
        load_resnet50(EmbedSettings(weights=str(folder)), tmp_path, TINY_CARD)


KEY = "resnet.encoder.stages.0.layers.0.layer.1.convolution.weight"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "missing keys: encoder.stages.0.layers.0.layer.1.convolution.weight"),
        (torch.full((4, 4, 3, 3), float("nan")), "not finite in encoder.stages.0"),
        (torch.zeros(4, 4, 1, 1), r"is \(4, 4, 1, 1\), not \(4, 4, 3, 3\)"),
    ],
    ids=["missing", "nan", "shape"],
)
def test_load__wrong_key_is_named(folder, tmp_path, value, expected):
    state = load_file(folder / "model.safetensors") | {KEY: value}
    state = {key: tensor for key, tensor in state.items() if tensor is not None}
    save_file(state, folder / "model.safetensors")
    with pytest.raises(WeightsError, match=expected):
        load_resnet50(EmbedSettings(weights=str(folder)), tmp_path, TINY_CARD)


def test_load__truncated_file_raises(folder, tmp_path):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(WeightsError, match="truncated"):
        load_resnet50(EmbedSettings(weights=str(folder)), tmp_path, TINY_CARD)


def test_fold__preserves_the_output_and_leaves_no_norm(random_state):
    model = ResNetModel(ResNetConfig(embedding_size=8, hidden_sizes=[16, 24], depths=[1, 2]))
    model.load_state_dict(random_state(model))
    model.eval()
    pixels = torch.randn(2, 3, 64, 64)
    norms = sum(isinstance(m, torch.nn.BatchNorm2d) for m in model.modules())
    with torch.inference_mode():
        expected = model(pixels).pooler_output
    assert fold_batch_norms(model) == norms > 5
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in model.modules())
    with torch.inference_mode():
        folded = model(pixels).pooler_output
        channels_last = model(pixels.contiguous(memory_format=torch.channels_last)).pooler_output
    assert torch.allclose(folded, expected, atol=1e-5 * float(expected.abs().max()))
    assert torch.allclose(channels_last, expected, atol=1e-5 * float(expected.abs().max()))


def test_fold__leaves_other_modules_unchanged():
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    assert fold_batch_norms(network) == 0
    assert isinstance(network[1], torch.nn.BatchNorm2d)


def test_encode_tokens__the_features_before_pooling(folder, make_batch, tmp_path):
    # The tiny network halves the resolution three times; the real one five times.
    encoder = load_resnet50(EmbedSettings(weights=str(folder)), tmp_path, TINY_CARD)
    encoder.step = 8
    batch = make_batch(n=2, size=64)
    tokens = encoder.encode_tokens(batch, {})
    assert tokens.shape == (2, 8, 8, 24)
    np.testing.assert_allclose(tokens.mean((1, 2)), encoder.encode(batch, {}), atol=1e-5)


def test_encode_tokens__of_the_real_size(tmp_path, random_state, make_batch):
    model = ResNetModel(ResNetConfig())
    model.load_state_dict(random_state(model))
    (tmp_path / "resnet50").mkdir()
    save_file(dict(model.state_dict()), tmp_path / "resnet50" / "model.safetensors")
    encoder = load_resnet50(EmbedSettings(), tmp_path)
    assert encoder.encode_tokens(make_batch(n=1, size=96), {}).shape == (1, 3, 3, 2048)
