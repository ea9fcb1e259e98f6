"""The Map page as Streamlit runs it, and what it registers for its routes."""

import json
import re

import numpy as np
import pandas as pd
import pytest
import rasterio
import streamlit as st
from affine import Affine
from rio_tiler.constants import WEB_MERCATOR_TMS
from streamlit.testing.v1 import AppTest

from app.map import footprint_shapes, map_controls, tile_shelf
from app.map.footprint_shapes import (
    Shapes,
    annotation_shapes,
    chip_shapes,
    footprint_rgba,
    selection_address,
    shape_addresses,
    shapes_in_box,
)
from app.map.map_canvas import MapEvent
from app.session import cache, jobs, state
from app.session.saved_settings import load_settings
from app.session.views import find_view
from app.widgets.colouring import (
    colour_by_category,
    colour_by_cluster,
    colour_by_number,
    select_colours,
)
from core.input_settings import DisplaySettings
from core.pipeline.chip_stages import open_chips
from core.pipeline.scene_survey import survey_scenes
from core.pipeline.workspace import Workspace

ROOT = tile_shelf.__file__.rsplit("/app/", 1)[0]
EVIL = "<img src=x onerror=alert(1)>"
SECONDS = 60


def open_page() -> AppTest:
    app = AppTest.from_file(f"{ROOT}/app/script.py", default_timeout=SECONDS).run()
    return app.switch_page("../pages/map.py").run()


def texts(app: AppTest) -> str:
    elements = [*app.markdown, *app.caption, *app.title, *app.error, *app.info]
    html = [element.proto.body for element in app.get("html")]
    return " ".join([*(str(element.value) for element in elements), *html])


def map_data(app: AppTest) -> dict:
    """Return what the map receives from the page."""
    return json.loads(app.get("bidi_component")[0].proto.json)


def registered_text(address: str) -> dict:
    return json.loads(tile_shelf.texts.get(address.rpartition("/")[2]))


@pytest.fixture
def _empty_origin(monkeypatch):
    monkeypatch.setattr(tile_shelf, "app_origin", lambda: "")


def test_map__opens_with_tiles_and_footprints_by_key(home):
    app = open_page()
    assert not app.exception
    assert not app.error
    assert app.title[0].value == "Map"
    data = map_data(app)
    (scene,) = data["scenes"]
    key = re.fullmatch(r".*/chipscape/tiles/([0-9a-f]{24})/\{z\}/\{x\}/\{y\}", scene["tiles"])[1]
    west, _, _, north = scene["bounds"]
    zoom = scene["zooms"][0]
    tile = WEB_MERCATOR_TMS.tile(west, north, zoom)
    assert tile_shelf.scenes.get(key).tile(zoom, tile.x, tile.y)[8:12] == b"WEBP"
    assert str(home.root) not in scene["tiles"] + data["shapes"] + data["paint"]
    assert len(registered_text(data["shapes"])["features"]) == 36
    assert data["basemap"] == ""
    assert data["unit"] == "m"
    # 150 m, and a little more, because grid north is not true north.
    assert 150 < scene["width"] < 156


def test_map__markup_in_class_names_is_displayed_as_text(home):
    app = open_page()
    assert EVIL not in texts(app)
    paint = tile_shelf.texts.get(map_data(app)["paint"].rpartition("/")[2]).decode()
    assert any(EVIL in text for text in json.loads(paint)["texts"])


def test_map__basemap_on_request_only_and_with_a_note(home):
    app = open_page()
    assert "That server can see" not in texts(app)
    pills = next(group for group in app.button_group if group.label == "Layers")
    pills.set_value(["Image", "Basemap"]).run()
    data = map_data(app)
    assert data["basemap"].startswith("https://tile.openstreetmap.org/")
    assert data["footprints"] is False
    assert "That server can see" in texts(app)


def test_map__empty_workspace_has_a_message(tmp_path, monkeypatch):
    monkeypatch.setenv("CHIPSCAPE_WORKSPACE", str(tmp_path))
    app = AppTest.from_file(f"{ROOT}/app/script.py", default_timeout=SECONDS)
    app.session_state["cs.workspace"] = "mine"
    app.run()
    app.switch_page("../pages/map.py").run()
    assert not app.exception
    assert "no readable scenes yet" in texts(app)


def test_map__scenes_without_chips_show_their_annotations(with_scene):
    with_scene(36)
    app = open_page()
    assert not app.exception
    assert "once their chips have been cut" in texts(app)
    assert registered_text(map_data(app)["paint"])["chips"] == []
    assert len(registered_text(map_data(app)["shapes"])["features"]) == 36


