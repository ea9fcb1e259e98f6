"""The harbour's files: what is in them, whether they are true, whether they are all or nothing."""

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
from core.demo.harbour.harbour_scenes import GSD, PAINTERS, SIZE, lay_out, write_harbour
from core.demo.harbour.scene_plans import PLANS
from core.embeddings.descriptors.texture import Texture
from core.embeddings.encoder import ChipBatch
from core.errors import Cancelled, SettingsError, WorkspaceError
from core.progress import silent

SMALL = 1024


@pytest.fixture(scope="module")
def harbour(tmp_path_factory):
    return write_harbour(tmp_path_factory.mktemp("demo") / "raw", size=SMALL)


def annotations(path):
    return json.loads(path.with_suffix(".geojson").read_text(encoding="utf-8"))["features"]


def in_scene(feature, crs):
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


def test_write_harbour__scenes_lie_apart(harbour):
    bounds = []
    for path in harbour:
        with rasterio.open(path) as scene:
            bounds.append(box(*scene.bounds))
    assert not bounds[0].intersects(bounds[1])


def test_write_harbour__picture_is_neither_dark_nor_burnt_out(harbour):
    for path in harbour:
        with rasterio.open(path) as scene:
            picture = scene.read()
        assert 40 < picture.mean() < 140
        assert (picture >= 254).mean() < 0.01
        assert (picture <= 1).mean() < 0.01


def test_write_harbour__all_classes_in_each_small_scene(harbour):
    for path in harbour:
        classes = {feature["properties"]["class"] for feature in annotations(path)}
        assert classes == set(PAINTERS)
        assert len({feature["properties"]["state"] for feature in annotations(path)}) >= 3


@pytest.mark.parametrize("seed", [0, 1])
def test_lay_out__full_size_has_enough_of_each_class(seed):
    counts = Counter()
    for number, plan in enumerate(PLANS):
        things = lay_out(plan, SIZE, np.random.default_rng([seed, number])).things
        here = Counter(thing.kind for thing in things)
        assert min(here[kind] for kind in PAINTERS) >= 15
        counts += here
    assert counts.total() >= 600
    assert min(counts[kind] for kind in PAINTERS) >= 40


def test_write_harbour__footprints_are_valid_rings_in_the_scene(harbour):
    for path in harbour:
        with rasterio.open(path) as scene:
            edge, crs = box(*scene.bounds), scene.crs
        crossing = 0
        for feature in annotations(path):
            ring = feature["geometry"]["coordinates"][0]
            assert ring[0] == ring[-1]
            assert shape(feature["geometry"]).exterior.is_ccw
            footprint = in_scene(feature, crs)
            assert footprint.is_valid
            assert footprint.intersects(edge)
            crossing += not edge.contains(footprint)
        assert crossing >= 2


def contrast(picture, transform, footprints):
    """How much things differ from a ring around them, in grey values, on average."""
    grey = picture.mean(axis=0)
    inside = rasterize(
        [(footprint, number) for number, footprint in enumerate(footprints, 1)],
        grey.shape, transform=transform, dtype="int32",
    )  # fmt: skip
    rings = [footprint.buffer(1.8).difference(footprint.buffer(0.6)) for footprint in footprints]
    around = rasterize(
        [(ring, number) for number, ring in enumerate(rings, 1)],
        grey.shape, transform=transform, dtype="int32",
    )  # fmt: skip
    numbers = [
        n for n in range(1, len(footprints) + 1) if (inside == n).any() and (around == n).any()
    ]
    return np.mean([abs(grey[inside == n].mean() - grey[around == n].mean()) for n in numbers])


def test_write_harbour__footprints_lie_on_what_they_mark(harbour):
    for path in harbour:
        with rasterio.open(path) as scene:
            picture, transform, crs = scene.read(), scene.transform, scene.crs
        afloat = [
            in_scene(feature, crs)
            for feature in annotations(path)
            if feature["properties"]["state"] in ("berthed", "anchored")
        ]
        true = contrast(picture, transform, afloat)
        for east, north in ((1.5, 0), (-1.5, 0), (0, 1.5), (0, -1.5)):
            moved = [translate(footprint, east, north) for footprint in afloat]
            assert contrast(picture, transform, moved) < 0.85 * true


def test_write_harbour__same_seed_same_bytes(tmp_path):
    first = write_harbour(tmp_path / "a", seed=3, size=512)
    again = write_harbour(tmp_path / "b", seed=3, size=512)
    other = write_harbour(tmp_path / "c", seed=4, size=512)
    for one, two, three in zip(first, again, other, strict=True):
        for suffix in (".tif", ".geojson"):
            content = one.with_suffix(suffix).read_bytes()
            assert content == two.with_suffix(suffix).read_bytes()
            assert content != three.with_suffix(suffix).read_bytes()


def test_write_harbour__size_that_is_no_multiple_of_anything(tmp_path):
    for path in write_harbour(tmp_path / "raw", size=557):
        with rasterio.open(path) as scene:
            assert scene.shape == (557, 557)


@pytest.mark.parametrize("calls", [1, 2, 4])
def test_write_harbour__cancelled_leaves_nothing(tmp_path, calls):
    seen = []

    def stop(done, total, note):
        seen.append(done)
        assert 0 <= done < total
        return len(seen) == calls

    with pytest.raises(Cancelled):
        write_harbour(tmp_path / "raw", size=512, report=stop)
    assert list(tmp_path.iterdir()) == []


def test_write_harbour__failure_leaves_the_folder_as_it_was(tmp_path, monkeypatch):
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "mine.txt").write_text("kept", encoding="utf-8")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("core.demo.harbour.harbour_scenes._write_annotations", full)
    with pytest.raises(WorkspaceError, match="No space left"):
        write_harbour(raw, size=512)
    assert [path.name for path in raw.iterdir()] == ["mine.txt"]


def test_write_harbour__reports_from_start_to_end(tmp_path):
    seen = []
    write_harbour(tmp_path / "raw", size=512, report=lambda *step: bool(seen.append(step)))
    done, total, _ = zip(*seen, strict=True)
    assert list(done) == list(range(2 * len(PLANS) + 1))
    assert set(total) == {2 * len(PLANS)}


def test_write_harbour__raw_is_a_file(tmp_path):
    raw = tmp_path / "raw"
    raw.write_text("", encoding="utf-8")
    with pytest.raises(WorkspaceError, match="not a folder"):
        write_harbour(raw, size=512)


@pytest.mark.parametrize(("seed", "size"), [(-1, 512), (0, 511), (0, 9000)])
def test_write_harbour__out_of_bounds(tmp_path, seed, size):
    with pytest.raises(SettingsError):
        write_harbour(tmp_path / "raw", seed=seed, size=size, report=silent)


def cut(path):
    """Chips of 64 pixels as the chips stage cuts them by default, with their classes."""
    chips, classes = [], []
    with rasterio.open(path) as scene:
        for feature in annotations(path):
            west, south, east, north = in_scene(feature, scene.crs).bounds
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
        more_chips, more_classes = cut(path)
        chips += more_chips
        classes += more_classes
    pixels = np.stack(chips)
    batch = ChipBatch(pixels, (pixels == 0).all(axis=1), Scaling((0,) * 3, (255,) * 3, "by 255"))
    embeddings = Texture().encode(batch, Texture().fit(batch))
    guess = cross_val_predict(KNeighborsClassifier(5), embeddings, classes, cv=LeaveOneOut())
    assert 0.75 < balanced_accuracy_score(classes, guess) < 0.93
