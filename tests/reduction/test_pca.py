import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.decomposition import PCA

from core.errors import ArtifactError, DegenerateError, SettingsError, TooFewError
from core.reduction import pca
from core.reduction.pca import Reduction, reduce_embeddings
from core.settings import ReductionSettings


def table(n=60, d=12, seed=0):
    rng = np.random.default_rng(seed)
    mixing = np.eye(d) + 0.1 * rng.normal(size=(d, d))
    return (rng.normal(size=(n, d)) @ mixing + rng.normal(size=d)).astype(np.float32)


@pytest.mark.parametrize(("n", "d"), [(60, 12), (10, 40)])
def test_reduce__agrees_with_scikit_learn(n, d):
    embeddings = table(n, d)
    reduction = reduce_embeddings(embeddings, {}, ReductionSettings(n_dims=5))
    wide = embeddings.astype(np.float64)
    reference = PCA(5, svd_solver="full").fit((wide - wide.mean(0)) / wide.std(0))
    scores = reference.transform((wide - wide.mean(0)) / wide.std(0))
    signs = np.sign((scores * reduction.points).sum(axis=0))
    np.testing.assert_allclose(reduction.points, scores * signs, atol=1e-4)
    np.testing.assert_allclose(reduction.explained, reference.explained_variance_ratio_, rtol=1e-6)


def test_reduce__points_follow_from_mean_scale_and_components():
    embeddings = table()
    reduction = reduce_embeddings(embeddings, {}, ReductionSettings(n_dims=4))
    scores = ((embeddings - reduction.mean) * reduction.scale) @ reduction.components.T
    np.testing.assert_allclose(reduction.points, scores, atol=1e-5)
    np.testing.assert_array_equal(reduction.pca_1d, reduction.points[:, 0])


@pytest.mark.parametrize("weights", [{}, {"width": 2.0}])
def test_reduce__blocks_of_chips_give_the_components_of_all_chips(monkeypatch, weights):
    embeddings, widths = table(500), np.random.default_rng(1).normal(20, 4, 500)
    embeddings[:, 3] = 0.25
    arguments = (embeddings, {"width": widths}, ReductionSettings(**weights))
    whole = reduce_embeddings(*arguments)
    monkeypatch.setattr(pca, "BLOCK_ROWS", 64)
    blocks = reduce_embeddings(*arguments)
    assert blocks.points.shape == (500, 11 + len(weights))
    np.testing.assert_allclose(blocks.points, whole.points, atol=1e-5)
    np.testing.assert_allclose(blocks.components, whole.components, atol=1e-8)
    np.testing.assert_allclose(blocks.explained, whole.explained, rtol=1e-8)
    assert blocks.notes == whole.notes


def test_reduce__corrections_use_all_chips_at_once(monkeypatch):
    scenes = np.repeat(["a", "b"], 30)
    embeddings = table() + np.float32(5) * (scenes == "a")[:, None]
    settings = ReductionSettings(harmonisation="centre")
    whole = reduce_embeddings(embeddings, {}, settings, scenes)
    monkeypatch.setattr(pca, "BLOCK_ROWS", 16)
    again = reduce_embeddings(embeddings, {}, settings, scenes)
    assert again.points.tobytes() == whole.points.tobytes()


def test_reduce__values_that_are_not_finite_are_counted_over_all_blocks(monkeypatch):
    monkeypatch.setattr(pca, "BLOCK_ROWS", 16)
    embeddings = table()
    embeddings[[3, 40], 2] = np.nan
    with pytest.raises(DegenerateError, match="2 chips are not finite"):
        reduce_embeddings(embeddings, {}, ReductionSettings())


def test_reduce__largest_entry_of_each_component_is_positive():
    components = reduce_embeddings(table(), {}, ReductionSettings()).components
    assert (components[np.arange(12), np.abs(components).argmax(axis=1)] > 0).all()


def test_reduce__same_bytes_twice():
    first, second = (reduce_embeddings(table(), {}, ReductionSettings()) for _ in range(2))
    assert first.points.tobytes() == second.points.tobytes()


