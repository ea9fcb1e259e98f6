"""Records of imported images, and the windows into which images are divided."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import WorkspaceError
from core.land.images.image_import import ImportSettings, import_images
from core.land.images.image_set import image_windows, read_image_set, write_image_set


@given(
    width=st.integers(1, 3000),
    height=st.integers(1, 3000),
    block=st.one_of(st.none(), st.integers(32, 2000)),
)
def test_image_windows__cover_every_pixel_once(width, height, block):
    windows = image_windows(width, height, block)
    area = sum((right - left) * (bottom - top) for _, _, (left, top, right, bottom) in windows)
    assert area == width * height
    assert len({box for *_, box in windows}) == len(windows)
    for _, _, (left, top, right, bottom) in windows:
        assert 0 <= left < right <= width
        assert 0 <= top < bottom <= height
        assert max(right - left, bottom - top) <= 512


def test_image_windows__blocks_are_about_equal():
    sizes = {box[2] - box[0] for _, _, box in image_windows(250, 250, 62)}
    assert sizes <= {62, 63}


def test_record__is_read_as_it_was_written(raster_folder, tmp_path):
    images = import_images(raster_folder, ImportSettings(credit="CC BY 4.0"))
    record = tmp_path / "workspace" / "land" / "images.json"
    record.parent.mkdir(parents=True)
    write_image_set(record, images)
    assert read_image_set(record) == images


def test_record__paths_inside_the_workspace_are_relative(raster_folder):
    record = raster_folder / "land" / "images.json"
    record.parent.mkdir()
    write_image_set(record, import_images(raster_folder, ImportSettings()))
    table = json.loads(record.read_text())
    assert table["images"][0]["path"] == "place0.tif"
    assert table["images"][0]["labels"] == "labels/place0.tif"
    moved = raster_folder.rename(raster_folder.with_name("elsewhere"))
    images = read_image_set(moved / "land" / "images.json")
    assert images.images[0].path.is_file()


@pytest.mark.parametrize("content", ["", "{}", '{"version": 9}', "[1]"])
def test_record__damaged(tmp_path, content):
    record = tmp_path / "land" / "images.json"
    record.parent.mkdir()
    record.write_text(content)
    with pytest.raises(WorkspaceError, match="cannot be used"):
        read_image_set(record)
