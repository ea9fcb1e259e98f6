"""The layout of scenes: no overlaps, boats on water, buildings on land."""

import numpy as np
import pytest

from core.demo.harbour.canvas import Pose
from core.demo.harbour.harbour_scenes import lay_out_scene
from core.demo.harbour.layout import LENGTHS, SceneObject, object_width
from core.demo.harbour.scene_plans import PLANS, Site
from core.demo.harbour.terrain import survey_site

SIZE = 1400


@pytest.fixture(scope="module", params=PLANS, ids=lambda plan: plan.name)
def layout(request):
    return lay_out_scene(request.param, SIZE, np.random.default_rng(7))


def test_site__axes_invert_position():
    for plan in PLANS:
        site = Site(plan, 1000, (0.0, 1.0, 2.0))
        row, column = np.array([0, 420, 999]), np.array([10, 700, 3])
        s, t = site.axes(row, column, 1000)
        for number in range(3):
            pose = site.pose(float(s[number]), float(t[number]), 0.0)
            assert pose.x == pytest.approx((column[number] + 0.5) * 0.3, abs=1e-3)
            assert pose.y == pytest.approx((row[number] + 0.5) * 0.3, abs=1e-3)


def test_add__refuses_occupied_ground(layout):
    n_objects = len(layout.objects)
    scene_object = layout.objects[0]
    assert not layout.add(scene_object, 0.0)
    assert not layout.reserve(scene_object.pose, 2.0, 2.0)
    assert not layout.is_open_water(scene_object.pose, 2.0, 2.0)
    assert len(layout.objects) == n_objects


def test_add__refuses_positions_outside_the_scene(layout):
    assert not layout.add(SceneObject("pirogue", Pose(-900.0, 20.0, 0.0), 10.0, "anchored"), 0.0)
    assert not layout.reserve(Pose(20.0, 1e5, 0.0), 3.0, 3.0)


def test_arrange_scene__boats_on_water_and_buildings_on_land(layout):
    cell = layout.site.side / layout.water.shape[0]
    for scene_object in layout.objects:
        row, column = int(scene_object.pose.y // cell), int(scene_object.pose.x // cell)
        if not (0 <= row < len(layout.water) and 0 <= column < len(layout.water)):
            continue
        on_land = scene_object.state in ("ashore", "built")
        assert layout.water[row, column] != on_land, scene_object


def test_arrange_scene__no_overlaps(layout):
    centres = np.array(
        [[scene_object.pose.x, scene_object.pose.y] for scene_object in layout.objects]
    )
    widths = np.array(
        [object_width(scene_object.kind, scene_object.length) for scene_object in layout.objects]
    )
    distances = np.hypot(*(centres[:, None] - centres[None]).transpose(2, 0, 1))
    mean_widths = (widths[:, None] + widths[None]) / 2
    np.fill_diagonal(distances, np.inf)
    assert (distances > 0.75 * mean_widths).all()


def test_arrange_scene__lengths_and_headings_vary(layout):
    for kind, (low, high) in LENGTHS.items():
        lengths = [
            scene_object.length for scene_object in layout.objects if scene_object.kind == kind
        ]
        assert low <= min(lengths) <= max(lengths) <= high
        assert max(lengths) > 1.3 * min(lengths)
    headings = [
        scene_object.pose.heading % np.pi
        for scene_object in layout.objects
        if scene_object.kind != "building"
    ]
    assert (np.histogram(headings, 6, (0, np.pi))[0] > 0).sum() >= 4


def test_arrange_scene__only_boats_under_way_have_a_speed(layout):
    assert {scene_object.state for scene_object in layout.objects} == {
        "berthed",
        "anchored",
        "under way",
        "ashore",
        "built",
    }
    for scene_object in layout.objects:
        assert (scene_object.speed > 0) == (scene_object.state == "under way")


def test_survey_site__land_on_one_side_and_piers_in_the_water():
    for plan in PLANS:
        ground = survey_site(Site(plan, SIZE, (0.0, 1.0, 2.0)), np.random.default_rng(0))
        assert 0.2 < ground.dry.mean() < 0.5
        assert (ground.land[ground.t > 0.2 * SIZE * 0.3] > 0).all()
        assert ((ground.quays < 0) & (ground.land > 20)).any()
        assert ((ground.breakwaters < 0) & (ground.land > 20)).any()
        assert not ((ground.breakwaters < 0) & (ground.quays < 0)).any()
