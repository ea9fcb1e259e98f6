"""Bands, statistics, masks, sizes and blocks of an encoder whose network only averages."""

import logging
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core.chips.scaling import Scaling, fit_scaling
from core.embeddings.encoder import ChipBatch
from core.embeddings.networks.device import BatchSize
from core.embeddings.networks.network_encoder import (
    NetworkEncoder,
    band_statistics,
    scale_on_device,
)
from core.embeddings.networks.resizing import ChipView
from core.embeddings.networks.resnet50 import CARD
from core.embeddings.networks.weight_files import WeightFile
from core.errors import BandError, DegenerateError, SettingsError, WeightsError
from core.settings import EmbedSettings

AVERAGE = replace(CARD, name="average", dim=3, mean=(0.2, 0.5, 0.7), std=(0.5, 0.25, 0.2))


class Average(torch.nn.Module):
    """Returns the mean of each band and records its inputs."""

    def __init__(self):
        super().__init__()
        self.inputs = []

    def forward(self, pixels):
        self.inputs.append(pixels.clone())
        return pixels.mean((2, 3))


class SmallMemory(Average):
    """Runs out of memory with more than four chips."""

    def forward(self, pixels):
        if len(pixels) > 4:
            raise torch.OutOfMemoryError
        return super().forward(pixels)


def make_encoder(tmp_path, step=16, card=AVERAGE, **settings):
    network = Average()
    weights = WeightFile(tmp_path / "w", "0" * 64)
    encoder = NetworkEncoder(
        card, network, network, step=step, settings=EmbedSettings(**settings), weights=weights
    )
    return encoder, network


def test_encode__reorders_named_bands(tmp_path, make_batch):
    encoder, _ = make_encoder(tmp_path)
    rgb = make_batch(bands=3, names=("red", "green", "blue"))
    bgr = replace(rgb, pixels=rgb.pixels[:, ::-1], bands=("blue", "green", "red"))
    assert np.array_equal(encoder.encode(rgb, {}), encoder.encode(bgr, {}))


def test_fit__logs_that_the_single_band_is_repeated(tmp_path, make_batch, caplog):
    encoder, network = make_encoder(tmp_path)
    batch = make_batch(bands=1)
    with caplog.at_level(logging.INFO):
        assert encoder.fit(batch) == {}
    assert "average: the single band is repeated" in caplog.text
    encoder.encode(batch, {})
    pixels = network.inputs[0] * torch.tensor(AVERAGE.std).view(3, 1, 1)
    pixels += torch.tensor(AVERAGE.mean).view(3, 1, 1)
    assert torch.allclose(pixels[:, 0], pixels[:, 2], atol=1e-6)


def test_fit__two_bands_raise(tmp_path, make_batch):
    with pytest.raises(BandError, match="three bands"):
        make_encoder(tmp_path)[0].fit(make_batch(bands=2))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_encode__normalises_scaled_pixels(tmp_path, make_batch, dtype):
    encoder, _ = make_encoder(tmp_path)
    batch = make_batch(n=40, dtype=dtype)
    expected = (batch.unit().mean((2, 3)) - AVERAGE.mean) / AVERAGE.std
    embeddings = encoder.encode(batch, {})
    assert embeddings.dtype == np.float32
    np.testing.assert_allclose(embeddings, expected, atol=1e-5)


def test_encode__masked_pixels_are_zero_after_normalising(tmp_path, make_batch):
    encoder, network = make_encoder(tmp_path)
    batch = make_batch(masked=0.3)
    batch.pixels[~np.broadcast_to(~batch.mask[:, None], batch.pixels.shape)] = 255
    encoder.encode(batch, {})
    pixels = network.inputs[0].numpy()
    assert np.abs(pixels[np.broadcast_to(batch.mask[:, None], pixels.shape)]).max() < 1e-6
    assert np.abs(pixels[np.broadcast_to(~batch.mask[:, None], pixels.shape)]).mean() > 0.5


def test_encode__fully_masked_chip_does_not_depend_on_its_pixels(tmp_path, make_batch):
    encoder, _ = make_encoder(tmp_path, input_size=64)
    batch = make_batch(masked=1.1)
    assert np.abs(encoder.encode(batch, {})).max() < 1e-6


def test_encode__masked_nan_does_not_spread(tmp_path, make_batch):
    encoder, _ = make_encoder(tmp_path, input_size=48)
    batch = make_batch(dtype=np.float32, masked=0.2)
    pixels = np.where(batch.mask[:, None], np.float32(np.nan), batch.pixels)
    assert np.array_equal(
        encoder.encode(replace(batch, pixels=pixels), {}), encoder.encode(batch, {})
    )


