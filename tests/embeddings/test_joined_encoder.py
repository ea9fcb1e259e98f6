"""Several encoders as one."""

import numpy as np
import pytest
import torch

from core.embeddings import registry
from core.embeddings.joined_encoder import part_names, unit_length
from core.embeddings.networks.satdino import CARDS, shape_of
from core.embeddings.networks.vit import Vit
from core.errors import SettingsError, WeightsError
from core.settings import EmbedSettings

NAME = "texture+rcf"


def test_load__each_at_length_one_side_by_side(tmp_path, make_batch):
    batch, settings = make_batch(n=6, size=16), EmbedSettings()
    made = registry.load(NAME, settings, tmp_path)
    found = made.encode(batch, made.fit(batch))
    parts = []
    for name in ("texture", "rcf"):
        one = registry.load(name, settings, tmp_path)
        vectors = one.encode(batch, one.fit(batch))
        parts.append(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    np.testing.assert_allclose(found, np.hstack(parts), atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 2**0.5, atol=1e-5)
    assert found.dtype == np.float32


def test_identity__is_that_of_both_and_of_their_order(tmp_path):
    settings = EmbedSettings()
    found = registry.identity(NAME, settings, tmp_path)
    assert found == registry.load(NAME, settings, tmp_path).identity
    assert found["name"] == NAME
    assert found["1-version"] == registry.card("rcf").version
    assert found != registry.identity("rcf+texture", settings, tmp_path)
    assert all(isinstance(value, str | int | float) for value in found.values())


def test_card__says_what_both_say():
    card = registry.card("rcf+resnet50")
    assert card.name == "rcf+resnet50"
    assert card.dim == 1024 + 2048
    assert card.bands == 3
    assert card.learns
    assert card.needs_weights
    assert "arXiv:1512.03385" in card.paper
    assert "MOSAIKS" in card.title
    assert registry.card("texture+rcf").dim == 0
    assert not registry.card("texture+rcf").needs_weights


@pytest.mark.parametrize("name", ["texture+", "+", "texture+texture", "rcf++texture"])
def test_part_names__empty_or_twice_is_refused(name):
    with pytest.raises(SettingsError, match="does not name encoders that differ"):
        part_names(name)
    with pytest.raises(SettingsError):
        registry.card(name)


def test_part_names__plain_and_spaced():
    assert part_names("texture") == ["texture"]
    assert part_names("texture + rcf") == ["texture", "rcf"]


def test_card__an_unknown_part_gives_the_nearest():
    with pytest.raises(SettingsError, match=r"unknown encoder 'resnet'.*Did you mean 'resnet50'"):
        registry.card("texture+resnet")


@pytest.mark.parametrize("ask", [registry.load, registry.identity])
def test_load__one_file_for_two_that_need_weights_is_refused(tmp_path, ask):
    with pytest.raises(SettingsError, match="one file cannot be the weights of satdino-small-16"):
        ask("satdino-small-16+resnet50", EmbedSettings(weights=str(tmp_path / "x")), tmp_path)


def test_load__a_folder_serves_several(tmp_path):
    """Files of the same name lie in folders named as the encoders."""
    with pytest.raises(WeightsError, match=r"satdino-vit_small-16.pth: there is no such"):
        registry.load(
            "satdino-small-16+resnet50", EmbedSettings(weights=str(tmp_path)), tmp_path / "none"
        )


def test_load__with_a_network_and_its_file(tmp_path, random_state, make_batch):
    path = tmp_path / CARDS["satdino-small-16"].weights_file
    torch.save({"teacher": random_state(Vit(shape_of("satdino-small-16")))}, path)
    made = registry.load(
        "texture+satdino-small-16", EmbedSettings(weights=str(path)), tmp_path / "none"
    )
    batch = make_batch(n=3, bands=1, size=16)
    found = made.encode(batch, made.fit(batch))
    dim = found.shape[1] - 384
    np.testing.assert_allclose(np.linalg.norm(found[:, :dim], axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(found[:, dim:], axis=1), 1, atol=1e-5)
    assert made.notes(1, ()) == (
        "satdino-small-16: the single band is repeated as red, green and blue",
    )


def test_unit_length__zero_stays():
    assert unit_length(np.float32([[0, 0], [3, 4]])).tolist() == [
        [0, 0],
        [0.6000000238418579, 0.800000011920929],
    ]
