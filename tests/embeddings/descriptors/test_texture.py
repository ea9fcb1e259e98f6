import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from core.chips.scaling import Scaling, fit_scaling
from core.embeddings.descriptors import binary_patterns, masked_filters, region_covariance, texture
from core.embeddings.descriptors.binary_patterns import pattern_histogram
from core.embeddings.descriptors.colour_histograms import ColourAxes
from core.embeddings.descriptors.region_covariance import log_covariance
from core.embeddings.descriptors.texture import CARD, Texture
from core.embeddings.encoder import ChipBatch, Encoder, SampleEncoder
from core.errors import BandError, TooFewError
from core.types import AnyArray, BoolArray, DoubleArray, FloatArray

DIMS = {1: 165, 2: 240, 3: 323, 4: 374, 8: 658, 12: 658}


def scenes(n: int = 24, bands: int = 3, size: int = 32, seed: int = 0) -> AnyArray:
    """Chips of three textures in turn (smooth, striped, speckled) in random colours."""
    rng = np.random.default_rng(seed)
    pixels = np.empty((n, bands, size, size))
    for number in range(n):
        grain = rng.normal(size=(size, size))
        pattern = {
            0: gaussian_filter(grain, 4) * 4,
            1: np.sin(np.arange(size) * 0.9 + rng.uniform(0, 6)) + grain * 0.2,
            2: gaussian_filter(grain, 0.6) * 1.5,
        }[number % 3]
        colour = rng.uniform(0.3, 0.6, (bands, 1, 1))
        pixels[number] = colour * (1 + 0.3 * pattern) + rng.normal(0, 0.01, (bands, size, size))
    return (np.clip(pixels, 0, 1) * 255).astype(np.uint8)


def batch(pixels: AnyArray, mask: BoolArray | None = None) -> ChipBatch:
    if mask is None:
        mask = np.zeros((len(pixels), *pixels.shape[2:]), bool)
    scaling = Scaling((0.0,) * pixels.shape[1], (255.0,) * pixels.shape[1], "uint8 / 255")
    return ChipBatch(pixels, mask, scaling)


def embed(pixels: AnyArray, mask: BoolArray | None = None) -> FloatArray:
    """Embed chips with an encoder that is always fitted to the same unmasked chips."""
    encoder = Texture()
    return encoder.encode(batch(pixels, mask), encoder.fit(batch(scenes(bands=pixels.shape[1]))))


def example_mask(size: int = 32, n: int = 4) -> BoolArray:
    mask = np.zeros((n, size, size), bool)
    mask[0, :, : size // 3] = True
    mask[1, 5:9, 11:20] = True
    mask[2, ::3] = True
    return mask


def test_texture__is_an_encoder() -> None:
    encoder: Encoder = Texture()
    assert encoder.card is CARD
    assert (CARD.name, CARD.dim, CARD.learns, CARD.needs_weights) == ("texture", 0, True, False)
    assert encoder.identity == {"name": "texture", "version": CARD.version}


@pytest.mark.parametrize(("bands", "dim"), DIMS.items())
def test_encode__any_number_of_bands(bands: int, dim: int) -> None:
    embeddings = embed(scenes(6, bands))
    assert embeddings.shape == (6, dim)
    assert embeddings.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.float32])
def test_encode__does_not_depend_on_the_dtype(dtype: type) -> None:
    pixels = scenes()
    wide = (pixels.astype(np.float64) * 100).astype(dtype)
    scaling = Scaling((0.0,) * 3, (25500.0,) * 3, "by 25500")
    wide_batch = ChipBatch(wide, np.zeros((24, 32, 32), bool), scaling)
    encoder = Texture()
    embeddings = encoder.encode(wide_batch, encoder.fit(wide_batch))
    np.testing.assert_allclose(embeddings, embed(pixels), atol=2e-3)


def test_encode__nearest_neighbours_have_the_same_texture() -> None:
    embeddings = embed(scenes(60, seed=1))
    distance = np.linalg.norm(embeddings[:, None] - embeddings[None], axis=2)
    np.fill_diagonal(distance, np.inf)
    texture_class = np.arange(60) % 3
    assert (texture_class[distance.argmin(1)] == texture_class).mean() > 0.9


def test_encode__is_deterministic() -> None:
    assert embed(scenes()).tobytes() == embed(scenes()).tobytes()


def test_encode__does_not_depend_on_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = scenes(12)
    mask = np.concatenate([example_mask(), example_mask(), example_mask()])
    together = embed(pixels, mask)
    alone = np.concatenate([embed(pixels[i : i + 1], mask[i : i + 1]) for i in range(12)])
    assert together.tobytes() == alone.tobytes()
    monkeypatch.setattr(texture, "WORKING_SET", 5 * 3 * 32 * 32)
    assert together.tobytes() == embed(pixels, mask).tobytes()


