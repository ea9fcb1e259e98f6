import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.spatial import KDTree

from core.errors import SettingsError, TooFewError
from core.land.context.context_groups import CONTEXT
from core.land.context.extra_features import shorten_extras
from core.land.data.bands import SENTINEL
from core.land.data.dataset import Dataset
from core.land.data.patch_reading import RequiredData, read_pixels
from core.land.data.pixel_table import PixelTable
from core.land.models.features import Features, FeatureSpec, build_features, fit_scaler
from core.land.models.prediction import required_data
from core.land.season.season_columns import season_column_names

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
        None if texture is None else np.array(texture, np.float32)[:, None],
        () if texture is None else ("texture",),
    )


def random_table(n: int = 400, seed: int = 0) -> PixelTable:
    rng = np.random.default_rng(seed)
    return table(
        rng.integers(0, 256, (n, 5)), rng.uniform(0.01, 0.6, (n, 10)), rng.uniform(0, 0.25, n)
    )


PIXEL = table([51, 102, 102, 204, 25.5], np.arange(1, 11) / 100)
SPECTRUM = np.arange(1, 11) / 6  # The visible bands sum to 1 + 2 + 3 hundredths.


def assert_first_row(features: Features, expected: Any) -> None:
    np.testing.assert_allclose(features.matrix[0], expected, rtol=2e-6, atol=1e-7)
    assert features.matrix.dtype == np.float32
    assert len(features.names) == features.matrix.shape[1]


def test_build__aerial_worked_example() -> None:
    features = build_features(PIXEL, FeatureSpec())
    assert_first_row(features, [0.2, 0.4, 0.4, 0.8, 0.1])
    assert features.names == ("red", "green", "blue", "nir", "elevation")
    assert features.n_aerial == 5
    assert_first_row(build_features(PIXEL, FeatureSpec(normalised=True)), [0.2, 0.4, 0.4, 0.8, 0.1])
    bright = table([102, 204, 204, 204, 25.5])
    assert_first_row(
        build_features(bright, FeatureSpec(normalised=True)), [0.2, 0.4, 0.4, 0.4, 0.1]
    )
    assert_first_row(
        build_features(bright, FeatureSpec(normalised=True, intensity=True)),
        [0.2, 0.4, 0.4, 0.4, 0.1, 2.0],
    )


def test_build__fusion_worked_example() -> None:
    aerial = [0.2, 0.4, 0.4, 0.8, 0.1]
    plain = build_features(PIXEL, FeatureSpec(fusion=True))
    assert_first_row(plain, [*aerial, *np.arange(1, 11) / 100])
    assert plain.n_aerial == 5
    assert plain.names[5] == "Sentinel B2"
    assert_first_row(
        build_features(PIXEL, FeatureSpec(fusion=True, normalised=True)), [*aerial, *SPECTRUM]
    )
    with_intensity = build_features(
        PIXEL, FeatureSpec(fusion=True, normalised=True, intensity=True)
    )
    assert_first_row(with_intensity, [*aerial, 1.0, *SPECTRUM])
    assert with_intensity.n_aerial == 6


def test_build__sentinel_times_intensity() -> None:
    bright = table([102, 204, 204, 204, 25.5], np.arange(1, 11) / 100)
    features = build_features(bright, FeatureSpec(fusion=True, sentinel_scaling="intensity"))
    assert_first_row(features, [0.4, 0.8, 0.8, 0.8, 0.1, *(2 * SPECTRUM)])
    normalised = FeatureSpec(fusion=True, normalised=True, sentinel_scaling="intensity")
    assert_first_row(build_features(bright, normalised), [0.2, 0.4, 0.4, 0.4, 0.1, *SPECTRUM])


def test_build__notebook_arithmetic() -> None:
    bright = table([102, 204, 204, 204, 25.5], np.arange(1, 11) / 100)
    # The aerial bands are divided by 2 twice; Sentinel by its first four bands and then by 2.
    twice = FeatureSpec(fusion=True, normalised=True, intensity=True, preset_notebook=True)
    features = build_features(bright, twice)
    np.testing.assert_allclose(features.matrix[0, :6], [0.1, 0.2, 0.2, 0.2, 0.1, 2.0], rtol=1e-6)
    np.testing.assert_allclose(features.matrix[0, 6:], np.arange(1, 11) / 10 / 2, rtol=2e-3)
    plain = build_features(bright, FeatureSpec(fusion=True, preset_notebook=True))
    np.testing.assert_allclose(plain.matrix[0, 5:], np.arange(1, 11) / 10 * 2, rtol=2e-3)
    # The values are rounded to float16.
    spectrum = plain.matrix[0, 5:] / np.float32(2)
    assert not np.array_equal(spectrum, np.float32(np.arange(1, 11) / 10))
    assert np.array_equal(spectrum, spectrum.astype(np.float16).astype(np.float32))


