"""SigLIP 2 from a hub folder on disk, compared with transformers' own loading."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import SiglipModel

from core.embeddings.networks import siglip2
from core.embeddings.networks.siglip2 import embed_words, load_siglip2
from core.errors import SettingsError, WeightsError
from core.settings import EmbedSettings
from tests.siglip_hub import WORDS, write_siglip_hub, write_tokens

DIM, SIDE = 32, 48


@pytest.fixture
def hub(tmp_path, random_state, monkeypatch):
    """A hub folder with a small network in the published form, and its file of tokens."""
    monkeypatch.setattr(siglip2, "CARD", replace(siglip2.CARD, dim=DIM, input_size=SIDE))
    return write_siglip_hub(tmp_path / "siglip2-base", DIM, SIDE, random_state)


def settings_of(folder, **changes):
    return EmbedSettings(weights=str(folder), **changes)


def reference_image(folder, pixels):
    unit = torch.from_numpy(pixels).float() / 255
    with torch.inference_mode():
        model = SiglipModel.from_pretrained(folder).eval()
        inputs = {"pixel_values": (unit - 0.5) / 0.5, "interpolate_pos_encoding": True}
        return model.get_image_features(**inputs).pooler_output.numpy()


@pytest.mark.parametrize("side", [SIDE, 80])
def test_load__agrees_with_transformers(hub, tmp_path, make_batch, side):
    assert "vision_model.head.probe" in load_file(hub / "model.safetensors")
    batch = make_batch(n=3, size=side)
    encoder = load_siglip2(settings_of(hub, input_size=side), tmp_path)
    embeddings = encoder.encode(batch, encoder.fit(batch))
    np.testing.assert_allclose(embeddings, reference_image(hub, batch.pixels), atol=2e-5)
    assert np.abs(embeddings[0] - embeddings[1]).max() > 1e-3


def test_load__enlarges_chips_to_the_size_of_the_training(hub, tmp_path, make_batch):
    encoder = load_siglip2(settings_of(hub), tmp_path)
    assert encoder.input_side(16) == encoder.input_side(300) == SIDE
    assert encoder.encode(make_batch(n=2, size=16), {}).shape == (2, DIM)


def test_embed_words__agrees_with_transformers(hub, tmp_path):
    tokens = torch.tensor([[4, 5, 1] + [0] * 61])
    with torch.inference_mode():
        model = SiglipModel.from_pretrained(hub).eval()
        expected = model.get_text_features(input_ids=tokens).pooler_output.numpy()[0]
    embedding = embed_words("  A Boat! ", settings_of(hub), tmp_path)
    np.testing.assert_allclose(embedding, expected / np.linalg.norm(expected), atol=1e-5)
    other = embed_words("a shed", settings_of(hub / "model.safetensors"), tmp_path)
    assert np.abs(embedding - other).max() > 1e-3


def test_embed_words__cuts_long_texts_before_the_end_token(hub, tmp_path):
    long = embed_words("boat " * 200, settings_of(hub), tmp_path)
    assert np.array_equal(long, embed_words("boat " * 63, settings_of(hub), tmp_path))


@pytest.mark.parametrize("words", ["", "  \n"])
def test_embed_words__needs_words(hub, tmp_path, words):
    with pytest.raises(SettingsError, match="no words"):
        embed_words(words, settings_of(hub), tmp_path)


def test_embed_words__names_a_missing_or_damaged_file_of_tokens(hub, tmp_path):
    (hub / "tokenizer.json").write_text("{")
    with pytest.raises(WeightsError, match="cannot be read") as caught:
        embed_words("boat", settings_of(hub), tmp_path)
    assert "tokenizer.json" in str(caught.value)
    (hub / "tokenizer.json").unlink()
    with pytest.raises(WeightsError, match=r"tokenizer\.json"):
        embed_words("boat", settings_of(hub), tmp_path)


def test_embed_words__refuses_tokens_of_another_vocabulary(hub, tmp_path):
    write_tokens(hub, {word: i for i, word in enumerate(WORDS)} | {"crane": 400})
    with pytest.raises(WeightsError, match="more tokens"):
        embed_words("crane", settings_of(hub), tmp_path)


def test_load__refuses_the_weights_of_another_network(hub, tmp_path):
    state = load_file(hub / "model.safetensors")
    del state["vision_model.head.probe"]
    save_file(state, hub / "model.safetensors")
    with pytest.raises(WeightsError, match=r"missing keys: head\.probe"):
        load_siglip2(settings_of(hub), tmp_path)


def test_load__without_weights_names_both_files(tmp_path):
    with pytest.raises(WeightsError, match="siglip2-base-patch16-224") as caught:
        load_siglip2(EmbedSettings(), tmp_path)
    assert "model.safetensors" in str(caught.value)
    assert "and tokenizer.json from the same page" in str(caught.value)
