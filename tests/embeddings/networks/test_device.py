"""Blocks on several cores, and batches on a device that can run out of memory."""

import platform
import threading
import time
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core.embeddings.networks import device as device_module
from core.embeddings.networks.device import (
    BatchSize,
    half_precision,
    one_thread_each,
    run_on_all_cores,
)
from core.errors import SettingsError


class Device:
    """A simulated device: throughput grows up to `flat` chips, memory holds `memory` chips."""

    def __init__(self, memory=10**6, flat=64):
        self.memory, self.flat = memory, flat
        self.time, self.calls = 0.0, []

    def __call__(self, block):
        n = block.stop - block.start
        if n > self.memory:
            raise torch.OutOfMemoryError
        self.calls.append(block)
        self.time += max(n, self.flat) / 1000

    def batch(self, **settings):
        return BatchSize(clock=lambda: self.time, **settings)


def rows_of(calls):
    return [row for block in calls for row in range(block.start, block.stop)]


def test_batch_size__doubles_while_throughput_grows():
    device = Device(flat=64)
    batch = device.batch(start=8)
    batch.run(5000, device)
    assert batch.size == 64
    assert rows_of(device.calls) == list(range(5000))


def test_batch_size__remains_for_the_next_call():
    device = Device(flat=64)
    batch = device.batch(start=8)
    batch.run(5000, device)
    device.calls.clear()
    batch.run(640, device)
    assert len(device.calls) == 10


def test_batch_size__stays_within_the_limit():
    device = Device(flat=10**6)
    batch = device.batch(start=8, limit=50)
    batch.run(2000, device)
    assert batch.size == 50


@given(memory=st.integers(1, 300), start=st.integers(1, 128), n=st.integers(0, 700))
def test_batch_size__halves_if_memory_runs_out_and_loses_no_chip(memory, start, n):
    device = Device(memory=memory, flat=10**6)
    batch = device.batch(start=start)
    batch.run(n, device)
    assert rows_of(device.calls) == list(range(n))


def test_batch_size__stays_below_the_size_that_ran_out_of_memory():
    device = Device(memory=40, flat=10**6)
    batch = device.batch(start=8)
    batch.run(3000, device)
    assert batch.size == 32


def test_batch_size__single_chip_that_does_not_fit_raises():
    with pytest.raises(SettingsError, match="a single chip does not fit") as caught:
        BatchSize(start=4).run(3, Device(memory=0))
    assert caught.value.where == "input_size"


def test_batch_size__waits_for_the_device_only_while_adjusting():
    waits = []
    device = Device(flat=8)
    batch = device.batch(start=8, wait=lambda: waits.append(len(device.calls)))
    batch.run(800, device)
    assert waits
    assert waits[-1] < len(device.calls) / 2


def test_run_on_all_cores__each_block_once_with_one_torch_thread(monkeypatch):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    runs, threads = [], set()

    def call(block):
        time.sleep(0.01)
        threads.add(threading.get_ident())
        runs.append((block.start, torch.get_num_threads()))

    try:
        run_on_all_cores(call, [slice(i, i + 1) for i in range(6)])
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert sorted(runs) == [(i, 1) for i in range(6)]
    assert len(threads) == 2


def test_run_on_all_cores__errors_are_raised_and_the_thread_count_is_restored():
    before = torch.get_num_threads()

    def call(block):
        raise ValueError(block.start)

    with pytest.raises(ValueError, match="0"):
        run_on_all_cores(call, [slice(0, 1), slice(1, 2)])
    assert torch.get_num_threads() == before


def test_run_on_all_cores__no_blocks():
    run_on_all_cores(pytest.fail, [])


def test_one_thread_each__yields_the_number_of_cores():
    cores = torch.get_num_threads()
    with one_thread_each() as n_cores:
        assert (n_cores, torch.get_num_threads()) == (cores, 1)


@pytest.mark.parametrize(
    ("capability", "expected"),
    [((7, 5), torch.float16), ((8, 0), torch.bfloat16), ((9, 0), torch.bfloat16)],
)
def test_half_precision__by_compute_capability(monkeypatch, capability, expected):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    assert half_precision(torch.device("cuda")) == expected


def test_run_on_all_cores__keeps_freed_memory_until_the_end(monkeypatch):
    # The effect, measured by benchmarks/embed.py, depends on what the process has done before.
    calls = []
    monkeypatch.setattr(platform, "libc_ver", lambda: ("glibc", "2.36"))
    libc = SimpleNamespace(
        mallopt=lambda option, value: calls.append((option, value)),
        malloc_trim=lambda _: calls.append("trimmed"),
    )
    monkeypatch.setattr(device_module.ctypes, "CDLL", lambda _: libc)
    with pytest.raises(RuntimeError):
        run_on_all_cores(raise_error, [slice(0, 1)])
    afterwards = list(device_module._THRESHOLDS_AFTERWARDS.items())
    during = [(option, device_module._THRESHOLD_WHILE_COMPUTING) for option, _ in afterwards]
    assert calls == [*during, *afterwards, "trimmed"]
    assert len(afterwards) == 2


def raise_error(_: slice) -> None:
    raise RuntimeError
