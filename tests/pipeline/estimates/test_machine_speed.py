import json

import pytest

from core.pipeline.estimates import machine_speed
from core.pipeline.estimates.machine_speed import MachineSpeed, ensure_speed, known_speed


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv(machine_speed.VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache" / "speed.json"


def test_speed__is_that_of_the_reference_until_it_is_measured(cache):
    assert (known_speed().speed, known_speed().measured) == (1.0, False)
    speed = ensure_speed()
    assert speed.measured
    assert 0.05 < speed.speed < 20
    assert known_speed() == speed
    assert json.loads(cache.read_text())["speed"] == speed.speed


def test_speed__is_measured_once(monkeypatch):
    ensure_speed()
    monkeypatch.setattr(machine_speed, "_measure_speed", lambda: pytest.fail("measured again"))
    ensure_speed()


def test_speed__is_measured_again_with_another_number_of_cores(monkeypatch):
    monkeypatch.setattr(machine_speed, "_measure_speed", lambda: 2.0)
    monkeypatch.setattr(machine_speed, "n_workers", lambda: 4)
    assert ensure_speed() == MachineSpeed(2.0, 4, measured=True)
    monkeypatch.setattr(machine_speed, "n_workers", lambda: 8)
    assert not known_speed().measured
    assert ensure_speed().cores == 8


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"identity": 1, "speed": "fast"}'])
def test_speed__damaged_file_counts_as_none(cache, text):
    cache.parent.mkdir()
    cache.write_text(text)
    assert not known_speed().measured
    assert ensure_speed().measured


def test_speed__cache_folder_that_cannot_be_written(cache):
    cache.parent.write_text("a file in place of the folder")
    assert ensure_speed().measured
    assert not known_speed().measured


def test_wall_seconds__divides_the_parallel_share_among_the_cores():
    speed = MachineSpeed(2.0, 4, measured=True)
    assert speed.wall_seconds(8, parallel=0) == 4
    assert speed.wall_seconds(8, parallel=1) == 1
    assert speed.wall_seconds(8, parallel=0.5) == 2.5