def test_fit_encode__equals_fit_and_encode_bit_for_bit() -> None:
    sample = batch(scenes(), np.concatenate([example_mask()] * 6))
    encoder = Texture()
    assert isinstance(encoder, SampleEncoder)
    fitted, embeddings = encoder.fit_encode(sample)
    assert embeddings.tobytes() == encoder.encode(sample, fitted).tobytes()
    for name, values in encoder.fit(sample).items():
        np.testing.assert_array_equal(fitted[name], values)


def test_fit_encode__computes_each_statistic_once(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = []
    statistics = texture._statistics

    def counted(part: ChipBatch, colour_axes: ColourAxes) -> dict[str, DoubleArray]:
        counts.append(len(part))
        return statistics(part, colour_axes)

    monkeypatch.setattr(texture, "_statistics", counted)
    Texture().fit_encode(batch(scenes(30)))
    assert sum(counts) == 30


def test_encode__columns_have_about_the_same_variance() -> None:
    # Otherwise standardising the columns, as the reduction does, would change the distances.
    spread = Texture().fit_encode(batch(scenes(60)))[1].std(0)
    assert spread.max() < 1.3 * spread.min()


def test_fit__in_parts_equals_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    sample = batch(scenes(), np.concatenate([example_mask()] * 6))
    at_once = Texture().fit(sample)
    monkeypatch.setattr(texture, "WORKING_SET", 1)
    parts = Texture().fit(sample)
    assert at_once.keys() == parts.keys()
    for name, values in at_once.items():
        np.testing.assert_allclose(parts[name], values, atol=1e-6)


def test_fit__large_samples_use_every_nth_valid_pixel(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels, mask = scenes(), np.concatenate([example_mask()] * 6)
    monkeypatch.setattr(texture, "SAMPLE_PIXELS", 1000)
    sample = batch(pixels, mask)
    stride = -(-(~mask).sum() // 1000)
    expected = sample.unit().transpose(0, 2, 3, 1)[~mask][::stride]
    monkeypatch.setattr(texture, "WORKING_SET", 7 * 3 * 32 * 32)
    np.testing.assert_array_equal(texture._sample_pixels(sample), expected)
    assert len(expected) <= 1000


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000))
def test_encode__ignores_masked_values(seed: int) -> None:
    pixels, mask = scenes(4), example_mask()
    constant = np.where(mask[:, None], np.random.default_rng(seed).integers(0, 256, 1), pixels)
    noisy = np.random.default_rng(seed).integers(0, 256, pixels.shape)
    plain = embed(pixels, mask)
    for changed in (constant, np.where(mask[:, None], noisy, pixels)):
        assert embed(changed.astype(np.uint8), mask).tobytes() == plain.tobytes()
    assert not np.allclose(embed(pixels)[:3], plain[:3], atol=1e-3)


def test_fit__ignores_masked_values() -> None:
    pixels, mask = scenes(4), example_mask()
    changed = np.where(mask[:, None], 255, pixels).astype(np.uint8)
    first, second = Texture().fit(batch(pixels, mask)), Texture().fit(batch(changed, mask))
    assert all(first[name].tobytes() == second[name].tobytes() for name in first)


def padded(pixels: AnyArray, border: int) -> tuple[AnyArray, BoolArray]:
    edges = [(border, border)] * 2
    clear = np.zeros((len(pixels), *pixels.shape[2:]), bool)
    return (
        np.pad(pixels, [(0, 0), (0, 0), *edges], constant_values=200),
        np.pad(clear, [(0, 0), *edges], constant_values=True),
    )


def test_encode__masked_border_changes_little() -> None:
    # The centre stays the same, but the weights decrease more slowly towards the old edge.
    pixels = scenes(6)
    plain = embed(pixels)
    distances = np.linalg.norm(plain[:, None] - plain[None], axis=2)[np.triu_indices(6, 1)]
    for border in (1, 4):
        change = np.linalg.norm(embed(*padded(pixels, border)) - plain, axis=1)
        assert change.max() < 0.55 * distances.min()


def test_encode__masked_border_changes_nothing_with_equal_weights(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in (region_covariance, binary_patterns):
        monkeypatch.setattr(module, "centre_weights", lambda valid: valid)
    pixels = scenes(6)
    np.testing.assert_allclose(embed(*padded(pixels, 5)), embed(pixels), atol=1e-3)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_encode__quarter_turns_change_nothing(turns: int) -> None:
    pixels, mask = scenes(4), example_mask()
    turned = np.ascontiguousarray(np.rot90(pixels, turns, (2, 3)))
    turned_mask = np.ascontiguousarray(np.rot90(mask, turns, (1, 2)))
    np.testing.assert_allclose(embed(turned, turned_mask), embed(pixels, mask), atol=1e-3)


def test_encode__mirroring_changes_nothing() -> None:
    pixels, mask = scenes(4), example_mask()
    mirrored = embed(np.ascontiguousarray(pixels[..., ::-1]), mask[..., ::-1])
    np.testing.assert_allclose(mirrored, embed(pixels, mask), atol=1e-3)


def test_encode__fully_masked_chips_are_nobody_s_neighbours() -> None:
    # The zero vector was the nearest neighbour of most chips.
    pixels = scenes(60, seed=1)
    mask = np.zeros((60, 32, 32), bool)
    mask[:6] = True
    _, embeddings = Texture().fit_encode(batch(pixels, mask))
    distance = np.linalg.norm(embeddings[6:, None] - embeddings[None], axis=2)
    distance[np.arange(54), np.arange(6, 60)] = np.inf
    assert (np.argsort(distance, 1)[:, :5] >= 6).all()


def test_encode__fully_masked_chip_does_not_affect_others() -> None:
    pixels = scenes(3)
    mask = np.zeros((3, 32, 32), bool)
    mask[1] = True
    embeddings = embed(pixels, mask)
    assert np.linalg.norm(embeddings[1]) == pytest.approx(1)
    np.testing.assert_allclose(embeddings[[0, 2]], embed(pixels[[0, 2]]), atol=1e-6)


def test_fit__ignores_fully_masked_chips() -> None:
    pixels = scenes(6)
    mask = np.zeros((6, 32, 32), bool)
    mask[4:] = True
    fitted = Texture().fit(batch(pixels, mask))
    for name, values in Texture().fit(batch(pixels[:4])).items():
        np.testing.assert_allclose(fitted[name], values, atol=1e-9)


@pytest.mark.parametrize("value", [0, 100, 255])
def test_encode__constant_chips_are_finite(value: int) -> None:
    pixels = np.full((3, 3, 16, 16), value, np.uint8)
    encoder = Texture()
    assert np.isfinite(encoder.encode(batch(pixels), encoder.fit(batch(pixels)))).all()
    embeddings = embed(pixels)
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (4, 4), (5, 17)])
@pytest.mark.filterwarnings("error")
def test_encode__tiny_and_oblong_chips(shape: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 3, *shape)).astype(np.uint8)
    encoder = Texture()
    embeddings = encoder.encode(batch(pixels), encoder.fit(batch(pixels)))
    assert embeddings.shape == (5, DIMS[3])
    assert np.isfinite(embeddings).all()
    assert np.isfinite(embed(pixels)).all()


