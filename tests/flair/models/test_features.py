import itertools
from typing import Any

import numpy as np
import pytest

from core.errors import SettingsError, TooFewError
from core.flair.data.pixel_table import PixelTable
from core.flair.models.features import Features, FeatureSpec, build, fit_scaler, ndvi

GRID = [
    FeatureSpec(fusion=fusion, robust=robust, normalised=n, intensity=i)
    for fusion, robust, (n, i) in itertools.product(
        (False, True), (False, True), ((False, False), (True, False), (True, True))
    )
]


def table(aerial: Any, sentinel: Any = None, texture: Any = None) -> PixelTable:
    aerial = np.array(aerial, np.float32).reshape(-1, 5)
    n = len(aerial)
    return PixelTable(
        aerial,
        None if sentinel is None else np.array(sentinel, np.float32).reshape(n, 10),
        np.ones(n, np.uint8),
        np.zeros(n, np.int32),
        np.zeros(n, np.int16),
        np.zeros(n, np.int16),
        None if texture is None else np.array(texture, np.float32),
    )


def random_table(n: int = 400, seed: int = 0) -> PixelTable:
    rng = np.random.default_rng(seed)
    return table(
        rng.integers(0, 256, (n, 5)), rng.uniform(0.01, 0.6, (n, 10)), rng.uniform(0, 60, n)
    )


ONE = table([51, 102, 102, 204, 25.5], np.arange(1, 11) / 100)
SHAPE = np.arange(1, 11) / 6  # 1 + 2 + 3 hundredths are visible


def close(found: Features, wanted: Any) -> None:
    np.testing.assert_allclose(found.matrix[0], wanted, rtol=2e-6, atol=1e-7)
    assert found.matrix.dtype == np.float32
    assert len(found.names) == found.matrix.shape[1]


def test_build__aerial_by_hand() -> None:
    found = build(ONE, FeatureSpec())
    close(found, [0.2, 0.4, 0.4, 0.8, 0.1])
    assert found.names == ("red", "green", "blue", "nir", "elevation")
    assert found.n_aerial == 5
    close(build(ONE, FeatureSpec(normalised=True)), [0.2, 0.4, 0.4, 0.8, 0.1])
    two = table([102, 204, 204, 204, 25.5])
    close(build(two, FeatureSpec(normalised=True)), [0.2, 0.4, 0.4, 0.4, 0.1])
    close(build(two, FeatureSpec(normalised=True, intensity=True)), [0.2, 0.4, 0.4, 0.4, 0.1, 2.0])


def test_build__fusion_by_hand() -> None:
    own = [0.2, 0.4, 0.4, 0.8, 0.1]
    plain = build(ONE, FeatureSpec(fusion=True))
    close(plain, [*own, *np.arange(1, 11) / 100])
    assert plain.n_aerial == 5
    assert plain.names[5] == "Sentinel B2"
    close(build(ONE, FeatureSpec(fusion=True, normalised=True)), [*own, *SHAPE])
    both = build(ONE, FeatureSpec(fusion=True, normalised=True, intensity=True))
    close(both, [*own, 1.0, *SHAPE])
    assert both.n_aerial == 6


def test_build__sentinel_times_intensity() -> None:
    two = table([102, 204, 204, 204, 25.5], np.arange(1, 11) / 100)
    found = build(two, FeatureSpec(fusion=True, sentinel_scaling="intensity"))
    close(found, [0.4, 0.8, 0.8, 0.8, 0.1, *(2 * SHAPE)])
    normalised = FeatureSpec(fusion=True, normalised=True, sentinel_scaling="intensity")
    close(build(two, normalised), [0.2, 0.4, 0.4, 0.4, 0.1, *SHAPE])


def test_build__notebook_arithmetic_by_hand() -> None:
    two = table([102, 204, 204, 204, 25.5], np.arange(1, 11) / 100)
    # Divided by 2 twice; Sentinel by its first four bands, and by 2 once more.
    twice = FeatureSpec(fusion=True, normalised=True, intensity=True, preset_notebook=True)
    found = build(two, twice)
    np.testing.assert_allclose(found.matrix[0, :6], [0.1, 0.2, 0.2, 0.2, 0.1, 2.0], rtol=1e-6)
    np.testing.assert_allclose(found.matrix[0, 6:], np.arange(1, 11) / 10 / 2, rtol=2e-3)
    plain = build(two, FeatureSpec(fusion=True, preset_notebook=True))
    np.testing.assert_allclose(plain.matrix[0, 5:], np.arange(1, 11) / 10 * 2, rtol=2e-3)
    # Computed in float16: its steps show.
    spectrum = plain.matrix[0, 5:] / np.float32(2)
    assert not np.array_equal(spectrum, np.float32(np.arange(1, 11) / 10))
    assert np.array_equal(spectrum, spectrum.astype(np.float16).astype(np.float32))


@pytest.mark.parametrize("preset", [False, True])
@pytest.mark.parametrize("scaling", ["reflectance", "intensity"])
@pytest.mark.parametrize("spec", GRID, ids=lambda s: s.title)
def test_build__every_combination(spec: FeatureSpec, scaling: Any, preset: bool) -> None:
    wanted = FeatureSpec(
        spec.fusion, spec.robust, spec.normalised, spec.intensity,
        preset_notebook=preset, sentinel_scaling=scaling,
    )  # fmt: skip
    pixels = random_table()
    found = build(pixels, wanted, fit_scaler(pixels, wanted))
    width = 5 + spec.intensity + 10 * spec.fusion
    assert found.matrix.shape == (400, width)
    assert found.n_aerial == 5 + spec.intensity
    assert np.isfinite(found.matrix).all()


