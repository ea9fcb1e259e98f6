"""The files of the harbour: contents, agreement of pixels and annotations, interrupted runs."""

import json
from collections import Counter

import numpy as np
import pytest
import rasterio
from rasterio.enums import ColorInterp, Compression, Resampling
from rasterio.features import rasterize
from rasterio.warp import transform_geom
from shapely.affinity import translate
from shapely.geometry import box, shape
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import LeaveOneOut, cross_val_predict
from sklearn.neighbors import KNeighborsClassifier

from core.chips.scaling import Scaling
from core.demo.harbour.harbour_scenes import GSD, PAINTERS, SIZE, lay_out_scene, write_harbour
from core.demo.harbour.scene_plans import PLANS
from core.embeddings.descriptors.texture import Texture
from core.embeddings.encoder import ChipBatch
from core.errors import Cancelled, SettingsError, WorkspaceError
from core.progress import silent

SMALL = 1024


@pytest.fixture(scope="module")
def harbour(tmp_path_factory):
    return write_harbour(tmp_path_factory.mktemp("demo") / "raw", size=SMALL)


def read_annotations(path):
    return json.loads(path.with_suffix(".geojson").read_text(encoding="utf-8"))["features"]


def project_footprint(feature, crs):
    return shape(transform_geom("EPSG:4326", crs, feature["geometry"]))


def test_write_harbour__folder_holds_scenes_and_annotations_only(harbour):
    names = sorted(path.name for path in harbour[0].parent.iterdir())
    stems = sorted(plan.name for plan in PLANS)
    assert names == sorted(f"{stem}{end}" for stem in stems for end in (".tif", ".geojson"))
    assert sorted(path.stem for path in harbour) == stems
    assert [path.name for path in harbour[0].parent.parent.iterdir()] == ["raw"]


def test_write_harbour__scene_is_utm_tiled_with_overviews_inside(harbour):
    for path in harbour:
        with rasterio.open(path) as scene:
            assert scene.driver == "GTiff"
            assert scene.crs.to_epsg() == 32631
            assert scene.res == pytest.approx((GSD, GSD))
            assert scene.shape == (SMALL, SMALL)
            assert scene.dtypes == ("uint8",) * 3
            assert scene.colorinterp == (ColorInterp.red, ColorInterp.green, ColorInterp.blue)
            assert scene.profile["tiled"]
            assert scene.block_shapes == [(256, 256)] * 3
            assert scene.compression == Compression.deflate
            assert all(scene.overviews(band) == [2, 4, 8] for band in (1, 2, 3))


def test_write_harbour__scenes_do_not_overlap(harbour):
    bounds = []
    for path in harbour:
        with rasterio.open(path) as scene:
            bounds.append(box(*scene.bounds))
    assert not bounds[0].intersects(bounds[1])


def test_write_harbour__neither_underexposed_nor_overexposed(harbour):
    for path in harbour:
        with rasterio.open(path) as scene:
            picture = scene.read()
        assert 40 < picture.mean() < 140
        assert (picture >= 254).mean() < 0.01
        assert (picture <= 1).mean() < 0.01


def test_write_harbour__all_classes_in_each_small_scene(harbour):
    for path in harbour:
        classes = {feature["properties"]["class"] for feature in read_annotations(path)}
        assert classes == set(PAINTERS)
        assert len({feature["properties"]["state"] for feature in read_annotations(path)}) >= 3


@pytest.mark.parametrize("seed", [0, 1])
def test_lay_out_scene__full_size_has_enough_of_each_class(seed):
    counts = Counter()
    for number, plan in enumerate(PLANS):
        objects = lay_out_scene(plan, SIZE, np.random.default_rng([seed, number])).objects
        scene_counts = Counter(scene_object.kind for scene_object in objects)
        assert min(scene_counts[kind] for kind in PAINTERS) >= 15
        counts += scene_counts
    assert counts.total() >= 600
    assert min(counts[kind] for kind in PAINTERS) >= 40


def test_write_harbour__footprints_are_valid_rings_in_the_scene(harbour):
    for path in harbour:
        with rasterio.open(path) as scene:
            scene_box, crs = box(*scene.bounds), scene.crs
        n_crossing = 0
        for feature in read_annotations(path):
            ring = feature["geometry"]["coordinates"][0]
            assert ring[0] == ring[-1]
            assert shape(feature["geometry"]).exterior.is_ccw
            footprint = project_footprint(feature, crs)
            assert footprint.is_valid
            assert footprint.intersects(scene_box)
            n_crossing += not scene_box.contains(footprint)
        assert n_crossing >= 2


def mean_contrast(picture, transform, footprints):
    """Return the mean difference in grey value between objects and a ring around each of them."""
    grey = picture.mean(axis=0)
    inside = rasterize(
        [(footprint, number) for number, footprint in enumerate(footprints, 1)],
        grey.shape,
        transform=transform,
        dtype="int32",
    )
    rings = [footprint.buffer(1.8).difference(footprint.buffer(0.6)) for footprint in footprints]
    around = rasterize(
        [(ring, number) for number, ring in enumerate(rings, 1)],
        grey.shape,
        transform=transform,
        dtype="int32",
    )
    numbers = [
        n for n in range(1, len(footprints) + 1) if (inside == n).any() and (around == n).any()
    ]
    return np.mean([abs(grey[inside == n].mean() - grey[around == n].mean()) for n in numbers])


