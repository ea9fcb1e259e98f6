"""Faults of other packages' encoders are told as theirs."""

import numpy as np
import pytest

from core.embeddings.encoder import EncoderCard
from core.embeddings.guarded_encoder import Guarded
from core.errors import DegenerateError, SettingsError, WeightsError

CARD = EncoderCard("mine", "Mine", "", dim=3)


class Mine:
    """Gives what it is told to, or raises it."""

    def __init__(self, gives):
        self.card = CARD
        self.identity = {"name": "mine", "version": 1}
        self.gives = gives

    def fit(self, sample):
        return {}

    def encode(self, batch, fitted):
        given = self.gives(len(batch))
        if isinstance(given, Exception):
            raise given
        return given


def encoded(make_batch, gives, card=CARD):
    batch = make_batch()
    return Guarded(card, lambda: Mine(gives)).encode(batch, {})


def test_encode__what_is_right_passes(make_batch):
    found = encoded(make_batch, lambda n: np.arange(3.0 * n).reshape(n, 3))
    assert found.dtype == np.float32
    assert found.tolist() == np.arange(15.0).reshape(5, 3).tolist()
    any_length = EncoderCard("mine", "Mine", "", dim=0)
    assert encoded(make_batch, lambda n: np.ones((n, 7)), any_length).shape == (5, 7)


@pytest.mark.parametrize(
    "gives",
    [
        lambda n: np.ones((n - 1, 3)),
        lambda n: np.ones((1, 3)),
        np.ones,
        lambda n: np.ones((n, 6)),
        lambda n: np.ones((n, 3, 1)),
        lambda n: np.full((n, 3), "a"),
        lambda n: None,
    ],
)
def test_encode__another_shape_is_refused(make_batch, gives):
    with pytest.raises(DegenerateError, match=r"^encoder mine: gives .* for 5 chips"):
        encoded(make_batch, gives)


def test_encode__what_it_raises_is_its_own_fault(make_batch):
    words = (
        r"^encoder mine: cannot embed \(ValueError: dear me; test_guarded_encoder.py, line \d+\)"
    )
    with pytest.raises(SettingsError, match=words):
        encoded(make_batch, lambda n: ValueError("dear me"))
    with pytest.raises(WeightsError, match=r"^no"):
        encoded(make_batch, lambda n: WeightsError("no"))


def test_load__that_fails():
    def load():
        raise RuntimeError("no licence")

    with pytest.raises(SettingsError, match=r"mine: cannot be loaded .*no licence"):
        Guarded(CARD, load)
