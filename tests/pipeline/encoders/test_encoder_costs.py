"""Costs of encoders, measured on a few chips in a separate process and stored."""

import dataclasses
import sys

import pytest

from core.embeddings.registry import check_readiness
from core.pipeline.encoders import encoder_costs
from core.pipeline.encoders.encoder_costs import find_encoder_cost, measure_encoder_cost
from core.pipeline.run import run_pipeline

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
        raise DegenerateError("these chips are refused", where="broken")

def source(name):
    return Source(EncoderCard(name, name, "", dim=1), lambda settings, folder: Broken(name))

dying, refusing = source("dying"), source("refusing")
"""


@pytest.fixture
def chips(workspace, settings):
    return run_pipeline(workspace, settings(), until="chips").chips


@pytest.fixture
def broken(tmp_path, monkeypatch):
    """An installed package with an encoder that ends its process and one that raises an error."""
    info = tmp_path / "site" / "broken_encoders-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-encoders\nVersion: 1.0\n")
    entries = "dying = broken_encoders:dying\nrefusing = broken_encoders:refusing\n"
    (info / "entry_points.txt").write_text(f"[chipscape.encoders]\n{entries}")
    (tmp_path / "site" / "broken_encoders.py").write_text(BROKEN)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    yield
    sys.modules.pop("broken_encoders", None)


def test_measure_encoder_cost__in_a_separate_process_and_stored(workspace, settings, chips):
    embed = settings().embed
    assert find_encoder_cost(workspace, chips, embed, "texture") is None
    cost = measure_encoder_cost(workspace, chips, embed, "texture")
    assert (cost.ready, cost.needs) == (True, "")
    assert (cost.estimate.n, cost.estimate.measured, cost.estimate.dim) == (40, 40, 323)
    assert cost.estimate.seconds > 0
    # The memory of the network libraries is not included.
    assert 40 * 323 * 4 < cost.estimate.bytes < 300e6
    assert find_encoder_cost(workspace, chips, embed, "texture") == cost
    assert find_encoder_cost(workspace, chips, embed, "colour") is None
    one_scene = dataclasses.replace(chips, parts=chips.parts[:1])
    assert find_encoder_cost(workspace, one_scene, embed, "texture") is None
    assert workspace.store.all("embeddings") == []


def test_measure_encoder_cost__an_encoder_that_is_not_ready(
    workspace, settings, chips, monkeypatch, tmp_path
):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    embed = settings().embed
    cost = measure_encoder_cost(workspace, chips, embed, "colour+dinov2-small")
    assert (cost.ready, cost.estimate) == (False, None)
    assert str(workspace.weights / "dinov2-small" / "model.safetensors") in cost.needs
    assert cost.needs == check_readiness("dinov2-small", embed, workspace.weights).needs


@pytest.mark.usefixtures("broken")
@pytest.mark.parametrize(
    ("name", "message"),
    [("refusing", "these chips are refused"), ("dying", "memory may be too low")],
)
def test_measure_encoder_cost__an_encoder_that_fails(workspace, settings, chips, name, message):
    embed = settings().embed
    cost = measure_encoder_cost(workspace, chips, embed, name)
    assert cost.ready
    assert cost.estimate is None
    assert message in cost.needs
    assert find_encoder_cost(workspace, chips, embed, name) == cost


def test_find_encoder_cost__another_weight_file(workspace, settings, chips):
    embed = settings().embed
    file = workspace.weights / "resnet50" / "model.safetensors"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"cut off")
    cost = measure_encoder_cost(workspace, chips, embed, "resnet50")
    assert "the file is truncated" in cost.needs
    assert find_encoder_cost(workspace, chips, embed, "resnet50") == cost
    file.write_bytes(b"another one")
    assert find_encoder_cost(workspace, chips, embed, "resnet50") is None


def test_find_encoder_cost__written_by_another_version(workspace, settings, chips):
    file = encoder_costs._cost_file(workspace, chips, settings().embed)
    file.parent.mkdir(parents=True)
    file.write_text('{"n": 40, "fortnights": 2}')
    assert find_encoder_cost(workspace, chips, settings().embed, "texture") is None
