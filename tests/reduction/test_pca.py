import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.decomposition import PCA

from core.errors import ArtifactError, DegenerateError, SettingsError, TooFewError
from core.reduction.pca import Reduced, reduce
from core.settings import ReductionSettings


def table(n=60, d=12, seed=0):
    rng = np.random.default_rng(seed)
    mixing = np.eye(d) + 0.1 * rng.normal(size=(d, d))
    return (rng.normal(size=(n, d)) @ mixing + rng.normal(size=d)).astype(np.float32)


@pytest.mark.parametrize(("n", "d"), [(60, 12), (10, 40)])
def test_reduce__agrees_with_scikit_learn(n, d):
    embeddings = table(n, d)
    reduced = reduce(embeddings, {}, ReductionSettings(n_dims=5))
    wide = embeddings.astype(np.float64)
    other = PCA(5, svd_solver="full").fit((wide - wide.mean(0)) / wide.std(0))
    scores = other.transform((wide - wide.mean(0)) / wide.std(0))
    signs = np.sign((scores * reduced.points).sum(axis=0))
    np.testing.assert_allclose(reduced.points, scores * signs, atol=1e-4)
    np.testing.assert_allclose(reduced.explained, other.explained_variance_ratio_, rtol=1e-6)


def test_reduce__points_follow_from_what_is_kept():
    embeddings = table()
    reduced = reduce(embeddings, {}, ReductionSettings(n_dims=4))
    again = ((embeddings - reduced.mean) * reduced.scale) @ reduced.components.T
    np.testing.assert_allclose(reduced.points, again, atol=1e-5)
    np.testing.assert_array_equal(reduced.pca_1d, reduced.points[:, 0])


def test_reduce__sign_is_fixed():
    components = reduce(table(), {}, ReductionSettings()).components
    assert (components[np.arange(12), np.abs(components).argmax(axis=1)] > 0).all()


def test_reduce__same_bytes_twice():
    first, second = (reduce(table(), {}, ReductionSettings()) for _ in range(2))
    assert first.points.tobytes() == second.points.tobytes()


@given(st.integers(2, 30), st.integers(1, 20), st.integers(0, 3))
def test_reduce__keeps_what_n_allows(n, d, seed):
    reduced = reduce(table(n, d, seed), {}, ReductionSettings(n_dims=10))
    most = min(10, n - 1, d)
    assert reduced.points.shape[1] <= most
    # Tables that are nearly square may be short of rank by chance.
    assert abs(n - 1 - d) < 5 or reduced.points.shape == (n, most)
    assert (np.diff(reduced.explained) <= 1e-12).all()
    assert reduced.explained.sum() <= 1 + 1e-9


def test_reduce__says_that_n_allows_fewer():
    notes = reduce(table(13, 60), {}, ReductionSettings()).notes
    assert notes == ("50 components asked, 12 kept: 13 chips",)


def test_reduce__constant_columns_are_dropped_and_said():
    embeddings = table()
    embeddings[:, 2] = 0.3
    # Rounding is not variation: neighbours in float32.
    embeddings[::2, 5] = 1000
    embeddings[1::2, 5] = np.nextafter(np.float32(1000), np.float32(2000))
    reduced = reduce(embeddings, {}, ReductionSettings())
    assert reduced.points.shape[1] == 10
    assert (reduced.scale[[2, 5]] == 0).all()
    assert reduced.notes[0] == "2 of 12 embedding columns are constant, dropped"


def test_reduce__dependent_columns_give_no_component():
    embeddings = table(60, 4)
    doubled = np.hstack([embeddings, embeddings])
    assert reduce(doubled, {}, ReductionSettings()).points.shape[1] == 4


def test_reduce__column_units_do_not_matter():
    embeddings = table()
    scaled = embeddings * np.float32(1024)
    settings = ReductionSettings()
    np.testing.assert_allclose(
        reduce(scaled, {}, settings).points, reduce(embeddings, {}, settings).points, atol=1e-4
    )


def test_reduce__property_counts_by_its_weight():
    rng = np.random.default_rng(1)
    properties = {"width": rng.normal(20, 4, 60)}
    light = reduce(table(), properties, ReductionSettings(width=1.0))
    heavy = reduce(table(), properties, ReductionSettings(width=50.0))
    assert abs(np.corrcoef(heavy.pca_1d, properties["width"])[0, 1]) > 0.99
    assert abs(np.corrcoef(light.pca_1d, properties["width"])[0, 1]) < 0.5
    assert heavy.components.shape == (13, 13)
    assert "width mixed in with weight 50" in heavy.notes


def test_reduce__property_at_weight_0_is_left_out():
    properties = {"width": np.full(60, np.nan)}
    assert reduce(table(), properties, ReductionSettings()).components.shape[1] == 12


def test_reduce__constant_property_is_dropped_and_said():
    reduced = reduce(table(), {"width": np.full(60, 3.0)}, ReductionSettings(width=1.0))
    assert "width is constant, dropped" in reduced.notes


def test_reduce__property_that_some_lack_is_named():
    values = np.arange(60.0)
    values[:7] = np.nan
    with pytest.raises(SettingsError, match="7 of 60 chips have no longitude"):
        reduce(table(), {"longitude": values}, ReductionSettings(longitude=1.0))
    with pytest.raises(SettingsError, match="60 of 60 chips have no longitude"):
        reduce(table(), {}, ReductionSettings(longitude=1.0))


@pytest.mark.parametrize("n", [0, 1])
def test_reduce__one_chip_or_none(n):
    with pytest.raises(TooFewError):
        reduce(np.ones((n, 4), np.float32), {}, ReductionSettings())


def test_reduce__all_the_same():
    with pytest.raises(DegenerateError, match="same embedding"):
        reduce(np.full((9, 4), 0.1, np.float32), {}, ReductionSettings())


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_reduce__not_finite(bad):
    embeddings = table()
    embeddings[3, 3] = bad
    with pytest.raises(DegenerateError, match="not finite"):
        reduce(embeddings, {}, ReductionSettings())


def test_reduced__checks_itself():
    good = reduce(table(), {}, ReductionSettings())
    with pytest.raises(ArtifactError):
        Reduced(good.points[:, :3], good.explained, good.components, good.mean, good.scale)
    with pytest.raises(ArtifactError):
        Reduced(good.points * np.nan, good.explained, good.components, good.mean, good.scale)
