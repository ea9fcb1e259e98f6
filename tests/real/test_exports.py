"""Every export of real scenes, read back by other programs."""

import contextlib
import io
import json
import os
import shutil
import sqlite3
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
from pycocotools.coco import COCO

from core import cli

VARIABLE = "CHIPSCAPE_TEST_DATA"
DATA = os.environ.get(VARIABLE, "")
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not DATA, reason=f"{VARIABLE} names no folder of real data"),
]
FORMATS = (
    "csv,geojson,geoparquet,gpkg,fgb,hectares,coco,yolo,voc,chips-png,chips-geotiff,plot-svg,"
    "plot-png,report"
)


@pytest.fixture(scope="module")
def kampala(tmp_path_factory):
    """A workspace with all exports of the Kampala buildings."""
    source = Path(DATA) / "kampala_buildings" / "raw"
    if not source.is_dir():
        pytest.skip(f"kampala_buildings is not in {DATA}")
    workspace = tmp_path_factory.mktemp("kampala")
    shutil.copytree(source, workspace / "raw")
    (workspace / "raw").chmod(0o755)
    arguments = ["chipscape", "export", "--json", "-w", str(workspace), "--format", FORMATS]
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()) as out:
        patch.setattr(sys, "argv", arguments)
        with pytest.raises(SystemExit) as leaving:
            cli.main()
    assert not leaving.value.code
    assert len(json.loads(out.getvalue())["written"]) == len(FORMATS.split(","))
    return workspace


def read_tables(results):
    return {
        "csv": pd.read_csv(results / "chips.csv"),
        "geojson": gpd.read_file(results / "chips.geojson"),
        "geoparquet": gpd.read_parquet(results / "chips.parquet"),
        "gpkg": gpd.read_file(results / "chips.gpkg", layer="chips"),
        "fgb": gpd.read_file(results / "chips.fgb"),
    }


def test_kampala__all_tables_agree(kampala):
    tables = read_tables(kampala / "results")
    first = tables["csv"].set_index("chip_id").sort_index()
    assert len(first) == 183
    for table in tables.values():
        indexed = table.set_index("chip_id").sort_index()
        for name in ("cluster", "cluster_name", "cluster_colour"):
            assert indexed[name].tolist() == first[name].tolist()
    areas = pd.read_csv(kampala / "results" / "hectares.csv")
    assert areas["chips"].sum() == 183
    assert areas["hectares"].sum() == pytest.approx(first["area"].sum() / 1e4)


def test_kampala__style_of_the_geopackage(kampala):
    path = kampala / "results" / "chips.gpkg"
    with contextlib.closing(sqlite3.connect(path)) as database:
        text = database.execute("SELECT styleQML FROM layer_styles WHERE useAsDefault").fetchone()
    categories = {c.get("value") for c in ET.fromstring(text[0]).iter("category")}
    table = gpd.read_file(path, layer="chips")
    assert categories == {str(cluster) for cluster in table["cluster"]}


def test_kampala__boxes_and_masks_lie_on_the_footprints(kampala):
    results = kampala / "results"
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(str(results / "chips_coco.json"))
    table = gpd.read_file(results / "chips.gpkg", layer="chips").set_index("chip_id")
    images = {image["id"]: image for image in coco.dataset["images"]}
    for annotation in coco.dataset["annotations"]:
        image = images[annotation["image_id"]]
        x, y, width, height = annotation["bbox"]
        assert 0 <= x < x + width <= image["width"] + 0.01
        assert 0 <= y < y + height <= image["height"] + 0.01
        mask = coco.annToMask(annotation)
        assert abs(mask.sum() - annotation["area"]) < 4 * (width + height)
        row = table.loc[annotation["attributes"]["chip_id"]]
        if row["cut_by_edge"]:
            continue
        with rasterio.open(kampala / "raw" / image["file_name"]) as scene:
            ground = gpd.GeoSeries([row.geometry], crs=4326).to_crs(scene.crs).total_bounds
            corners = [~scene.transform @ (ground[0], ground[i]) for i in (3, 1)]
        assert np.allclose([(x, y), (x, y + height)], corners, atol=0.02)


def test_kampala__labels_of_every_scene(kampala):
    results = kampala / "results"
    lines = [
        line
        for path in (results / "chips_yolo" / "labels" / "train").iterdir()
        for line in path.read_text().splitlines()
    ]
    assert len(lines) == 183
    assert all(0 <= float(value) <= 1 for line in lines for value in line.split()[1:])
    objects = [
        item
        for path in (results / "chips_voc" / "Annotations").iterdir()
        for item in ET.parse(path).getroot().iter("object")
    ]
    assert len(objects) == 183


def test_kampala__chips_lie_where_they_were_cut(kampala):
    results = kampala / "results"
    assert len(list((results / "chips_png").rglob("*.png"))) == 183
    paths = sorted((results / "chips_geotiff").rglob("*.tif"))
    assert len(paths) == 183
    table = pd.read_csv(results / "chips.csv").set_index("chip_id")
    for path in paths[::20]:
        with rasterio.open(path) as chip:
            row = table.loc[chip.tags()["chip_id"]]
            assert path.parent.name == f"cluster_{row['cluster']}"
            centre = chip.transform @ (chip.width / 2, chip.height / 2)
            with rasterio.open(kampala / "raw" / f"{row['scene']}.tif") as scene:
                assert chip.crs == scene.crs
                assert np.allclose(~scene.transform @ centre, row[["column", "row"]].astype(float))
