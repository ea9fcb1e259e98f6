"""Encoders by name, those that other packages provide, and whether an encoder is ready."""

import subprocess
import sys
from pathlib import Path

import pytest

from core.embeddings import registry
from core.embeddings.networks.satdino import CARDS
from core.embeddings.networks.vit import Vit
from core.embeddings.registry import check_readiness
from core.errors import SettingsError, WeightsError
from core.settings import EmbedSettings

OFFLINE = ["texture", "colour"]
NETWORKS = [
    *("satdino-small-16", "satdino-small-8", "satdino-base-16", "resnet50"),
    *("dinov2-small", "dinov2-base", "dinov2-large"),
    *("dinov2-registers-small", "dinov2-registers-base", "dinov2-registers-large"),
    "siglip2",
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
    """An installed package with entry points, of which only one is valid."""
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


def test_names__begin_with_the_built_in_encoders():
    assert registry.encoder_names()[: len(BUILT_IN)] == BUILT_IN


@pytest.mark.parametrize("name", NETWORKS)
def test_card__is_complete(name):
    card = registry.encoder_card(name)
    assert card.name == name
    assert all((card.title, card.summary, card.licence, card.source, card.paper, card.dim))
    assert len(card.mean) == len(card.std) == card.bands == 3
    assert card.needs_weights
    assert card.revision
    assert card.weights_file


def test_card__unknown_name_suggests_the_closest():
    with pytest.raises(SettingsError, match=r"unknown encoder 'satdino-smal-16'.*Did you mean"):
        registry.encoder_card("satdino-smal-16")
    with pytest.raises(SettingsError, match=r"Known: texture, colour, satdino-small-16"):
        registry.encoder_card("zzz")


@pytest.mark.parametrize("name", ["rcf", "texture+rcf"])
def test_card__removed_encoder_names_its_replacement(name):
    with pytest.raises(SettingsError, match=r"the encoder 'rcf' was removed\. Use 'texture'"):
        registry.encoder_card(name)


def test_load__unknown_name_raises(tmp_path):
    with pytest.raises(SettingsError, match="Did you mean 'resnet50'"):
        registry.load_encoder("resnet-50", EmbedSettings(), tmp_path)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("function", [registry.load_encoder, registry.encoder_identity])
def test_load__missing_weights_raise(tmp_path, function, name):
    with pytest.raises(WeightsError, match=f"{name}: the weights are not on this machine"):
        function(name, EmbedSettings(), tmp_path)


def test_identity__equals_that_of_the_loaded_encoder(tmp_path, random_state):
    import torch

    from core.embeddings.networks.satdino import vit_shape

    name = "satdino-small-16"
    path = tmp_path / CARDS[name].weights_file
    torch.save({"teacher": random_state(Vit(vit_shape(name)))}, path)
    settings = EmbedSettings(input_size=32, statistics="data")
    loaded = registry.load_encoder(name, settings, tmp_path)
    assert registry.encoder_identity(name, settings, tmp_path) == loaded.identity
    assert loaded.card == registry.encoder_card(name)


def test_identity__loads_no_network(tmp_path):
    (tmp_path / "satdino-vit_small-16.pth").write_bytes(b"never read")
    script = (
        "import sys; from pathlib import Path; from core.embeddings import registry\n"
        "from core.settings import EmbedSettings\n"
        "registry.encoder_identity('satdino-small-16', EmbedSettings(), Path(sys.argv[1]))\n"
        "heavy = {'torch', 'transformers', 'huggingface_hub', 'safetensors'}\n"
        "sys.exit(' '.join(heavy & set(sys.modules)) or 0)"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True, timeout=60)


@pytest.mark.usefixtures("plugin")
def test_registry__includes_encoders_of_other_packages(make_batch):
    assert registry.encoder_names() == [*BUILT_IN, "alias", "gone", "odd", "sick", "zeros"]
    assert registry.encoder_card("zeros").title == "Zeros"
    encoder = registry.load_encoder("zeros", EmbedSettings(), Path())
    assert encoder.encode(make_batch(), encoder.fit(make_batch())).shape == (5, 2)
    assert registry.encoder_identity("zeros", EmbedSettings(), Path()) == encoder.identity
    assert registry.encoder_card("resnet50").title == "ResNet-50"


@pytest.mark.usefixtures("plugin")
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("gone", "cannot be imported"),
        ("sick", r"cannot be imported \(SyntaxError"),
        ("odd", "is of type int, not core.embeddings.registry.Source"),
        ("alias", "is named 'zeros' on its card; the two names must match"),
    ],
)
def test_registry__faulty_package_is_named(name, expected):
    with pytest.raises(SettingsError, match=expected) as caught:
        registry.encoder_card(name)
    assert "my_" in str(caught.value)