@given(st.integers(2, 30), st.integers(1, 20), st.integers(0, 3))
def test_reduce__number_of_components(n, d, seed):
    reduction = reduce_embeddings(table(n, d, seed), {}, ReductionSettings(n_dims=10))
    largest = min(10, n - 1, d)
    assert reduction.points.shape[1] <= largest
    # Tables that are nearly square may lack full rank by chance.
    assert abs(n - 1 - d) < 5 or reduction.points.shape == (n, largest)
    assert (np.diff(reduction.explained) <= 1e-12).all()
    assert reduction.explained.sum() <= 1 + 1e-9


def test_reduce__note_on_fewer_components():
    notes = reduce_embeddings(table(13, 60), {}, ReductionSettings()).notes
    assert notes == ("12 of 50 components were kept: there are 13 chips",)


def test_reduce__constant_columns_are_dropped_with_a_note():
    embeddings = table()
    embeddings[:, 2] = 0.3
    # Neighbouring float32 values differ by rounding only.
    embeddings[::2, 5] = 1000
    embeddings[1::2, 5] = np.nextafter(np.float32(1000), np.float32(2000))
    reduction = reduce_embeddings(embeddings, {}, ReductionSettings())
    assert reduction.points.shape[1] == 10
    assert (reduction.scale[[2, 5]] == 0).all()
    assert reduction.notes[0] == "2 constant embedding columns of 12 were dropped"


def test_reduce__dependent_columns_add_no_component():
    embeddings = table(60, 4)
    duplicated = np.hstack([embeddings, embeddings])
    assert reduce_embeddings(duplicated, {}, ReductionSettings()).points.shape[1] == 4


def test_reduce__independent_of_column_units():
    embeddings = table()
    scaled = embeddings * np.float32(1024)
    settings = ReductionSettings()
    np.testing.assert_allclose(
        reduce_embeddings(scaled, {}, settings).points,
        reduce_embeddings(embeddings, {}, settings).points,
        atol=1e-4,
    )


def test_reduce__property_with_a_weight():
    rng = np.random.default_rng(1)
    properties = {"width": rng.normal(20, 4, 60)}
    light = reduce_embeddings(table(), properties, ReductionSettings(width=1.0))
    heavy = reduce_embeddings(table(), properties, ReductionSettings(width=50.0))
    assert abs(np.corrcoef(heavy.pca_1d, properties["width"])[0, 1]) > 0.99
    assert abs(np.corrcoef(light.pca_1d, properties["width"])[0, 1]) < 0.5
    assert heavy.components.shape == (13, 13)
    assert "width was mixed in with weight 50" in heavy.notes


def test_reduce__property_with_weight_0_is_not_used():
    properties = {"width": np.full(60, np.nan)}
    assert reduce_embeddings(table(), properties, ReductionSettings()).components.shape[1] == 12


def test_reduce__constant_property_is_dropped_with_a_note():
    reduction = reduce_embeddings(
        table(), {"width": np.full(60, 3.0)}, ReductionSettings(width=1.0)
    )
    assert "width is constant and was dropped" in reduction.notes


def test_reduce__property_missing_for_some_chips():
    values = np.arange(60.0)
    values[:7] = np.nan
    with pytest.raises(SettingsError, match="7 of 60 chips have no longitude"):
        reduce_embeddings(table(), {"longitude": values}, ReductionSettings(longitude=1.0))
    with pytest.raises(SettingsError, match="60 of 60 chips have no longitude"):
        reduce_embeddings(table(), {}, ReductionSettings(longitude=1.0))


@pytest.mark.parametrize("n", [0, 1])
def test_reduce__no_chip_or_one(n):
    with pytest.raises(TooFewError):
        reduce_embeddings(np.ones((n, 4), np.float32), {}, ReductionSettings())


def test_reduce__equal_embeddings():
    with pytest.raises(DegenerateError, match="same embedding"):
        reduce_embeddings(np.full((9, 4), 0.1, np.float32), {}, ReductionSettings())


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_reduce__values_not_finite(bad):
    embeddings = table()
    embeddings[3, 3] = bad
    with pytest.raises(DegenerateError, match="not finite"):
        reduce_embeddings(embeddings, {}, ReductionSettings())


def test_reduction__inconsistent_arrays():
    good = reduce_embeddings(table(), {}, ReductionSettings())
    with pytest.raises(ArtifactError):
        Reduction(good.points[:, :3], good.explained, good.components, good.mean, good.scale)
    with pytest.raises(ArtifactError):
        Reduction(good.points * np.nan, good.explained, good.components, good.mean, good.scale)
