import numpy as np
import pytest

from core.errors import TooFewError
from core.flair.models.baselines import prevalence, uniform


def test_uniform__all_classes_alike():
    drawn = uniform().draw(130_000, 1)
    np.testing.assert_allclose(np.bincount(drawn, minlength=14)[1:] / 10_000, 1, atol=0.06)


def test_prevalence__shares_of_training():
    labels = np.array([1] * 3 + [12] * 7 + [0] * 50)
    drawn = prevalence(labels).draw(50_000, 1)
    assert set(np.unique(drawn)) == {1, 12}
    assert (drawn == 1).mean() == pytest.approx(0.3, abs=0.02)


def test_draw__the_patch_decides_and_nothing_else():
    chance = uniform(seed=3)
    assert (chance.draw(50, 7) == chance.draw(50, 7)).all()
    assert (chance.draw(50, 7) != chance.draw(50, 8)).any()
    assert (chance.draw(50, 7) != uniform(seed=4).draw(50, 7)).any()


def test_prevalence__without_labels():
    with pytest.raises(TooFewError):
        prevalence(np.zeros(5, np.uint8))
