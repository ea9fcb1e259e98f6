import numpy as np
import pytest
import rasterio

from core.errors import SceneError
from core.raster.pixel_reader import Pixels, Reader, check_blocks, clip_box
from core.raster.scene import read_scene

ALL = (0, 0, 160, 120)


def read(path, box=ALL, step=1, bands=()):
    with Reader(read_scene(path), bands) as reader:
        return reader.read(box, step)


@pytest.mark.parametrize("layout", [{"tiled": True, "blockxsize": 32, "blockysize": 32}, {}])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32"])
def test_read__a_window_of_the_file(make_scene, dtype, layout):
    path = make_scene(dtype=dtype, **layout)
    with rasterio.open(path) as source:
        values = source.read()
    part = read(path, (10, 20, 50, 45))
    assert part.values.dtype == dtype
    assert np.array_equal(part.values, values[:, 20:45, 10:50])
    assert (part.left, part.top, part.step, part.mask.any()) == (10, 20, (1, 1), False)


def test_read__bands_in_the_order_requested(make_scene):
    path = make_scene(photometric="RGB", content=np.arange(3)[:, None, None] * np.ones((20, 30)))
    assert read(path, bands=("blue", "red")).values[:, 0, 0].tolist() == [2, 0]


def test_read__clipped_to_the_scene(make_scene):
    path = make_scene()
    part = read(path, (-5, 100, 10, 200))
    assert (part.values.shape, part.left, part.top) == ((3, 20, 10), 0, 100)
    assert read(path, (-20, 0, -10, 10)).values.shape[2] == 0
    assert clip_box((200, 200, 300, 300), read_scene(path)) == (160, 120, 160, 120)


def test_read__alpha_nodata_and_mask_band_are_masked(make_scene):
    left = np.zeros((120, 160), bool)
    left[:, :50] = True
    for path in (
        make_scene("alpha.tif", alpha=~left),
        make_scene("mask.tif", mask=~left),
        make_scene("nodata.tif", lambda r, c: np.where(c < 50, 7, 100), nodata=7, dtype="int16"),
        make_scene("nan.tif", lambda r, c: np.where(c < 50, np.nan, 1), dtype="float32"),
        make_scene("inf.tif", lambda r, c: np.where(c < 50, -np.inf, 1), dtype="float32"),
        make_scene(
            "most.tif",
            lambda r, c: np.where(c < 50, -3.4e38, 1),
            dtype="float32",
            nodata=np.float32(-3.4e38),
        ),
    ):
        assert np.array_equal(read(path).mask, left), path.name


@pytest.mark.filterwarnings("ignore:The dataset's nodata attribute is shadowing")
def test_read__alpha_and_nodata_are_both_applied(make_scene):
    top = np.zeros((120, 160), bool)
    top[:30] = True
    path = make_scene(
        content=lambda r, c: np.where(c < 50, 7, 100), dtype="uint16", nodata=7, alpha=~top
    )
    assert np.array_equal(read(path).mask, top | (np.arange(160) < 50))


@pytest.mark.parametrize(("dtype", "masked"), [("uint8", False), ("uint16", True)])
def test_read__nodata_in_one_band_is_a_colour_in_uint8_only(make_scene, dtype, masked):
    content = np.full((3, 10, 10), 255)
    content[2, 0, 0] = 254
    mask = read(make_scene(content=content, dtype=dtype, nodata=255)).mask
    assert (mask[0, 0], mask[5, 5]) == (masked, True)


def state_nodata(path, values):
    """State nodata of single bands, {number: value}, in a .aux.xml file, since a TIFF cannot."""
    bands = "".join(
        f'<PAMRasterBand band="{i}"><NoDataValue>{v}</NoDataValue></PAMRasterBand>'
        for i, v in values.items()
    )
    path.with_name(f"{path.name}.aux.xml").write_text(f"<PAMDataset>{bands}</PAMDataset>")
    return path


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("band_nodata", [{1: 255}, {2: 255}, {1: 255, 2: 9}])
def test_read__nodata_of_a_single_band_masks_where_that_band_has_it(make_scene, dtype, band_nodata):
    content = np.full((3, 10, 10), 100)
    content[0, 0] = content[1, 1] = 255
    content[1, 2] = 9
    path = state_nodata(make_scene(content=content, dtype=dtype), band_nodata)
    expected = np.zeros((10, 10), bool)
    for band, value in band_nodata.items():
        expected |= content[band - 1] == value
    assert np.array_equal(read(path).mask, expected)
    assert read_scene(path).nodata == 255


