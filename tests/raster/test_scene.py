import os
import shutil
import struct

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.enums import ColorInterp
from rasterio.shutil import copy as copy_raster

from core.errors import SceneError
from core.raster import scene
from core.raster.scene import find_rasters, read_scene

GREY = (ColorInterp.gray,)


def test_read_scene__attributes_of_the_header(make_scene):
    path = make_scene(
        "quay.tif", dtype="uint16", nodata=7, tiled=True, blockxsize=64, blockysize=32
    )
    scene = read_scene(path)
    assert (scene.name, scene.width, scene.height) == ("quay", 160, 120)
    assert (scene.dtype, scene.nodata, scene.block_shape) == ("uint16", 7.0, (32, 64))
    assert scene.crs_label == "EPSG:32631"
    assert scene.gsd == pytest.approx(0.5, rel=1e-3)
    assert not scene.has_overviews


def test_read_scene__overviews(make_scene):
    assert read_scene(make_scene(overviews=(2,))).has_overviews


def test_read_scene__alpha_is_not_an_image_band(make_scene):
    scene = read_scene(make_scene(bands=3, photometric="RGB", alpha=np.ones((120, 160), bool)))
    assert scene.indexes == (1, 2, 3)


@pytest.mark.parametrize(
    ("bands", "options", "names"),
    [
        (3, {"photometric": "RGB"}, ("red", "green", "blue")),
        (1, {"colours": GREY}, ("band 1",)),
        (
            3,
            {"descriptions": ("NIR ", "Red", None), "photometric": "MINISBLACK"},
            ("nir", "red", "band 3"),
        ),
        (
            3,
            {"photometric": "RGB", "descriptions": ("blue", None, None)},
            ("blue", "green", "blue (3)"),
        ),
        (
            2,
            {"descriptions": ("band 2", None), "photometric": "MINISBLACK"},
            ("band 2", "band 2 (2)"),
        ),
        (3, {"descriptions": ("x", "x", "x")}, ("x", "x (2)", "x (3)")),
    ],
)
def test_read_scene__band_names_are_unique(make_scene, bands, options, names):
    assert read_scene(make_scene(bands=bands, **options)).bands == names


def test_read_scene__without_crs_there_is_no_gsd(make_scene):
    scene = read_scene(make_scene(crs=None, transform=Affine.identity()))
    assert (scene.crs, scene.crs_label, scene.gsd) == ("", "", None)


@pytest.mark.parametrize(
    "crs", ['LOCAL_CS["site grid",UNIT["metre",1]]', "IAU_2015:30100", "+proj=longlat +R=1737400"]
)
def test_read_scene__a_crs_that_is_not_on_earth_is_ignored(make_scene, crs):
    scene = read_scene(make_scene(crs=crs, transform=Affine(0.1, 0, 10, 0, -0.1, 10)))
    assert (scene.crs, scene.gsd) == ("", None)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dtype": "complex64", "bands": 1}, "the file holds complex numbers"),
        (
            {"bands": 2, "colours": (ColorInterp.palette, ColorInterp.gray)},
            "one of several bands has a palette",
        ),
        (
            {"bands": 1, "colours": (ColorInterp.alpha,)},
            "the file has an alpha band but no image bands",
        ),
    ],
)
def test_read_scene__refused_with_a_reason(make_scene, options, message):
    path = make_scene("odd.tif", **options)
    with pytest.raises(SceneError, match=f"^odd.tif: {message}"):
        read_scene(path)


def test_read_scene__a_vrt_under_a_tif_name_is_refused(make_scene):
    path = make_scene()
    copy_raster(str(path), str(path.with_name("vrt.tif")), driver="VRT")
    with rasterio.open(path.with_name("vrt.tif")) as opened:
        assert opened.driver == "VRT"
    with pytest.raises(SceneError, match=r"^vrt.tif: the file cannot be opened as a GeoTIFF"):
        read_scene(path.with_name("vrt.tif"))


@pytest.mark.parametrize("kind", ["PNG", "ENVI"])
def test_read_scene__another_format_under_a_tif_name_is_refused(make_scene, kind):
    path = make_scene()
    copy_raster(str(path), str(path.with_name("other.tif")), driver=kind)
    with pytest.raises(SceneError, match="the file cannot be opened as a GeoTIFF"):
        read_scene(path.with_name("other.tif"))


@pytest.mark.parametrize("suffix", [".ovr", ".msk", ".OVR"])
def test_read_scene__a_vrt_as_overview_or_mask_is_refused(make_scene, suffix):
    path, secret = make_scene(), make_scene("secret.tif", folder=None)
    copy_raster(str(secret), f"{path}{suffix}", driver="VRT")
    with pytest.raises(SceneError, match=rf"scene.tif{suffix}, is not a TIFF"):
        read_scene(path)


def test_read_scene__overviews_in_a_tiff_next_to_it_are_accepted(make_scene):
    path = make_scene()
    with rasterio.Env(TIFF_USE_OVR=True), rasterio.open(path, "r+") as source:
        source.build_overviews((2,))
    assert path.with_name("scene.tif.ovr").exists()
    assert read_scene(path).has_overviews


