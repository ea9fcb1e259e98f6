"""Class maps and exports of labelled regions, and their way back through the import."""

import csv
import sqlite3
import xml.etree.ElementTree as ET

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from affine import Affine

from core.errors import SettingsError, TooFewError
from core.land.data.patch_reading import read_mask
from core.land.images.image_import import ImportSettings, import_images
from core.land.images.image_set import image_dataset
from core.land.labelling.region_fit import collect_pixels, fit_regions, map_patch
from core.land.labelling.region_pixels import fill_regions
from core.land.models.features import FeatureSpec
from core.land.models.regularisation import UNSMOOTHED
from core.pipeline.land.labelling.region_file import change_regions
from core.pipeline.land.labelling.region_maps import (
    export_labels,
    labelled_workspace,
    map_labelled_images,
)
from core.pipeline.land.land_workspace import import_folder, open_dataset
from core.pipeline.workspace import Workspace
from core.progress import silent
from tests.land.images.conftest import HEIGHT, WIDTH
from tests.land.labelling.conftest import DARK_AND_BRIGHT, add_rectangles, two_classes, write_images

RULE = ImportSettings(attribute="value")


def listen(_name):
    return silent


@pytest.fixture
def image_folder(make_scene, tmp_path):
    return write_images(make_scene, tmp_path / "photos")


@pytest.fixture
def labelled(image_folder, tmp_path):
    """A workspace with two unlabelled images, of which the first has regions."""
    workspace = Workspace(tmp_path / "workspace")
    import_folder(workspace, image_folder, ImportSettings(unlabelled=True))
    legend = open_dataset(workspace).layout.legend
    overlap = (1, 110, 20, 124, 34)
    change_regions(
        workspace,
        legend,
        lambda _: add_rectangles(two_classes(), "field0.tif", [*DARK_AND_BRIGHT, overlap]),
    )
    return workspace


def label_values(workspace):
    """Return the labelled values of the first image."""
    _, history = labelled_workspace(workspace)
    return fill_regions(history.regions(), (0, 0, WIDTH, HEIGHT))[0]


