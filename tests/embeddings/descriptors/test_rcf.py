"""MOSAIKS features compared with a plain convolution, and masked pixels."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from core.embeddings.descriptors.rcf import N_FILTERS, Rcf
from core.errors import BandError, DegenerateError


@pytest.fixture
def encoder():
    return Rcf()


def reference_embeddings(batch, fitted):
    """Compute embeddings of unmasked chips with a torch convolution."""
    bands = batch.pixels.shape[1]
    kernels = torch.from_numpy(fitted["filters"].T.copy()).double().view(N_FILTERS, bands, 3, 3)
    responses = torch.nn.functional.conv2d(torch.from_numpy(batch.unit()).double(), kernels)
    features = torch.cat([responses.relu().mean((2, 3)), (-responses).relu().mean((2, 3))], 1)
    return (features.numpy() - fitted["mean"]) / fitted["std"]


@pytest.mark.parametrize("bands", [1, 3, 6])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_encode__is_a_rectified_convolution(encoder, make_batch, bands, dtype):
    batch = make_batch(n=6, bands=bands, size=20, dtype=dtype)
    fitted = encoder.fit(batch)
    embeddings = encoder.encode(batch, fitted)
    assert embeddings.shape == (6, encoder.card.dim)
    assert embeddings.dtype == np.float32
    np.testing.assert_allclose(embeddings, reference_embeddings(batch, fitted), atol=2e-3)


def test_fit__filters_are_whitened_patches_of_the_chips(encoder, make_batch):
    batch = make_batch(n=4, size=12)
    filters = encoder.fit(batch)["filters"]
    windows = np.lib.stride_tricks.sliding_window_view(batch.unit(), (3, 3), (2, 3))
    patches = windows.transpose(0, 2, 3, 1, 4, 5).reshape(-1, 27).astype(np.float64)
    patches -= patches.mean(1, keepdims=True)
    patches /= np.linalg.norm(patches, axis=1, keepdims=True)
    undo = patches.T @ patches / len(patches) + 1e-3 * np.eye(27)
    distance = np.abs(patches[:, None] - (filters.T @ undo)[None, :20]).max(2).min(0)
    assert distance.max() < 1e-4


def test_fit__standardises_over_the_sample(encoder, make_batch):
    batch = make_batch(n=30, size=16)
    embeddings = encoder.encode(batch, encoder.fit(batch))
    assert np.abs(embeddings.mean(0)).max() < 1e-3
    assert np.abs(embeddings.std(0) - 1).max() < 1e-2


def test_fit__same_sample_gives_the_same_arrays(encoder, make_batch):
    first, second = (encoder.fit(make_batch(n=5)) for _ in range(2))
    assert all(np.array_equal(first[name], second[name]) for name in first)


def test_encode__masked_pixels_do_not_count(encoder, make_batch):
    batch = make_batch(n=8, size=24, masked=0.02)
    fitted = encoder.fit(batch)
    changed = batch.pixels.copy()
    changed[np.broadcast_to(batch.mask[:, None], changed.shape)] = 255
    embeddings = encoder.encode(batch, fitted)
    assert np.array_equal(embeddings, encoder.encode(replace(batch, pixels=changed), fitted))
    assert encoder.fit(replace(batch, pixels=changed))["filters"].tolist() == (
        fitted["filters"].tolist()
    )


def test_encode__half_masked_chip_equals_its_other_half(encoder, make_batch):
    batch = make_batch(n=4, size=24)
    fitted = encoder.fit(batch)
    mask = batch.mask.copy()
    mask[:, :, 12:] = True
    half = replace(batch, pixels=batch.pixels[..., :12].copy(), mask=batch.mask[..., :12])
    embeddings = encoder.encode(replace(batch, mask=mask), fitted)
    np.testing.assert_allclose(embeddings, encoder.encode(half, fitted), atol=1e-5)


@pytest.mark.parametrize("size", [2, 16])
def test_encode__chip_without_complete_window_gives_the_zero_vector(encoder, make_batch, size):
    fitted = encoder.fit(make_batch(n=4))
    batch = make_batch(n=2, size=size, masked=1.1 if size > 2 else 0.0)
    assert not encoder.encode(batch, fitted).any()


def test_encode__same_chip_in_another_batch(encoder, make_batch):
    batch = make_batch(n=9)
    fitted = encoder.fit(batch)
    alone = replace(batch, pixels=batch.pixels[4:5], mask=batch.mask[4:5])
    assert np.array_equal(encoder.encode(batch, fitted)[4:5], encoder.encode(alone, fitted))


def test_encode__other_number_of_bands_raises(encoder, make_batch):
    fitted = encoder.fit(make_batch())
    with pytest.raises(BandError, match="chips have 4 bands, but the encoder was fitted to 3"):
        encoder.encode(make_batch(bands=4), fitted)


@pytest.mark.parametrize("masked", [0.0, 1.1])
def test_fit__blank_chips_raise(encoder, make_batch, masked):
    batch = make_batch(masked=masked)
    batch.pixels[:] = 7
    with pytest.raises(DegenerateError, match="valid and vary"):
        encoder.fit(batch)
