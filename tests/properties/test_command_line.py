"""Fuzz tests: any files in raw/ and any options give a readable answer, never a traceback."""

import json
import math
import shutil
import signal
import string
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import tomli_w
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import cli

SIDE = 64
SUFFIXES = ("geojson", "json", "csv", "gpkg", "shp", "parquet", "fgb")
EXAMPLES = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

numbers = st.one_of(
    st.integers(-5, SIDE + 5), st.integers(), st.floats(), st.sampled_from([1e308, -1e-308, 2**70])
)
texts = st.one_of(
    st.sampled_from(["", "boat", "nan", "NULL", "<img src=x onerror=alert(1)>", "=1+1", "\x00"]),
    # Lone surrogates too, which are rare among all characters.
    st.text(st.characters(exclude_categories=()), max_size=8),
    st.text(st.characters(categories=["Cs"]), min_size=1, max_size=2),
)
scalars = st.one_of(st.none(), st.booleans(), numbers, texts)
positions = st.lists(numbers, max_size=4)
coordinates = st.recursive(
    st.one_of(positions, scalars), lambda inner: st.lists(inner, max_size=5), max_leaves=20
)
KINDS = ("Point", "LineString", "Polygon", "MultiPolygon", "MultiPoint", "GeometryCollection", "Q")
geometries = st.one_of(
    scalars,
    st.fixed_dictionaries({"type": st.sampled_from(KINDS), "coordinates": coordinates}),
    st.fixed_dictionaries({"type": st.just("GeometryCollection"), "geometries": coordinates}),
    st.tuples(st.floats(0, SIDE), st.floats(0, SIDE), st.floats(0, 20)).map(
        lambda square: {"type": "Polygon", "coordinates": [_square(*square)]}
    ),
)
properties = st.one_of(
    scalars, st.dictionaries(texts, st.one_of(scalars, st.lists(scalars, max_size=3)), max_size=4)
)
features = st.one_of(
    scalars,
    st.fixed_dictionaries(
        {"type": st.just("Feature"), "geometry": geometries, "properties": properties},
        optional={"id": scalars, "bbox": coordinates},
    ),
)
crs = st.one_of(
    scalars,
    st.sampled_from(["EPSG:32631", "EPSG:4326", "EPSG:0", "urn:ogc:def:crs:OGC:1.3:CRS84"]).map(
        lambda name: {"type": "name", "properties": {"name": name}}
    ),
    st.dictionaries(texts, scalars, max_size=2),
)
collections = st.fixed_dictionaries(
    {"type": st.just("FeatureCollection"), "features": st.lists(features, max_size=6)},
    optional={"crs": crs},
)
images = st.fixed_dictionaries(
    {"id": scalars, "file_name": st.sampled_from(["scene.tif", "x", ""])}
)
marks = st.fixed_dictionaries(
    {"image_id": scalars, "bbox": coordinates, "category_id": scalars},
    optional={"segmentation": coordinates, "id": scalars},
)
coco = st.fixed_dictionaries(
    {
        "images": st.lists(st.one_of(images, scalars), max_size=3),
        "annotations": st.lists(st.one_of(marks, scalars), max_size=4),
        "categories": st.lists(st.fixed_dictionaries({"id": scalars, "name": scalars}), max_size=2),
    }
)
documents = st.one_of(
    collections, coco, features, scalars, st.dictionaries(texts, scalars, max_size=3)
)
HEADERS = ("wkt", "geometry", "lon", "lat", "xmin", "ymin", "xmax", "ymax", "class", "scene", "crs")
cells = st.one_of(
    numbers.map(str), texts, st.sampled_from(["POINT (3 4)", "POLYGON ((0 0, 9 0, 9 9, 0 0))"])
)
tables = st.tuples(
    st.lists(st.sampled_from(HEADERS), min_size=1, max_size=6),
    st.lists(st.lists(cells, max_size=7), max_size=5),
).map(lambda parts: "\n".join([",".join(parts[0]), *(",".join(row) for row in parts[1])]))
OPTIONS = (
    "--chip-size",
    "--margin",
    "--extent",
    "--align",
    "--background",
    "--bands",
    "--seed",
    "--encoder",
    "--method",
    "--n-components",
    "--covariance",
    "--min-cluster-size",
    "--min-samples",
    "--noise",
    "--perplexity",
    "--preset",
    "--bands-rule",
    "--weights",
    "--precision",
    "--n-clusters",
    "--settings",
    "--scheduler-of-none",
)
values = st.one_of(
    numbers.map(str),
    st.sampled_from(["nan", "inf", "-1", "0", "north", "mask", "gmm", "full"]),
    st.text(string.printable, max_size=6),
)
TABLES = ("scenes", "chips", "embed", "reduction", "gmm", "tree", "cut", "projection", "noise", "x")
KEYS = (
    "size",
    "margin",
    "extent",
    "grid",
    "class_property",
    "encoder",
    "sample",
    "bands",
    "n_dims",
)
of_toml = st.one_of(
    st.booleans(),
    st.integers(-(2**62), 2**62),
    st.floats(),
    st.text(max_size=5),
    st.lists(st.integers(-3, 3), max_size=3),
)


