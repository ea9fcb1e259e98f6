"""Rasters of labels: values, colours, and windows on a scene's grid."""

import numpy as np
import pytest
from affine import Affine

from core.errors import SceneError
from core.raster.label_rasters import read_label_values, read_label_window
from core.raster.scene import read_scene
from tests.conftest import TRANSFORM


def test_read_label_values__counts_without_nodata(make_scene):
    values = np.array([[1, 1, 5], [0, 5, 5]])
    path = make_scene(content=values, bands=1, nodata=0, dtype="int16")
    assert read_label_values(path).counts == {1: 2, 5: 3}


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        (np.array([[1.5, 2]]), {"dtype": "float32"}, r"1\.5, which is no class"),
        (np.arange(300).reshape(10, 30), {"dtype": "int16"}, "more than 254 values"),
        (np.zeros((2, 4, 4)), {"bands": 2}, "2 bands"),
    ],
)
def test_read_label_values__no_labels(make_scene, content, options, message):
    path = make_scene(content=content, **({"bands": 1} | options))
    with pytest.raises(SceneError, match=message):
        read_label_values(path)


def test_read_label_window__part_of_the_raster(make_scene):
    scene = read_scene(make_scene("image.tif", height=20, width=30))
    values = np.arange(600).reshape(20, 30)
    path = make_scene("labels.tif", values, bands=1, dtype="float32", nodata=64)
    part, valid = read_label_window(path, (3, 2, 6, 4), scene)
    assert (part == values[2:4, 3:6]).all()
    assert valid.tolist() == [[True, False, True], [True] * 3]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"height": 19}, "30 x 19 pixels"),
        ({"transform": TRANSFORM @ Affine.translation(0.5, 0)}, r"shifted by up to 0\.5 pixels"),
    ],
)
def test_read_label_window__another_grid(make_scene, options, message):
    scene = read_scene(make_scene("image.tif", height=20, width=30))
    size = {"height": 20, "width": 30} | options
    path = make_scene("labels.tif", bands=1, **size)
    with pytest.raises(SceneError, match=message):
        read_label_window(path, (0, 0, 5, 5), scene)


def test_read_label_window__without_georeference(make_scene):
    """Labels drawn in a program that keeps no georeference are on the image's grid."""
    scene = read_scene(make_scene("image.tif", height=20, width=30))
    options = {"height": 20, "width": 30, "crs": None, "transform": Affine.identity()}
    path = make_scene("labels.tif", bands=1, **options)
    assert read_label_window(path, (0, 0, 5, 5), scene)[0].shape == (5, 5)
