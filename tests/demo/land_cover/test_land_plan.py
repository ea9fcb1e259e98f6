import numpy as np
import pytest

from core.demo.land_cover.ground_cover import build_on, plant, survey
from core.demo.land_cover.land_objects import Block, Cover, blocks_of, trees_of
from core.demo.land_cover.land_plan import AREA, COUNTRIES, ROAD, TRACK, Plan, Use, lay_out, locate


@pytest.fixture(scope="module")
def plan() -> Plan:
    country = COUNTRIES[0]
    return lay_out(country, [(300.0, 300.0)], [country.mixed], np.random.default_rng(0))


def test_place__is_the_inverse_of_axes(plan: Plan) -> None:
    rng = np.random.default_rng(1)
    x, y = rng.uniform(60, AREA - 60, (2, 500))
    back_x, back_y = plan.place(*plan.axes(x, y))
    assert np.abs(back_x - x).max() < 0.01
    assert np.abs(back_y - y).max() < 0.01


def test_locate__as_looking_at_every_parcel(plan: Plan) -> None:
    rng = np.random.default_rng(2)
    s, t = rng.uniform(-300, 300, (2, 400))
    parcel, distance = locate(plan, s, t)
    for at in range(400):
        s0, s1, t0, t1 = plan.bounds.T
        inside = np.flatnonzero((s0 < s[at]) & (s[at] < s1) & (t0 < t[at]) & (t[at] < t1))
        if parcel[at] >= 0:
            assert inside.tolist() == [parcel[at]]
            edges = np.abs([s[at] - s0, s[at] - s1, t[at] - t0, t[at] - t1])
            assert distance[at] == pytest.approx(edges[:, inside[0]].min())
        else:
            assert inside.size == 0
            assert parcel[at] in (ROAD, TRACK)


def test_lay_out__programme_comes_first(plan: Plan) -> None:
    ground = survey(plan, 300 - 51.2, 300 - 51.2, 128, 0.8)
    numbers, counts = np.unique(ground.parcel[ground.parcel >= 0], return_counts=True)
    largest = numbers[np.argsort(-counts)][:5]
    assert [plan.kinds[n] for n in largest] == list(COUNTRIES[0].mixed[:5])


def test_survey__same_ground_at_any_resolution(plan: Plan) -> None:
    fine = survey(plan, 100, 100, 200, 0.5).cover.reshape(200, 200)
    coarse = survey(plan, 100.25 - 1.25, 100.25 - 1.25, 40, 2.5).cover.reshape(40, 40)
    # Pixel centres of the coarse survey at 100.25 + 2.5 k are the fine ones' at every fifth.
    assert np.array_equal(fine[::5, ::5], coarse)


def test_blocks_and_trees__stay_in_their_parcel(plan: Plan) -> None:
    rng = np.random.default_rng(3)
    for parcel, kind in enumerate(plan.kinds):
        s0, s1, t0, t1 = plan.bounds[parcel]
        for block in blocks_of(plan, parcel, rng):
            half_s, half_t = block.half
            if block.cover == Cover.BUILDING:
                assert s0 - 1 < block.s - half_s
                assert block.s + half_s < s1 + 1
                assert t0 - 1 < block.t - half_t
                assert block.t + half_t < t1 + 1
        trees = trees_of(plan, parcel, rng)
        assert (trees[:, 0] > s0 - 6).all()
        assert (trees[:, 1] < t1 + 6).all()
        if kind in (Use.WOOD, Use.FIRS):
            assert len(trees) > 10
        if kind in (Use.CROP, Use.PLOWED, Use.POND):
            assert len(trees) == 0


def test_build_on__box_by_hand() -> None:
    plan = lay_out(COUNTRIES[1], [], [], np.random.default_rng(4))
    ground = survey(plan, 200, 200, 100, 0.5)
    s, t = float(ground.s[5050]), float(ground.t[5050])
    build_on(plan, ground, [Block(Cover.GREENHOUSE, s, t, 8, 4, 3.5, False, 0.7)], 200, 200)
    box = (np.abs(ground.s - s) < 4) & (np.abs(ground.t - t) < 2)
    assert np.array_equal(ground.cover == Cover.GREENHOUSE, box)
    assert set(ground.height[box].tolist()) == {3.5}
    assert set(ground.tone[box].tolist()) == {np.float32(0.7)}
    # 32 square metres are 128 pixels of a quarter square metre.
    assert box.sum() == pytest.approx(128, abs=12)


def test_plant__the_higher_hides_the_lower() -> None:
    plan = lay_out(COUNTRIES[1], [], [], np.random.default_rng(5))
    ground = survey(plan, 200, 200, 100, 0.5)
    ground.height[:], ground.cover[:] = 0, 0
    row = (225.0, 225.0, 4.0, 10.0, int(Cover.DECIDUOUS), 0.2)
    low = (225.0, 225.0, 3.0, 5.0, int(Cover.CONIFEROUS), 0.9)
    plant(ground, np.array([row, low]), 200, 200)
    assert (ground.cover == Cover.CONIFEROUS).sum() == 0
    tree = ground.cover == Cover.DECIDUOUS
    # A crown of 4 m radius has 50 square metres, 201 pixels.
    assert 150 < np.count_nonzero(tree & (ground.height > 3)) < 250
    assert ground.height.max() == pytest.approx(10, abs=0.2)