def test_encode__constant_band() -> None:
    pixels = scenes()
    pixels[:, 1] = 7
    sample = ChipBatch(
        pixels, np.zeros((24, 32, 32), bool), fit_scaling(pixels, pixels[:, 0] > 999)
    )
    encoder = Texture()
    embeddings = encoder.encode(sample, encoder.fit(sample))
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-5)


def test_encode__empty_batch() -> None:
    assert embed(scenes(0)).shape == (0, DIMS[3])


def test_encode__no_single_statistic_dominates() -> None:
    encoder = Texture()
    fitted = dict(encoder.fit(batch(scenes())))
    pixels = scenes(seed=1)
    embeddings = encoder.encode(batch(pixels), fitted)
    fitted["std"] = fitted["std"].copy()
    fitted["std"][0] *= 1e-9
    changed = encoder.encode(batch(pixels), fitted)
    assert 0 < np.linalg.norm(changed - embeddings, axis=1).max() < 0.5


def test_statistics__coarse_scale_uses_neighbours_at_twice_the_distance() -> None:
    fitted = Texture().fit(batch(scenes()))
    colour_axes = ColourAxes(*(fitted[name] for name in ("centre", "axes", "low", "high")))
    chips = batch(scenes(4), example_mask())
    valid = (~chips.mask).astype(np.float32)
    rotated = colour_axes.rotate(chips.unit(), valid)
    coarse = masked_filters.halve_resolution(rotated, valid)
    blocks = texture._statistics(chips, colour_axes)
    covariances = [log_covariance(rotated, valid), log_covariance(*coarse, 2)]
    np.testing.assert_array_equal(blocks["covariance"], np.concatenate(covariances, 1))
    patterns = [pattern_histogram(rotated, valid, radius) for radius in (1, 2)]
    patterns += [pattern_histogram(*coarse, radius) for radius in (2, 4)]
    np.testing.assert_array_equal(blocks["patterns"], np.concatenate(patterns, 1))


def test_encode__other_number_of_bands_raises() -> None:
    encoder = Texture()
    fitted = encoder.fit(batch(scenes(bands=3)))
    with pytest.raises(BandError, match="4 bands, but the encoder was fitted to 3"):
        encoder.encode(batch(scenes(bands=4)), fitted)


@pytest.mark.parametrize("n", [0, 2])
def test_fit__no_valid_pixel_raises(n: int) -> None:
    with pytest.raises(TooFewError, match=f"none of the {n} chips"):
        Texture().fit(batch(scenes(n), np.ones((n, 32, 32), bool)))


def test_fit__single_chip() -> None:
    encoder = Texture()
    single = batch(scenes(1))
    assert np.isfinite(encoder.encode(batch(scenes(4)), encoder.fit(single))).all()


def test_fit__returns_finite_float64_arrays() -> None:
    for values in Texture().fit(batch(scenes())).values():
        assert values.dtype == np.float64
        assert np.isfinite(values).all()
