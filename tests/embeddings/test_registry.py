"""Encoders by name, and those that other packages bring."""

import subprocess
import sys
from pathlib import Path

import pytest

from core.embeddings import registry
from core.embeddings.networks.satdino import CARDS
from core.embeddings.networks.vit import Vit
from core.errors import SettingsError, WeightsError
from core.settings import EmbedSettings

OFFLINE = ["texture", "rcf"]
NETWORKS = [
    *("satdino-small-16", "satdino-small-8", "satdino-base-16", "resnet50"),
    *("dinov2-small", "dinov2-base", "dinov2-large"),
    *("dinov2-registers-small", "dinov2-registers-base", "dinov2-registers-large"),
]
BUILT_IN = [*OFFLINE, *NETWORKS]

PLUGIN = """
from pathlib import Path
from core.embeddings.encoder import EncoderCard
from core.embeddings.registry import Source

CARD = EncoderCard("zeros", "Zeros", "Nothing but zeros.", dim=2)

class Zeros:
    card = CARD
    identity = {"name": "zeros", "version": 1}
    def fit(self, sample): return {}
    def encode(self, batch, fitted):
        import numpy as np
        return np.zeros((len(batch), 2), np.float32)

zeros = Source(CARD, lambda settings, folder: Zeros())
odd = 3
"""


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """An installed package with entry points: one good, the others bad."""
    site = tmp_path / "site"
    info = site / "my_encoders-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-encoders\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[chipscape.encoders]\n"
        "zeros = my_encoders:zeros\nodd = my_encoders:odd\n"
        "gone = my_missing_encoders:x\nalias = my_encoders:zeros\nsick = my_sick_encoders:x\n"
        "resnet50 = my_encoders:zeros\n"
    )
    (site / "my_encoders.py").write_text(PLUGIN)
    (site / "my_sick_encoders.py").write_text("1 +")
    monkeypatch.syspath_prepend(str(site))
    yield
    sys.modules.pop("my_encoders", None)


def test_names__are_those_built_in():
    assert registry.names()[: len(BUILT_IN)] == BUILT_IN


@pytest.mark.parametrize("name", NETWORKS)
def test_card__says_all_that_people_ask(name):
    card = registry.card(name)
    assert card.name == name
    assert all((card.title, card.summary, card.licence, card.source, card.paper, card.dim))
    assert len(card.mean) == len(card.std) == card.bands == 3
    assert card.needs_weights
    assert card.revision
    assert card.weights_file


def test_card__unknown_name_gives_the_nearest():
    with pytest.raises(SettingsError, match=r"unknown encoder 'satdino-smal-16'.*Did you mean"):
        registry.card("satdino-smal-16")
    with pytest.raises(SettingsError, match=r"Known: texture, rcf, satdino-small-16"):
        registry.card("zzz")


def test_load__unknown_name(tmp_path):
    with pytest.raises(SettingsError, match="Did you mean 'resnet50'"):
        registry.load("resnet-50", EmbedSettings(), tmp_path)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("ask", [registry.load, registry.identity])
def test_load__no_weights_and_never_another_encoder(tmp_path, ask, name):
    with pytest.raises(WeightsError, match=f"{name}: the weights are not on this machine"):
        ask(name, EmbedSettings(), tmp_path)


def test_identity__equals_that_of_the_loaded_encoder(tmp_path, random_state):
    import torch

    from core.embeddings.networks.satdino import shape_of

    name = "satdino-small-16"
    path = tmp_path / CARDS[name].weights_file
    torch.save({"teacher": random_state(Vit(shape_of(name)))}, path)
    settings = EmbedSettings(input_size=32, statistics="data")
    loaded = registry.load(name, settings, tmp_path)
    assert registry.identity(name, settings, tmp_path) == loaded.identity
    assert loaded.card == registry.card(name)


def test_identity__needs_no_network_in_memory(tmp_path):
    (tmp_path / "satdino-vit_small-16.pth").write_bytes(b"not looked at")
    script = (
        "import sys; from pathlib import Path; from core.embeddings import registry\n"
        "from core.settings import EmbedSettings\n"
        "registry.identity('satdino-small-16', EmbedSettings(), Path(sys.argv[1]))\n"
        "heavy = {'torch', 'transformers', 'huggingface_hub', 'safetensors'}\n"
        "sys.exit(' '.join(heavy & set(sys.modules)) or 0)"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True, timeout=60)


@pytest.mark.usefixtures("plugin")
def test_registry__takes_encoders_of_other_packages(make_batch):
    assert registry.names() == [*BUILT_IN, "alias", "gone", "odd", "sick", "zeros"]
    assert registry.card("zeros").title == "Zeros"
    made = registry.load("zeros", EmbedSettings(), Path())
    assert made.encode(make_batch(), made.fit(make_batch())).shape == (5, 2)
    assert registry.identity("zeros", EmbedSettings(), Path()) == made.identity
    assert registry.card("resnet50").title == "ResNet-50"


@pytest.mark.usefixtures("plugin")
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("gone", "cannot be imported"),
        ("sick", r"cannot be imported \(SyntaxError"),
        ("odd", "points to int, not to a registry"),
        ("alias", "calls itself 'zeros'"),
    ],
)
def test_registry__bad_package_is_named(name, expected):
    with pytest.raises(SettingsError, match=expected) as caught:
        registry.card(name)
    assert "my_" in str(caught.value)


@pytest.mark.usefixtures("plugin")
def test_cards__bad_package_is_logged_and_left_out(caplog):
    assert [card.name for card in registry.cards()] == [*BUILT_IN, "zeros"]
    assert "gone" in caplog.text
    assert "odd" in caplog.text


@pytest.mark.parametrize("name", OFFLINE)
def test_offline__needs_nothing(tmp_path, make_batch, name):
    made = registry.load(name, EmbedSettings(), tmp_path)
    assert made.identity["name"] == name
    assert made.identity["version"] == registry.card(name).version
    assert not registry.card(name).needs_weights
    assert made.identity == registry.identity(name, EmbedSettings(), tmp_path)
    batch = make_batch(n=12, size=32)
    assert len(made.encode(batch, made.fit(batch))) == 12
