"""Ready, or which file is missing."""

import subprocess
import sys

import pytest

from core.embeddings import registry
from core.embeddings.networks.satdino import CARDS
from core.embeddings.readiness import readiness
from core.settings import EmbedSettings


@pytest.mark.parametrize("name", ["texture", "rcf", "texture+rcf"])
def test_readiness__nothing_needed(tmp_path, name):
    found = readiness(name, EmbedSettings(), tmp_path)
    assert found.ready
    assert not found.needs


@pytest.mark.parametrize(
    "name", [name for name in registry.names() if registry.card(name).needs_weights]
)
def test_readiness__names_the_exact_file_and_place(tmp_path, name):
    card = registry.card(name)
    found = readiness(name, EmbedSettings(), tmp_path)
    assert not found.ready
    assert f"{card.hub_id}/resolve/{card.revision}/{card.weights_file}" in found.needs
    assert str(tmp_path / name / card.weights_file) in found.needs


@pytest.mark.parametrize("place", ["", "satdino-small-16"])
def test_readiness__file_in_the_folder(tmp_path, place):
    file = tmp_path / place / CARDS["satdino-small-16"].weights_file
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(b"not looked at")
    assert readiness("satdino-small-16", EmbedSettings(), tmp_path).ready
    joined = readiness("satdino-small-16+resnet50", EmbedSettings(), tmp_path)
    assert not joined.ready
    assert "resnet-50" in joined.needs
    assert "satdino" not in joined.needs


def test_readiness__the_given_file(tmp_path):
    file = tmp_path / "mine.safetensors"
    missing = readiness("resnet50", EmbedSettings(weights=str(file)), tmp_path)
    assert "mine.safetensors: there is no such weight file" in missing.needs
    file.write_bytes(b"")
    assert readiness("resnet50", EmbedSettings(weights=str(file)), tmp_path).ready


def test_readiness__in_the_cache_of_the_hub(tmp_path):
    card = CARDS["satdino-base-16"]
    store = tmp_path / "hub" / f"models--{card.hub_id.replace('/', '--')}"
    snapshot = store / "snapshots" / card.revision
    snapshot.mkdir(parents=True)
    (snapshot / card.weights_file).write_bytes(b"")
    assert readiness("satdino-base-16", EmbedSettings(), tmp_path / "weights").ready


def test_readiness__unknown_encoder_is_not_ready(tmp_path):
    found = readiness("resnet5", EmbedSettings(), tmp_path)
    assert not found.ready
    assert "Did you mean 'resnet50'" in found.needs


def test_readiness__loads_no_network(tmp_path):
    script = (
        "import sys; from pathlib import Path\n"
        "from core.embeddings.readiness import readiness; from core.settings import EmbedSettings\n"
        "readiness('satdino-small-16', EmbedSettings(), Path(sys.argv[1]))\n"
        "sys.exit(' '.join({'torch', 'transformers'} & set(sys.modules)) or 0)"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True, timeout=60)
