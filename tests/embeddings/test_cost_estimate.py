"""Measured on a few: an encoder that takes the time and memory it is told to."""

import time
from dataclasses import replace

import numpy as np
import pytest

from core.embeddings.cost_estimate import estimate
from core.embeddings.descriptors.texture import CARD, Texture

MEGABYTE = 2**20


class Slow:
    """Sleeps so long a chip, and holds so much while it encodes."""

    card = replace(CARD, name="slow", dim=5)

    def __init__(self, seconds=0.001, megabytes=0, fit=0.0):
        self.seconds, self.megabytes, self.fitting = seconds, megabytes, fit
        self.seen = 0
        self.identity = {"name": "slow"}

    def fit(self, sample):
        time.sleep(self.fitting)
        return {"x": np.zeros(1)} if self.fitting else {}

    def encode(self, batch, fitted):
        self.seen += len(batch)
        held = np.ones(self.megabytes * MEGABYTE, np.uint8)
        time.sleep(self.seconds * len(batch))
        return np.zeros((len(batch), 5), np.float32) + held[:1].sum()


def test_estimate__time_grows_with_the_chips(make_batch):
    batch = make_batch(n=32)
    few, many = (estimate(lambda: Slow(0.005), batch, n) for n in (100, 10_000))
    assert few.measured == 32
    assert 100 < few.rate <= 200
    assert few.seconds == pytest.approx(100 / few.rate, abs=0.1)
    assert many.seconds == pytest.approx(10_000 / many.rate, abs=0.1)
    assert (few.dim, few.n) == (5, 100)


def test_estimate__loading_and_fitting_count(make_batch):
    def load():
        time.sleep(0.2)
        return Slow(0.0001, fit=0.1)

    found = estimate(load, make_batch(n=10), 1000, sample=50)
    assert found.seconds > 0.2 + 0.1 * 50 / 10 + 0.1
    assert found.seconds < 0.2 + 0.1 * 1000 / 10


def test_estimate__stops_measuring_after_a_second(make_batch):
    slow = Slow(0.2)
    found = estimate(lambda: slow, make_batch(n=24), 24)
    assert found.measured == 6
    assert slow.seen == 6 + 2


def test_estimate__rate_is_that_of_a_part_that_feeds_all_cores(make_batch):
    """Calls cost a tenth of a second each, as where a small part leaves most cores idle."""

    class Dear(Slow):
        def encode(self, batch, fitted):
            time.sleep(0.1)
            return super().encode(batch, fitted)

    found = estimate(lambda: Dear(0.0005), make_batch(n=256), 10_000)
    assert found.measured == 256
    assert found.rate == pytest.approx(144 / (0.1 + 144 * 0.0005), rel=0.2)


def test_estimate__memory_is_what_the_work_held(make_batch):
    held = estimate(lambda: Slow(0.002, megabytes=200), make_batch(n=8), 1000)
    assert held.bytes > 150 * MEGABYTE
    assert held.bytes < 600 * MEGABYTE
    matrix = estimate(lambda: Slow(0.0001), make_batch(n=8), 10**8)
    assert matrix.bytes >= 10**8 * 5 * 4


def test_estimate__a_real_encoder(make_batch):
    found = estimate(Texture, make_batch(n=16, size=32), 500)
    assert found.dim == 320
    assert found.rate > 1
    assert 0 < found.seconds < 500