def test_encode__uses_the_fitted_statistics(tmp_path, make_batch):
    encoder, _ = make_encoder(tmp_path, statistics="data")
    batch = make_batch(n=30, masked=0.2, dtype=np.uint16)
    fitted = encoder.fit(batch)
    valid = batch.unit().transpose(1, 0, 2, 3)[:, ~batch.mask]
    np.testing.assert_allclose(fitted["mean"], valid.mean(1), atol=1e-5)
    np.testing.assert_allclose(fitted["std"], valid.std(1), atol=1e-5)
    expected = np.where(batch.mask[:, None], valid.mean(1)[:, None, None], batch.unit())
    expected = (expected.mean((2, 3)) - valid.mean(1)) / valid.std(1)
    np.testing.assert_allclose(encoder.encode(batch, fitted), expected, atol=1e-4)


def test_fit__learns_nothing_with_card_statistics(tmp_path, make_batch):
    assert make_encoder(tmp_path)[0].fit(make_batch()) == {}


@given(n=st.integers(1, 700), seed=st.integers(0, 100))
def test_band_statistics__do_not_depend_on_blocks(n, seed):
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (n, 3, 2, 2), dtype=np.uint8)
    mask = rng.random((n, 2, 2)) < 0.5
    mask[0] = False
    batch = ChipBatch(pixels, mask, fit_scaling(pixels, mask))
    valid = (pixels / 255).transpose(1, 0, 2, 3)[:, ~mask]
    if valid.std(1).min() == 0:
        return
    statistics = band_statistics(batch, [0, 1, 2])
    np.testing.assert_allclose(statistics["mean"], valid.mean(1), atol=1e-6)
    np.testing.assert_allclose(statistics["std"], valid.std(1), atol=1e-5)


def test_band_statistics__constant_band_is_named(make_batch):
    batch = make_batch(names=("red", "green", "blue"))
    batch.pixels[:, 1] = 7
    with pytest.raises(DegenerateError, match="band green has the same value in all pixels"):
        band_statistics(batch, [0, 1, 2])


def test_band_statistics__no_valid_pixel_raises(make_batch):
    with pytest.raises(DegenerateError, match="no valid pixel"):
        band_statistics(make_batch(masked=1.1), [0, 1, 2])


@pytest.mark.parametrize(
    ("step", "native", "side"),
    [
        *((16, 64, 64), (16, 70, 64), (16, 72, 80), (16, 16, 16), (16, 20, 16), (16, 512, 224)),
        *((8, 20, 24), (8, 512, 224), (32, 40, 32), (32, 64, 64), (32, 16, 32), (32, 300, 224)),
    ],
)
def test_input_side__native_side_is_rounded_to_a_multiple_and_limited(tmp_path, step, native, side):
    assert make_encoder(tmp_path, step=step)[0].input_side(native) == side


def test_input_side__setting_overrides(tmp_path, make_batch):
    encoder, network = make_encoder(tmp_path, input_size=256)
    assert encoder.input_side(64) == 256
    encoder.encode(make_batch(size=24), {})
    assert network.inputs[0].shape[-2:] == (256, 256)


def test_init__input_size_that_is_no_multiple_raises_with_the_nearest(tmp_path):
    with pytest.raises(SettingsError, match=r"100 is not a multiple of 16.*96 or 112"):
        make_encoder(tmp_path, input_size=100)


def test_encode__blocks_are_limited_and_do_not_change_the_result(tmp_path, make_batch):
    encoder, network = make_encoder(tmp_path)
    batch = make_batch(n=70)
    together = encoder.encode(batch, {})
    assert sorted(len(block) for block in network.inputs) == [6, 16, 16, 16, 16]
    parts = [
        encoder.encode(
            replace(batch, pixels=batch.pixels[i : i + 7], mask=batch.mask[i : i + 7]), {}
        )
        for i in range(0, 70, 7)
    ]
    np.testing.assert_allclose(together, np.concatenate(parts), atol=1e-6)
    assert np.array_equal(together, encoder.encode(batch, {}))
    encoder, network = make_encoder(tmp_path, input_size=448)
    encoder.encode(make_batch(n=9), {})
    assert sorted(len(block) for block in network.inputs) == [1, 8]


def test_encode__no_chips(tmp_path, make_batch):
    batch = make_batch(n=1)
    empty = replace(batch, pixels=batch.pixels[:0], mask=batch.mask[:0])
    assert make_encoder(tmp_path)[0].encode(empty, {}).shape == (0, 3)


def test_encode__values_that_are_not_finite_raise(tmp_path, make_batch):
    encoder, _ = make_encoder(tmp_path, card=replace(AVERAGE, std=(0.0, 1.0, 1.0)))
    with pytest.raises(WeightsError, match="not finite"):
        encoder.encode(make_batch(), {})


