"""Chips as PNG and GeoTIFF, read by Pillow and rasterio."""

import dataclasses

import numpy as np
import pytest
import rasterio
from affine import Affine
from PIL import Image

from core.chips.chip_set import ChipSet
from core.errors import Cancelled
from core.export.chip_folders import chip_transforms
from core.export.export_formats import write_results
from core.mapping import chip_thumbnails

from .conftest import PROVENANCE, N, with_edits

TRANSFORM = Affine(0.5, 0, 692_000, 0, -0.5, 4_796_000)


@pytest.fixture
def placed(clustered_chips, make_scene):
    """Chips whose scenes exist, the second without a CRS."""
    first, second = clustered_chips.scenes
    paths = [make_scene("a.tif"), make_scene("b.tif", crs=None)]
    scenes = [dataclasses.replace(s, path=p) for s, p in zip((first, second), paths, strict=True)]
    return dataclasses.replace(clustered_chips, scenes=tuple(scenes))


def files(folder, suffix):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob(f"*{suffix}"))


def test_png__a_folder_per_cluster(clustered_chips, tmp_path):
    chips = with_edits(clustered_chips, names={1: "ferries / big?"}, excluded=np.arange(N) == 0)
    folder = write_results(chips, tmp_path, "chips-png")
    expected = [f"cluster_0/a-0{i}.png" for i in (1, 2, 3)]
    expected += [f"cluster_1 ferries _ big_/{n}.png" for n in ("a-04", "b_c-05", "b_c-06")]
    assert files(folder, ".png") == sorted([*expected, "noise/b_c-07.png", "noise/b_c-08.png"])


def test_png__as_displayed(clustered_chips, tmp_path):
    folder = write_results(clustered_chips, tmp_path, "chips-png")
    image = np.asarray(Image.open(folder / "cluster_0" / "a-02.png"))
    assert np.array_equal(image, chip_thumbnails(clustered_chips.chips, [2])[0])


def test_geotiff__native_values_bands_and_tags(placed, tmp_path):
    folder = write_results(placed, tmp_path, "chips-geotiff")
    assert len(files(folder, ".tif")) == N
    with rasterio.open(folder / "cluster_0" / "a-03.tif") as chip:
        assert chip.descriptions == ("red", "green", "blue")
        assert np.array_equal(chip.read(), placed.chips.parts[0].pixels[3])
        assert chip.crs.to_epsg() == 32631
        # The chip's square is 16 scene pixels of 0.5 m wide around column 80 and row 30.
        assert chip.bounds == pytest.approx((692_036, 4_795_981, 692_044, 4_795_989))
        assert chip.tags()["chip_id"] == "a-03"
        assert chip.tags()["run_id"] == PROVENANCE.run_id
    with rasterio.open(folder / "noise" / "b_c-08.tif") as chip:
        assert chip.crs is None


def test_geotiff__masked_pixels(placed, tmp_path):
    part = placed.chips.parts[0]
    mask = part.mask.copy()
    mask[3, :2] = 1
    parts = (dataclasses.replace(part, mask=mask), *placed.chips.parts[1:])
    chips = dataclasses.replace(placed, chips=ChipSet(parts, placed.chips.bands))
    folder = write_results(chips, tmp_path, "chips-geotiff")
    with rasterio.open(folder / "cluster_0" / "a-03.tif") as chip:
        assert np.array_equal(chip.dataset_mask() == 0, mask[3] != 0)
    with rasterio.open(folder / "cluster_0" / "a-02.tif") as chip:
        assert chip.dataset_mask().all()


def test_chip_transforms__a_turned_chip(clustered_chips):
    part = clustered_chips.chips.parts[0]
    facts = part.facts.assign(turn=90.0, columns=8.0, rows=16.0)
    transform = chip_transforms(dataclasses.replace(part, facts=facts), TRANSFORM)[0]
    assert transform @ (4, 4) == pytest.approx(TRANSFORM @ (20, 30))
    # Turned clockwise: the upper-left corner of the chip is at the upper right of its square.
    assert transform @ (0, 0) == pytest.approx(TRANSFORM @ (24, 22))
    assert transform @ (8, 0) == pytest.approx(TRANSFORM @ (24, 38))


def test_chip_folders__a_stopped_export_leaves_nothing(clustered_chips, tmp_path):
    with pytest.raises(Cancelled):
        write_results(clustered_chips, tmp_path, "chips-png", lambda *_: True)
    assert list(tmp_path.iterdir()) == []
