import numpy as np
import pytest
import shapely
from affine import Affine
from shapely.geometry import GeometryCollection, LineString, Point, Polygon, box

from core.chips import extraction
from core.chips.extraction import cut_chips
from core.errors import Cancelled, SceneError
from core.raster.annotations.footprints import place_annotations
from core.raster.annotations.vector_files import read_annotations
from core.raster.pixel_reader import Reader
from core.raster.scene import read_scene
from core.settings import ChipSettings


def cut(path, shapes, bands=(), report=None, **settings):
    """The chips of footprints in scene pixels, in the order of the footprints."""
    scene = read_scene(path)
    options = ChipSettings(**{"size": 16, "margin": 0.0} | settings)
    bands = bands or scene.bands
    values = np.zeros((len(shapes), len(bands), options.size, options.size), scene.dtype)
    mask = np.zeros((len(shapes), options.size, options.size), bool)
    rows = []
    extra = (report,) if report else ()
    for part in cut_chips(scene, np.array(shapes, object), bands, options, *extra):
        values[part.rows], mask[part.rows] = part.values, part.mask
        rows += part.rows.tolist()
    assert sorted(rows) == list(range(len(shapes)))
    return values, mask


def painted(*boxes, background=10, bright=200):
    """Scene content with bright rectangles, given in pixels."""

    def content(row, column):
        values = np.full(row.shape, background)
        for left, top, right, bottom in boxes:
            values[top:bottom, left:right] = bright
        return values

    return content


def scattered(n, height, width, seed=0):
    rng = np.random.default_rng(seed)
    centres, sides = rng.random((n, 2)) * (width, height), 4 + rng.random((n, 2)) * 40
    return [box(*(c - s / 2), *(c + s / 2)) for c, s in zip(centres, sides, strict=True)]


def test_cut_chips__at_native_resolution_equal_the_file(make_scene):
    path = make_scene(crs=None, transform=Affine.identity())
    values, mask = cut(path, [box(30, 40, 46, 56), box(100, 20, 116, 36)])
    scene = read_scene(path)
    with Reader(scene) as reader:
        pixels = reader.read((0, 0, 160, 120)).values
    assert np.array_equal(values[0], pixels[:, 40:56, 30:46])
    assert np.array_equal(values[1], pixels[:, 20:36, 100:116])
    assert not mask.any()


@pytest.mark.parametrize("crs", ["EPSG:32631", "EPSG:4326", "EPSG:3857", "EPSG:2154"])
@pytest.mark.parametrize("align", ["north", "long-axis"])
def test_cut_chips__annotation_in_any_crs(make_scene, make_annotations, to_ground, crs, align):
    path = make_scene(content=painted((60, 40, 90, 60)))
    shape = to_ground(box(60, 40, 90, 60), target="" if crs == "EPSG:32631" else crs)
    footprints = place_annotations(
        read_scene(path), read_annotations(make_annotations(path, [shape], crs=crs))
    )
    (values,), _ = cut(path, footprints.pixels, align=align, size=30)
    bright = values[0] > 105
    across, down = bright.any(axis=0).sum(), bright.any(axis=1).sum()
    assert sorted((across, down)) == [20, 30]
    assert (across > down) == (align == "north")
    assert bright[5:25, 5:25].mean() == 1
    assert not bright[(0, 0, -1, -1), (0, -1, 0, -1)].any()


def test_cut_chips__scene_in_feet_in_degrees_or_rotated(make_scene):
    turned = Affine.translation(692_000, 4_796_000) @ Affine.rotation(30) @ Affine.scale(0.5, -0.5)
    for crs, transform in (
        ("EPSG:2263", Affine(2, 0, 985_000, 0, -2, 195_000)),
        ("EPSG:4326", Affine(1e-5, 0, 5, 0, -1e-5, 43)),
        ("EPSG:32631", turned),
    ):
        path = make_scene(content=painted((60, 40, 100, 50)), crs=crs, transform=transform)
        (values,), _ = cut(path, [box(60, 40, 100, 50)])
        assert values[0, 8, 8] == 200
        assert values[0, 0, 0] == 10


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32"])
def test_cut_chips__native_dtype_and_all_bands(make_scene, dtype):
    values, _ = cut(make_scene(bands=5, dtype=dtype), [box(10, 10, 50, 50)])
    assert (values.dtype, values.shape) == (np.dtype(dtype), (1, 5, 16, 16))


def test_cut_chips__bands_in_the_requested_order(make_scene):
    content = np.arange(3)[:, None, None] * np.full((60, 60), 50)
    path = make_scene(content=content, photometric="RGB")
    values, _ = cut(path, [box(10, 10, 50, 50)], bands=("blue", "red"))
    assert values[0, :, 8, 8].tolist() == [100, 0]


