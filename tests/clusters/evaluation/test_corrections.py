import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score

from core.clusters.evaluation.corrections import (
    CORRECTIONS,
    applicable_corrections,
    harmful_corrections,
    measure_effect,
    suggest_corrections,
)
from core.clusters.labelling import make_labelling
from core.settings import KMeansSettings, RunSettings

BY_NAME = {correction.name: correction for correction in CORRECTIONS}
SCENES = np.repeat(["a", "b", "c", "d"], 25)


@pytest.mark.parametrize("name", BY_NAME)
def test_toggle__sets_and_removes_a_correction(name):
    correction, settings = BY_NAME[name], RunSettings()
    corrected = correction.toggle(settings)
    assert not correction.is_applied(settings)
    assert correction.is_applied(corrected)
    assert correction.toggle(corrected) == settings
    assert correction.needs_new_chips == (corrected.chips != settings.chips)


def test_suggest__by_what_the_clusters_follow():
    def names(causes, settings):
        return [correction.name for correction in suggest_corrections(causes, settings)]

    assert names(["scene"], RunSettings()) == ["centre", "mask"]
    assert names(["scene"], BY_NAME["centre"].toggle(RunSettings())) == ["mask"]
    assert names(["sharpness", "heading"], RunSettings()) == ["sharpness", "long-axis"]
    assert names(["area"], RunSettings()) == []


def test_suggest__nothing_harmful():
    suggested = suggest_corrections(["scene"], RunSettings(), ["centre"])
    assert [correction.name for correction in suggested] == ["mask"]


def test_harmful__centring_where_an_attribute_is_nested_in_scenes():
    nested = pd.DataFrame({"site": np.where(np.isin(SCENES, ["a", "b"]), "north", "south")})
    mixed = pd.DataFrame({"site": np.arange(100) % 2})
    assert harmful_corrections(nested, SCENES, RunSettings()) == ["centre"]
    assert harmful_corrections(mixed, SCENES, RunSettings()) == []
    # What is applied can be undone.
    assert harmful_corrections(nested, SCENES, BY_NAME["centre"].toggle(RunSettings())) == []


def test_applicable__no_centring_with_one_scene():
    names = [correction.name for correction in applicable_corrections(["a", "a"])]
    assert "centre" not in names
    assert len(names) == len(CORRECTIONS) - 1


def measured(labels, facts, classes=None):
    rng = np.random.default_rng(0)
    points = (rng.normal(size=(len(labels), 4)) + 6 * np.maximum(labels, 0)[:, None]).astype("f4")
    labelling = make_labelling(labels, np.ones(len(labels), np.float32), "kmeans", {})
    settings = RunSettings(method="kmeans", kmeans=KMeansSettings(n_clusters=2, n_dims=4))
    return measure_effect(("centre", "Centring"), points, labelling, facts, classes, settings)


def test_measure_effect__as_scikit_learn_measures_it():
    rng = np.random.default_rng(1)
    labels = np.repeat([0, 1], 50).astype(np.int32)
    scenes = np.where(rng.random(100) < 0.8, labels, 1 - labels)
    classes = [None if i == 7 else "xy"[label] for i, label in enumerate(rng.permutation(labels))]
    facts = pd.DataFrame({"scene": scenes, "brightness": 0.5, "sharpness": labels + 0.1})
    effect = measured(labels, facts, classes)
    assert effect.scene == pytest.approx(adjusted_mutual_info_score(scenes, labels))
    assert effect.brightness is None
    assert effect.sharpness == pytest.approx(1)
    has_class = np.arange(100) != 7
    truth = [classes[i] for i in np.flatnonzero(has_class)]
    assert effect.ari == pytest.approx(adjusted_rand_score(truth, labels[has_class]))
    assert effect.ami == pytest.approx(adjusted_mutual_info_score(truth, labels[has_class]))
    assert effect.silhouette > 0.5
    assert effect.stability > 0.9
    assert (effect.n_clusters, effect.noise_fraction) == (2, 0)


def test_measure_effect__noise_alone():
    facts = pd.DataFrame({"scene": SCENES, "brightness": 0.5, "sharpness": np.nan})
    effect = measured(np.full(100, -1, np.int32), facts, ["x"] * 100)
    assert effect.noise_fraction == 1
    values = [getattr(effect, name) for name in ("scene", "silhouette", "stability", "ari")]
    assert values == [None] * 4
