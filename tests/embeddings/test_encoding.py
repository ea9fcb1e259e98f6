"""Notes on encoding, and batches of the size that an encoder prefers."""

import numpy as np
import pandas as pd
import pytest

from core.chips.chip_set import ChipSet, SceneChips
from core.embeddings.encoding import encode_chips, encode_rows, encoder_notes


class Mean:
    """The mean of each band."""

    def __init__(self):
        self.sizes = []

    def fit(self, sample):
        return {}

    def encode(self, batch, fitted=None):
        self.sizes.append(len(batch))
        return batch.unit().mean((2, 3))


class MeanWithNotes(Mean):
    read_size = 7

    def notes(self, n_bands, names):
        return (f"{n_bands} bands: {', '.join(names)}",)


@pytest.fixture
def chips():
    rng = np.random.default_rng(0)
    parts = []
    for scene, dtype in enumerate((np.uint8, np.uint16)):
        pixels = rng.integers(1, 250, (150, 2, 16, 16)).astype(dtype)
        mask = np.zeros((150, 16, 16), np.uint8)
        facts = pd.DataFrame({"chip_id": [f"{scene}-{i}" for i in range(150)]})
        parts.append(SceneChips(str(scene), str(scene), pixels, mask, facts, facts))
    return ChipSet(tuple(parts), ("red", "nir"))


def test_encoder_notes__bands_and_every_scaling_rule_except_for_uint8(chips):
    notes = encoder_notes(MeanWithNotes(), chips, chips.fit_scalings(50))
    assert notes[0] == "2 bands: red, nir"
    assert notes[1].startswith("pixels scaled to 0..1: uint16 from percentile 0.1 to 99.9")
    assert len(notes) == 2
    assert len(encoder_notes(Mean(), chips, chips.fit_scalings(50))) == 1


@pytest.mark.parametrize(
    ("encoder", "sizes"), [(Mean(), [128, 2]), (MeanWithNotes(), [*([7] * 18), 4])]
)
def test_encode_rows__batches_have_the_read_size_of_the_encoder(chips, encoder, sizes):
    part, scaling = chips.parts[0], chips.fit_scalings(50)["uint8"]
    embeddings = encode_rows(encoder, part, chips.bands, scaling, {}, slice(10, 140))
    np.testing.assert_allclose(embeddings, part.pixels[10:140].mean((2, 3)) / 255, atol=1e-5)
    assert encoder.sizes == sizes


def test_encode_chips__any_rows_of_several_dtypes(chips):
    scalings = chips.fit_scalings(300)
    rows = np.array([0, 200, 3, 299] * 50)
    encoder = Mean()
    embeddings = encode_chips(chips, rows, scalings, encoder.encode)
    np.testing.assert_allclose(
        embeddings, chips.read_scaled(rows, scalings).mean((2, 3)), atol=1e-6
    )
    assert encoder.sizes == [128, 72]