@pytest.mark.parametrize("align", ["north", "long-axis"])
@pytest.mark.parametrize("overviews", [(), (2, 4)])
def test_cut_chips__shared_and_separate_reads_are_equal(make_scene, monkeypatch, align, overviews):
    path = make_scene(
        height=600,
        width=700,
        dtype="uint16",
        nodata=0,
        overviews=overviews,
        content=lambda r, c: np.where((r // 50 + c // 70) % 5 == 0, 0, (r * 7 + c * 13) % 997),
    )
    shapes = [*scattered(80, 600, 700), box(0, 0, 700, 600), Point(3, 3)]
    shared = cut(path, shapes, align=align)
    monkeypatch.setattr(extraction, "_pays", lambda *_: False)
    separate = cut(path, shapes, align=align)
    assert np.array_equal(shared[0], separate[0])
    assert np.array_equal(shared[1], separate[1])
    single = [cut(path, [shape], align=align) for shape in shapes[::9]]
    assert np.array_equal(np.concatenate([v for v, _ in single]), separate[0][::9])


def test_cut_chips__only_neighbours_share_a_read(make_scene, monkeypatch):
    path = make_scene(height=600, width=700, bands=1)
    boxes = []
    read = Reader.read
    monkeypatch.setattr(
        Reader, "read", lambda self, box, step=1: boxes.append(box) or read(self, box, step)
    )
    near = [box(100 + 5 * i, 100, 140 + 5 * i, 140) for i in range(20)]
    cut(path, near)
    assert len(boxes) == 1
    boxes.clear()
    cut(path, [box(5, 5, 15, 15), box(680, 580, 690, 590)])
    assert len(boxes) == 2
    assert max(right - left for left, _, right, _ in boxes) < 20


def test_cut_chips__large_chip_is_decimated_while_reading(make_scene, monkeypatch):
    sizes, read = [], Reader.read

    def recording_read(self, box, step=1):
        part = read(self, box, step)
        sizes.append(part.mask.shape)
        return part

    monkeypatch.setattr(Reader, "read", recording_read)
    path = make_scene(height=1500, width=1501, bands=1, dtype="float32", content=lambda r, c: c)
    (values,), mask = cut(path, [box(101, 50, 1400, 1349)])
    expected = 101 + (np.arange(16) + 0.5) * 1299 / 16 - 0.5
    assert not mask.any()
    assert values[0, 8] == pytest.approx(expected, abs=3)
    assert 64 <= max(sizes[0]) <= 128


def test_cut_chips__masked_beyond_the_edge_and_at_nodata(make_scene):
    path = make_scene(content=lambda r, c: np.where(c < 80, 255, 100), nodata=255)
    values, mask = cut(path, [box(60, 40, 100, 80), box(-20, 40, 20, 80), box(140, 40, 180, 80)])
    for i, masked_fraction in enumerate((0.5, 1.0, 0.5)):
        assert mask[i].mean() == pytest.approx(masked_fraction, abs=0.04)
        assert set(np.unique(values[i][:, ~mask[i]])) <= {100}


def test_cut_chips__chip_outside_the_scene_is_all_masked(make_scene):
    # The centre of this L lies outside the scene, and a chip of 5 m does not reach it.
    shape = Polygon([(150, 10), (400, 10), (400, 400), (390, 400), (390, 20), (150, 20)])
    for align in ("north", "long-axis"):
        values, mask = cut(make_scene(), [shape], extent=5, align=align)
        assert mask.all()
        assert not values.any()


@pytest.mark.parametrize(
    ("shape", "masked_fraction"),
    [
        (box(40, 40, 80, 60), 0.5),
        (Polygon([(40, 40), (80, 40), (80, 80), (40, 80)], [box(50, 50, 70, 70).exterior]), 0.16),
        (GeometryCollection([box(40, 40, 80, 60), LineString([(40, 80), (80, 80)])]), 0.5),
        (Point(60, 60), 0),
        (LineString([(40, 40), (80, 80)]), 0),
    ],
)
def test_cut_chips__background_is_masked(make_scene, shape, masked_fraction):
    values, mask = cut(make_scene(), [shape], background="mask")
    assert mask.mean() == pytest.approx(masked_fraction, abs=0.1)
    assert not values[0][:, mask[0]].any()
    assert values[0][:, ~mask[0]].all()


def test_cut_chips__background_of_a_rotated_chip_is_masked(make_scene):
    shape = shapely.affinity.rotate(box(60, 40, 70, 80), 35)
    _, mask = cut(make_scene(), [shape], background="mask", align="long-axis", size=32)
    visible = ~mask[0]
    assert visible[:, 12:20].mean() == 1
    assert not visible[:, :11].any()
    assert not visible[:, 21:].any()


def test_cut_chips__no_footprints(make_scene):
    assert len(cut(make_scene(), [])[0]) == 0


def test_cut_chips__progress_can_cancel(make_scene):
    reports = []
    with pytest.raises(Cancelled):
        cut(make_scene(), [box(1, 1, 9, 9)], report=lambda *step: reports.append(step) or True)
    assert reports == [(1, 1, "scene")]


def test_cut_chips__damaged_scene(make_scene):
    path = make_scene(height=600, compress="lzw", tiled=True, blockxsize=64, blockysize=64)
    path.write_bytes(path.read_bytes()[:-5000])
    with pytest.raises(SceneError, match="opens but cannot be read"):
        cut(path, [box(10, 10, 150, 590)], size=128)


def test_cut_chips__writes_nothing_next_to_the_scene(make_scene, tmp_path):
    path = make_scene(height=600, width=600, nodata=0)
    before = {p.name: p.read_bytes() for p in path.parent.iterdir()}
    cut(path, [box(10, 10, 590, 590), box(1, 1, 9, 9)])
    assert {p.name: p.read_bytes() for p in path.parent.iterdir()} == before
