import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from sklearn.linear_model import LinearRegression
from sklearn.metrics import adjusted_mutual_info_score

from core.errors import ArtifactError, DegenerateError
from core.reduction.harmonisation import fit_scene_centring, regress_out
from core.reduction.pca import reduce_embeddings
from core.reduction_settings import ReductionSettings

CENTRED = ReductionSettings(harmonisation="centre")


def standardise(columns):
    return (columns - columns.mean(axis=0)) / columns.std(axis=0)


def blobs(share, effect, n=400, d=16, seed=0):
    """Chips of two kinds in two scenes with different means.

    Scene 0 holds `share` of the chips of kind 0, and 1 - share of those of kind 1.
    """
    rng = np.random.default_rng(seed)
    kinds = np.arange(n) % 2
    scenes = (rng.random(n) < np.where(kinds == 0, 1 - share, share)).astype(int)
    offsets = rng.normal(0, 1, (2, 2, d))
    columns = rng.normal(0, 0.7, (n, d)) + offsets[0][kinds] + effect * offsets[1][scenes]
    return columns.astype(np.float32), kinds, scenes


def centre_scenes(columns, scenes):
    centring = fit_scene_centring(columns, scenes)
    return centring.subtract_means(columns), centring.note


def agreement(embeddings, kinds, scenes, settings):
    """Adjusted mutual information of two clusters with the kind and with the scene."""
    points = reduce_embeddings(embeddings, {}, settings, scenes).points
    labels = KMeans(2, n_init=5, random_state=0).fit_predict(points)
    return tuple(adjusted_mutual_info_score(truth, labels) for truth in (kinds, scenes))


def test_centre__agrees_with_pandas_on_large_scenes():
    rng = np.random.default_rng(0)
    scenes = np.repeat(["a", "b", "c"], [5000, 3000, 2000])
    means = np.array([[9.0] * 4, [0.0] * 4, [-9.0] * 4])
    columns = standardise(rng.normal(size=(10_000, 4)) + means.repeat([5000, 3000, 2000], axis=0))
    centred, note = centre_scenes(columns, scenes)
    table = pd.DataFrame(columns)
    expected = table - table.groupby(scenes).transform("mean") + table.mean()
    np.testing.assert_allclose(centred, expected, atol=1e-3)
    assert note == "the embeddings of 3 scenes were centred by scene"


def test_centre__shrinks_as_the_analysis_of_variance_does():
    rng = np.random.default_rng(1)
    sizes = [3, 5, 40, 12]
    scenes = np.repeat(["a", "b", "c", "d"], sizes)
    columns = standardise(
        rng.normal(size=(60, 6)) + np.repeat(rng.normal(0, 0.8, (4, 6)), sizes, axis=0)
    )
    table = pd.DataFrame(columns)
    groups = table.groupby(scenes)
    residuals = table - groups.transform("mean")
    within = (residuals**2).to_numpy().sum() / (60 - 4)
    means = groups.mean() - table.mean()
    between = (means**2).mul(sizes, axis=0).to_numpy().sum() / (4 - 1)
    variance = (between - within) / ((60 - sum(n**2 for n in sizes) / 60) / (4 - 1))
    weights = pd.Series(variance / (variance + within / np.array(sizes)), means.index)
    expected = table - means.mul(weights, axis=0).loc[scenes].to_numpy()
    centred, note = centre_scenes(columns, scenes)
    np.testing.assert_allclose(centred, expected, atol=1e-12)
    assert 0 < weights["a"] < weights["c"] < 1
    assert f"by {weights['a']:.0%} (a, chips: 3) to {weights['c']:.0%}" in note


@given(st.integers(2, 6), st.integers(2, 20), st.integers(0, 5))
def test_centre__keeps_the_mean_and_never_adds_to_scene_differences(n_scenes, size, seed):
    rng = np.random.default_rng(seed)
    scenes = np.arange(n_scenes * size) % n_scenes
    columns = rng.normal(size=(len(scenes), 3)) + rng.normal(size=(n_scenes, 3))[scenes]
    centred, _ = centre_scenes(columns, scenes)
    np.testing.assert_allclose(centred.mean(axis=0), columns.mean(axis=0), atol=1e-9)
    spread = [pd.DataFrame(c).groupby(scenes).mean().std().sum() for c in (columns, centred)]
    assert spread[1] <= spread[0] + 1e-9


@pytest.mark.parametrize(
    ("scenes", "reason"),
    [(np.zeros(30), "only one scene"), (np.arange(30), "each scene has only one chip")],
)
def test_centre__nothing_to_centre(scenes, reason):
    columns = np.random.default_rng(0).normal(size=(30, 4))
    centred, note = centre_scenes(columns, scenes)
    np.testing.assert_array_equal(centred, columns)
    assert reason in note


def test_centre__scenes_that_differ_less_than_chance():
    columns = np.array([[1.0], [-1.0], [1.0], [-1.0]])
    centred, note = centre_scenes(columns, ["a", "a", "b", "b"])
    np.testing.assert_array_equal(centred, columns)
    assert "differ no more than random groups" in note


def test_centre__scenes_of_other_chips():
    with pytest.raises(ArtifactError, match="differ in length"):
        centre_scenes(np.zeros((4, 2)), ["a", "b"])


def test_centre__a_scene_with_one_chip_is_corrected_least():
    rng = np.random.default_rng(0)
    scenes = np.array([0] * 30 + [1] * 30 + [2])
    columns = standardise(rng.normal(size=(61, 5)) + 2.0 * (scenes == 1)[:, None])
    centred, note = centre_scenes(columns, scenes)
    assert "chips: 1" in note
    moved = np.abs(centred - columns).sum(axis=1) / np.abs(columns - columns.mean(0)).sum(axis=1)
    assert 0 < moved[60] < 1