def test_chip_batch__other_number_of_band_names_raises():
    with pytest.raises(BandError, match="2 band names for 3 bands"):
        ChipBatch(
            np.zeros((1, 3, 4, 4), np.uint8),
            np.zeros((1, 4, 4), bool),
            Scaling((0.0,) * 3, (1.0,) * 3, ""),
            ("red", "green"),
        )


def test_encode__does_not_depend_on_the_number_of_threads(tmp_path, make_batch):
    """Results are equal to the byte, because one thread computes each block."""
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 32, 3), torch.nn.Flatten(2))
    encoder, _ = make_encoder(tmp_path, card=replace(AVERAGE, dim=32))
    encoder._network = lambda pixels: network(pixels).mean(2)
    batch, before, embeddings = make_batch(n=100), torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            embeddings.append(encoder.encode(batch, {}))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert np.array_equal(embeddings[0], embeddings[1])
    assert np.array_equal(embeddings[0], embeddings[2])


def test_encode__does_not_depend_on_the_batches_of_a_device(tmp_path, make_batch):
    encoder, _ = make_encoder(tmp_path)
    batch = make_batch(n=41)
    expected = encoder.encode(batch, {})
    small_memory = SmallMemory()
    encoder._network, encoder._batch = small_memory, BatchSize(start=32)
    assert np.array_equal(encoder.encode(batch, {}), expected)
    assert max(len(block) for block in small_memory.inputs) == 4


def test_encode__half_precision_is_close(tmp_path, make_batch):
    encoder, _ = make_encoder(tmp_path)
    batch = make_batch(n=9)
    full = encoder.encode(batch, {})
    network = torch.nn.Linear(3, 3, bias=False)
    torch.nn.init.eye_(network.weight)
    encoder._half, encoder._network = torch.bfloat16, lambda p: network(p.mean((2, 3)))
    half = encoder.encode(batch, {})
    assert half.dtype == np.float32
    assert not np.array_equal(half, full)
    np.testing.assert_allclose(half, full, atol=1e-2 * np.abs(full).max())
    assert "bfloat16" in encoder.notes(3, ())[0]


def test_scale_on_device__equals_unit(make_batch):
    batch = make_batch(n=3, bands=4)
    odd = Scaling((0.0, 10.0, 50.0, 7.0), (255.0, 200.0, 60.0, 7.0), "odd")
    for scaling in (batch.scaling, odd):
        part = replace(batch, scaling=scaling)
        scaled = scale_on_device(part, torch.device("cpu"))
        assert np.array_equal(scaled.numpy(), part.unit())


def test_encode__joins_the_triples(tmp_path, make_batch):
    encoder, _ = make_encoder(tmp_path, bands_rule="triples")
    batch = make_batch(n=40, bands=5, names=("nir", "red", "green", "blue", "swir"))
    embeddings = encoder.encode(batch, encoder.fit(batch))
    means = batch.unit().mean((2, 3))
    triples = [means[:, [1, 2, 3]], means[:, [3, 0, 4]]]
    expected = np.hstack([(triple - AVERAGE.mean) / AVERAGE.std for triple in triples])
    np.testing.assert_allclose(embeddings, expected, atol=1e-5)


def test_fit__statistics_for_each_band_of_the_triples(tmp_path, make_batch):
    encoder, _ = make_encoder(tmp_path, bands_rule="triples", statistics="data")
    batch = make_batch(n=40, bands=4, masked=0.2)
    fitted = encoder.fit(batch)
    valid = batch.unit().transpose(1, 0, 2, 3)[:, ~batch.mask][[0, 1, 2, 1, 2, 3]]
    np.testing.assert_allclose(fitted["mean"], valid.mean(1), atol=1e-5)
    np.testing.assert_allclose(fitted["std"], valid.std(1), atol=1e-5)
    assert np.abs(encoder.encode(batch, fitted).mean(0)).max() < 0.02


def test_encode_view__crops_the_centre(tmp_path, make_batch):
    encoder, network = make_encoder(tmp_path)
    batch = make_batch(n=2, size=36)
    encoder.encode_view(batch, {}, ChipView(36, 32))
    mean, std = (np.reshape(values, (3, 1, 1)) for values in (AVERAGE.mean, AVERAGE.std))
    middle = (batch.unit()[:, :, 2:34, 2:34] - mean) / std
    np.testing.assert_allclose(network.inputs[0], middle, atol=1e-5)


def test_identity__depends_on_every_setting_that_changes_the_embeddings(tmp_path):
    changes = [
        *({}, {"bands_rule": "triples"}, {"precision": "full"}, {"statistics": "data"}),
        {"input_size": 32},
    ]
    identities = [make_encoder(tmp_path, **change)[0].identity for change in changes]
    assert len({tuple(identity.items()) for identity in identities}) == 5