@pytest.fixture
def map_parts(computed, _empty_origin, look_up):
    """A scene, as surveyed and as on the map, and its chips."""
    scene = survey_scenes(computed).scenes[0]
    map_scene = tile_shelf.register_scene(computed, scene, DisplaySettings())
    return scene, map_scene, open_chips(look_up(computed, load_settings(computed)))


def test_chip_shapes__each_footprint_with_its_chip_and_text(map_parts):
    scene, map_scene, chips = map_parts
    colouring = colour_by_category(chips.properties["class"], "class")
    shapes = chip_shapes([(scene, map_scene)], chips, colouring)
    outlines, paint = (registered_text(address) for address in shape_addresses(shapes))
    west, south, east, north = map_scene.bounds
    assert paint["chips"] == chips.facts["chip_id"].tolist()
    for feature in outlines["features"]:
        n = int(feature["id"])
        row = chips.row_by_id[paint["chips"][n]]
        assert paint["texts"][n] == colouring.texts[row]
        lon, lat = np.mean(feature["geometry"]["coordinates"][0][:4], axis=0)
        assert lon == pytest.approx(chips.facts["longitude"][row], abs=1e-6)
        assert west < lon < east
        assert south < lat < north
        colour = paint["colours"][paint["kinds"][n]][0]
        assert colour.upper() == colouring.colours()[row]


def test_shape_addresses__a_new_colouring_keeps_the_outlines(map_parts):
    scene, map_scene, chips = map_parts
    first, second = (
        chip_shapes([(scene, map_scene)], chips, colour_by_cluster(np.arange(36) % k))
        for k in (2, 3)
    )
    assert shape_addresses(first) == shape_addresses(first)
    assert shape_addresses(first)[0] == shape_addresses(second)[0]
    assert shape_addresses(first)[1] != shape_addresses(second)[1]


def test_footprint_rgba__numbers_follow_the_scale_and_noise_is_fainter():
    numbers = colour_by_number(pd.Series(np.linspace(0, 1, 400)), "x")
    colours = footprint_rgba(numbers)
    assert 10 < len(np.unique(colours, axis=0)) <= footprint_shapes.SHADES + 1
    assert colours[0].tolist() == [0x00, 0x22, 0x4E, 255]
    noise = footprint_rgba(colour_by_cluster(np.array([0, -1])))
    assert noise[0].tolist() == [0x00, 0x72, 0xB2, 255]
    assert noise[1, 3] < 255


def test_shapes__legend_counts_this_scene():
    rows = np.array([0, 1, 3])
    colouring = select_colours(colour_by_cluster(np.array([0, 0, 2, -1])), rows)
    shapes = Shapes(np.empty(3, object), ["a"] * 3, ["a"] * 3, colouring)
    assert [(name, count) for _, name, count in shapes.entries] == [
        ("Cluster 0", "2"),
        ("Noise", "1"),
    ]


@pytest.mark.usefixtures("_empty_origin")
def test_register_scene__pixel_coordinates_without_a_crs(tmp_path):
    raw = tmp_path / "raw"
    raw.mkdir()
    profile = {"driver": "GTiff", "dtype": "uint8", "count": 1, "width": 400, "height": 300}
    with rasterio.open(raw / "plain.tif", "w", transform=Affine.identity(), **profile) as target:
        target.write(np.full((1, 300, 400), 90, np.uint8))
    ring = [[10, 20], [60, 20], [60, 50], [10, 50], [10, 20]]
    feature = {
        "type": "Feature",
        "properties": {"class": "box"},
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }
    (raw / "plain.geojson").write_text(
        json.dumps({"type": "FeatureCollection", "features": [feature]})
    )
    workspace = Workspace.at(tmp_path)
    scene = survey_scenes(workspace).scenes[0]
    map_scene = tile_shelf.register_scene(workspace, scene, DisplaySettings())
    assert not map_scene.source.mercator
    assert map_scene.width == 400
    shapes = annotation_shapes([(scene, map_scene)])
    west, south, east, north = map_scene.bounds
    left, bottom, right, top = shapes.geometries[0].bounds
    columns = [(left - west) / (east - west) * 400, (right - west) / (east - west) * 400]
    assert columns == pytest.approx([10, 60], abs=1e-3)
    rows = [(north - top) / (north - south) * 300, (north - bottom) / (north - south) * 300]
    assert rows == pytest.approx([20, 50], abs=0.01)