def test_reduce__centring_recovers_content_in_balanced_scenes():
    embeddings, kinds, scenes = blobs(share=0.5, effect=2.0)
    before = agreement(embeddings, kinds, scenes, ReductionSettings())
    after = agreement(embeddings, kinds, scenes, CENTRED)
    assert before[0] < 0.1
    assert before[1] > 0.9
    assert after[0] > 0.9
    assert after[1] < 0.1


def test_reduce__centring_hurts_if_the_scenes_hold_different_kinds():
    embeddings, kinds, scenes = blobs(share=0.97, effect=0.0)
    before = agreement(embeddings, kinds, scenes, ReductionSettings())
    after = agreement(embeddings, kinds, scenes, CENTRED)
    assert before[0] > 0.9
    assert after[0] < 0.5 * before[0]


def test_reduce__small_scenes_without_an_effect_keep_their_content():
    embeddings, kinds, _ = blobs(share=0.5, effect=0.0)
    scenes = np.random.default_rng(1).permutation(np.arange(400) // 3)
    points = reduce_embeddings(embeddings, {}, ReductionSettings()).points
    shrunk = reduce_embeddings(embeddings, {}, CENTRED, scenes).points
    table = pd.DataFrame(embeddings)
    plain = (table - table.groupby(scenes).transform("mean")).to_numpy()
    plain = reduce_embeddings(plain, {}, ReductionSettings()).points

    def separation(scores):
        means = [scores[kinds == kind].mean(axis=0) for kind in (0, 1)]
        return np.linalg.norm(means[0] - means[1])

    assert separation(shrunk) > 0.95 * separation(points)
    assert separation(plain) < 0.8 * separation(points)


def test_reduce__settings_without_corrections_need_no_scenes():
    embeddings, _, scenes = blobs(share=0.5, effect=2.0)
    plain = reduce_embeddings(embeddings, {}, ReductionSettings())
    np.testing.assert_array_equal(
        plain.points, reduce_embeddings(embeddings, {}, ReductionSettings(), scenes).points
    )


def test_reduce__nothing_remains():
    scenes = np.arange(40) % 4
    embeddings = np.random.default_rng(0).normal(size=(4, 6))[scenes].astype(np.float32)
    with pytest.raises(DegenerateError, match="nothing remains"):
        reduce_embeddings(embeddings, {}, CENTRED, scenes)


@pytest.mark.parametrize("name", ["brightness", "sharpness"])
def test_regress_out__residuals_of_linear_regression(name):
    rng = np.random.default_rng(0)
    values = rng.uniform(0.01, 1, 80)
    columns = rng.normal(size=(80, 3)) + np.outer(values, [3, -2, 0])
    numbers = np.log(values) if name == "sharpness" else values
    fit = LinearRegression().fit(numbers[:, None], columns)
    expected = columns - fit.predict(numbers[:, None]) + columns.mean(axis=0)
    corrected, note = regress_out(columns, values, name)
    np.testing.assert_allclose(corrected, expected, atol=1e-9)
    assert note == f"the linear effect of {name} on the embeddings was removed"


def test_regress_out__chips_without_a_value_stay():
    rng = np.random.default_rng(0)
    values, columns = rng.normal(size=20), rng.normal(size=(20, 2))
    values[3] = np.nan
    corrected, note = regress_out(columns, values, "brightness")
    np.testing.assert_array_equal(corrected[3], columns[3])
    assert np.abs(corrected - columns).max() > 0
    assert note.endswith("chips without a value, which did not change: 1")


@pytest.mark.parametrize("value", [0.0, 0.3, np.nan])
def test_regress_out__constant_values_change_nothing(value):
    columns = np.random.default_rng(0).normal(size=(20, 2))
    corrected, note = regress_out(columns, np.full(20, value), "sharpness")
    np.testing.assert_array_equal(corrected, columns)
    assert "same for all chips" in note


def test_reduce__removes_the_nuisance_of_the_settings():
    rng = np.random.default_rng(0)
    light = rng.normal(size=200)
    embeddings = (rng.normal(size=(200, 8)) + 4 * np.outer(light, np.ones(8))).astype(np.float32)
    settings = ReductionSettings(nuisance="brightness")
    reduction = reduce_embeddings(embeddings, {"brightness": light}, settings)
    correlations = [np.corrcoef(column, light)[0, 1] for column in reduction.points.T]
    assert np.abs(correlations).max() < 1e-3
    assert reduction.notes[0].startswith("the linear effect of brightness")


@pytest.mark.parametrize("missing", [0, 50])
def test_reduce__a_nuisance_does_not_bring_back_differences_between_scenes(missing):
    rng = np.random.default_rng(0)
    scenes = np.arange(600) % 3
    light = 2.0 * scenes + rng.normal(size=600)
    offsets = 2 * rng.normal(size=(3, 8))
    embeddings = 0.3 * rng.normal(size=(600, 8)) + light[:, None] * rng.normal(size=8)
    embeddings = (embeddings + offsets[scenes]).astype(np.float32)
    values = np.where(np.arange(600) < missing, np.nan, light)
    settings = ReductionSettings(harmonisation="centre", nuisance="brightness")
    points = reduce_embeddings(embeddings, {"brightness": values}, settings, scenes).points
    table = pd.DataFrame(points[missing:])
    groups = table.groupby(scenes[missing:])
    assert groups.mean().var().sum() < 0.01 * table.var().sum()
    own = (light - pd.Series(light).groupby(scenes).transform("mean")).to_numpy()[missing:]
    assert np.abs(np.corrcoef(own, points[missing:].T)[0, 1:]).max() < 0.05
