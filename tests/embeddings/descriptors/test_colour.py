"""Simple colour statistics compared with plain arithmetic, masked pixels and constant bands."""

from dataclasses import replace

import numpy as np
import pytest

from core.embeddings.descriptors import colour
from core.embeddings.descriptors.colour import Colour
from core.errors import BandError, TooFewError


def plain_embedding(pixels, mask, fitted):
    """The embedding of one chip, (bands, height, width) in 0..1."""
    values = [band[~mask].astype(np.float64) for band in pixels]
    moments = np.array([*(band.mean() for band in values), *(band.std() for band in values)])
    histograms = []
    for band, low, high in zip(values, fitted["low"], fitted["high"], strict=True):
        edges = np.linspace(low, high, 9)
        counts = np.histogram(band.clip(low, np.nextafter(high, low)), edges)[0]
        histograms.append(3 * np.sqrt(counts / len(band)))
    return np.concatenate([(moments - fitted["mean"]) / fitted["std"], *histograms])


@pytest.mark.parametrize("bands", [1, 3, 8])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_encode__equals_plain_arithmetic(make_batch, bands, dtype):
    batch = make_batch(n=7, bands=bands, size=9, dtype=dtype, masked=0.4)
    fitted = Colour().fit(batch)
    ours = Colour().encode(batch, fitted)
    assert ours.shape == (7, 10 * bands)
    assert ours.dtype == np.float32
    plain = [plain_embedding(*chip, fitted) for chip in zip(batch.unit(), batch.mask, strict=True)]
    np.testing.assert_allclose(ours, plain, atol=2e-4)


def test_encode__in_parts_of_any_size(make_batch, monkeypatch):
    batch = make_batch(n=9, size=8)
    fitted = Colour().fit(batch)
    whole = Colour().encode(batch, fitted)
    monkeypatch.setattr(colour, "_WORKING_SET", 2 * 3 * 64)
    assert np.array_equal(Colour().encode(batch, fitted), whole)
    assert all(np.allclose(Colour().fit(batch)[name], fitted[name]) for name in fitted)


def test_fit__standardises_over_the_sample(make_batch):
    batch = make_batch(n=30, size=8)
    moments = Colour().encode(batch, Colour().fit(batch))[:, :6]
    np.testing.assert_allclose(moments.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(moments.std(axis=0), 1, atol=1e-5)


def test_encode__masked_chip_and_constant_band(make_batch):
    batch = make_batch(n=6, size=8)
    batch.mask[0] = True
    batch.pixels[:, 1] = 255
    embeddings = Colour().encode(batch, Colour().fit(batch))
    assert np.isfinite(embeddings).all()
    assert not embeddings[0].any()
    # Nothing about the constant band distinguishes two chips.
    same = np.ptp(embeddings[1:], axis=0) == 0
    assert same[[1, 4]].all()
    assert same[6 + 8 : 6 + 16].all()


def test_encode__chips_of_a_single_pixel(make_batch):
    batch = make_batch(n=5, size=1)
    assert np.isfinite(Colour().encode(batch, Colour().fit(batch))).all()


def test_errors__no_valid_pixel_or_other_bands(make_batch):
    batch = make_batch(n=3, size=4)
    with pytest.raises(TooFewError, match="none of the 3 chips"):
        Colour().fit(replace(batch, mask=np.ones_like(batch.mask)))
    with pytest.raises(BandError, match="fitted to 3"):
        Colour().encode(make_batch(n=3, bands=4, size=4), Colour().fit(batch))
