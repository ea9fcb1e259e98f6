"""DINOv2 from hub folders on disk, compared with transformers' own loading."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from core.embeddings.networks import dinov2
from core.embeddings.networks.dinov2 import CARDS, load_dinov2
from core.embeddings.networks.weight_files import WeightFile
from core.errors import WeightsError
from core.settings import EmbedSettings

NAMES = ["dinov2-small", "dinov2-registers-small"]
KEY = "encoder.layer.1.attention.attention.key.weight"


def classes(name):
    kind = "Dinov2WithRegisters" if "registers" in name else "Dinov2"
    return [getattr(transformers, kind + suffix) for suffix in ("Config", "Model")]


@pytest.fixture
def hub(tmp_path, random_state):
    """A function that creates a hub folder with the keys of the published files."""

    def make(name, **sizes):
        config, model = classes(name)
        defaults = {"hidden_size": 128, "num_attention_heads": 2, "num_hidden_layers": 2}
        network = model(config(**defaults | {"image_size": 42, "patch_size": 14} | sizes))
        network.load_state_dict(random_state(network))
        network.save_pretrained(tmp_path / name)
        return tmp_path / name

    return make


def load(folder, tmp_path, name="dinov2-small", **settings):
    card = replace(CARDS[name], dim=128)
    return load_dinov2(card, EmbedSettings(weights=str(folder), **settings), tmp_path)


def reference_embeddings(folder, batch, name):
    mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    pixels = (torch.from_numpy(batch.pixels).float() / 255 - mean) / std
    with torch.inference_mode():
        model = classes(name)[1].from_pretrained(folder).eval()
        return model(pixels).pooler_output.numpy()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("side", [42, 70])
def test_load__hub_folder_agrees_with_transformers(hub, tmp_path, make_batch, name, side):
    folder = hub(name)
    assert KEY in load_file(folder / "model.safetensors")
    encoder = load(folder, tmp_path, name)
    batch = make_batch(n=3, size=side)
    embeddings = encoder.encode(batch, encoder.fit(batch))
    assert embeddings.shape == (3, 128)
    np.testing.assert_allclose(embeddings, reference_embeddings(folder, batch, name), atol=2e-5)
    assert np.abs(embeddings[0] - embeddings[1]).max() > 1e-3


def test_load__keys_of_the_network_itself(hub, tmp_path, make_batch):
    """A user's own program may have saved them in this form."""
    folder = hub("dinov2-small")
    state = classes("dinov2-small")[1].from_pretrained(folder).state_dict()
    head = {"classifier.weight": torch.zeros(2, 256)}
    save_file({f"dinov2.{k}": v for k, v in state.items()} | head, tmp_path / "saved.safetensors")
    (tmp_path / "config.json").write_bytes((folder / "config.json").read_bytes())
    batch = make_batch(n=2, size=42)
    encoder = load(tmp_path / "saved.safetensors", tmp_path)
    assert np.array_equal(encoder.encode(batch, {}), load(folder, tmp_path).encode(batch, {}))


def test_encode__does_not_depend_on_the_number_of_threads(hub, tmp_path, make_batch):
    encoder = load(hub("dinov2-small"), tmp_path)
    batch = make_batch(n=96, size=28)
    embeddings = encoder.encode(batch, {})
    assert np.array_equal(embeddings, encoder.encode(batch, {}))
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        assert np.array_equal(embeddings, encoder.encode(batch, {}))
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"num_attention_heads": 4}, "num_attention_heads 4"),
        ({"hidden_act": "relu"}, "hidden_act relu"),
        ({"hidden_size": 64, "num_attention_heads": 2}, "64 features"),
    ],
)
def test_load__configuration_of_another_network_raises(hub, tmp_path, changes, problem):
    with pytest.raises(WeightsError, match=f"not describe the network dinov2-small: .*{problem}"):
        load(hub("dinov2-small", **changes), tmp_path)


def test_load__unexpected_registers_raise(hub, tmp_path):
    with pytest.raises(WeightsError, match="model_type dinov2_with_registers"):
        load(hub("dinov2-registers-small"), tmp_path, "dinov2-small")


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (None, r"missing keys: encoder\.layer\.1\.attention\.k_proj\.weight"),
        (torch.full((128, 128), float("nan")), "not finite in encoder.layer.1"),
        (torch.zeros(3, 3), r"is \(3, 3\), not \(128, 128\)"),
    ],
    ids=["missing", "nan", "shape"],
)
def test_load__wrong_key_is_named(hub, tmp_path, value, problem):
    folder = hub("dinov2-small")
    state = load_file(folder / "model.safetensors") | {KEY: value}
    state = {key: tensor for key, tensor in state.items() if tensor is not None}
    save_file(state, folder / "model.safetensors")
    with pytest.raises(WeightsError, match=problem):
        load(folder, tmp_path)


@pytest.mark.parametrize(
    ("name", "n_parameters"),
    [
        ("dinov2-small", 22_056_576),
        ("dinov2-base", 86_580_480),
        ("dinov2-large", 304_368_640),
        ("dinov2-registers-small", 22_056_576 + 4 * 384),
    ],
)
def test_cards__describe_networks_of_the_published_size(name, n_parameters, monkeypatch, tmp_path):
    """The weights have no configuration next to them."""
    counts = []

    def count_parameters(network, *_):
        counts.append(sum(p.numel() for p in network.parameters()))
        raise WeightsError("enough")

    weights = WeightFile(tmp_path / "model.safetensors", "")
    monkeypatch.setattr(dinov2, "load_checkpoint", count_parameters)
    monkeypatch.setattr(dinov2, "_backbone", lambda *_: {})
    monkeypatch.setattr(dinov2, "find_weights", lambda *_: weights)
    with pytest.raises(WeightsError, match="enough"):
        load_dinov2(CARDS[name], EmbedSettings(), tmp_path)
    assert counts == [n_parameters]


@pytest.mark.parametrize("name", NAMES)
def test_encode_tokens__the_tokens_of_the_image_in_transformers(hub, tmp_path, make_batch, name):
    folder = hub(name)
    batch = make_batch(n=2, size=42)
    mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    pixels = (torch.from_numpy(batch.pixels).float() / 255 - mean) / std
    model = classes(name)[1].from_pretrained(folder).eval()
    with torch.inference_mode():
        hidden = model(pixels).last_hidden_state
    n_special = 1 + getattr(model.config, "num_register_tokens", 0)
    expected = hidden[:, n_special:].reshape(2, 3, 3, 128).numpy()
    tokens = load(folder, tmp_path, name).encode_tokens(batch, {})
    np.testing.assert_allclose(tokens, expected, atol=2e-5)