def _square(x: float, y: float, side: float) -> list[list[float]]:
    corners = [(x, y), (x + side, y), (x + side, y + side), (x, y + side), (x, y)]
    return [list(Affine(0.5, 0, 692_000, 0, -0.5, 4_796_000) @ corner) for corner in corners]


@pytest.fixture
def raster(tmp_path: Path) -> Path:
    """A small scene of a few smooth bands."""
    path = tmp_path / "original.tif"
    transform = Affine(0.5, 0, 692_000, 0, -0.5, 4_796_000)
    profile = {"driver": "GTiff", "dtype": "uint8", "count": 3, "width": SIDE, "height": SIDE}
    with rasterio.open(path, "w", crs="EPSG:32631", transform=transform, **profile) as scene:
        scene.write(np.arange(3 * SIDE * SIDE).reshape(3, SIDE, SIDE).astype("uint8"))
    return path


@pytest.fixture
def call(monkeypatch, capsys, tmp_path, raster):
    """Call the command line, in this process, on a new workspace of one scene and some files."""
    handler = signal.getsignal(signal.SIGTERM)
    workspace = tmp_path / "workspace"

    def run(files: dict[str, bytes], *arguments: str) -> tuple[int, str]:
        shutil.rmtree(workspace, ignore_errors=True)
        (workspace / "raw").mkdir(parents=True)
        shutil.copy(raster, workspace / "raw" / "scene.tif")
        for name, content in files.items():
            (workspace / "raw" / name).write_bytes(content)
        command, *options = arguments
        argv = ["chipscape", command, "--workspace", str(workspace), *options]
        monkeypatch.setattr(sys, "argv", argv)
        capsys.readouterr()
        with pytest.raises(SystemExit) as caught:
            cli.main()
        out, err = capsys.readouterr()
        code = caught.value.code or 0
        assert code in (0, 1, 2), err
        assert "Unexpected" not in out + err
        assert "Traceback" not in out + err
        assert code == 0 or (out + err).strip(), "a failure without a message"
        return int(code), out

    yield run
    signal.signal(signal.SIGTERM, handler)


def scene_of(out: str) -> dict[str, Any]:
    (scene,) = json.loads(out)["scenes"]
    return scene


@EXAMPLES
@given(document=documents)
def test_scenes__any_json_next_to_a_scene(call, document):
    text = json.dumps(document)
    code, out = call({"scene.geojson": text.encode(errors="surrogatepass")}, "scenes", "--json")
    scene = scene_of(out)
    assert (code, scene["ok"]) == (0, True)
    if isinstance(document, dict) and document.get("type") == "FeatureCollection":
        warnings = " ".join(scene["warnings"])
        n_features = scene["annotations"] + sum(scene["skipped"].values())
        assert n_features == len(document["features"]) or "scene.geojson" in warnings


@EXAMPLES
@given(table=tables)
def test_scenes__any_csv_next_to_a_scene(call, table):
    code, out = call({"scene.csv": table.encode(errors="surrogatepass")}, "scenes", "--json")
    assert (code, scene_of(out)["ok"]) == (0, True)


@EXAMPLES
@given(suffix=st.sampled_from(SUFFIXES), content=st.binary(max_size=200))
def test_scenes__any_bytes_as_a_vector_file(call, suffix, content):
    code, out = call({f"scene.{suffix}": content}, "scenes", "--json")
    assert (code, scene_of(out)["ok"]) == (0, True)


@EXAMPLES
@given(data=st.data())
def test_scenes__a_raster_with_bytes_changed(call, raster, data):
    content = bytearray(raster.read_bytes())
    positions = st.integers(0, 400) | st.integers(0, len(content) - 1)
    changes = st.lists(st.tuples(positions, st.integers(0, 255)), max_size=12)
    for position, value in data.draw(changes):
        content[position] = value
    end = data.draw(st.integers(0, len(content)) | st.just(len(content)))
    code, out = call({"scene.tif": bytes(content[:end])}, "scenes", "--json")
    assert code == (0 if scene_of(out)["ok"] else 1)


@EXAMPLES
@given(document=collections)
def test_chips__any_collection(call, document):
    # NaN and Infinity are not JSON, but Python and R write them.
    call({"scene.geojson": json.dumps(document).encode(errors="surrogatepass")}, "chips", "--json")


@EXAMPLES
@given(options=st.lists(st.tuples(st.sampled_from(OPTIONS), values), max_size=3))
def test_settings__any_option(call, options):
    call({}, "settings", *(word for pair in options for word in pair))


@EXAMPLES
@given(
    table=st.dictionaries(
        st.sampled_from(TABLES),
        st.one_of(of_toml, st.dictionaries(st.sampled_from(KEYS), of_toml, max_size=3)),
        max_size=3,
    )
)
def test_settings__any_file(call, tmp_path, table):
    file = tmp_path / "any.toml"
    file.write_text(tomli_w.dumps(table), encoding="utf-8", errors="replace")
    code, out = call({}, "settings", "--settings", str(file))
    contents = [v for t in table.values() if isinstance(t, dict) for v in t.values()]
    not_finite = [v for v in contents if isinstance(v, float) and not math.isfinite(v)]
    assert not (not_finite and code == 0), f"{not_finite} accepted as a setting: {out}"
