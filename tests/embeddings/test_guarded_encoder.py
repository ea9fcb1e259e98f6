"""Faults of another package's encoder are reported as its own."""

import numpy as np
import pytest

from core.embeddings.encoder import EncoderCard
from core.embeddings.guarded_encoder import GuardedEncoder
from core.errors import DegenerateError, SettingsError, WeightsError

CARD = EncoderCard("mine", "Mine", "", dim=3)


class Mine:
    """Returns or raises the output of a function of the number of chips."""

    def __init__(self, output):
        self.card = CARD
        self.identity = {"name": "mine", "version": 1}
        self.output = output

    def fit(self, sample):
        return {}

    def encode(self, batch, fitted):
        output = self.output(len(batch))
        if isinstance(output, Exception):
            raise output
        return output


def encode(make_batch, output, card=CARD):
    return GuardedEncoder(card, lambda: Mine(output)).encode(make_batch(), {})


def test_encode__valid_embeddings_pass(make_batch):
    embeddings = encode(make_batch, lambda n: np.arange(3.0 * n).reshape(n, 3))
    assert embeddings.dtype == np.float32
    assert embeddings.tolist() == np.arange(15.0).reshape(5, 3).tolist()
    any_length = EncoderCard("mine", "Mine", "", dim=0)
    assert encode(make_batch, lambda n: np.ones((n, 7)), any_length).shape == (5, 7)


@pytest.mark.parametrize(
    "output",
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
def test_encode__wrong_shape_raises(make_batch, output):
    with pytest.raises(DegenerateError, match=r"^encoder mine: encoding returned .* for 5 chips"):
        encode(make_batch, output)


def test_encode__exceptions_are_reported_with_their_origin(make_batch):
    message = (
        r"^encoder mine: encoding failed "
        r"\(ValueError: dear me; test_guarded_encoder.py, line \d+\)"
    )
    with pytest.raises(SettingsError, match=message):
        encode(make_batch, lambda n: ValueError("dear me"))
    with pytest.raises(WeightsError, match=r"^no"):
        encode(make_batch, lambda n: WeightsError("no"))


def test_load__failure_is_reported():
    def load():
        raise RuntimeError("no licence")

    with pytest.raises(SettingsError, match=r"mine: loading failed .*no licence"):
        GuardedEncoder(CARD, load)
