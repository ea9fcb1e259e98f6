"""SatDINO's checkpoints with random weights in the real format."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from core.embeddings.networks.satdino import CARDS, load_satdino, vit_shape
from core.embeddings.networks.vit import Vit
from core.errors import SettingsError, WeightsError
from core.settings import EmbedSettings


def load_tiny(tiny, tmp_path, **settings):
    embed_settings = EmbedSettings(**{"weights": str(tiny.file), **settings})
    return load_satdino(tiny.card, embed_settings, tmp_path / "weights", tiny.shape)


@pytest.mark.parametrize(
    ("name", "n_parameters", "token"),
    [
        ("satdino-small-16", 21_665_664 + 2 * 384, 16),
        ("satdino-small-8", 21_670_272 + 2 * 384, 8),
        ("satdino-base-16", 85_798_656 + 2 * 768, 16),
    ],
)
def test_cards__describe_networks_of_dino_size(name, n_parameters, token):
    """DINO's published sizes plus the register and its position embedding."""
    with torch.device("meta"):
        network = Vit(vit_shape(name))
    assert sum(p.numel() for p in network.parameters()) == n_parameters
    assert network.shape.token == token
    assert network.shape.dim == CARDS[name].dim
    assert network.shape.dim / network.shape.heads == 64
    assert CARDS[name].hub_id == CARDS[name].source.removeprefix("https://huggingface.co/")


def test_encode__equals_the_network_on_normalised_pixels(tiny, tmp_path, make_batch):
    encoder = load_tiny(tiny, tmp_path)
    batch = make_batch(n=3, size=64)
    network = Vit(tiny.shape).eval()
    network.load_state_dict(tiny.teacher)
    mean = np.array([0.433, 0.436, 0.407], np.float32)[:, None, None]
    std = np.array([0.198, 0.193, 0.195], np.float32)[:, None, None]
    with torch.inference_mode():
        expected = network(torch.from_numpy((batch.pixels / np.float32(255) - mean) / std))
    embeddings = encoder.encode(batch, encoder.fit(batch))
    assert embeddings.shape == (3, 24)
    np.testing.assert_allclose(embeddings, expected.numpy(), atol=2e-5)


def test_encode__does_not_depend_on_the_batch(tiny, tmp_path, make_batch):
    encoder = load_tiny(tiny, tmp_path)
    batch = make_batch(n=40, size=48, dtype=np.uint16, masked=0.1)
    together = encoder.encode(batch, {})
    alone = encoder.encode(replace(batch, pixels=batch.pixels[33:34], mask=batch.mask[33:34]), {})
    np.testing.assert_allclose(together[33:34], alone, atol=1e-5)
    assert np.array_equal(together, encoder.encode(batch, {}))


def test_load__safetensors_with_the_plain_keys(tiny, tmp_path, make_batch):
    path = tmp_path / "plain.safetensors"
    save_file(tiny.teacher, path)
    plain = load_tiny(tiny, tmp_path, weights=str(path))
    checkpoint = load_tiny(tiny, tmp_path)
    batch = make_batch()
    assert np.array_equal(plain.encode(batch, {}), checkpoint.encode(batch, {}))
    assert plain.identity["sha256"] != checkpoint.identity["sha256"]


def test_load__from_the_workspace_folder(tiny, tmp_path, make_batch):
    folder = tmp_path / "weights" / "satdino-small-16"
    folder.mkdir(parents=True)
    (folder / tiny.file.name).write_bytes(tiny.file.read_bytes())
    encoder = load_satdino(tiny.card, EmbedSettings(), tmp_path / "weights", tiny.shape)
    assert encoder.identity == load_tiny(tiny, tmp_path).identity
    assert encoder.weights.path == folder / tiny.file.name


def save_teacher(tiny, teacher):
    torch.save({"teacher": teacher, "linear_head": {}}, tiny.file)