def test_export__files_with_names_and_colours(labelled, tmp_path):
    exported = export_labels(labelled, tmp_path / "out")
    assert (exported.images, exported.n_regions, exported.problems) == (("field0.tif",), 5, ())
    layer = gpd.read_file(tmp_path / "out" / "polygons" / "field0.gpkg", layer="regions")
    assert layer.crs == "EPSG:32631"
    assert layer["class"].tolist() == ["soil", "sand", "soil", "sand", "soil"]
    assert layer["value"].tolist() == [1, 2, 1, 2, 1]
    assert layer["colour"].tolist()[:2] == ["#804000", "#ffee88"]
    assert layer.geometry.area.tolist() == [100, 100, 100, 150, 49]
    with sqlite3.connect(tmp_path / "out" / "polygons" / "field0.gpkg") as database:
        rows = database.execute("SELECT f_table_name, useAsDefault, styleQML FROM layer_styles")
        ((table, is_default, qml),) = rows.fetchall()
    assert (table, is_default) == ("regions", 1)
    assert qml == (tmp_path / "out" / "polygons" / "field0.qml").read_text()
    renderer = ET.fromstring(qml.split("\n", 1)[1]).find("renderer-v2")
    assert renderer.get("attr") == "value"
    labels = [(c.get("value"), c.get("label")) for c in renderer.iter("category")]
    assert labels == [("1", "soil"), ("2", "sand")]
    with rasterio.open(tmp_path / "out" / "rasters" / "field0.tif") as raster:
        assert (raster.read(1) == label_values(labelled)).all()
        assert raster.nodata == 0
        assert raster.colormap(1)[1] == (0x80, 0x40, 0, 255)
        assert raster.crs == "EPSG:32631"
    style = (tmp_path / "out" / "rasters" / "field0.qml").read_text()
    assert 'value="2" color="#ffee88" alpha="255" label="sand"' in style
    with (tmp_path / "out" / "classes.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert rows[1] == {"value": "2", "name": "sand", "colour": "#ffee88"}


@pytest.mark.parametrize("kind", ["polygons", "rasters"])
def test_export__is_imported_again_with_the_same_pixels(labelled, image_folder, tmp_path, kind):
    export_labels(labelled, tmp_path / "out")
    settings = RULE if kind == "polygons" else ImportSettings()
    classes = tmp_path / "out" / "classes.csv"
    images = import_images(image_folder, settings, tmp_path / "out" / kind, classes)
    dataset = image_dataset(images)
    assert dataset.layout.legend == two_classes().legend()
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    for patch in dataset.patches:
        left, top, right, bottom = patch.window
        labels[top:bottom, left:right] = read_mask(patch)[0]
    expected = label_values(labelled)
    # Pixels without data have no label.
    expected[:8, :8] = 0
    assert (labels == expected).all()


@pytest.mark.parametrize(
    ("crs", "transform"),
    [
        (None, Affine.identity()),
        (None, Affine(2, 0, 100, 0, -2, 900)),
        ("EPSG:32631", Affine.translation(692_000, 4_796_000) @ Affine.rotation(30)),
        ("EPSG:4326", Affine(1e-5, 0, 5.3, 0, -1e-5, 43.3)),
    ],
)
def test_export__comes_back_in_any_coordinates(make_scene, tmp_path, crs, transform):
    folder = tmp_path / "photos"
    make_scene("odd.tif", crs=crs, transform=transform, folder=folder)
    workspace = Workspace(tmp_path / "workspace")
    import_folder(workspace, folder, ImportSettings(unlabelled=True))
    random = np.random.default_rng(0)
    corners = random.integers(0, 90, (20, 2))
    rows = [(1 + i % 2, x, y, x + 5 + i, y + 7) for i, (x, y) in enumerate(corners.tolist())]
    change_regions(
        workspace,
        open_dataset(workspace).layout.legend,
        lambda _: add_rectangles(two_classes(), "odd.tif", rows),
    )
    export_labels(workspace, tmp_path / "out")
    classes = tmp_path / "out" / "classes.csv"
    settings = ImportSettings(attribute="value", groups="files")
    images = import_images(folder, settings, tmp_path / "out" / "polygons", classes)
    (patch,) = image_dataset(images).patches
    assert (read_mask(patch)[0] == label_values(workspace)).all()


def test_maps__of_all_images_equal_those_of_the_patches(labelled, tmp_path):
    spec = FeatureSpec(extras=("deviations",))
    mapped = map_labelled_images(labelled, [], spec, UNSMOOTHED, tmp_path / "maps", listen)
    assert [scene_map.path.name for scene_map in mapped.images.maps] == ["field0.tif", "field1.tif"]
    dataset = open_dataset(labelled)
    _, history = labelled_workspace(labelled)
    fit = fit_regions(collect_pixels(dataset, history.regions(), spec)[0], history.legend())
    for patch in dataset.unlabelled:
        with rasterio.open(tmp_path / "maps" / f"{patch.name}.tif") as raster:
            values = raster.read(1)
            assert raster.colormap(1)[2] == (0xFF, 0xEE, 0x88, 255)
        assert (values == map_patch(patch, spec, fit.predictor)).all()
        assert (tmp_path / "maps" / f"{patch.name}.qml").is_file()


def test_maps__need_regions_and_features_of_the_image(labelled, tmp_path):
    with pytest.raises(SettingsError, match="a time series cannot be used"):
        map_labelled_images(
            labelled, [], FeatureSpec(fusion=True), UNSMOOTHED, tmp_path / "maps", listen
        )
    empty = Workspace(tmp_path / "empty")
    import_folder(empty, tmp_path / "photos", ImportSettings(unlabelled=True))
    with pytest.raises(TooFewError, match="no regions have been labelled"):
        export_labels(empty, tmp_path / "out")


def test_export__equal_names_are_refused(make_scene, tmp_path):
    folder = tmp_path / "photos"
    for part in ("east", "west"):
        make_scene("tile.tif", folder=folder / part)
    workspace = Workspace(tmp_path / "workspace")
    import_folder(workspace, folder, ImportSettings(unlabelled=True))

    def change(_):
        history = add_rectangles(two_classes(), "east/tile.tif", DARK_AND_BRIGHT)
        return add_rectangles(history, "west/tile.tif", DARK_AND_BRIGHT)

    change_regions(workspace, open_dataset(workspace).layout.legend, change)
    with pytest.raises(SettingsError, match="two labelled images are named tile"):
        export_labels(workspace, tmp_path / "out")
