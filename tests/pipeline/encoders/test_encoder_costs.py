"""What an encoder would take: tried on a few chips in a process of its own, and kept."""

import dataclasses
import sys

import pytest

from core.embeddings.readiness import readiness
from core.pipeline.encoders import encoder_costs as module
from core.pipeline.encoders.encoder_costs import known_outlook, outlook
from core.pipeline.run import run

BROKEN = """
import os
from core.embeddings.encoder import EncoderCard
from core.embeddings.registry import Source
from core.errors import DegenerateError

class Broken:
    def __init__(self, name):
        self.card = EncoderCard(name, name, "", dim=1)
        self.identity = {"name": name, "version": 1}
    def fit(self, sample): return {}
    def encode(self, batch, fitted):
        if self.card.name == "dying":
            os._exit(1)
        raise DegenerateError("these chips do not please me", where="broken")

def source(name):
    return Source(EncoderCard(name, name, "", dim=1), lambda settings, folder: Broken(name))

dying, moody = source("dying"), source("moody")
"""


@pytest.fixture
def chips(workspace, settings):
    return run(workspace, settings(), until="chips").chips


@pytest.fixture
def broken(tmp_path, monkeypatch):
    """An installed package with an encoder that ends its process, and one that refuses."""
    info = tmp_path / "site" / "broken_encoders-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-encoders\nVersion: 1.0\n")
    entries = "dying = broken_encoders:dying\nmoody = broken_encoders:moody\n"
    (info / "entry_points.txt").write_text(f"[chipscape.encoders]\n{entries}")
    (tmp_path / "site" / "broken_encoders.py").write_text(BROKEN)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    yield
    sys.modules.pop("broken_encoders", None)


def test_outlook__measured_in_a_process_of_its_own_and_kept(workspace, settings, chips):
    embed = settings().embed
    assert known_outlook(workspace, chips, embed, "texture") is None
    found = outlook(workspace, chips, embed, "texture")
    assert (found.ready, found.needs) == (True, "")
    assert (found.estimate.n, found.estimate.measured, found.estimate.dim) == (40, 40, 320)
    assert found.estimate.seconds > 0
    # The network libraries are no part of it.
    assert 40 * 320 * 4 < found.estimate.bytes < 300e6
    assert known_outlook(workspace, chips, embed, "texture") == found
    assert known_outlook(workspace, chips, embed, "rcf") is None
    one_scene = dataclasses.replace(chips, parts=chips.parts[:1])
    assert known_outlook(workspace, one_scene, embed, "texture") is None
    assert workspace.store.all("embeddings") == []


def test_outlook__not_ready_is_not_tried(workspace, settings, chips, monkeypatch, tmp_path):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    found = outlook(workspace, chips, settings().embed, "rcf+dinov2-small")
    assert (found.ready, found.estimate) == (False, None)
    assert str(workspace.weights / "dinov2-small" / "model.safetensors") in found.needs
    assert found.needs == readiness("dinov2-small", settings().embed, workspace.weights).needs


@pytest.mark.usefixtures("broken")
@pytest.mark.parametrize(
    ("name", "words"),
    [("moody", "these chips do not please me"), ("dying", "the memory may not suffice")],
)
def test_outlook__one_that_fails_is_told(workspace, settings, chips, name, words):
    found = outlook(workspace, chips, settings().embed, name)
    assert found.ready
    assert found.estimate is None
    assert words in found.needs
    assert known_outlook(workspace, chips, settings().embed, name) == found


def test_known_outlook__of_a_weight_file_brought_anew(workspace, settings, chips):
    place = workspace.weights / "resnet50" / "model.safetensors"
    place.parent.mkdir(parents=True)
    place.write_bytes(b"cut off")
    found = outlook(workspace, chips, settings().embed, "resnet50")
    assert "cut off" in found.needs
    assert known_outlook(workspace, chips, settings().embed, "resnet50") == found
    place.write_bytes(b"another one")
    assert known_outlook(workspace, chips, settings().embed, "resnet50") is None


def test_known_outlook__of_another_version_is_measured_anew(workspace, settings, chips):
    file = module._outlook_file(workspace, chips, settings().embed)
    file.parent.mkdir(parents=True)
    file.write_text('{"n": 40, "fortnights": 2}')
    assert known_outlook(workspace, chips, settings().embed, "texture") is None