@pytest.mark.parametrize("key", ["gsd_register", "blocks.1.attn.qkv.bias", "norm.weight"])
def test_load__missing_key_is_named(tiny, tmp_path, key):
    save_teacher(tiny, {k: v for k, v in tiny.teacher.items() if k != key})
    with pytest.raises(WeightsError, match=f"missing keys: {key}") as caught:
        load_tiny(tiny, tmp_path)
    assert str(tiny.file) in str(caught.value)


def test_load__renamed_key_is_reported_as_missing_and_unknown(tiny, tmp_path):
    teacher = dict(tiny.teacher)
    teacher["gsd_token"] = teacher.pop("gsd_register")
    save_teacher(tiny, teacher)
    with pytest.raises(WeightsError, match="missing keys: gsd_register; unknown keys: gsd_token"):
        load_tiny(tiny, tmp_path)


def test_load__nan_raises(tiny, tmp_path):
    tiny.teacher["blocks.0.mlp.fc1.weight"][0, 0] = float("nan")
    save_teacher(tiny, tiny.teacher)
    with pytest.raises(WeightsError, match=r"not finite in blocks\.0\.mlp\.fc1\.weight"):
        load_tiny(tiny, tmp_path)


def test_load__file_of_another_size_raises(tiny, tmp_path):
    with pytest.raises(
        WeightsError, match=r"does not fit satdino-small-16: missing keys.*wrong shapes"
    ):
        load_satdino(CARDS["satdino-small-16"], EmbedSettings(weights=str(tiny.file)), tmp_path)


@pytest.mark.parametrize("content", [{}, {"student": {}}, {"teacher": 3}, {"teacher": {}}])
def test_load__checkpoint_without_a_teacher_raises(tiny, tmp_path, content):
    torch.save(content, tiny.file)
    with pytest.raises(WeightsError, match=r"has no 'teacher'"):
        load_tiny(tiny, tmp_path)


def test_load__truncated_file_raises(tiny, tmp_path):
    tiny.file.write_bytes(tiny.file.read_bytes()[:-100])
    with pytest.raises(WeightsError, match="truncated"):
        load_tiny(tiny, tmp_path)


def test_load__full_size_from_the_weights_folder(tmp_path, random_state, make_batch):
    teacher = random_state(Vit(vit_shape("satdino-small-8")))
    torch.save({"teacher": teacher, "linear_head": {}}, tmp_path / "satdino-vit_small-8.pth")
    encoder = load_satdino(CARDS["satdino-small-8"], EmbedSettings(), tmp_path)
    embeddings = encoder.encode(make_batch(n=2, size=16), {})
    assert embeddings.shape == (2, 384)
    assert np.abs(embeddings[0] - embeddings[1]).max() > 1e-3


def test_encode_tokens__equals_the_complete_network_without_its_pooling(tiny, tmp_path, make_batch):
    encoder = load_tiny(tiny, tmp_path)
    batch = make_batch(n=2, size=64)
    network = Vit(tiny.shape).eval()
    network.load_state_dict(tiny.teacher)
    mean = np.array([0.433, 0.436, 0.407], np.float32)[:, None, None]
    std = np.array([0.198, 0.193, 0.195], np.float32)[:, None, None]
    pixels = torch.from_numpy((batch.pixels / np.float32(255) - mean) / std)
    outputs = []
    network.norm.register_forward_hook(lambda _, __, output: outputs.append(output))
    with torch.inference_mode():
        # One CLS token, 4 x 4 tokens of the image, and a register.
        network(pixels, last_queries=18)
    expected = outputs[-1][:, 1:17].reshape(2, 4, 4, 24)
    tokens = encoder.encode_tokens(batch, {})
    assert tokens.shape == (2, 4, 4, 24)
    np.testing.assert_allclose(tokens, expected.numpy(), atol=2e-5)


def test_encode_tokens__sides_that_are_no_multiple_of_the_token(tiny, tmp_path, make_batch):
    with pytest.raises(SettingsError, match="Choose a multiple of 16 px"):
        load_tiny(tiny, tmp_path).encode_tokens(make_batch(n=1, size=40), {})
