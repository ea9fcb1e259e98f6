"""The plan of a landscape: parcels, programmes, objects, and the ground at any resolution."""

import numpy as np
import pytest

from core.demo.land_cover.ground_cover import place_blocks, plant_trees, survey_plan
from core.demo.land_cover.land_objects import Cover, GroundBlock, parcel_blocks, parcel_trees
from core.demo.land_cover.land_plan import (
    AREA,
    DOMAINS,
    ROAD,
    TRACK,
    LandPlan,
    Use,
    lay_out_plan,
    locate_parcels,
)


@pytest.fixture(scope="module")
def plan() -> LandPlan:
    domain = DOMAINS[0]
    return lay_out_plan(domain, [(300.0, 300.0)], [domain.mosaic], np.random.default_rng(0))


def test_to_area__inverts_to_axes(plan: LandPlan) -> None:
    rng = np.random.default_rng(1)
    x, y = rng.uniform(60, AREA - 60, (2, 500))
    inverted_x, inverted_y = plan.to_area(*plan.to_axes(x, y))
    assert np.abs(inverted_x - x).max() < 0.01
    assert np.abs(inverted_y - y).max() < 0.01


def test_locate_parcels__agrees_with_a_search_of_all_parcels(plan: LandPlan) -> None:
    rng = np.random.default_rng(2)
    s, t = rng.uniform(-300, 300, (2, 400))
    parcel, distance = locate_parcels(plan, s, t)
    for i in range(400):
        s0, s1, t0, t1 = plan.bounds.T
        inside = np.flatnonzero((s0 < s[i]) & (s[i] < s1) & (t0 < t[i]) & (t[i] < t1))
        if parcel[i] >= 0:
            assert inside.tolist() == [parcel[i]]
            edges = np.abs([s[i] - s0, s[i] - s1, t[i] - t0, t[i] - t1])
            assert distance[i] == pytest.approx(edges[:, inside[0]].min())
        else:
            assert inside.size == 0
            assert parcel[i] in (ROAD, TRACK)


def test_lay_out_plan__programme_determines_the_largest_parcels(plan: LandPlan) -> None:
    ground = survey_plan(plan, 300 - 51.2, 300 - 51.2, 128, 0.8)
    numbers, counts = np.unique(ground.parcel[ground.parcel >= 0], return_counts=True)
    largest = numbers[np.argsort(-counts)][:5]
    assert [plan.uses[n] for n in largest] == list(DOMAINS[0].mosaic[:5])


def test_survey_plan__same_ground_at_any_resolution(plan: LandPlan) -> None:
    fine = survey_plan(plan, 100, 100, 200, 0.5).cover.reshape(200, 200)
    coarse = survey_plan(plan, 100.25 - 1.25, 100.25 - 1.25, 40, 2.5).cover.reshape(40, 40)
    # The pixel centres of the coarse survey, at 100.25 + 2.5 k, are every fifth fine one.
    assert np.array_equal(fine[::5, ::5], coarse)


def test_parcel_blocks_and_trees__stay_in_their_parcel(plan: LandPlan) -> None:
    rng = np.random.default_rng(3)
    for parcel, use in enumerate(plan.uses):
        s0, s1, t0, t1 = plan.bounds[parcel]
        for block in parcel_blocks(plan, parcel, rng):
            half_s, half_t = block.half
            if block.cover == Cover.BUILDING:
                assert s0 - 1 < block.s - half_s
                assert block.s + half_s < s1 + 1
                assert t0 - 1 < block.t - half_t
                assert block.t + half_t < t1 + 1
        trees = parcel_trees(plan, parcel, rng)
        assert (trees[:, 0] > s0 - 6).all()
        assert (trees[:, 1] < t1 + 6).all()
        if use in (Use.WOOD, Use.FIRS):
            assert len(trees) > 10
        if use in (Use.CROP, Use.PLOWED, Use.POND):
            assert len(trees) == 0


def test_place_blocks__covers_the_box() -> None:
    plan = lay_out_plan(DOMAINS[1], [], [], np.random.default_rng(4))
    ground = survey_plan(plan, 200, 200, 100, 0.5)
    s, t = float(ground.s[5050]), float(ground.t[5050])
    place_blocks(
        plan, ground, [GroundBlock(Cover.GREENHOUSE, s, t, 8, 4, 3.5, False, 0.7)], 200, 200
    )
    box = (np.abs(ground.s - s) < 4) & (np.abs(ground.t - t) < 2)
    assert np.array_equal(ground.cover == Cover.GREENHOUSE, box)
    assert set(ground.height[box].tolist()) == {3.5}
    assert set(ground.tone[box].tolist()) == {np.float32(0.7)}
    # 32 square metres are 128 pixels of a quarter square metre.
    assert box.sum() == pytest.approx(128, abs=12)


def test_plant_trees__higher_trees_hide_lower_ones() -> None:
    plan = lay_out_plan(DOMAINS[1], [], [], np.random.default_rng(5))
    ground = survey_plan(plan, 200, 200, 100, 0.5)
    ground.height[:], ground.cover[:] = 0, 0
    high = (225.0, 225.0, 4.0, 10.0, int(Cover.DECIDUOUS), 0.2)
    low = (225.0, 225.0, 3.0, 5.0, int(Cover.CONIFEROUS), 0.9)
    plant_trees(ground, np.array([high, low]), 200, 200)
    assert (ground.cover == Cover.CONIFEROUS).sum() == 0
    crown = ground.cover == Cover.DECIDUOUS
    # A crown of 4 m radius has 50 square metres, 201 pixels.
    assert 150 < np.count_nonzero(crown & (ground.height > 3)) < 250
    assert ground.height.max() == pytest.approx(10, abs=0.2)