@pytest.mark.usefixtures("plugin")
def test_cards__faulty_package_is_logged_and_skipped(caplog):
    assert [card.name for card in registry.encoder_cards()] == [*BUILT_IN, "zeros"]
    assert "gone" in caplog.text
    assert "odd" in caplog.text


@pytest.mark.parametrize("name", OFFLINE)
def test_load__offline_encoders_need_no_weights(tmp_path, make_batch, name):
    encoder = registry.load_encoder(name, EmbedSettings(), tmp_path)
    assert encoder.identity["name"] == name
    assert encoder.identity["version"] == registry.encoder_card(name).version
    assert not registry.encoder_card(name).needs_weights
    assert encoder.identity == registry.encoder_identity(name, EmbedSettings(), tmp_path)
    batch = make_batch(n=12, size=32)
    assert len(encoder.encode(batch, encoder.fit(batch))) == 12


@pytest.mark.parametrize("name", ["texture", "colour", "texture+colour"])
def test_readiness__encoders_without_weights_are_ready(tmp_path, name):
    readiness = check_readiness(name, EmbedSettings(), tmp_path)
    assert readiness.ready
    assert not readiness.needs


@pytest.mark.parametrize(
    "name", [name for name in registry.encoder_names() if registry.encoder_card(name).needs_weights]
)
def test_readiness__names_the_exact_file_and_its_path(tmp_path, name):
    card = registry.encoder_card(name)
    readiness = check_readiness(name, EmbedSettings(), tmp_path)
    assert not readiness.ready
    assert f"{card.hub_id}/resolve/{card.revision}/{card.weights_file}" in readiness.needs
    assert str(tmp_path / name / card.weights_file) in readiness.needs
    assert "--weights" not in readiness.needs


@pytest.mark.parametrize("subfolder", ["", "satdino-small-16"])
def test_readiness__file_in_the_weights_folder(tmp_path, subfolder):
    file = tmp_path / subfolder / CARDS["satdino-small-16"].weights_file
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(b"never read")
    assert check_readiness("satdino-small-16", EmbedSettings(), tmp_path).ready
    joined = check_readiness("satdino-small-16+resnet50", EmbedSettings(), tmp_path)
    assert not joined.ready
    assert "resnet-50" in joined.needs
    assert "satdino" not in joined.needs


def test_readiness__file_in_the_settings(tmp_path):
    file = tmp_path / "mine.safetensors"
    missing = check_readiness("resnet50", EmbedSettings(weights=str(file)), tmp_path)
    assert "mine.safetensors: there is no such weight file" in missing.needs
    file.write_bytes(b"")
    assert check_readiness("resnet50", EmbedSettings(weights=str(file)), tmp_path).ready


def test_readiness__file_in_the_hub_cache(tmp_path):
    card = CARDS["satdino-base-16"]
    store = tmp_path / "hub" / f"models--{card.hub_id.replace('/', '--')}"
    snapshot = store / "snapshots" / card.revision
    snapshot.mkdir(parents=True)
    (snapshot / card.weights_file).write_bytes(b"")
    assert check_readiness("satdino-base-16", EmbedSettings(), tmp_path / "weights").ready


def test_readiness__unknown_encoder_is_not_ready(tmp_path):
    readiness = check_readiness("resnet5", EmbedSettings(), tmp_path)
    assert not readiness.ready
    assert "Did you mean 'resnet50'" in readiness.needs


def test_readiness__loads_no_network(tmp_path):
    script = (
        "import sys; from pathlib import Path\n"
        "from core.embeddings.registry import check_readiness\n"
        "from core.settings import EmbedSettings\n"
        "check_readiness('satdino-small-16', EmbedSettings(), Path(sys.argv[1]))\n"
        "sys.exit(' '.join({'torch', 'transformers'} & set(sys.modules)) or 0)"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True, timeout=60)
