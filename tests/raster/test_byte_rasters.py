import numpy as np
import pytest
import rasterio
from affine import Affine

from core.errors import SceneError
from core.raster.byte_rasters import read_byte_raster, write_palette_raster, write_palette_strips

PALETTE = np.array([(128, 128, 128), (0, 0, 255), (255, 0, 0)], np.uint8)
TRANSFORM = Affine(0.2, 0, 1000, 0, -0.2, 5000)


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "image.tif"
    options = {"driver": "GTiff", "width": 4, "height": 3, "count": 2, "dtype": "uint8"}
    with rasterio.open(path, "w", **options, crs="EPSG:2154", transform=TRANSFORM) as target:
        target.write(np.arange(24, dtype=np.uint8).reshape(2, 3, 4))
    return path


def test_write_palette_raster__preserves_colours_and_position(tmp_path, image):
    values = np.array([[0, 1, 2], [2, 1, 0]], np.uint8)
    path = tmp_path / "map.tif"
    write_palette_raster(path, values, PALETTE, image, "a credit")
    bands, nodata = read_byte_raster(path, 1)
    assert (bands[0] == values).all()
    assert nodata == 0
    with rasterio.open(path) as written:
        assert (written.crs.to_epsg(), written.transform) == (2154, TRANSFORM)
        assert [written.colormap(1)[value] for value in (1, 2)] == [
            (0, 0, 255, 255),
            (255, 0, 0, 255),
        ]
        assert written.tags()["COPYRIGHT"] == written.tags()["TIFFTAG_COPYRIGHT"] == "a credit"
    assert {entry.name for entry in tmp_path.iterdir()} == {"image.tif", "map.tif"}


def test_write_palette_raster__the_image_must_be_a_geotiff(tmp_path, image):
    image.write_bytes(b"no image")
    with pytest.raises(SceneError, match=r"image\.tif"):
        write_palette_raster(
            tmp_path / "map.tif", np.zeros((2, 2), np.uint8), PALETTE, image, "a credit"
        )


def test_read_byte_raster__bands_and_side(image):
    bands, nodata = read_byte_raster(image, 2)
    assert bands.shape == (2, 3, 4)
    assert nodata is None
    with pytest.raises(SceneError, match=r"2 bands of 4 x 3 pixels \(uint8\), not 1 of 4 x 3"):
        read_byte_raster(image, 1)
    with pytest.raises(SceneError, match="not 2 of 512 x 512"):
        read_byte_raster(image, 2, 512)


def test_write_palette_strips__equals_one_piece(make_scene, tmp_path):
    image = make_scene("like.tif", height=700, width=300)
    values = np.random.default_rng(0).integers(0, 3, (700, 300)).astype(np.uint8)
    palette = np.array([(0, 0, 0), (1, 2, 3), (9, 8, 7)], np.uint8)
    strips = (values[top : top + 300] for top in range(0, 700, 300))
    write_palette_strips(tmp_path / "strips.tif", strips, palette, image, "")
    with rasterio.open(tmp_path / "strips.tif") as written:
        assert (written.read(1) == values).all()
        assert written.colormap(1)[2] == (9, 8, 7, 255)
        assert written.nodata == 0
        assert "COPYRIGHT" not in written.tags()
