"""Costs of encoders that take a set amount of time and memory."""

import time
from dataclasses import replace

import numpy as np
import pytest

from core.embeddings import cost_estimate
from core.embeddings.cost_estimate import estimate_cost
from core.embeddings.descriptors.texture import CARD, Texture

MEGABYTE = 2**20


class Slow:
    """Sleeps a given time per chip, and holds a given amount of memory while it encodes."""

    card = replace(CARD, name="slow", dim=5)

    def __init__(self, seconds=0.001, megabytes=0, fit=0.0):
        self.seconds, self.megabytes, self.fitting = seconds, megabytes, fit
        self.n_chips = 0
        self.identity = {"name": "slow"}

    def fit(self, sample):
        time.sleep(self.fitting)
        return {"x": np.zeros(1)} if self.fitting else {}

    def encode(self, batch, fitted):
        self.n_chips += len(batch)
        ballast = np.ones(self.megabytes * MEGABYTE, np.uint8)
        time.sleep(self.seconds * len(batch))
        return np.zeros((len(batch), 5), np.float32) + ballast[:1].sum()


def test_estimate__time_grows_with_the_chips(make_batch):
    batch = make_batch(n=32)
    few, many = (estimate_cost(lambda: Slow(0.005), batch, n) for n in (100, 10_000))
    assert few.measured == 32
    assert 100 < few.rate <= 200
    assert few.seconds == pytest.approx(100 / few.rate, abs=0.1)
    assert many.seconds == pytest.approx(10_000 / many.rate, abs=0.1)
    assert (few.dim, few.n) == (5, 100)


def test_estimate__includes_loading_and_fitting(make_batch):
    def load():
        time.sleep(0.2)
        return Slow(0.0001, fit=0.1)

    cost = estimate_cost(load, make_batch(n=10), 1000, sample=50)
    assert cost.seconds > 0.2 + 0.1 * 50 / 10 + 0.1
    assert cost.seconds < 0.2 + 0.1 * 1000 / 10


def test_estimate__stops_measuring_after_a_second(make_batch):
    slow = Slow(0.2)
    cost = estimate_cost(lambda: slow, make_batch(n=24), 24)
    assert cost.measured == 6
    assert slow.n_chips == 6 + 2


def test_estimate__rate_is_that_of_a_part_large_enough_for_all_cores(make_batch):
    """Each call takes an extra tenth of a second, as if a small part left most cores idle."""

    class Expensive(Slow):
        def encode(self, batch, fitted):
            time.sleep(0.1)
            return super().encode(batch, fitted)

    cost = estimate_cost(lambda: Expensive(0.0005), make_batch(n=256), 10_000)
    assert cost.measured == 256
    assert cost.rate == pytest.approx(144 / (0.1 + 144 * 0.0005), rel=0.2)


def test_estimate__time_waiting_for_a_busy_core_does_not_count(make_batch, monkeypatch):
    class Status:
        def __init__(self, _):
            pass

        def read_text(self, _):
            # Nine tenths of the time are spent waiting.
            return f"0 {time.perf_counter() * 0.9e9:.0f} 0"

    monkeypatch.setattr(cost_estimate, "Path", Status)
    cost = estimate_cost(lambda: Slow(0.01), make_batch(n=16), 1000)
    assert cost.rate == pytest.approx(1000, rel=0.2)


def test_estimate__memory_includes_the_work_arrays_and_the_embeddings(make_batch):
    large_arrays = estimate_cost(lambda: Slow(0.002, megabytes=200), make_batch(n=8), 1000)
    assert large_arrays.bytes > 150 * MEGABYTE
    assert large_arrays.bytes < 600 * MEGABYTE
    many_chips = estimate_cost(lambda: Slow(0.0001), make_batch(n=8), 10**8)
    assert many_chips.bytes >= 10**8 * 5 * 4


def test_estimate__a_real_encoder(make_batch):
    cost = estimate_cost(Texture, make_batch(n=16, size=32), 500)
    assert cost.dim == 323
    assert cost.rate > 1
    assert 0 < cost.seconds < 500
