import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.shutil import copy

from core.errors import SceneError
from core.raster.embedding_rasters.raster_files import (
    find_embedding_files,
    list_source_files,
    read_embedding_tiles,
)

GRID = Affine(10, 0, 692_000, 0, -10, 4_796_000)


def write_vrt(path, source):
    """Write a VRT with the bands of one file."""
    copy(source, path, driver="VRT")
    return path


def read_single_tile(path):
    (tile,) = read_embedding_tiles(path)
    return tile


def test_alpha_earth__is_dequantised_as_documented(make_alpha_earth):
    tile = read_single_tile(make_alpha_earth())
    assert tile.is_alpha_earth
    stored = np.array([[-127, -1, 0, 1, 64, 127]], np.int8)
    expected = [(v / 127.5) ** 2 * np.sign(v) for v in stored[0].astype(float)]
    assert tile.dequantise(stored)[0] == pytest.approx(expected, rel=1e-6)


def test_alpha_earth__needs_its_names_and_dtype(make_alpha_earth):
    exported = read_single_tile(make_alpha_earth("gee.tif", dtype="float32", nodata=None))
    assert not exported.is_alpha_earth
    assert exported.dequantise(np.float32([[0.25]]))[0, 0] == 0.25
    unnamed = read_single_tile(make_alpha_earth("unnamed.tif", descriptions=()))
    assert not unnamed.is_alpha_earth


def test_declared_scale_and_offset_are_applied(make_scene, tmp_path):
    path = make_scene("presto.tif", bands=2, dtype="uint16", folder=tmp_path)
    with rasterio.open(path, "r+") as target:
        target.scales, target.offsets = (0.5, 2), (1, -1)
    values = read_single_tile(path).dequantise(np.array([[10], [10]], np.uint16))
    assert values.ravel().tolist() == [6, 19]
    assert values.dtype == np.float32


def test_files__of_a_folder_are_found_in_subfolders_without_vrts(make_alpha_earth, tmp_path):
    first = make_alpha_earth("2024/31N/one.tiff")
    write_vrt(first.with_suffix(".vrt"), first)
    assert find_embedding_files(tmp_path / "product") == [first]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing.tif", "there is no such file or folder"),
        ("table.csv", "is not a GeoTIFF or a VRT"),
        ("empty", "contains no GeoTIFF"),
        ("npy", "geotessera download --format tiff"),
    ],
)
def test_files__clear_errors(tmp_path, name, message):
    (tmp_path / "table.csv").write_text("a")
    (tmp_path / "empty").mkdir()
    (tmp_path / "npy").mkdir()
    np.save(tmp_path / "npy" / "grid_0.15_52.05_scales.npy", np.ones(3))
    with pytest.raises(SceneError, match=message):
        find_embedding_files(tmp_path / name)


def test_land_masks_of_tessera__are_not_embeddings(make_scene, tmp_path):
    make_scene("grid_0.15_52.05.tiff", bands=1, folder=tmp_path / "masks")
    np.save(tmp_path / "masks" / "grid_0.15_52.05_scales.npy", np.ones(3))
    with pytest.raises(SceneError, match=r"single band.*geotessera"):
        read_embedding_tiles(tmp_path / "masks")


def test_quantised_tessera__needs_the_scale_of_each_pixel(make_scene, tmp_path):
    path = make_scene("raw.tif", bands=128, dtype="int8", folder=tmp_path)
    with pytest.raises(SceneError, match="without the scale of each pixel"):
        read_embedding_tiles(path)


def test_raster_without_crs__clear_error(make_alpha_earth):
    with pytest.raises(SceneError, match="has no CRS"):
        read_embedding_tiles(make_alpha_earth(crs=None))


def test_tiles__of_different_products_are_refused(make_alpha_earth, make_tessera, tmp_path):
    make_alpha_earth(folder=tmp_path / "mixed")
    make_tessera(folder=tmp_path / "mixed")
    with pytest.raises(SceneError, match="same bands and data type"):
        read_embedding_tiles(tmp_path / "mixed")


def test_years__of_one_area_are_refused(make_alpha_earth, tmp_path):
    make_alpha_earth("a_first.tif")
    make_alpha_earth("b_second.tif", transform=GRID @ Affine.translation(20, 0))
    with pytest.raises(SceneError, match=r"a_first.tif and b_second.tif show the same area"):
        read_embedding_tiles(tmp_path / "product")


def test_years__are_recognised_by_folder_and_tag(make_alpha_earth, make_tessera, tmp_path):
    beside = GRID @ Affine.translation(50, 0)
    make_alpha_earth("2023/a.tif")
    make_alpha_earth("2024/b.tif", transform=beside)
    with pytest.raises(SceneError, match="different years, 2023 and 2024"):
        read_embedding_tiles(tmp_path / "product")
    assert len(read_embedding_tiles(tmp_path / "product" / "2024")) == 1
    for name, year, transform in (("a.tif", "2020", GRID), ("b.tif", "2021", beside)):
        with rasterio.open(make_tessera(name, transform=transform), "r+") as target:
            target.update_tags(TESSERA_YEAR=year)
    with pytest.raises(SceneError, match="different years, 2020 and 2021"):
        read_embedding_tiles(tmp_path / "tessera")


def test_neighbouring_tiles__may_overlap_a_little_and_zones_entirely(make_alpha_earth, tmp_path):
    make_alpha_earth("a.tif")
    make_alpha_earth("b.tif", transform=GRID @ Affine.translation(40, 0))
    make_alpha_earth("c.tif", crs="EPSG:32632", transform=GRID)
    assert len(read_embedding_tiles(tmp_path / "product")) == 3


def test_vrt__is_read_with_its_sources(make_alpha_earth):
    source = make_alpha_earth()
    vrt = write_vrt(source.with_suffix(".vrt"), source)
    tile = read_single_tile(vrt)
    assert tile.is_alpha_earth
    assert list(list_source_files([vrt])) == [vrt, source]


@pytest.mark.parametrize("target", ["/vsicurl/http.tif", "https://example.org/a.tif"])
def test_vrt__never_leads_to_a_request(make_alpha_earth, target):
    source = make_alpha_earth()
    vrt = write_vrt(source.with_suffix(".vrt"), source)
    vrt.write_text(vrt.read_text().replace(source.name, target))
    for read in (read_embedding_tiles, lambda path: list(list_source_files([path]))):
        with pytest.raises(SceneError, match="not on this machine"):
            read(vrt)


def test_vrt__under_another_name_is_not_opened(make_alpha_earth):
    source = make_alpha_earth()
    vrt = write_vrt(source.with_suffix(".vrt"), source)
    disguised = vrt.rename(source.with_name("disguised.tif"))
    with pytest.raises(SceneError, match="cannot be opened as a GeoTIFF"):
        read_embedding_tiles(disguised)
