import numpy as np
import pandas as pd
import pytest

from core.clusters.evaluation.confounders import (
    associate_fact,
    associate_location,
    bin_values,
    find_confounders,
    partial_chip_warnings,
    single_scene_warnings,
)
from core.errors import ArtifactError, Cancelled


def unrelated(n=300, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, n).astype(np.int32)
    facts = pd.DataFrame(
        {
            "scene": rng.choice(["a", "b", "c"], n),
            "cut_by_edge": rng.random(n) < 0.2,
            "valid_fraction": 1.0,
            "area": rng.lognormal(3, 1, n),
            "longitude": rng.uniform(4, 4.01, n),
            "latitude": rng.uniform(52, 52.01, n),
        }
    )
    return labels, facts


def by_name(associations):
    return {association.name: association for association in associations}


def test_find_confounders__no_alarm_by_chance():
    associations = by_name(find_confounders(*unrelated()))
    assert set(associations) == {"scene", "cut_by_edge", "area", "place"}
    assert not any(association.alarm for association in associations.values())
    assert all(abs(association.strength) < 0.1 for association in associations.values())


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("scene", lambda labels: np.array(list("abc"))[labels]),
        ("cut_by_edge", lambda labels: labels == 1),
        ("area", lambda labels: 10.0**labels * np.linspace(1, 1.5, len(labels))),
    ],
)
def test_find_confounders__finds_the_variable_that_the_labels_follow(name, values):
    labels, facts = unrelated()
    facts[name] = values(labels)
    strongest = find_confounders(labels, facts)[0]
    assert strongest.name == name
    assert strongest.alarm
    assert strongest.p_value == 1 / 200
    assert f"{strongest.strength:.0%}" in strongest.sentence


def test_find_confounders__location():
    labels, facts = unrelated()
    labels = (facts.longitude > 4.005).to_numpy().astype(np.int32)
    location = by_name(find_confounders(labels, facts))["place"]
    assert location.alarm
    assert location.strength > 0.7
    assert "by chance" in location.sentence


def test_associate_location__scenes_alone_have_no_effect():
    # Most of each scene is one cluster, but the labels are random within a scene.
    labels, facts = unrelated(600)
    rng = np.random.default_rng(1)
    labels = np.where(rng.random(600) < 0.8, facts.scene.map({"a": 0, "b": 1, "c": 2}), labels)
    association = associate_location(labels.astype(np.int32), facts, 99, rng)
    assert not association.alarm
    assert abs(association.strength) < 0.15


def test_find_confounders__noise_and_missing_values_are_left_out():
    labels, facts = unrelated()
    labels[:50] = -1
    facts.loc[50:99, "scene"] = None
    assert by_name(find_confounders(labels, facts))["scene"].n == 200


def test_associate_fact__chance_gives_large_p_values():
    labels = unrelated(120, seed=3)[0]
    rng = np.random.default_rng(0)
    p_values = [
        associate_fact(labels, pd.Series(rng.integers(0, 4, 120)), "x", 99, rng).p_value
        for _ in range(20)
    ]
    assert 0.25 < np.mean(p_values) < 0.75
    assert min(p_values) >= 0.01


def test_single_scene_warnings__sentence():
    labels = np.array([0] * 25 + [1] * 75, np.int32)
    scenes = ["a"] * 24 + ["b"] * 76
    assert single_scene_warnings(labels, scenes) == [
        "Cluster 0: 96% of its chips are from one scene, a, which holds 24% of all chips."
    ]
    assert single_scene_warnings(labels, ["a"] * 100) == []


def test_bin_values__equal_counts_or_one_code_per_value():
    assert np.bincount(bin_values(pd.Series(np.arange(80.0) ** 2))).tolist() == [10] * 8
    assert bin_values(pd.Series([3.0, 3, 1])).tolist() == [0, 0, 1]
    assert bin_values(pd.Series([True, False, True])).tolist() == [0, 1, 0]


def test_find_confounders__different_chips_and_cancel():
    labels, facts = unrelated()
    with pytest.raises(ArtifactError):
        find_confounders(labels[1:], facts)
    with pytest.raises(Cancelled):
        find_confounders(labels, facts, lambda *_: True)


@pytest.mark.parametrize("share", [0.02, 0.06, 0.11, 0.2, 0.4])
def test_bin_values__a_frequent_value_has_its_own_bin(share):
    n = 1000
    values, n_rare = np.ones(n), int(share * n)
    values[:n_rare] = np.random.default_rng(0).uniform(0.3, 0.9, n_rare)
    codes = bin_values(pd.Series(values))
    assert set(codes[:n_rare]) & set(codes[n_rare:]) == set()
    assert len(set(codes[n_rare:])) == 1
    assert len(set(codes[:n_rare])) == max(1, round(8 * share))
    assert set(codes) == set(range(codes.max() + 1))


def test_bin_values__separates_values_below_and_above_a_frequent_one():
    codes = bin_values(pd.Series([0.1, 0.2, 0.3, 0.4, *[1.0] * 30, 5, 6, 7, 8]))
    assert len({codes[0], codes[5], codes[-1]}) == 3


def test_find_confounders__finds_a_few_partly_valid_chips_in_a_cluster():
    labels, facts = unrelated(900)
    facts["valid_fraction"] = np.where(
        labels == 2, np.random.default_rng(1).uniform(0.3, 0.9, 900), 1.0
    )
    rare = np.where((labels == 2) & (np.arange(900) > 250), 1, labels).astype(np.int32)
    facts.loc[rare != 2, "valid_fraction"] = 1.0
    assert 0.05 < (facts["valid_fraction"] < 1).mean() < 0.125
    assert by_name(find_confounders(rare, facts))["valid_fraction"].p_value == 1 / 200


def test_partial_chip_warnings__a_small_cluster():
    labels = np.array([7] * 6 + [0] * 94 + [-1] * 20, np.int32)
    valid = np.where(np.arange(120) < 6, 0.5, 1.0)
    facts = pd.DataFrame({"cut_by_edge": np.arange(120) < 12, "valid_fraction": valid})
    assert partial_chip_warnings(labels, facts) == [
        "Cluster 7: 100% of its chips are cut by the edge of a scene, against 10% of all chips.",
        "Cluster 7: 100% of its chips are only partly valid, against 5% of all chips.",
    ]
    assert partial_chip_warnings(labels, facts.assign(cut_by_edge=True, valid_fraction=0.9)) == []
    assert partial_chip_warnings(labels, facts[["cut_by_edge"]].iloc[::-1]) == []
