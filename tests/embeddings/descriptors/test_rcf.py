"""MOSAIKS' features against a plain convolution, and masks."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from core.embeddings.descriptors.rcf import FILTERS, Rcf
from core.errors import BandError, DegenerateError


@pytest.fixture
def encoder():
    return Rcf()


def plain(batch, fitted):
    """By torch's convolution over whole chips, for chips without masks."""
    bands = batch.pixels.shape[1]
    kernels = torch.from_numpy(fitted["filters"].T.copy()).double().view(FILTERS, bands, 3, 3)
    answers = torch.nn.functional.conv2d(torch.from_numpy(batch.unit()).double(), kernels)
    features = torch.cat([answers.relu().mean((2, 3)), (-answers).relu().mean((2, 3))], 1)
    return (features.numpy() - fitted["mean"]) / fitted["std"]


@pytest.mark.parametrize("bands", [1, 3, 6])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_encode__is_a_rectified_convolution(encoder, make_batch, bands, dtype):
    batch = make_batch(n=6, bands=bands, size=20, dtype=dtype)
    fitted = encoder.fit(batch)
    found = encoder.encode(batch, fitted)
    assert found.shape == (6, encoder.card.dim)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, plain(batch, fitted), atol=2e-3)


def test_fit__filters_are_whitened_patches_of_the_chips(encoder, make_batch):
    batch = make_batch(n=4, size=12)
    filters = encoder.fit(batch)["filters"]
    windows = np.lib.stride_tricks.sliding_window_view(batch.unit(), (3, 3), (2, 3))
    patches = windows.transpose(0, 2, 3, 1, 4, 5).reshape(-1, 27).astype(np.float64)
    patches -= patches.mean(1, keepdims=True)
    patches /= np.linalg.norm(patches, axis=1, keepdims=True)
    undo = patches.T @ patches / len(patches) + 1e-3 * np.eye(27)
    near = np.abs(patches[:, None] - (filters.T @ undo)[None, :20]).max(2).min(0)
    assert near.max() < 1e-4


def test_fit__standardises_over_the_sample(encoder, make_batch):
    batch = make_batch(n=30, size=16)
    found = encoder.encode(batch, encoder.fit(batch))
    assert np.abs(found.mean(0)).max() < 1e-3
    assert np.abs(found.std(0) - 1).max() < 1e-2


def test_fit__same_sample_same_bytes(encoder, make_batch):
    one, two = (encoder.fit(make_batch(n=5)) for _ in range(2))
    assert all(np.array_equal(one[name], two[name]) for name in one)


def test_encode__masked_pixels_do_not_count(encoder, make_batch):
    batch = make_batch(n=8, size=24, masked=0.02)
    fitted = encoder.fit(batch)
    hidden = batch.pixels.copy()
    hidden[np.broadcast_to(batch.mask[:, None], hidden.shape)] = 255
    found = encoder.encode(batch, fitted)
    assert np.array_equal(found, encoder.encode(replace(batch, pixels=hidden), fitted))
    assert encoder.fit(replace(batch, pixels=hidden))["filters"].tolist() == (
        fitted["filters"].tolist()
    )


def test_encode__half_a_chip_masked_is_its_other_half(encoder, make_batch):
    batch = make_batch(n=4, size=24)
    fitted = encoder.fit(batch)
    mask = batch.mask.copy()
    mask[:, :, 12:] = True
    half = replace(batch, pixels=batch.pixels[..., :12].copy(), mask=batch.mask[..., :12])
    found = encoder.encode(replace(batch, mask=mask), fitted)
    np.testing.assert_allclose(found, encoder.encode(half, fitted), atol=1e-5)


@pytest.mark.parametrize("size", [2, 16])
def test_encode__no_whole_window_gives_the_zero_vector(encoder, make_batch, size):
    fitted = encoder.fit(make_batch(n=4))
    batch = make_batch(n=2, size=size, masked=1.1 if size > 2 else 0.0)
    assert not encoder.encode(batch, fitted).any()


def test_encode__same_chip_in_another_batch(encoder, make_batch):
    batch = make_batch(n=9)
    fitted = encoder.fit(batch)
    alone = replace(batch, pixels=batch.pixels[4:5], mask=batch.mask[4:5])
    assert np.array_equal(encoder.encode(batch, fitted)[4:5], encoder.encode(alone, fitted))


def test_encode__other_bands_are_refused(encoder, make_batch):
    fitted = encoder.fit(make_batch())
    with pytest.raises(BandError, match="chips of 4 bands; the encoder was fitted on 3"):
        encoder.encode(make_batch(bands=4), fitted)


@pytest.mark.parametrize("masked", [0.0, 1.1])
def test_fit__blank_chips_are_refused(encoder, make_batch, masked):
    batch = make_batch(masked=masked)
    batch.pixels[:] = 7
    with pytest.raises(DegenerateError, match="valid and vary"):
        encoder.fit(batch)