@pytest.mark.parametrize("preset", [False, True])
@pytest.mark.parametrize("scaling", ["reflectance", "intensity"])
@pytest.mark.parametrize("spec", GRID, ids=lambda s: s.title)
def test_build__every_combination(spec: FeatureSpec, scaling: Any, preset: bool) -> None:
    full_spec = FeatureSpec(
        spec.fusion,
        spec.robust,
        spec.normalised,
        spec.intensity,
        preset_notebook=preset,
        sentinel_scaling=scaling,
    )
    pixels = random_table()
    features = build_features(pixels, full_spec, fit_scaler(pixels, full_spec))
    width = 5 + spec.intensity + 10 * spec.fusion
    assert features.matrix.shape == (400, width)
    assert features.n_aerial == 5 + spec.intensity
    assert np.isfinite(features.matrix).all()


def test_build__twelve_configurations_differ() -> None:
    assert [spec.name for spec in GRID[:6]] == ["O", "O+N", "O+N+I", "R", "R+N", "R+N+I"]
    assert len({spec.title for spec in GRID}) == 12
    pixels = random_table(50)
    matrices = [
        build_features(pixels, spec, fit_scaler(pixels, spec)).matrix.tobytes() for spec in GRID
    ]
    assert len(set(matrices)) == 12


@pytest.mark.parametrize("spec", [spec for spec in GRID if spec.robust], ids=lambda s: s.title)
def test_fit_scaler__equals_scikit_learn(spec: FeatureSpec) -> None:
    from sklearn.preprocessing import RobustScaler

    train, queries = random_table(seed=1), random_table(seed=2)
    plain = FeatureSpec(spec.fusion, False, spec.normalised, spec.intensity)
    reference = RobustScaler().fit(build_features(train, plain).matrix.astype(np.float64))
    scaled = build_features(queries, spec, fit_scaler(train, spec)).matrix
    expected = reference.transform(build_features(queries, plain).matrix.astype(np.float64))
    np.testing.assert_allclose(scaled, expected, rtol=2e-5, atol=2e-5)


def test_fit_scaler__constant_column_is_only_centred() -> None:
    flat = table([[10, 20, 30, 40, 0]] * 5)
    spec = FeatureSpec(robust=True)
    scaler = fit_scaler(flat, spec)
    assert scaler is not None
    assert scaler.iqr.tolist() == [1] * 5
    assert (build_features(flat, spec, scaler).matrix == 0).all()


def test_fit_scaler__no_scaling_and_no_pixels() -> None:
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
        features = build_features(dark, spec)
        assert np.isfinite(features.matrix).all()
        np.testing.assert_allclose(features.matrix[0, :4], [0, 0, 0, 0.2], rtol=1e-6)
        assert (features.matrix[0, 5:] == 0).all()


def test_build__extras() -> None:
    pixels = table([[50, 0, 0, 150, 0], [0, 0, 0, 0, 0]], [[0.1] * 10] * 2, [0.2, 0])
    features = build_features(pixels, FeatureSpec(fusion=True, extras=("texture", "ndvi")))
    assert features.names[5:7] == ("ndvi", "texture")
    assert features.n_aerial == 7
    np.testing.assert_allclose(features.matrix[:, 5:7], [[0.5, 0.2], [0, 0]], rtol=1e-6)


def test_build__context_is_the_recommended_groups() -> None:
    spec = FeatureSpec(extras=("ndvi", "context", "texture"))
    assert spec.extras == ("ndvi", *CONTEXT, "texture")
    assert shorten_extras(spec.extras) == ("ndvi", "texture", "context")
    assert FeatureSpec(extras=("means", "context")) == FeatureSpec(extras=CONTEXT)
    assert shorten_extras(("means",)) == ("means",)


def test_build__columns_of_the_selected_groups_only() -> None:
    bare = table([[50, 0, 0, 150, 0], [1, 2, 3, 4, 5]])
    context = np.array([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]], np.float32)
    names = ("texture", "means: red, 3 px", "relief: elevation above opening, 10 px")
    pixels = replace(bare, context=context, context_names=names)
    features = build_features(pixels, FeatureSpec(extras=("relief", "texture")))
    assert features.names[5:] == (names[0], names[2])
    np.testing.assert_array_equal(features.matrix[:, 5:], context[:, [0, 2]])
    with pytest.raises(SettingsError, match="need gradients, which is missing"):
        build_features(pixels, FeatureSpec(extras=("gradients",)))


def test_build__leaves_the_table_unchanged() -> None:
    pixels = random_table(20)
    assert pixels.sentinel is not None
    aerial, sentinel = pixels.aerial.copy(), pixels.sentinel.copy()
    for spec in GRID:
        build_features(pixels, spec, fit_scaler(pixels, spec))
    assert np.array_equal(pixels.aerial, aerial)
    assert np.array_equal(pixels.sentinel, sentinel)