def test_map__overviews_are_built_as_a_job(tmp_path, monkeypatch):
    raw = tmp_path / "raw"
    raw.mkdir()
    profile = {"driver": "GTiff", "dtype": "uint8", "count": 1, "width": 4300, "height": 300}
    profile |= {
        "crs": "EPSG:32631",
        "transform": rasterio.transform.from_origin(692_000, 4_796_000, 0.5, 0.5),
    }
    with rasterio.open(raw / "long.tif", "w", **profile) as target:
        target.write(np.full((1, 300, 4300), 90, np.uint8))
    monkeypatch.setenv("CHIPSCAPE_WORKSPACE", str(tmp_path))
    app = open_page()
    tiles = map_data(app)["scenes"][0]["tiles"]
    next(button for button in app.button if button.label == "Build overviews").click().run()
    (job,) = jobs.list_jobs(Workspace.at(tmp_path))
    job.wait(SECONDS)
    assert (job.state, job.result) == ("done", {"overviews": {"long": "built"}})
    cache.job_board().forget(job.key)
    app = open_page()
    assert not [button for button in app.button if button.label == "Build overviews"]
    assert map_data(app)["scenes"][0]["tiles"] != tiles


def write_box_scene(raw, name, crs, transform, box=(10, 20, 60, 50)):
    """A scene of 400 x 300 pixels with one annotation, (left, top, right, bottom) in pixels."""
    raw.mkdir(exist_ok=True)
    profile = {"driver": "GTiff", "dtype": "uint8", "count": 1, "width": 400, "height": 300}
    with rasterio.open(raw / f"{name}.tif", "w", crs=crs, transform=transform, **profile) as target:
        target.write(np.full((1, 300, 400), 90, np.uint8))
    left, top, right, bottom = box
    corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
    ring = [list(transform @ corner) for corner in corners]
    geometry = {"type": "Polygon", "coordinates": [ring]}
    feature = {"type": "Feature", "properties": {"class": "box"}, "geometry": geometry}
    document = {"type": "FeatureCollection", "features": [feature]}
    if crs:
        document["crs"] = {"type": "name", "properties": {"name": crs}}
    (raw / f"{name}.geojson").write_text(json.dumps(document))


@pytest.fixture
def scattered(tmp_path, monkeypatch):
    """A workspace with scenes in two UTM zones, in degrees, and without a CRS."""
    raw = tmp_path / "raw"
    write_box_scene(raw, "east", "EPSG:32631", Affine(0.5, 0, 692_000, 0, -0.5, 4_796_000))
    write_box_scene(raw, "west", "EPSG:32630", Affine(0.5, 0, 300_000, 0, -0.5, 4_796_000))
    write_box_scene(raw, "degrees", "EPSG:4326", Affine(1e-5, 0, 2.0, 0, -1e-5, 43.0))
    write_box_scene(raw, "plain", None, Affine(1, 0, 0, 0, -1, 0))
    monkeypatch.setenv("CHIPSCAPE_WORKSPACE", str(tmp_path))
    return Workspace.at(tmp_path)


def choose_scene(app: AppTest, name: str) -> AppTest:
    selector = next(box for box in app.selectbox if box.label == "Scene")
    return selector.set_value(name).run()


@pytest.mark.usefixtures("scattered")
def test_map__all_scenes_at_once_in_different_crs():
    app = choose_scene(open_page(), "All scenes")
    assert not app.exception
    data = map_data(app)
    assert len(data["scenes"]) == 3
    assert "no usable georeference: plain" in texts(app).replace("\\", "")
    (west, south, east, north) = np.transpose([scene["bounds"] for scene in data["scenes"]])
    features = registered_text(data["shapes"])["features"]
    assert len(features) == 3
    for feature, *bounds in zip(features, west, south, east, north, strict=True):
        ring = np.array(feature["geometry"]["coordinates"][0])
        # Simplifying must not cut off a corner, although the scenes are far from each other.
        assert len(np.unique(ring, axis=0)) == 4
        assert bounds[0] < ring[:, 0].min() < ring[:, 0].max() < bounds[2]
        assert bounds[1] < ring[:, 1].min() < ring[:, 1].max() < bounds[3]
    data = map_data(choose_scene(app, "plain"))
    assert (len(data["scenes"]), data["unit"]) == (1, "px")