def test_read_scene__overviews_taken_from_another_file_are_refused(make_scene):
    path, secret = make_scene(), make_scene("secret.tif")
    with rasterio.open(path, "r+") as source:
        source.update_tags(ns="OVERVIEWS", OVERVIEW_FILE=str(secret))
    with pytest.raises(SceneError, match="the file takes its overviews from another file"):
        read_scene(path)


@pytest.mark.parametrize("content", [b"", b"II*\x00", b"nothing", b"II*\x00" + b"\xff" * 60])
def test_read_scene__an_invalid_tiff_is_refused_without_revealing_its_path(tmp_path, content):
    path = tmp_path / "broken.tif"
    path.write_bytes(content)
    with pytest.raises(SceneError, match=r"^broken.tif: the file cannot be opened") as caught:
        read_scene(path)
    assert str(tmp_path) not in str(caught.value)


def test_read_scene__a_header_that_states_too_many_pixels_is_refused(tmp_path):
    path = tmp_path / "bomb.tif"
    side = 1_100_000
    fields = [
        (256, 4, side),
        (257, 4, side),
        (258, 3, 8),
        (259, 3, 1),
        (262, 3, 1),
        (273, 4, 8),
        (277, 3, 1),
        (278, 4, side),
        (279, 4, 8),
    ]
    entries = [struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in fields]
    head = struct.pack("<2sHI", b"II", 42, 8) + struct.pack("<H", len(entries))
    path.write_bytes(head + b"".join(entries) + struct.pack("<I", 0))
    with pytest.raises(SceneError, match="declares 1100000 x 1100000 pixels in 1 bands"):
        read_scene(path)


def test_find_rasters__sorted_by_name_with_outside_links_refused(make_scene, tmp_path):
    outside = make_scene("out.tif", folder=tmp_path)
    for name in ("b.tif", "a.TIFF", "c.Tif"):
        make_scene(name)
    raw = tmp_path / "raw"
    shutil.copy(raw / "b.tif", raw / "b.png")
    (raw / "folder.tif").mkdir()
    (raw / "link.tif").symlink_to(outside)
    (raw / "d.tif").symlink_to(raw / "b.tif")
    assert [p.name for p in find_rasters(raw)] == ["a.TIFF", "b.tif", "c.Tif", "d.tif", "link.tif"]
    assert read_scene(raw / "d.tif").name == "d"
    with pytest.raises(
        SceneError, match=r"^link.tif: the file is a link that leads out of its folder"
    ):
        read_scene(raw / "link.tif")
    assert find_rasters(tmp_path / "nowhere") == []


def test_read_scene__a_number_is_not_a_band_description(make_scene):
    colours = (ColorInterp.blue, ColorInterp.green, ColorInterp.red)
    numbered = make_scene("a.tif", descriptions=("Band 1", "band_2", "3"), colours=colours)
    assert read_scene(numbered).bands == ("blue", "green", "red")
    named = make_scene("b.tif", descriptions=("nir", "B8A", "swir 1"), colours=colours)
    assert read_scene(named).bands == ("nir", "b8a", "swir 1")


class CountingSource:
    """A source whose properties read all bands, as those of rasterio do."""

    def __init__(self, n):
        self.n, self.n_read = n, 0

    def _all(self, value):
        self.n_read += self.n
        return (value,) * self.n

    descriptions = property(lambda self: self._all("red"))
    colorinterp = property(lambda self: self._all(ColorInterp.undefined))
    scales = property(lambda self: self._all(1.0))
    offsets = property(lambda self: self._all(0.0))


@pytest.mark.parametrize("function", [scene._band_names, scene._scale_notes])
def test_bands__properties_are_read_in_linear_time(function):
    source = CountingSource(300)
    function(source, list(range(1, 301)))
    assert source.n_read <= 2 * 300


def test_read_scene__several_bands_of_one_name(make_scene):
    names, colours = ("red", "red", "red (2)", "red"), (ColorInterp.undefined,) * 4
    path = make_scene(bands=4, descriptions=names, colours=colours)
    assert read_scene(path).bands == ("red", "red (2)", "red (2) (3)", "red (4)")


def test_read_scene__too_many_bands(make_scene):
    path = make_scene(bands=scene.MAX_BANDS + 1, height=1, width=1)
    with pytest.raises(SceneError, match=r"the file has 2,049 bands, more than the limit of 2,048"):
        read_scene(path)


@pytest.mark.skipif(os.name == "nt", reason="file names are text on Windows")
def test_read_scene__a_name_that_is_not_text(make_scene):
    path = make_scene()
    odd = path.rename(os.fsdecode(os.fsencode(path.parent) + b"/caf\xe9.tif"))
    with pytest.raises(SceneError, match=r"the name of the file is not valid UTF-8\. Rename"):
        read_scene(odd)
