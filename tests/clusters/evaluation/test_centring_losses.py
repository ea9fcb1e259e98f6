import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2_contingency

from core.clusters.evaluation.centring_losses import centring_warnings, nested_attributes

SCENES = np.repeat(["a", "b", "c", "d"], 25)


def warnings_of(values, scenes=SCENES, name="site"):
    return centring_warnings(pd.DataFrame({name: values}), scenes)


def test_centring_warnings__one_value_per_scene():
    sites = np.where(np.isin(SCENES, ["a", "b"]), "north", "south")
    (warning,) = warnings_of(sites)
    assert warning.startswith("Each scene has only one value of 'site': centring by scene removes")


def test_centring_warnings__nearly_nested_and_missing_values():
    sites = np.where(np.isin(SCENES, ["a", "b"]), "north", "south").astype(object)
    sites[0], sites[60] = "south", None
    assert warnings_of(sites)[0].startswith("Nearly all differences in 'site'")


def test_centring_warnings__each_value_in_one_scene():
    kinds = [f"{scene}{i % 2}" for i, scene in enumerate(SCENES)]
    assert warnings_of(kinds)[0].startswith("Nearly all differences in 'site'")


def test_centring_warnings__unbalanced_scenes():
    rng = np.random.default_rng(0)
    mostly = np.where(rng.random(100) < 0.85, np.isin(SCENES, ["a", "b"]), rng.random(100) < 0.5)
    assert "also removes part of the difference" in warnings_of(mostly.astype(str))[0]


@pytest.mark.parametrize(
    "values",
    [
        np.random.default_rng(0).choice(["x", "y", "z"], 100),
        ["always"] * 100,
        [None] * 100,
        np.arange(100),
        [f"{scene}{i % 15}" for i, scene in enumerate(SCENES)],
    ],
    ids=["independent", "constant", "missing", "identifiers", "too many values"],
)
def test_centring_warnings__nothing_to_lose(values):
    assert warnings_of(values) == []


def test_centring_warnings__no_false_alarm_in_many_small_scenes():
    # The uncorrected V of random values would be 0.7.
    rng = np.random.default_rng(0)
    scenes = np.arange(100) // 2
    values = rng.choice(["x", "y"], 100)
    table = pd.crosstab(values, scenes)
    assert np.sqrt(chi2_contingency(table, correction=False).statistic / 100) > 0.6
    assert warnings_of(values, scenes) == []


@pytest.mark.parametrize("scenes", [np.zeros(100), np.arange(100)])
def test_centring_warnings__one_scene_or_one_chip_per_scene(scenes):
    assert warnings_of(np.arange(100) % 2, scenes) == []


def test_nested__only_attributes_that_lose_nearly_all_differences():
    rng = np.random.default_rng(0)
    is_first = np.isin(SCENES, ["a", "b"])
    mostly = np.where(rng.random(100) < 0.85, is_first, rng.random(100) < 0.5)
    nearly = is_first.copy()
    nearly[0] = False
    table = {"site": is_first, "nearly": nearly, "mostly": mostly, "mixed": np.arange(100) % 2}
    properties = pd.DataFrame(table).astype(str)
    assert nested_attributes(properties, SCENES) == ["site", "nearly"]
    assert len(centring_warnings(properties, SCENES)) == 3