@pytest.mark.usefixtures("scattered")
def test_map__too_many_scenes_are_left_to_be_chosen_by_name(monkeypatch):
    monkeypatch.setattr(map_controls, "SCENES_AT_MOST", 2)
    app = choose_scene(open_page(), "All scenes")
    assert "The map shows the first 2 scenes" in texts(app)
    assert len(map_data(app)["scenes"]) == 2


def test_chip_shapes__too_many_footprints_are_sampled(map_parts):
    scene, map_scene, chips = map_parts
    colouring = colour_by_category(chips.properties["class"], "class")
    shapes = chip_shapes([(scene, map_scene)], chips, colouring, most=10)
    assert (len(shapes.geometries), shapes.n_total) == (10, 36)
    assert shapes.chip_ids[0] == chips.facts["chip_id"].iloc[0]
    assert shapes.chip_ids[-1] == chips.facts["chip_id"].iloc[-1]


def test_shapes_in_box__selects_what_a_box_meets(map_parts):
    scene, map_scene, chips = map_parts
    colouring = colour_by_category(chips.properties["class"], "class")
    shapes = chip_shapes([(scene, map_scene)], chips, colouring)
    longitude, latitude = (chips.facts[name].to_numpy()[14] for name in ("longitude", "latitude"))
    box = (longitude - 1e-6, latitude - 1e-6, longitude + 1e-6, latitude + 1e-6)
    assert shapes_in_box(shapes, box) == [chips.facts["chip_id"].iloc[14]]
    assert shapes_in_box(shapes, map_scene.bounds) == chips.facts["chip_id"].tolist()
    assert shapes_in_box(shapes, (0, 0, 1, 1)) == []


def test_shapes_in_box__footprints_that_are_not_drawn_are_selected(map_parts):
    scene, map_scene, chips = map_parts
    colouring = colour_by_category(chips.properties["class"], "class")
    shapes = chip_shapes([(scene, map_scene)], chips, colouring, most=5)
    assert len(shapes.chip_ids) == 5
    assert shapes_in_box(shapes, map_scene.bounds) == chips.facts["chip_id"].tolist()


def test_selection_address__numbers_of_the_selected_footprints(map_parts):
    scene, map_scene, chips = map_parts
    ids = chips.facts["chip_id"].tolist()
    colouring = colour_by_category(chips.properties["class"], "class")
    shapes = chip_shapes([(scene, map_scene)], chips, colouring)
    address = selection_address(shapes, [ids[4], ids[2], "gone"])
    assert registered_text(address) == [2, 4]
    assert selection_address(shapes, ()) == ""


@pytest.fixture
def empty_session(tmp_path, monkeypatch):
    monkeypatch.setattr(st, "session_state", {})
    return Workspace.at(tmp_path)


def test_apply_map_event__click_box_toggle_and_escape(map_parts, empty_session):
    scene, map_scene, chips = map_parts
    colouring = colour_by_category(chips.properties["class"], "class")
    shapes = chip_shapes([(scene, map_scene)], chips, colouring)
    ids = chips.facts["chip_id"].tolist()

    def apply(event: MapEvent) -> tuple[str | None, tuple[str, ...]]:
        map_controls.apply_map_event(empty_session, event, shapes)
        return state.picked_chip(empty_session), state.selected_chips(empty_session)

    assert apply(MapEvent(picked=ids[3])) == (ids[3], ())
    assert apply(MapEvent(toggled=ids[5])) == (ids[3], (ids[5],))
    assert apply(MapEvent(toggled=ids[6])) == (ids[3], (ids[5], ids[6]))
    assert apply(MapEvent(toggled=ids[5])) == (ids[3], (ids[6],))
    assert apply(MapEvent(box=map_scene.bounds)) == (ids[3], tuple(ids))
    assert apply(MapEvent()) == (None, ())


def test_map__displays_the_selection_with_a_button_to_clear_it(home):
    chip_ids = open_chips(find_view(home, load_settings(home))).facts["chip_id"].tolist()
    app = AppTest.from_file(f"{ROOT}/app/script.py", default_timeout=SECONDS)
    app.session_state[f"cs.selected:{home.root}"] = {"chips": (chip_ids[1], chip_ids[8])}
    app.run().switch_page("../pages/map.py").run()
    assert "**2 chips selected**" in texts(app)
    assert registered_text(map_data(app)["selected"]) == [1, 8]
    next(button for button in app.button if button.label == "Clear").click().run()
    assert "chips selected" not in texts(app)
    assert map_data(app)["selected"] == ""
