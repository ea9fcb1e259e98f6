import numpy as np
import pandas as pd
import pytest

from core.clusters.evaluation.confounders import (
    associated,
    binned,
    confounders,
    cut_or_partial,
    neighbourly,
    one_scene,
)
from core.errors import ArtifactError, Cancelled


def case(n=300, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, n).astype(np.int32)
    facts = pd.DataFrame({
        "scene": rng.choice(["a", "b", "c"], n),
        "cut_by_edge": rng.random(n) < 0.2,
        "valid_fraction": 1.0,
        "area": rng.lognormal(3, 1, n),
        "longitude": rng.uniform(4, 4.01, n),
        "latitude": rng.uniform(52, 52.01, n),
    })  # fmt: skip
    return labels, facts


def by_name(found):
    return {one.name: one for one in found}


def test_confounders__nothing_by_chance():
    found = by_name(confounders(*case()))
    assert set(found) == {"scene", "cut_by_edge", "area", "place"}
    assert not any(one.alarm for one in found.values())
    assert all(abs(one.strength) < 0.1 for one in found.values())


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("scene", lambda labels: np.array(list("abc"))[labels]),
        ("cut_by_edge", lambda labels: labels == 1),
        ("area", lambda labels: 10.0**labels * np.linspace(1, 1.5, len(labels))),
    ],
)
def test_confounders__what_labels_follow_is_found(name, values):
    labels, facts = case()
    facts[name] = values(labels)
    found = confounders(labels, facts)
    assert found[0].name == name
    assert found[0].alarm
    assert found[0].p_value == 1 / 200
    assert f"{found[0].strength:.0%}" in found[0].sentence


def test_confounders__place():
    labels, facts = case()
    labels = (facts.longitude > 4.005).to_numpy().astype(np.int32)
    place = by_name(confounders(labels, facts))["place"]
    assert place.alarm
    assert place.strength > 0.7
    assert "by chance" in place.sentence


def test_neighbourly__scenes_alone_are_no_place():
    # Each scene is one cluster mostly, but inside a scene labels lie at random.
    labels, facts = case(600)
    rng = np.random.default_rng(1)
    labels = np.where(rng.random(600) < 0.8, facts.scene.map({"a": 0, "b": 1, "c": 2}), labels)
    found = neighbourly(labels.astype(np.int32), facts, 99, rng)
    assert not found.alarm
    assert abs(found.strength) < 0.15


def test_confounders__noise_and_missing_values_are_left_out():
    labels, facts = case()
    labels[:50] = -1
    facts.loc[50:99, "scene"] = None
    assert by_name(confounders(labels, facts))["scene"].n == 200


def test_associated__chance_gives_large_p():
    labels = case(120, seed=3)[0]
    rng = np.random.default_rng(0)
    ps = [associated(labels, pd.Series(rng.integers(0, 4, 120)), "x", 99, rng).p_value
          for _ in range(20)]  # fmt: skip
    assert 0.25 < np.mean(ps) < 0.75
    assert min(ps) >= 0.01


def test_one_scene__in_words():
    labels = np.array([0] * 25 + [1] * 75, np.int32)
    scenes = ["a"] * 24 + ["b"] * 76
    assert one_scene(labels, scenes) == [
        "Cluster 0 is 96 % one scene, a, which holds 24 % of all chips."
    ]
    assert one_scene(labels, ["a"] * 100) == []


def test_binned__even_counts_or_values():
    assert np.bincount(binned(pd.Series(np.arange(80.0) ** 2))).tolist() == [10] * 8
    assert binned(pd.Series([3.0, 3, 1])).tolist() == [0, 0, 1]
    assert binned(pd.Series([True, False, True])).tolist() == [0, 1, 0]


def test_confounders__other_chips_and_cancel():
    labels, facts = case()
    with pytest.raises(ArtifactError):
        confounders(labels[1:], facts)
    with pytest.raises(Cancelled):
        confounders(labels, facts, lambda *_: True)


@pytest.mark.parametrize("share", [0.02, 0.06, 0.11, 0.2, 0.4])
def test_binned__a_heavy_value_has_a_bin_of_its_own(share):
    n = 1000
    values, few = np.ones(n), int(share * n)
    values[:few] = np.random.default_rng(0).uniform(0.3, 0.9, few)
    codes = binned(pd.Series(values))
    assert set(codes[:few]) & set(codes[few:]) == set()
    assert len(set(codes[few:])) == 1
    assert len(set(codes[:few])) == max(1, round(8 * share))
    assert set(codes) == set(range(codes.max() + 1))


def test_binned__values_below_and_above_a_heavy_one_are_apart():
    codes = binned(pd.Series([0.1, 0.2, 0.3, 0.4, *[1.0] * 30, 5, 6, 7, 8]))
    assert len({codes[0], codes[5], codes[-1]}) == 3


def test_confounders__few_partly_valid_chips_in_a_cluster_are_found():
    labels, facts = case(900)
    facts["valid_fraction"] = np.where(
        labels == 2, np.random.default_rng(1).uniform(0.3, 0.9, 900), 1.0
    )
    rare = np.where((labels == 2) & (np.arange(900) > 250), 1, labels).astype(np.int32)
    facts.loc[rare != 2, "valid_fraction"] = 1.0
    assert 0.05 < (facts["valid_fraction"] < 1).mean() < 0.125
    assert by_name(confounders(rare, facts))["valid_fraction"].p_value == 1 / 200


def test_cut_or_partial__a_small_cluster_in_words():
    labels = np.array([7] * 6 + [0] * 94 + [-1] * 20, np.int32)
    valid = np.where(np.arange(120) < 6, 0.5, 1.0)
    facts = pd.DataFrame({"cut_by_edge": np.arange(120) < 12, "valid_fraction": valid})
    assert cut_or_partial(labels, facts) == [
        "Cluster 7 is 100 % cut by the edge of a scene, as 10 % of all chips are.",
        "Cluster 7 is 100 % only partly valid, as 5 % of all chips are.",
    ]
    assert cut_or_partial(labels, facts.assign(cut_by_edge=True, valid_fraction=0.9)) == []
    assert cut_or_partial(labels, facts[["cut_by_edge"]].iloc[::-1]) == []
