"""What an encoder says of the bands reaches the run's notes, computed or cached."""

import numpy as np
import pandas as pd

from core.chips.chip_set import ChipSet, SceneChips
from core.embeddings import registry
from core.pipeline import chip_stages
from core.pipeline.run import Run
from core.pipeline.workspace import Workspace
from core.settings import EmbedSettings, RunSettings


class Telling:
    card = registry.card("texture")
    identity = {"name": "telling", "version": 1}  # noqa: RUF012

    def notes(self, n_bands, names):
        return (f"telling: of {n_bands} bands {names[0]} is repeated",)

    def fit(self, sample):
        return {}

    def encode(self, batch, fitted):
        return batch.unit().mean((2, 3))


def test_notes__are_kept_with_the_fit(tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "load", lambda *_: Telling())
    monkeypatch.setattr(registry, "identity", lambda *_: Telling.identity)
    facts = pd.DataFrame({"chip_id": list("abcd")})
    pixels = np.arange(4 * 256, dtype=np.uint16).reshape(4, 1, 16, 16)
    part = SceneChips("k", "s", pixels, np.zeros((4, 16, 16), np.uint8), facts, facts)
    chips = ChipSet((part,), ("pan",))
    workspace = Workspace(tmp_path)
    for cached in (False, True):
        _, made = chip_stages.embeddings(workspace, chips, EmbedSettings())
        assert made[0].cached == cached
        notes = Run(workspace, RunSettings(), artifacts={"embeddings": made}).notes()
        assert notes[0] == "telling: of 1 bands pan is repeated"
        assert notes[1].startswith("pixels scaled to 0..1: uint16 from")