LOWEST = np.finfo("float32").min


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("fill", [LOWEST, -3.4e38, -1.0e38])
def test_read__fill_values_are_masked_and_reported_unless_stated(make_scene, dtype, fill):
    path = make_scene(content=lambda r, c: np.where(c < 40, fill, 1), dtype=dtype)
    left = np.broadcast_to(np.arange(160) < 40, (120, 160))
    assert np.array_equal(read(path).mask, left)
    # An average that includes a fill value is not a measurement.
    coarse = read(path, step=7)
    assert coarse.values[:, ~coarse.mask].min() == pytest.approx(1)
    check = check_blocks(read_scene(path))
    assert check.valid_fraction == pytest.approx(0.75)
    (note,) = check.notes
    assert note.startswith(
        "25.0% of the sampled pixels are about -3.4e38. They are treated as nodata"
    )


def test_check_blocks__no_note_on_stated_nodata_nan_or_low_values(make_scene):
    for name, fill, nodata in (
        ("a.tif", LOWEST, LOWEST),
        ("b.tif", np.nan, None),
        ("c.tif", -1e29, None),
    ):
        path = make_scene(
            name, lambda r, c, fill=fill: np.where(c < 40, fill, 1), dtype="float32", nodata=nodata
        )
        assert check_blocks(read_scene(path)).notes == ()
    assert not read(path).mask.any()


@pytest.mark.parametrize("overviews", [(), (2, 4, 8)])
def test_read__decimated_by_averaging(make_scene, overviews):
    path = make_scene(content=lambda r, c: c, dtype="float32", overviews=overviews)
    part = read(path, (0, 0, 160, 120), 8)
    assert part.values.shape == (3, 15, 20)
    assert part.values[0, 5] == pytest.approx(np.arange(160).reshape(20, 8).mean(axis=1), abs=4)
    if not overviews:
        assert part.values[0, 5] == pytest.approx(np.arange(160).reshape(20, 8).mean(axis=1))


def test_read__the_step_is_exact_if_it_does_not_divide_the_box(make_scene):
    part = read(make_scene(content=lambda r, c: c + 0.5, dtype="float32"), (0, 0, 101, 55), 10)
    assert part.values.shape == (3, 6, 11)
    assert part.step == (101 / 11, 55 / 6)
    centres = (np.arange(11) + 0.5) * part.step[0]
    assert part.values[0, 0] == pytest.approx(centres, abs=0.02)


def test_read__a_truncated_file_opens_and_the_error_names_the_window(make_scene):
    path = make_scene(compress="deflate", tiled=True, blockxsize=64, blockysize=64)
    path.write_bytes(path.read_bytes()[:-4000])
    scene = read_scene(path)
    with pytest.raises(
        SceneError, match=r"scene.tif: the file opens but .* columns 0 to 160, rows 0 to"
    ):
        read(path)
    with pytest.raises(SceneError, match="copy it again"):
        check_blocks(scene)


def test_check_blocks__fraction_of_valid_pixels(make_scene):
    assert check_blocks(read_scene(make_scene())).valid_fraction == 1
    half = make_scene("half.tif", lambda r, c: np.where(c < 80, 0, 9), nodata=0)
    assert check_blocks(read_scene(half)).valid_fraction == pytest.approx(0.5)
    single = make_scene("single.tif", np.ones((1, 1, 1)))
    assert check_blocks(read_scene(single)).valid_fraction == 1


def test_check_blocks__reads_few_blocks_of_a_large_file(make_scene, monkeypatch):
    path = make_scene(height=2048, width=2048, bands=1, tiled=True, blockxsize=64, blockysize=64)
    boxes = []
    read_box = Reader.read
    monkeypatch.setattr(
        Reader, "read", lambda self, box, step=1: boxes.append(box) or read_box(self, box, step)
    )
    check_blocks(read_scene(path))
    assert len(boxes) == 9
    assert max(box[2] - box[0] for box in boxes) == 64


def test_pixels__values_and_mask_must_match():
    with pytest.raises(SceneError, match=r"mask \(3, 3\) and values \(1, 2, 2\) do not match"):
        Pixels(np.zeros((1, 2, 2)), np.zeros((3, 3), bool), 0, 0)
