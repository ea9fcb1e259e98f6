import numpy as np
import pandas as pd
import pytest

from core.clusters.confounders import (
    associated,
    binned,
    confounders,
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
