import numpy as np
import pytest

from core.errors import TooFewError
from core.land.models.predictors import prevalence_chance, uniform_chance


def test_uniform__equal_shares():
    classes = uniform_chance().draw(130_000, 1)
    np.testing.assert_allclose(np.bincount(classes, minlength=14)[1:] / 10_000, 1, atol=0.06)


def test_prevalence__shares_of_the_training_labels():
    labels = np.array([1] * 3 + [12] * 7 + [0] * 50)
    classes = prevalence_chance(labels).draw(50_000, 1)
    assert set(np.unique(classes)) == {1, 12}
    assert (classes == 1).mean() == pytest.approx(0.3, abs=0.02)


def test_draw__depends_on_patch_and_seed_only():
    chance = uniform_chance(seed=3)
    assert (chance.draw(50, 7) == chance.draw(50, 7)).all()
    assert (chance.draw(50, 7) != chance.draw(50, 8)).any()
    assert (chance.draw(50, 7) != uniform_chance(seed=4).draw(50, 7)).any()


def test_prevalence__without_labels():
    with pytest.raises(TooFewError):
        prevalence_chance(np.zeros(5, np.uint8))
