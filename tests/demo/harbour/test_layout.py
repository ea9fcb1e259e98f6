"""Places: nothing on anything else, boats afloat, houses ashore."""

import numpy as np
import pytest

from core.demo.harbour.canvas import Place
from core.demo.harbour.harbour_scenes import lay_out
from core.demo.harbour.layout import BUILDING, LENGTHS, PIROGUE, Thing, width
from core.demo.harbour.scene_plans import PLANS, Site
from core.demo.harbour.terrain import survey

SIZE = 1400


@pytest.fixture(scope="module", params=PLANS, ids=lambda plan: plan.name)
def layout(request):
    return lay_out(request.param, SIZE, np.random.default_rng(7))


def test_site__axes_undo_place():
    for plan in PLANS:
        site = Site(plan, 1000, (0.0, 1.0, 2.0))
        row, column = np.array([0, 420, 999]), np.array([10, 700, 3])
        s, t = site.axes(row, column, 1000)
        for number in range(3):
            place = site.place(float(s[number]), float(t[number]), 0.0)
            assert place.x == pytest.approx((column[number] + 0.5) * 0.3, abs=1e-3)
            assert place.y == pytest.approx((row[number] + 0.5) * 0.3, abs=1e-3)


def test_add__refuses_a_taken_place(layout):
    before = len(layout.things)
    thing = layout.things[0]
    assert not layout.add(thing, 0.0)
    assert not layout.block(thing.place, 2.0, 2.0)
    assert not layout.free(thing.place, 2.0, 2.0)
    assert len(layout.things) == before


def test_add__refuses_what_lies_outside(layout):
    assert not layout.add(Thing(PIROGUE, Place(-900.0, 20.0, 0.0), 10.0, "anchored"), 0.0)
    assert not layout.block(Place(20.0, 1e5, 0.0), 3.0, 3.0)


def test_arrange__boats_lie_on_water_and_houses_on_land(layout):
    cell = layout.site.side / layout.water.shape[0]
    for thing in layout.things:
        row, column = int(thing.place.y // cell), int(thing.place.x // cell)
        if not (0 <= row < len(layout.water) and 0 <= column < len(layout.water)):
            continue
        ashore = thing.state in ("ashore", "built")
        assert layout.water[row, column] != ashore, thing


def test_arrange__nothing_stands_on_anything_else(layout):
    places = np.array([[thing.place.x, thing.place.y] for thing in layout.things])
    wide = np.array([width(thing.kind, thing.length) for thing in layout.things])
    apart = np.hypot(*(places[:, None] - places[None]).transpose(2, 0, 1))
    room = (wide[:, None] + wide[None]) / 2
    np.fill_diagonal(apart, np.inf)
    assert (apart > 0.75 * room).all()


def test_arrange__lengths_and_headings_vary(layout):
    for kind, (low, high) in LENGTHS.items():
        lengths = [thing.length for thing in layout.things if thing.kind == kind]
        assert low <= min(lengths) <= max(lengths) <= high
        assert max(lengths) > 1.3 * min(lengths)
    headings = [thing.place.heading % np.pi for thing in layout.things if thing.kind != BUILDING]
    assert (np.histogram(headings, 6, (0, np.pi))[0] > 0).sum() >= 4


def test_arrange__only_boats_under_way_are_fast(layout):
    assert {thing.state for thing in layout.things} == {
        "berthed", "anchored", "under way", "ashore", "built",
    }  # fmt: skip
    for thing in layout.things:
        assert (thing.speed > 0) == (thing.state == "under way")


def test_survey__land_on_one_side_and_piers_in_the_water():
    for plan in PLANS:
        ground = survey(Site(plan, SIZE, (0.0, 1.0, 2.0)), np.random.default_rng(0))
        assert 0.2 < ground.dry.mean() < 0.5
        assert (ground.land[ground.t > 0.2 * SIZE * 0.3] > 0).all()
        assert ((ground.hard < 0) & (ground.land > 20)).any()
        assert ((ground.rock < 0) & (ground.land > 20)).any()
        assert not ((ground.rock < 0) & (ground.hard < 0)).any()
