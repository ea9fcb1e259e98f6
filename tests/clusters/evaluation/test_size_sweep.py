import numpy as np
import pytest

from core.clusters.evaluation.size_sweep import (
    SizeLandscape,
    cliffs,
    levels,
    presets,
    sizes_to_try,
    suggest_sizes,
    survey_sizes,
)
from core.clusters.methods.hdbscan_tree import build_tree, cut_tree
from core.errors import Cancelled
from core.settings import CutSettings, TreeSettings


def made(counts, noise=None, sizes=None, validity=None):
    m = len(counts)
    return SizeLandscape(
        np.array(sizes if sizes is not None else 2 ** np.arange(1, m + 1), np.int32),
        np.array(counts, np.int32),
        np.array(noise if noise is not None else [0.1] * m),
        np.array(validity if validity is not None else np.linspace(0, 0.5, m)),
        np.full(m, 0.3),
    )


@pytest.fixture(scope="module")
def nested():
    """Twelve blobs in four groups of three: 12 clusters, or 4."""
    rng = np.random.default_rng(0)
    groups = np.array([[0, 0], [60, 0], [0, 60], [60, 60]])
    inner = np.array([[0, 0], [9, 0], [0, 9]])
    centres = (groups[:, None] + inner[None]).reshape(-1, 2)
    points = centres[np.arange(1200) % 12] + rng.normal(size=(1200, 2))
    return build_tree(points.astype(np.float32), TreeSettings())


def test_survey_sizes__each_value_is_that_of_its_cut(nested):
    found = survey_sizes(nested, CutSettings())
    assert 30 <= len(found.sizes) <= 40
    assert (found.sizes[0], found.sizes[-1]) == (2, 600)
    for at in range(0, len(found.sizes), 5):
        cut = cut_tree(nested, CutSettings(int(found.sizes[at])))
        assert found.n_clusters[at] == cut.n_clusters
        assert found.noise_fraction[at] == pytest.approx(cut.noise_fraction)
    assert np.isfinite(found.validity[found.n_clusters >= 2]).all()
    assert np.isnan(found.validity[found.n_clusters < 2]).all()


def test_survey_sizes__keeps_the_other_settings(nested):
    found = survey_sizes(nested, CutSettings(selection="leaf"))
    at = int(np.abs(found.sizes - 20).argmin())
    size = int(found.sizes[at])
    assert found.n_clusters[at] == cut_tree(nested, CutSettings(size, "leaf")).n_clusters


def test_presets__find_both_levels(nested):
    found = survey_sizes(nested, CutSettings())
    chosen = {one.name: one for one in presets(found)}
    assert {one.n_clusters for one in chosen.values()} >= {4, 12}
    counts = [one.n_clusters for one in presets(found)]
    assert counts == sorted(counts)
    for one in chosen.values():
        assert cut_tree(nested, CutSettings(one.value)).n_clusters == one.n_clusters


def test_presets__longest_levels_apart_in_number():
    found = made([30, 30, 30, 28, 10, 10, 10, 9, 3, 3, 3, 1])
    assert [(p.name, p.n_clusters) for p in presets(found)] == [
        ("coarse", 3), ("medium", 10), ("fine", 30),
    ]  # fmt: skip
    two = presets(made([10, 10, 10, 9, 2, 2, 2]))
    assert [p.name for p in two] == ["coarse", "fine"]
    assert [p.name for p in presets(made([10, 10, 10, 9]))] == ["medium"]


def test_presets__levels_alike_in_number_are_one():
    found = made([12, 12, 12, 12, 10, 10, 10])
    assert len(levels(found)) == 2
    assert [(p.name, p.n_clusters) for p in presets(found)] == [("medium", 12)]


def test_levels__mostly_noise_is_none():
    assert levels(made([5, 5, 5, 5])) == [(0, 3)]
    assert levels(made([5, 5, 5, 5], noise=[0.1, 0.1, 0.1, 0.6])) == []
    assert levels(made([1, 1, 1])) == []
    assert levels(made([5, 5], sizes=[10, 11])) == []


def test_suggest_sizes__most_valid_is_not_mostly_noise():
    found = made([8, 5, 2], noise=[0.1, 0.2, 0.7], validity=[0.1, 0.4, 0.9])
    best = suggest_sizes(found)[0]
    assert (best.name, best.value, best.n_clusters) == ("most valid", 4, 5)
    assert "0.40" in best.reason
    assert suggest_sizes(made([0, 0], validity=[np.nan, np.nan])) == []


def test_cliffs__halved_clusters_or_a_jump_of_noise():
    found = made([53, 50, 3, 3, 2], noise=[0.1, 0.1, 0.15, 0.5, 0.5])
    assert [(c.below, c.above) for c in cliffs(found)] == [(4, 8), (8, 16)]
    assert "50 clusters become 3" in cliffs(found)[0].note


def test_survey_sizes__cancel(nested):
    with pytest.raises(Cancelled):
        survey_sizes(nested, CutSettings(), report=lambda done, total, note: done == 3)


@pytest.mark.parametrize("n", [4, 5, 100, 20_000])
def test_sizes_to_try__rise_within_bounds(n):
    sizes = sizes_to_try(n)
    assert (np.diff(sizes) > 0).all()
    assert (sizes[0], sizes[-1]) == (2, n // 2)


def test_presets__coarse_has_fewer_clusters_than_fine_whatever_the_sizes():
    # As on the demo: a small size gives two clusters, a larger one six.
    found = made([2, 2, 2, 6, 6, 6])
    told = presets(found)
    assert [(one.name, one.n_clusters) for one in told] == [("coarse", 2), ("fine", 6)]
    assert told[0].value < told[1].value


def test_cliffs__are_seen_from_both_sides():
    assert [(c.below, c.above) for c in cliffs(made([2, 20, 20]))] == [(2, 4)]
    assert [(c.below, c.above) for c in cliffs(made([20, 20, 2]))] == [(4, 8)]
    assert cliffs(made([1, 2, 2])) == []
