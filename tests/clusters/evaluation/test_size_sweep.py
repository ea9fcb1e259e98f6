from itertools import pairwise

import numpy as np
import pytest

from core.clusters.evaluation.size_sweep import (
    SizeSweep,
    find_cliffs,
    size_presets,
    steady_levels,
    suggest_sizes,
    sweep_sizes,
)
from core.clusters.methods.density.hdbscan_tree import build_tree, cut_tree
from core.errors import Cancelled
from core.settings import CutSettings, TreeSettings


def make_sweep(counts, noise=None, sizes=None, validity=None, suggested=0):
    m = len(counts)
    return SizeSweep(
        np.array(sizes if sizes is not None else 2 ** np.arange(1, m + 1), np.int32),
        np.array(counts, np.int32),
        np.array(noise if noise is not None else [0.1] * m),
        np.array(validity if validity is not None else np.linspace(0, 0.5, m)),
        np.full(m, 0.3),
        suggested,
    )


@pytest.fixture(scope="module")
def nested():
    """Twelve blobs in four groups of three: 12 clusters, or 4."""
    rng = np.random.default_rng(0)
    groups = np.array([[0, 0], [60, 0], [0, 60], [60, 60]])
    inner = np.array([[0, 0], [9, 0], [0, 9]])
    centres = (groups[:, None] + inner[None]).reshape(-1, 2)
    points = centres[np.arange(1200) % 12] + rng.normal(size=(1200, 2))
    return build_tree(points.astype(np.float32), TreeSettings(n_dims=10, min_samples=5))


def test_sweep_sizes__each_value_is_that_of_its_cut(nested):
    sweep = sweep_sizes(nested, CutSettings(15))
    assert 30 <= len(sweep.sizes) <= 40
    assert (sweep.sizes[0], sweep.sizes[-1]) == (2, 600)
    for i in range(0, len(sweep.sizes), 5):
        cut = cut_tree(nested, CutSettings(int(sweep.sizes[i])))
        assert sweep.n_clusters[i] == cut.n_clusters
        assert sweep.noise_fraction[i] == pytest.approx(cut.noise_fraction)
    assert np.isfinite(sweep.validity[sweep.n_clusters >= 2]).all()
    assert np.isnan(sweep.validity[sweep.n_clusters < 2]).all()


def test_sweep_sizes__keeps_the_other_settings(nested):
    sweep = sweep_sizes(nested, CutSettings(selection="leaf"))
    i = int(np.abs(sweep.sizes - 20).argmin())
    size = int(sweep.sizes[i])
    assert sweep.n_clusters[i] == cut_tree(nested, CutSettings(size, "leaf")).n_clusters


def test_size_presets__find_both_levels(nested):
    sweep = sweep_sizes(nested, CutSettings(15))
    presets = size_presets(sweep)
    counts = [preset.n_clusters for preset in presets]
    assert set(counts) >= {4, 12}
    assert counts == sorted(counts)
    for preset in presets:
        assert cut_tree(nested, CutSettings(preset.value)).n_clusters == preset.n_clusters


def test_size_presets__longest_levels_with_different_numbers_of_clusters():
    sweep = make_sweep([30, 30, 30, 28, 10, 10, 10, 9, 3, 3, 3, 1])
    assert [(p.name, p.n_clusters) for p in size_presets(sweep)] == [
        ("coarse", 3),
        ("medium", 10),
        ("fine", 30),
    ]
    two = size_presets(make_sweep([10, 10, 10, 9, 2, 2, 2]))
    assert [p.name for p in two] == ["coarse", "fine"]
    assert [p.name for p in size_presets(make_sweep([10, 10, 10, 9]))] == ["medium"]


def test_size_presets__levels_with_similar_numbers_of_clusters_are_one():
    sweep = make_sweep([12, 12, 12, 12, 10, 10, 10])
    assert len(steady_levels(sweep)) == 2
    assert [(p.name, p.n_clusters) for p in size_presets(sweep)] == [("medium", 12)]


