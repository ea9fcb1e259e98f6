import numpy as np
import pandas as pd
import pytest

from core.clusters.editing import explanation
from core.clusters.editing.explanation import (
    cliffs_delta,
    differences,
    exemplars,
    low_confidence,
    medoid,
    nearest_cluster,
    sets_apart,
)
from core.clusters.evaluation.appearance import appearance
from core.clusters.labelling import labelled
from core.errors import ArtifactError, SettingsError


def line():
    """Two clusters on a line: 0 1 2 3 4 and 10 11 12."""
    points = np.array([[0.0], [1], [2], [3], [4], [10], [11], [12]], np.float32)
    confidence = np.array([0.9, 0.8, 1, 0.7, 0.5, 0.6, 1, 0.9])
    return points, labelled(np.array([0] * 5 + [1] * 3), confidence, "gmm", {})


def test_exemplars__by_hand():
    found = exemplars(*line(), most=2)
    first = found[0]
    assert first.medoid == 2
    assert first.typical.tolist() == [2, 1]
    assert first.doubtful.tolist() == [4, 3]
    assert first.bordering.tolist() == [4, 3]
    assert found[1].bordering[0] == 5
    assert found[1].medoid == 6


def test_low_confidence__least_first():
    assert low_confidence(line()[1], 0.75).tolist() == [4, 5, 3]


def test_medoid__sampled_is_near_the_exact(monkeypatch):
    data = np.random.default_rng(0).normal(size=(800, 3))
    exact = medoid(data)
    sums = np.linalg.norm(data[:, None] - data[None], axis=2).sum(axis=1)
    assert exact == sums.argmin()
    monkeypatch.setattr(explanation, "_EXACT_MEDOID", 400)
    assert sums[medoid(data)] < 1.01 * sums[exact]


def test_cliffs_delta__by_pairs():
    rng = np.random.default_rng(0)
    one, other = rng.integers(0, 9, 30), rng.integers(2, 12, 40)
    signs = np.sign(one[:, None].astype(float) - other[None, :])
    assert cliffs_delta(one, other) == pytest.approx(signs.mean())


def test_differences__largest_first_in_words():
    rng = np.random.default_rng(0)
    labels = np.arange(200) % 2
    facts = pd.DataFrame({
        "scene": ["a"] * 200,
        "length": np.where(labels == 1, 30, 10) + rng.normal(size=200),
        "area": rng.normal(size=200),
    })  # fmt: skip
    found = differences(facts, labels, 1)
    assert [one.fact for one in found] == ["length", "area"]
    assert found[0].effect == 1
    assert found[0].median == pytest.approx(30, abs=0.5)
    assert found[0].other_median == pytest.approx(10, abs=0.5)
    told = sets_apart(found)
    assert len(told) == 1
    assert told[0].startswith("length is much higher: median 30")
    assert " m against " in told[0]
    assert differences(facts, labels, 0)[0].sentence.startswith("length is much lower")
    assert sets_apart(differences(facts[["area"]], labels, 1))[0].startswith("No fact")


def test_differences__headings_wrap_around():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 100)
    heading = np.concatenate([
        (rng.normal(0, 8, 100)) % 180, (rng.normal(90, 8, 100)) % 180, rng.uniform(0, 180, 100),
    ])  # fmt: skip
    facts = pd.DataFrame({"heading": heading})
    across = differences(facts, labels, 0, 1)[0]
    assert min(across.median, 180 - across.median) < 5
    assert across.other_median == pytest.approx(90, abs=5)
    assert across.effect > 0.8
    # The same axis on both sides of north is no difference.
    sides = np.where((heading[:100] > 90), 0, 1)
    assert differences(facts[:100], sides, 0, 1)[0].effect < 0.2
    assert differences(facts, labels, 0, 2)[0].effect > 0.5


def test_differences__missing_values_are_left_out():
    facts = pd.DataFrame({"area": [1.0, np.nan, 5, 6], "empty": [np.nan] * 4})
    found = differences(facts, np.array([0, 0, 1, 1]), 0)
    assert [one.fact for one in found] == ["area"]
    assert found[0].median == 1


def test_nearest_cluster():
    points = np.array([[0.0], [5], [7]], np.float32)
    three = labelled(np.array([0, 1, 2]), np.ones(3), "gmm", {})
    assert [nearest_cluster(points, three, j) for j in range(3)] == [1, 2, 1]
    assert nearest_cluster(points, labelled(np.zeros(3), np.ones(3), "gmm", {}), 0) is None
    with pytest.raises(SettingsError):
        nearest_cluster(points, three, 3)
    with pytest.raises(ArtifactError):
        exemplars(points[1:], three)


def test_appearance__by_hand():
    pixels = np.zeros((3, 4, 8, 8), np.float32)
    for band, value in enumerate((0.2, 0.4, 0.3, 0.6)):
        pixels[:, band] = value
    pixels[1, :, ::2] += 0.1
    mask = np.zeros((3, 8, 8), bool)
    mask[0, :4] = True
    pixels[0, :, :4] = 99
    mask[2] = True
    found = appearance(pixels, mask, ("Red", "green", "blue", "NIR"))
    assert found.brightness[0] == pytest.approx(0.375)
    assert found.mean_green[0] == pytest.approx(0.4)
    assert found.ndvi[0] == pytest.approx(0.4 / 0.8)
    assert found.ndwi[0] == pytest.approx(-0.2)
    assert found.sharpness[0] == pytest.approx(0, abs=1e-10)
    assert found.contrast[0] == pytest.approx(0, abs=1e-6)
    assert found.sharpness[1] == pytest.approx(0.04, rel=1e-4)
    assert found.iloc[2].isna().all()
    assert "ndvi" not in appearance(pixels[:, :3], mask, ("red", "green", "blue"))


@pytest.mark.parametrize("hidden", [np.s_[:4], np.s_[4:], np.s_[:, :4], np.s_[:, 4:]])
def test_appearance__masked_pixels_do_not_blur_into_the_rest(hidden):
    pixels = np.full((1, 3, 8, 8), 0.5, np.float32)
    mask = np.zeros((1, 8, 8), bool)
    mask[0][hidden] = True
    pixels[0][:, mask[0]] = 99
    found = appearance(pixels, mask, ("red", "green", "blue"))
    assert found.sharpness[0] == 0
    assert found.brightness[0] == pytest.approx(0.5)
