"""Blocks on cores, and batches on a device that runs out of memory."""

import platform
import subprocess
import sys
import threading
import time

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core.embeddings.networks.device import BatchSize, half_type, on_all_cores, one_thread_each
from core.errors import SettingsError


class Device:
    """Computes chips at a rate that grows with the batch up to a point; has so much memory."""

    def __init__(self, memory=10**6, flat=64):
        self.memory, self.flat = memory, flat
        self.now, self.calls = 0.0, []

    def __call__(self, block):
        n = block.stop - block.start
        if n > self.memory:
            raise torch.OutOfMemoryError
        self.calls.append(block)
        self.now += max(n, self.flat) / 1000

    def batch(self, **given):
        return BatchSize(clock=lambda: self.now, **given)


def covered(calls):
    return [row for block in calls for row in range(block.start, block.stop)]


def test_batch_size__doubles_until_it_does_not_pay():
    device = Device(flat=64)
    batch = device.batch(start=8)
    batch.run(5000, device)
    assert batch.size == 64
    assert covered(device.calls) == list(range(5000))


def test_batch_size__is_kept_for_the_next_call():
    device = Device(flat=64)
    batch = device.batch(start=8)
    batch.run(5000, device)
    device.calls.clear()
    batch.run(640, device)
    assert len(device.calls) == 10


def test_batch_size__no_more_than_the_most():
    device = Device(flat=10**6)
    batch = device.batch(start=8, most=50)
    batch.run(2000, device)
    assert batch.size == 50


@given(memory=st.integers(1, 300), start=st.integers(1, 128), n=st.integers(0, 700))
def test_batch_size__halves_when_memory_ends_and_loses_no_chip(memory, start, n):
    device = Device(memory=memory, flat=10**6)
    batch = device.batch(start=start)
    batch.run(n, device)
    assert covered(device.calls) == list(range(n))


def test_batch_size__stays_below_what_ran_out():
    device = Device(memory=40, flat=10**6)
    batch = device.batch(start=8)
    batch.run(3000, device)
    assert batch.size == 32


def test_batch_size__one_chip_too_many():
    with pytest.raises(SettingsError, match="one chip does not fit") as caught:
        BatchSize(start=4).run(3, Device(memory=0))
    assert caught.value.where == "input_size"


def test_batch_size__waits_for_the_device_before_it_looks_at_the_clock():
    waits = []
    device = Device(flat=8)
    batch = device.batch(start=8, wait=lambda: waits.append(len(device.calls)))
    batch.run(800, device)
    assert waits
    assert waits[-1] < len(device.calls) / 2


def test_on_all_cores__each_block_once_with_one_torch_thread(monkeypatch):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    seen, who = [], set()

    def call(block):
        time.sleep(0.01)
        who.add(threading.get_ident())
        seen.append((block.start, torch.get_num_threads()))

    try:
        on_all_cores(call, [slice(i, i + 1) for i in range(6)])
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert sorted(seen) == [(i, 1) for i in range(6)]
    assert len(who) == 2


def test_on_all_cores__an_error_comes_through_and_the_threads_come_back():
    before = torch.get_num_threads()

    def call(block):
        raise ValueError(block.start)

    with pytest.raises(ValueError, match="0"):
        on_all_cores(call, [slice(0, 1), slice(1, 2)])
    assert torch.get_num_threads() == before


def test_on_all_cores__nothing_to_do():
    on_all_cores(pytest.fail, [])


def test_one_thread_each__says_how_many_cores():
    cores = torch.get_num_threads()
    with one_thread_each() as there:
        assert (there, torch.get_num_threads()) == (cores, 1)


@pytest.mark.parametrize(
    ("capability", "expected"),
    [((7, 5), torch.float16), ((8, 0), torch.bfloat16), ((9, 0), torch.bfloat16)],
)
def test_half_type__by_generation(monkeypatch, capability, expected):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    assert half_type(torch.device("cuda")) == expected


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another allocator")
def test_on_all_cores__memory_is_kept_between_blocks():
    # In a process of its own: what glibc has adjusted itself to depends on all that ran before.
    script = """
import resource, torch
from contextlib import nullcontext
from core.embeddings.networks import device
from core.embeddings.networks.satdino import shape_of
from core.embeddings.networks.vit import Vit

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    device.on_all_cores(block, blocks)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def block(_):
    with torch.inference_mode():
        network(pixels)

network, pixels = Vit(shape_of("satdino-small-16")).eval(), torch.randn(8, 3, 224, 224)
blocks = [slice(i, i + 1) for i in range(4)]
torch.set_num_threads(2)
careful, device.kept_memory = device.kept_memory, nullcontext
without = [faults(), faults()]
device.kept_memory = careful
print(faults(), without[1])
"""
    said = subprocess.run(
        [sys.executable, "-c", script], check=True, timeout=120, capture_output=True, text=True
    )
    kept, without = (int(word) for word in said.stdout.split())
    assert kept < without / 2