def test_steady_levels__long_with_two_clusters_and_little_noise():
    assert steady_levels(make_sweep([5, 5, 5, 5])) == [(0, 3)]
    assert steady_levels(make_sweep([5, 5, 5, 5], noise=[0.1, 0.1, 0.1, 0.6])) == []
    assert steady_levels(make_sweep([1, 1, 1])) == []
    assert steady_levels(make_sweep([5, 5], sizes=[10, 11])) == []


def test_suggest_sizes__first_the_one_that_is_used_if_none_is_set():
    sweep = make_sweep([8, 5, 2], noise=[0.1, 0.2, 0.7], suggested=4)
    best = suggest_sizes(sweep)[0]
    assert (best.name, best.value, best.n_clusters) == ("suggested", 4, 5)
    assert "a thirtieth of the chips: 5 clusters, with 20% noise" in best.reason
    assert suggest_sizes(make_sweep([0, 0])) == []


def test_size_presets__on_both_sides_of_the_suggested_value():
    sweep = make_sweep([60, 40, 22, 12, 12, 12, 7, 4, 4], suggested=32)
    presets = [(p.name, p.value, p.n_clusters) for p in size_presets(sweep)]
    assert presets == [("coarse", 256, 4), ("medium", 32, 12), ("fine", 8, 22)]


def test_size_presets__only_the_suggested_value_is_called_that():
    presets = size_presets(make_sweep([9, 6, 4], suggested=4))
    assert [(p.value, p.reason) for p in presets] == [
        (8, "This value gives 4 clusters."),
        (4, "This value gives 6 clusters. It is the suggested value."),
        (2, "This value gives 9 clusters."),
    ]


@pytest.mark.parametrize("seed", range(20))
def test_size_presets__more_clusters_each_and_never_next_to_a_cliff(seed):
    rng = np.random.default_rng(seed)
    counts = np.sort(rng.integers(1, 60, 12))[::-1]
    noise = rng.uniform(0, 0.4, 12)
    sweep = make_sweep(counts, noise=noise, suggested=int(2 ** rng.integers(1, 13)))
    presets = size_presets(sweep)
    numbers = [preset.n_clusters for preset in presets]
    assert all(1.5 * fewer <= more for fewer, more in pairwise(numbers))
    edges = {size for cliff in find_cliffs(sweep) for size in (cliff.lower, cliff.upper)}
    assert not edges & {preset.value for preset in presets}


def test_find_cliffs__halved_clusters_or_a_jump_in_noise():
    sweep = make_sweep([53, 50, 3, 3, 2], noise=[0.1, 0.1, 0.15, 0.5, 0.5])
    assert [(c.lower, c.upper) for c in find_cliffs(sweep)] == [(4, 8), (8, 16)]
    assert "the number of clusters changes from 50 to 3" in find_cliffs(sweep)[0].note


def test_sweep_sizes__cancel(nested):
    with pytest.raises(Cancelled):
        sweep_sizes(nested, CutSettings(15), report=lambda step, total, note: step == 3)


def test_size_presets__coarse_has_fewer_clusters_than_fine_for_any_sizes():
    # As in the demo, where a small size gives two clusters and a larger one six.
    sweep = make_sweep([2, 2, 2, 6, 6, 6])
    presets = size_presets(sweep)
    assert [(preset.name, preset.n_clusters) for preset in presets] == [("coarse", 2), ("fine", 6)]
    assert presets[0].value < presets[1].value


def test_find_cliffs__in_both_directions():
    assert [(c.lower, c.upper) for c in find_cliffs(make_sweep([2, 20, 20]))] == [(2, 4)]
    assert [(c.lower, c.upper) for c in find_cliffs(make_sweep([20, 20, 2]))] == [(4, 8)]
    assert find_cliffs(make_sweep([1, 2, 2])) == []