def test_build__all_twelve_differ_and_are_named_as_in_the_notebook() -> None:
    assert [spec.name for spec in GRID[:6]] == ["O", "O+N", "O+N+I", "R", "R+N", "R+N+I"]
    assert len({spec.title for spec in GRID}) == 12
    pixels = random_table(50)
    made = [build(pixels, spec, fit_scaler(pixels, spec)).matrix.tobytes() for spec in GRID]
    assert len(set(made)) == 12


@pytest.mark.parametrize("spec", [spec for spec in GRID if spec.robust], ids=lambda s: s.title)
def test_fit_scaler__as_scikit_learn(spec: FeatureSpec) -> None:
    from sklearn.preprocessing import RobustScaler

    train, other = random_table(seed=1), random_table(seed=2)
    plain = FeatureSpec(spec.fusion, False, spec.normalised, spec.intensity)
    theirs = RobustScaler().fit(build(train, plain).matrix.astype(np.float64))
    ours = build(other, spec, fit_scaler(train, spec)).matrix
    wanted = theirs.transform(build(other, plain).matrix.astype(np.float64))
    np.testing.assert_allclose(ours, wanted, rtol=2e-5, atol=2e-5)


def test_fit_scaler__constant_column_is_only_centred() -> None:
    flat = table([[10, 20, 30, 40, 0]] * 5)
    spec = FeatureSpec(robust=True)
    scaler = fit_scaler(flat, spec)
    assert scaler is not None
    assert scaler.iqr.tolist() == [1] * 5
    assert (build(flat, spec, scaler).matrix == 0).all()


def test_fit_scaler__none_without_scaling_and_too_few() -> None:
    assert fit_scaler(random_table(5), FeatureSpec()) is None
    with pytest.raises(TooFewError):
        fit_scaler(random_table(5).take(np.zeros(0, int)), FeatureSpec(robust=True))


@pytest.mark.parametrize("preset", [False, True])
def test_build__zero_intensity_and_zero_spectrum(preset: bool) -> None:
    dark = table([[0, 0, 0, 51, 0], [51, 51, 51, 51, 0]], [[0] * 10, [0.1] * 10])
    for normalised, scaling in itertools.product((False, True), ("reflectance", "intensity")):
        spec = FeatureSpec(
            fusion=True, normalised=normalised, preset_notebook=preset, sentinel_scaling=scaling
        )  # type: ignore[arg-type]
        found = build(dark, spec)
        assert np.isfinite(found.matrix).all()
        np.testing.assert_allclose(found.matrix[0, :4], [0, 0, 0, 0.2], rtol=1e-6)
        assert (found.matrix[0, 5:] == 0).all()


def test_build__extras() -> None:
    pixels = table([[50, 0, 0, 150, 0], [0, 0, 0, 0, 0]], [[0.1] * 10] * 2, [51, 0])
    found = build(pixels, FeatureSpec(fusion=True, extras=("texture", "ndvi")))
    assert found.names[5:7] == ("ndvi", "texture")
    assert found.n_aerial == 7
    np.testing.assert_allclose(found.matrix[:, 5:7], [[0.5, 0.2], [0, 0]], rtol=1e-6)


def test_build__does_not_write_into_the_table() -> None:
    pixels = random_table(20)
    assert pixels.sentinel is not None
    before = pixels.aerial.copy(), pixels.sentinel.copy()
    for spec in GRID:
        build(pixels, spec, fit_scaler(pixels, spec))
    assert np.array_equal(pixels.aerial, before[0])
    assert np.array_equal(pixels.sentinel, before[1])


def test_build__row_by_row_the_same() -> None:
    pixels = random_table(30)
    for spec in GRID:
        scaler = fit_scaler(pixels, spec)
        whole = build(pixels, spec, scaler).matrix
        part = build(pixels.take(np.arange(7, 19)), spec, scaler).matrix
        assert np.array_equal(whole[7:19], part)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"intensity": True}, "only where the spectra are normalised"),
        ({"extras": ("slope",)}, "'slope' is not one of ndvi, texture"),
        ({"sentinel_scaling": "none"}, "'none' is not one of reflectance, intensity"),
    ],
)
def test_feature_spec__impossible(changes: dict[str, Any], match: str) -> None:
    with pytest.raises(SettingsError, match=match):
        FeatureSpec(**changes)


def test_build__what_is_lacking() -> None:
    bare = table([1, 2, 3, 4, 5])
    for spec, match in (
        (FeatureSpec(fusion=True), "need Sentinel"),
        (FeatureSpec(extras=("texture",)), "need texture"),
        (FeatureSpec(robust=True), "need a fitted scaler"),
    ):
        with pytest.raises(SettingsError, match=match):
            build(bare, spec)
    scaler = fit_scaler(bare, FeatureSpec(robust=True))
    with pytest.raises(SettingsError, match="not robust"):
        build(bare, FeatureSpec(), scaler)
    with pytest.raises(SettingsError, match="5 columns, not 6"):
        build(bare, FeatureSpec(robust=True, normalised=True, intensity=True), scaler)


def test_ndvi__range_and_zero() -> None:
    found = ndvi(np.array([200, 0, 0], np.uint8), np.array([100, 50, 0], np.uint8))
    np.testing.assert_allclose(found, [1 / 3, -1, 0], rtol=1e-6)
