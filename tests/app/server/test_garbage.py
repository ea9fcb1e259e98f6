import gc
import sys
import types

import pytest

from app.server import garbage


@pytest.fixture(autouse=True)
def unfrozen(monkeypatch):
    monkeypatch.setattr(garbage, "_n_frozen_modules", 0)
    yield
    gc.unfreeze()


def test_freeze__present_objects_are_not_searched_but_new_ones_are():
    garbage.freeze_modules()
    assert gc.get_freeze_count() > 10_000
    assert len(gc.get_objects()) < 10_000
    cycle = []
    cycle.append(cycle)
    del cycle
    assert gc.collect() >= 1


def test_freeze__again_only_if_modules_were_imported(monkeypatch):
    garbage.freeze_modules()
    count = gc.get_freeze_count()
    kept = [[] for _ in range(1000)]
    garbage.freeze_modules()
    assert gc.get_freeze_count() <= count
    monkeypatch.setitem(sys.modules, "chipscape_test_module", types.ModuleType("x"))
    garbage.freeze_modules()
    assert gc.get_freeze_count() >= count + len(kept) / 2
