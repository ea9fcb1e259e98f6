"""The map page as Streamlit runs it, and what it lays down for its routes."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from app.map import footprint_shapes, tile_addresses, tile_shelf
from app.map.footprint_shapes import Shapes, addresses, of_annotations, of_chips, rgb
from app.session import cache, stage_jobs, state
from app.widgets.colouring import by_category, by_cluster, by_number
from core.input_settings import DisplaySettings
from core.pipeline import plan
from core.pipeline.scene_survey import survey
from core.pipeline.workspace import Workspace

ROOT = tile_addresses.__file__.rsplit("/app/", 1)[0]
EVIL = "<img src=x onerror=alert(1)>"
SECONDS = 60


def opened() -> AppTest:
    app = AppTest.from_file(f"{ROOT}/app/script.py", default_timeout=SECONDS).run()
    return app.switch_page("../pages/map.py").run()


def texts(app: AppTest) -> str:
    elements = [*app.markdown, *app.caption, *app.title, *app.error, *app.info]
    html = [element.proto.body for element in app.get("html")]
    return " ".join([*(str(element.value) for element in elements), *html])


def told(app: AppTest) -> dict:
    """What the map was given."""
    return json.loads(app.get("bidi_component")[0].proto.json)


def text(address: str) -> dict:
    return json.loads(tile_shelf.texts.get(address.rpartition("/")[2]))


@pytest.fixture
def at_origin(monkeypatch):
    monkeypatch.setattr(tile_addresses, "origin", lambda: "")


def test_map__opens_with_tiles_and_footprints_by_key(home):
    app = opened()
    assert not app.exception
    assert not app.error
    assert app.title[0].value == "Map"
    data = told(app)
    key = re.fullmatch(r".*/chipscape/tiles/([0-9a-f]{24})/\{z\}/\{x\}/\{y\}", data["tiles"])[1]
    assert tile_shelf.scenes.get(key).tile(0, 0, 0)[8:12] == b"WEBP"
    assert str(home.root) not in data["tiles"] + data["shapes"] + data["paint"]
    assert len(text(data["shapes"])["features"]) == 36
    assert data["basemap"] == ""
    assert data["unit"] == "m"
    # 150 m, and a little more: the grid's north is not the map's.
    assert 150 < data["metres"] < 156


def test_map__markup_stays_text(home):
    app = opened()
    assert EVIL not in texts(app)
    laid = tile_shelf.texts.get(told(app)["paint"].rpartition("/")[2]).decode()
    assert any(EVIL in words for words in json.loads(laid)["words"])


def test_map__basemap_only_when_asked_for_and_said(home):
    app = opened()
    assert "goes over the network" not in texts(app)
    pills = next(one for one in app.button_group if one.label == "Layers")
    pills.set_value(["Image", "Basemap"]).run()
    data = told(app)
    assert data["basemap"].startswith("https://tile.openstreetmap.org/")
    assert data["footprints"] is False
    assert "goes over the network" in texts(app)


def test_map__empty_workspace_is_told_calmly(tmp_path, monkeypatch):
    monkeypatch.setenv("CHIPSCAPE_WORKSPACE", str(tmp_path))
    app = AppTest.from_file(f"{ROOT}/app/script.py", default_timeout=SECONDS)
    app.session_state["cs.workspace"] = "mine"
    app.run()
    app.switch_page("../pages/map.py").run()
    assert not app.exception
    assert "no scene yet that can be read" in texts(app)


def test_map__scenes_without_chips_show_their_annotations(tmp_path, monkeypatch, write):
    write(tmp_path / "raw")
    monkeypatch.setenv("CHIPSCAPE_WORKSPACE", str(tmp_path))
    app = opened()
    assert not app.exception
    assert "once chips have been cut" in texts(app)
    assert set(text(told(app)["paint"])["rows"]) == {-1}
    assert len(text(told(app)["shapes"])["features"]) == 36


@pytest.fixture
def write():
    import runpy

    return runpy.run_path(f"{ROOT}/tests/app/conftest.py")["write_scene"]


@pytest.fixture
def parts(computed, at_origin):
    settings = state.wanted(computed)
    found = survey(computed).scenes[0]
    shown = tile_addresses.on_map(computed, found, DisplaySettings())
    return computed, found, shown, plan.chips(plan.plan(computed, settings))


def test_of_chips__each_footprint_with_its_chip_and_words(parts):
    place, found, shown, chips = parts
    painted = by_category(chips.properties["class"], "class")
    shapes = of_chips(place, found, shown, chips, painted)
    outlines, paint = (text(address) for address in addresses(shapes))
    west, south, east, north = shown.bounds
    for feature in outlines["features"]:
        n = int(feature["id"])
        row = paint["rows"][n]
        assert paint["words"][n].split("\n")[-1] == chips.facts["chip_id"][row]
        lon, lat = np.mean(feature["geometry"]["coordinates"][0][:4], axis=0)
        assert lon == pytest.approx(chips.facts["longitude"][row], abs=1e-6)
        assert west < lon < east
        assert south < lat < north
        colour = paint["colours"][paint["kinds"][n]][0]
        assert colour.upper() == painted.colours()[row]


def test_addresses__a_new_colouring_leaves_the_outlines_where_they_are(parts):
    place, found, shown, chips = parts
    first, second = (
        of_chips(place, found, shown, chips, by_cluster(np.arange(36) % k)) for k in (2, 3)
    )
    assert addresses(first) == addresses(first)
    assert addresses(first)[0] == addresses(second)[0]
    assert addresses(first)[1] != addresses(second)[1]


def test_rgb__numbers_on_a_scale_and_noise_steps_back():
    numbers = by_number(pd.Series(np.linspace(0, 1, 400)), "x")
    colours = rgb(numbers)
    assert 10 < len(np.unique(colours, axis=0)) <= footprint_shapes.SHADES + 1
    assert colours[0].tolist() == [0x00, 0x22, 0x4E, 255]
    noise = rgb(by_cluster(np.array([0, -1])))
    assert noise[0].tolist() == [0x00, 0x72, 0xB2, 255]
    assert noise[1, 3] < 255


def test_entries__count_what_is_in_this_scene():
    painted = by_cluster(np.array([0, 0, 2, -1]))
    rows = np.array([0, 1, 3])
    some = Shapes(
        np.empty(3, object), rows, ["a"] * 3, ["a"] * 3, footprint_shapes.some_of(painted, rows)
    )
    assert [(name, count) for _, name, count in some.entries] == [
        ("Cluster 0", "2"),
        ("Noise", "1"),
    ]


def test_on_map__pixels_where_there_is_no_crs(tmp_path, at_origin):
    import rasterio
    from affine import Affine

    raw = tmp_path / "raw"
    raw.mkdir()
    profile = {"driver": "GTiff", "dtype": "uint8", "count": 1, "width": 400, "height": 300}
    with rasterio.open(raw / "plain.tif", "w", transform=Affine.identity(), **profile) as target:
        target.write(np.full((1, 300, 400), 90, np.uint8))
    ring = [[10, 20], [60, 20], [60, 50], [10, 50], [10, 20]]
    feature = {"type": "Feature", "properties": {"class": "box"},
               "geometry": {"type": "Polygon", "coordinates": [ring]}}  # fmt: skip
    (raw / "plain.geojson").write_text(
        json.dumps({"type": "FeatureCollection", "features": [feature]})
    )
    place = Workspace.at(tmp_path)
    found = survey(place).scenes[0]
    shown = tile_addresses.on_map(place, found, DisplaySettings())
    assert not shown.mercator
    assert shown.across == 400
    shapes = of_annotations(place, found, shown)
    west, south, east, north = shown.bounds
    left, low, right, top = shapes.geometries[0].bounds
    at = [(left - west) / (east - west) * 400, (right - west) / (east - west) * 400]
    assert at == pytest.approx([10, 60], abs=1e-3)
    down = [(north - top) / (north - south) * 300, (north - low) / (north - south) * 300]
    assert down == pytest.approx([20, 50], abs=0.01)


def test_map__overviews_are_built_as_a_job(tmp_path, monkeypatch):
    import rasterio

    raw = tmp_path / "raw"
    raw.mkdir()
    profile = {"driver": "GTiff", "dtype": "uint8", "count": 1, "width": 4300, "height": 300}
    where = rasterio.transform.from_origin(692_000, 4_796_000, 0.5, 0.5)
    with rasterio.open(
        raw / "long.tif", "w", crs="EPSG:32631", transform=where, **profile
    ) as target:
        target.write(np.full((1, 300, 4300), 90, np.uint8))
    monkeypatch.setenv("CHIPSCAPE_WORKSPACE", str(tmp_path))
    app = opened()
    before = told(app)["tiles"]
    next(one for one in app.button if one.label == "Build overviews").click().run()
    (job,) = stage_jobs.jobs(Workspace.at(tmp_path))
    job.wait(SECONDS)
    assert (job.state, job.result) == ("done", {"overviews": {"long": "built"}})
    cache.board().forget(job.key)
    app = opened()
    assert not [one for one in app.button if one.label == "Build overviews"]
    assert told(app)["tiles"] != before
