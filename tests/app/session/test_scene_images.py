"""The same ground has the same colours in the gallery, panel, surroundings, overview and map."""

import base64
import io
import json

import numpy as np
import pytest
import rasterio
from affine import Affine
from PIL import Image

from app.map import tile_shelf
from app.session import cache, scene_images
from app.session.views import request_display, requested_display
from core.input_settings import DisplaySettings
from core.pipeline.run import run_pipeline
from core.raster.geodesy import WGS84, crs_transformer
from core.raster.spectral.spectral_indices import SpectralIndex
from core.settings import ChipSettings, RunSettings

SIDE, BLOCK, N = 640, 80, 8
# JPEG, of which the surroundings and the overview are made, is not exact.
TOLERANCE = 4
NAMES = ("b02", "b03", "b04", "b08")
# Digital numbers of Sentinel-2 reflectance: as float32, as uint16 and divided down to uint8.
SCALES = {"float32": 1.0, "uint16": 10_000.0, "uint8": 255.0}
DISPLAYS = (
    DisplaySettings(),
    DisplaySettings(("b08", "b04", "b03")),
    DisplaySettings(("b08",), "percentiles", 10, 80),
)


def write_blocks(raw, name, dtype, brightness):
    """Write a scene of blocks with constant reflectance, and an annotation in each block."""
    raw.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(round(brightness * 10))
    blocks = rng.uniform(0.02, 0.15, (4, N, N)) * brightness
    blocks[3] *= 3
    values = np.kron(blocks, np.ones((BLOCK, BLOCK))) * SCALES[dtype]
    transform = Affine(10, 0, 600_000, 0, -10, 4_800_000)
    profile = {"driver": "GTiff", "dtype": dtype, "count": 4, "width": SIDE, "height": SIDE}
    profile |= {"crs": "EPSG:32631", "transform": transform}
    with rasterio.open(raw / f"{name}.tif", "w", **profile) as scene:
        scene.write(values.astype(dtype))
        scene.descriptions = NAMES
    features = []
    for i in range(N * N):
        left, top = i % N * BLOCK + 32, i // N * BLOCK + 32
        right, bottom = left + 16, top + 16
        corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
        geometry = {"type": "Polygon", "coordinates": [[list(transform @ c) for c in corners]]}
        features.append({"type": "Feature", "properties": {"class": "a"}, "geometry": geometry})
    crs = {"type": "name", "properties": {"name": "EPSG:32631"}}
    document = {"type": "FeatureCollection", "crs": crs, "features": features}
    (raw / f"{name}.geojson").write_text(json.dumps(document))


def decode(uri):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))).convert("RGB"))


def map_colour(workspace, scene, display, column, row):
    """Return the colour with which the map shows a pixel of a scene."""
    map_scene = tile_shelf.register_scene(workspace, scene, display)
    source = map_scene.source
    lon, lat = crs_transformer(source.scene.crs, WGS84).transform(
        *(source.scene.transform @ (column, row))
    )
    z = source.zooms[1]
    x = (lon / 360 + 0.5) * 2**z
    y = (0.5 - np.arcsinh(np.tan(np.radians(lat))) / (2 * np.pi)) * 2**z
    tile = Image.open(io.BytesIO(map_scene.tile(z, int(x), int(y)))).convert("RGB")
    return np.asarray(tile)[int(y % 1 * 256), int(x % 1 * 256)]


@pytest.mark.parametrize("dtype", SCALES)
@pytest.mark.parametrize("display", DISPLAYS)
@pytest.mark.filterwarnings("ignore::rio_tiler.errors.NoOverviewWarning")
def test_images__same_colours_in_gallery_panel_surroundings_overview_and_map(
    workspace, dtype, display
):
    write_blocks(workspace.raw, "dark", dtype, 1)
    write_blocks(workspace.raw, "bright", dtype, 1.5)
    view = run_pipeline(workspace, RunSettings(chips=ChipSettings(size=16)), until="chips").view
    request_display(workspace, display)
    chips = cache.chips(view)
    scenes = {scene.report.name: scene for scene in view.survey.scenes}
    spread = []
    for row in (3, 30, 60, 70, 100, 127):
        facts = chips.facts.iloc[row]
        scene, centre = str(facts["scene"]), facts[["column", "row"]].to_numpy(float)
        gallery = cache.thumbnails(workspace, chips, [row])[0][8, 8, :3]
        pixels, _ = scene_images.chip_pixels(view, chips, row)
        around = scene_images.surroundings(view, chips, row, 300)
        x, y = around.squares[0].mean(axis=0).astype(int)
        overview = decode(scene_images.overview(view, scene).uri)
        column, line = (centre * overview.shape[0] / SIDE).astype(int)
        colours = {
            "panel": pixels[pixels.shape[0] // 2, pixels.shape[1] // 2, :3],
            "surroundings": decode(around.uri)[y, x],
            "overview": overview[line, column],
            "map": map_colour(workspace, scenes[scene], requested_display(workspace), *centre),
        }
        spread.append(gallery.astype(int))
        for name, colour in colours.items():
            assert colour == pytest.approx(gallery, abs=TOLERANCE), (name, row)
    # The images are neither black nor saturated.
    assert np.ptp(spread, axis=0).min() > 60


def test_chip_pixels__lens(workspace):
    write_blocks(workspace.raw, "dark", "float32", 1)
    view = run_pipeline(workspace, RunSettings(chips=ChipSettings(size=16)), until="chips").view
    chips = cache.chips(view)
    plain, _ = scene_images.chip_pixels(view, chips, 5)
    bands, _ = scene_images.chip_pixels(view, chips, 5, DisplaySettings(("b08",)))
    index, _ = scene_images.chip_pixels(view, chips, 5, SpectralIndex("NDVI", ("b08", "b04")))
    assert len({image[8, 8].tobytes() for image in (plain, bands, index)}) == 3
    assert len({*bands[8, 8, :3].tolist()}) == 1


def test_surroundings__neighbours_lie_in_the_image(workspace):
    write_blocks(workspace.raw, "dark", "uint16", 1)
    write_blocks(workspace.raw, "other", "uint16", 1)
    view = run_pipeline(workspace, RunSettings(chips=ChipSettings(size=16)), until="chips").view
    chips = cache.chips(view)
    image = scene_images.surroundings(view, chips, 9, 200)
    assert sorted(image.neighbours) == [0, 1, 2, 8, 10, 16, 17, 18]
    right = image.neighbour_squares[image.neighbours.index(10)].mean(axis=0)
    assert right - image.squares[0].mean(axis=0) == pytest.approx((BLOCK, 0), abs=0.5)


def test_chip_position__in_the_crs_of_the_scene_and_in_degrees(workspace):
    write_blocks(workspace.raw, "dark", "uint16", 1)
    view = run_pipeline(workspace, RunSettings(chips=ChipSettings(size=16)), until="chips").view
    position = scene_images.chip_position(view, cache.chips(view), 9)
    assert position.crs == "EPSG:32631"
    assert (position.x, position.y) == pytest.approx((601_200, 4_798_800), abs=0.1)
    back = crs_transformer(WGS84, "EPSG:32631").transform(position.longitude, position.latitude)
    assert back == pytest.approx((position.x, position.y), abs=0.01)
    # East of the central meridian, grid north lies east of true north.
    assert -1.5 < position.north < -0.5
