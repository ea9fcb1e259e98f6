import numpy as np
import rasterio

from core.land.data.nomenclature import FLAIR
from core.land.models.class_map_files import write_class_map


def test_write_class_map__colours_position_and_licence(tmp_path, land):
    classes = np.random.default_rng(0).integers(1, 14, (512, 512)).astype(np.uint8)
    image = land.patches[0].image
    write_class_map(tmp_path / "deep" / "map.tif", classes, land.patches[0])
    with rasterio.open(tmp_path / "deep" / "map.tif") as written, rasterio.open(image) as source:
        assert (written.read(1) == classes).all()
        assert (written.crs, written.transform) == (source.crs, source.transform)
        colours = written.colormap(1)
        assert colours[1] == (*FLAIR.reduced[0].rgb, 255)
        assert colours[13] == (0, 0, 0, 255)
        assert "Etalab" in written.tags()["COPYRIGHT"]
        assert written.nodata == 0
    assert len(list((tmp_path / "deep").iterdir())) == 1
