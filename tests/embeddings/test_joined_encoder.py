"""Several encoders joined into one."""

import numpy as np
import pytest
import torch

from core.embeddings import registry
from core.embeddings.encoder import unit_length
from core.embeddings.joined_encoder import lacks_raster_path, part_names
from core.embeddings.networks.satdino import CARDS, vit_shape
from core.embeddings.networks.vit import Vit
from core.errors import SettingsError, WeightsError
from core.settings import EmbedSettings

NAME = "texture+colour"


@pytest.mark.parametrize(
    ("name", "lacks"),
    [
        ("raster:", True),
        ("raster-deviation: ", True),
        ("texture+raster:", True),
        ("raster:/data/a+b", False),
        (NAME, False),
    ],
)
def test_lacks_raster_path__alone_or_joined(name, lacks):
    assert lacks_raster_path(name) == lacks


def test_encode__joins_embeddings_of_length_one(tmp_path, make_batch):
    batch, settings = make_batch(n=6, size=16), EmbedSettings()
    joined = registry.load_encoder(NAME, settings, tmp_path)
    embeddings = joined.encode(batch, joined.fit(batch))
    parts = []
    for name in ("texture", "colour"):
        encoder = registry.load_encoder(name, settings, tmp_path)
        vectors = encoder.encode(batch, encoder.fit(batch))
        parts.append(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    np.testing.assert_allclose(embeddings, np.hstack(parts), atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 2**0.5, atol=1e-5)
    assert embeddings.dtype == np.float32


def test_identity__contains_both_encoders_in_their_order(tmp_path):
    settings = EmbedSettings()
    identity = registry.encoder_identity(NAME, settings, tmp_path)
    assert identity == registry.load_encoder(NAME, settings, tmp_path).identity
    assert identity["name"] == NAME
    assert identity["1-version"] == registry.encoder_card("colour").version
    assert identity != registry.encoder_identity("colour+texture", settings, tmp_path)
    assert all(isinstance(value, str | int | float) for value in identity.values())


def test_card__combines_both_cards():
    card = registry.encoder_card("colour+resnet50")
    assert card.name == "colour+resnet50"
    assert card.dim == 0
    assert registry.encoder_card("satdino-small-16+resnet50").dim == 384 + 2048
    assert card.bands == 3
    assert card.learns
    assert card.needs_weights
    assert "arXiv:1512.03385" in card.paper
    assert card.title == "Simple colour + ResNet-50"
    assert registry.encoder_card("texture+colour").dim == 0
    assert not registry.encoder_card("texture+colour").needs_weights


@pytest.mark.parametrize("name", ["texture+", "+", "texture+texture", "colour++texture"])
def test_part_names__empty_or_repeated_part_raises(name):
    with pytest.raises(SettingsError, match="empty or a repeated encoder name"):
        part_names(name)
    with pytest.raises(SettingsError):
        registry.encoder_card(name)


def test_part_names__plain_name_and_name_with_spaces():
    assert part_names("texture") == ["texture"]
    assert part_names("texture + colour") == ["texture", "colour"]


def test_card__unknown_part_suggests_the_closest_name():
    with pytest.raises(SettingsError, match=r"unknown encoder 'resnet'.*Did you mean 'resnet50'"):
        registry.encoder_card("texture+resnet")


@pytest.mark.parametrize("function", [registry.load_encoder, registry.encoder_identity])
def test_load__one_file_for_two_encoders_with_weights_raises(tmp_path, function):
    with pytest.raises(SettingsError, match="one file cannot be the weights of satdino-small-16"):
        function("satdino-small-16+resnet50", EmbedSettings(weights=str(tmp_path / "x")), tmp_path)


def test_load__one_folder_for_several_encoders(tmp_path):
    """Such a folder has one folder per encoder, so that the files may have the same name."""
    with pytest.raises(WeightsError, match=r"satdino-vit_small-16.pth: there is no such"):
        registry.load_encoder(
            "satdino-small-16+resnet50", EmbedSettings(weights=str(tmp_path)), tmp_path / "none"
        )


def test_load__descriptor_joined_with_a_network(tmp_path, random_state, make_batch):
    path = tmp_path / CARDS["satdino-small-16"].weights_file
    torch.save({"teacher": random_state(Vit(vit_shape("satdino-small-16")))}, path)
    joined = registry.load_encoder(
        "texture+satdino-small-16", EmbedSettings(weights=str(path)), tmp_path / "none"
    )
    batch = make_batch(n=3, bands=1, size=16)
    embeddings = joined.encode(batch, joined.fit(batch))
    dim = embeddings.shape[1] - 384
    np.testing.assert_allclose(np.linalg.norm(embeddings[:, :dim], axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(embeddings[:, dim:], axis=1), 1, atol=1e-5)
    assert joined.notes(1, ()) == (
        "satdino-small-16: the single band is repeated as red, green and blue",
    )


def test_unit_length__zero_vectors_stay_zero():
    assert unit_length(np.float32([[0, 0], [3, 4]])).tolist() == [
        [0, 0],
        [0.6000000238418579, 0.800000011920929],
    ]