def test_write_harbour__footprints_lie_on_their_objects(harbour):
    for path in harbour:
        with rasterio.open(path) as scene:
            picture, transform, crs = scene.read(), scene.transform, scene.crs
        boats = [
            project_footprint(feature, crs)
            for feature in read_annotations(path)
            if feature["properties"]["state"] in ("berthed", "anchored")
        ]
        contrast = mean_contrast(picture, transform, boats)
        for east, north in ((1.5, 0), (-1.5, 0), (0, 1.5), (0, -1.5)):
            moved_boats = [translate(footprint, east, north) for footprint in boats]
            assert mean_contrast(picture, transform, moved_boats) < 0.85 * contrast


def test_write_harbour__same_seed_same_bytes(tmp_path):
    paths = write_harbour(tmp_path / "a", seed=3, size=512)
    same_seed = write_harbour(tmp_path / "b", seed=3, size=512)
    other_seed = write_harbour(tmp_path / "c", seed=4, size=512)
    for path, same_seed_path, other_seed_path in zip(paths, same_seed, other_seed, strict=True):
        for suffix in (".tif", ".geojson"):
            content = path.with_suffix(suffix).read_bytes()
            assert content == same_seed_path.with_suffix(suffix).read_bytes()
            assert content != other_seed_path.with_suffix(suffix).read_bytes()


def test_write_harbour__size_that_is_not_a_multiple_of_the_cell(tmp_path):
    for path in write_harbour(tmp_path / "raw", size=557):
        with rasterio.open(path) as scene:
            assert scene.shape == (557, 557)


@pytest.mark.parametrize("calls", [1, 2, 4])
def test_write_harbour__cancelled_leaves_no_files(tmp_path, calls):
    steps = []

    def stop(step, total, note):
        steps.append(step)
        assert 0 <= step < total
        return len(steps) == calls

    with pytest.raises(Cancelled):
        write_harbour(tmp_path / "raw", size=512, report=stop)
    assert list(tmp_path.iterdir()) == []


def test_write_harbour__failure_leaves_the_folder_unchanged(tmp_path, monkeypatch):
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "notes.txt").write_text("kept", encoding="utf-8")

    def fill_disk(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("core.demo.harbour.harbour_scenes._write_annotations", fill_disk)
    with pytest.raises(WorkspaceError, match="the disk is full"):
        write_harbour(raw, size=512)
    assert [path.name for path in raw.iterdir()] == ["notes.txt"]


def test_write_harbour__reports_from_start_to_end(tmp_path):
    calls = []
    write_harbour(tmp_path / "raw", size=512, report=lambda *call: bool(calls.append(call)))
    steps, totals, _ = zip(*calls, strict=True)
    assert list(steps) == list(range(2 * len(PLANS) + 1))
    assert set(totals) == {2 * len(PLANS)}


def test_write_harbour__raw_is_a_file(tmp_path):
    raw = tmp_path / "raw"
    raw.write_text("", encoding="utf-8")
    with pytest.raises(WorkspaceError, match="not a folder"):
        write_harbour(raw, size=512)


@pytest.mark.parametrize(("seed", "size"), [(-1, 512), (0, 511), (0, 9000)])
def test_write_harbour__out_of_bounds(tmp_path, seed, size):
    with pytest.raises(SettingsError):
        write_harbour(tmp_path / "raw", seed=seed, size=size, report=silent)


def cut_chips(path):
    """Cut chips of 64 pixels as the chips stage does by default, and return their classes too."""
    chips, classes = [], []
    with rasterio.open(path) as scene:
        for feature in read_annotations(path):
            west, south, east, north = project_footprint(feature, scene.crs).bounds
            half = max(east - west, north - south) * 0.65
            x, y = (west + east) / 2, (south + north) / 2
            window = scene.window(x - half, y - half, x + half, y + half)
            chip = scene.read(
                window=window, boundless=True, out_shape=(3, 64, 64), resampling=Resampling.bilinear
            )
            chips.append(chip)
            classes.append(feature["properties"]["class"])
    return chips, classes


@pytest.mark.long
def test_write_harbour__classes_are_learnable_but_not_trivial(tmp_path):
    chips, classes = [], []
    for path in write_harbour(tmp_path / "raw"):
        scene_chips, scene_classes = cut_chips(path)
        chips += scene_chips
        classes += scene_classes
    pixels = np.stack(chips)
    batch = ChipBatch(pixels, (pixels == 0).all(axis=1), Scaling((0,) * 3, (255,) * 3, "by 255"))
    embeddings = Texture().encode(batch, Texture().fit(batch))
    predictions = cross_val_predict(KNeighborsClassifier(5), embeddings, classes, cv=LeaveOneOut())
    assert 0.75 < balanced_accuracy_score(classes, predictions) < 0.93