def test_build__rows_are_independent() -> None:
    pixels = random_table(30)
    for spec in GRID:
        scaler = fit_scaler(pixels, spec)
        features = build_features(pixels, spec, scaler).matrix
        part = build_features(pixels.take(np.arange(7, 19)), spec, scaler).matrix
        assert np.array_equal(features[7:19], part)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"intensity": True}, "only if the spectra are normalised"),
        ({"extras": ("slope",)}, "'slope' is not one of context, ndvi, texture, means"),
        ({"sentinel_scaling": "none"}, "'none' is not one of reflectance, intensity"),
        ({"season": "spring"}, "'spring' is not one of mean, months, indices"),
        ({"interpolation": "cubic"}, "'cubic' is not one of blocks, smooth"),
        ({"season": "months", "preset_notebook": True}, "notebook uses the mean of the year"),
    ],
)
def test_feature_spec__invalid(changes: dict[str, Any], match: str) -> None:
    with pytest.raises(SettingsError, match=match):
        FeatureSpec(**changes)


def test_build__missing_inputs() -> None:
    bare = table([1, 2, 3, 4, 5])
    for spec, match in (
        (FeatureSpec(fusion=True), "need Sentinel"),
        (FeatureSpec(extras=("texture",)), "need texture"),
        (FeatureSpec(robust=True), "need a fitted scaler"),
    ):
        with pytest.raises(SettingsError, match=match):
            build_features(bare, spec)
    scaler = fit_scaler(bare, FeatureSpec(robust=True))
    with pytest.raises(SettingsError, match="not robust"):
        build_features(bare, FeatureSpec(), scaler)
    with pytest.raises(SettingsError, match="5 columns, not 6"):
        build_features(bare, FeatureSpec(robust=True, normalised=True, intensity=True), scaler)


def season_table(season: Any, n: int = 4) -> PixelTable:
    random = np.random.default_rng(0)
    names = season_column_names(SENTINEL, season)
    zero, position = np.zeros(n, np.int32), np.zeros(n, np.int16)
    return PixelTable(
        random.integers(1, 255, (n, 5)).astype(np.float32),
        random.random((n, len(names)), np.float32),
        np.ones(n, np.uint8),
        zero,
        position,
        position,
        season=season,
    )


def test_build__each_month_is_normalised_by_its_own_visible_bands() -> None:
    pixels = season_table("months")
    assert pixels.sentinel is not None
    spec = FeatureSpec(fusion=True, season="months", normalised=True)
    features = build_features(pixels, spec)
    assert features.names[5:7] == ("Sentinel B2 Jan", "Sentinel B3 Jan")
    columns = features.matrix[:, features.n_aerial :].reshape(4, 12, 10)
    np.testing.assert_allclose(columns[..., :3].sum(axis=-1), 1, rtol=1e-5)
    july = pixels.sentinel[:, 60:70]
    expected = july / july[:, :3].sum(axis=1, keepdims=True)
    np.testing.assert_allclose(columns[:, 6], expected, rtol=1e-5)


def test_build__seasonal_indices_are_ratios_already() -> None:
    pixels = season_table("indices")
    assert pixels.sentinel is not None
    for options in ({}, {"normalised": True}, {"sentinel_scaling": "intensity"}):
        spec = FeatureSpec(fusion=True, season="indices", **options)
        features = build_features(pixels, spec)
        indices = features.matrix[:, features.n_aerial + 10 :]
        np.testing.assert_array_equal(indices, pixels.sentinel[:, 10:])
        mean = replace(pixels, sentinel=pixels.sentinel[:, :10].copy(), season="mean")
        spectrum = build_features(mean, replace(spec, season="mean")).matrix
        np.testing.assert_array_equal(features.matrix[:, : features.n_aerial + 10], spectrum)


def test_build__season_of_the_table_must_be_that_of_the_features() -> None:
    with pytest.raises(SettingsError, match="need season months, which is missing"):
        build_features(season_table("mean"), FeatureSpec(fusion=True, season="months"))


def test_neighbour_index__exact_with_interpolated_series(land: Dataset) -> None:
    """Blocks are searched by cells; interpolated values, which rarely repeat, by a tree."""
    flat = np.random.default_rng(0).choice(512 * 512, 3000, replace=False)
    for season, interpolation, kind in (
        ("mean", "blocks", "cells"),
        ("indices", "blocks", "cells"),
        ("mean", "smooth", "tree"),
        ("months", "smooth", "tree"),
    ):
        spec = FeatureSpec(fusion=True, season=season, interpolation=interpolation)  # type: ignore[arg-type]
        needs = required_data(spec, RequiredData())
        features = build_features(read_pixels(land.patches[0], 0, flat, needs), spec)
        train, queries = features.take(np.arange(2800)), features.take(np.arange(2800, 3000))
        index = train.neighbour_index()
        assert index.kind == kind
        distances = np.sqrt(index.search(queries.matrix, 3)[0])
        tree = KDTree(train.matrix.astype(np.float64))
        expected = tree.query(queries.matrix.astype(np.float64), 3)[0]
        np.testing.assert_allclose(distances, expected, rtol=1e-3, atol=1e-4)
