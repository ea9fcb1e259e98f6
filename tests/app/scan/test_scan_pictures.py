"""The pictures of a search that the routes serve, and requests that get a 404."""

import io
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from app.scan import scan_pictures
from app.scan.scan_pictures import ScanPictures, paint_scores, serve_picture
from core.input_settings import DisplaySettings
from core.raster.rendering import fit_rendering
from core.raster.scene import read_scene


def test_paint_scores__low_scores_are_visible():
    image = paint_scores(np.array([[0.0, 0.15, 0.3]]), 0.3)
    assert image[0, :, 3].tolist() == [0, 45, 178]
    assert not paint_scores(np.array([[np.nan, -1.0]]), 0.0)[..., 3].any()


def test_paint_scores__the_higher_the_more_opaque():
    image = paint_scores(np.array([[np.nan, -1, 0], [0.5, 1, 3]]))
    assert image.shape == (2, 3, 4)
    assert image[0, :, 3].tolist() == [0, 0, 0]
    assert 0 < image[1, 0, 3] < image[1, 1, 3] == image[1, 2, 3] < 255


@pytest.fixture
def pictures(make_scene):
    """The pictures of one scene with one candidate at its edge."""
    path = make_scene("a.tif", content=np.full((3, 120, 160), 100))
    row = {"id": "a-1", "scene": "a", "column": 10.0, "row": 60.0, "width": 20.0, "height": 20.0}
    scene = SimpleNamespace(path=path, report=SimpleNamespace(name="a"))
    maps = [SimpleNamespace(scene=scene, scores=np.ones((3, 4)))]
    query = SimpleNamespace(object_side=10.0)
    result = SimpleNamespace(table=pd.DataFrame([row]), maps=maps, query=query)
    return ScanPictures(result, {"a": fit_rendering(read_scene(path), DisplaySettings())})


def test_draw__scene_scores_and_candidate(pictures):
    assert pictures.draw("scene", 0).size == (160, 120)
    assert pictures.draw("scores", 0).size == (4, 3)
    image = np.asarray(pictures.draw("candidate", 0))
    # 40 of 60 columns are on the scene, enlarged 8 times; the frame is yellow.
    assert image.shape == (480, 320, 3)
    is_frame = (image == scan_pictures.FRAME).all(axis=2)
    rows, columns = np.nonzero(is_frame)
    assert (rows.min(), rows.max()) == (160, 320)
    assert (columns.min(), columns.max()) == (0, 160)


def test_serve_picture__unknown_keys_kinds_and_numbers_are_not_found(pictures):
    scan_pictures.searches.put("k" * 24, pictures)

    def status(key="k" * 24, kind="candidate", number="0"):
        path = {"key": key, "kind": kind, "number": number}
        return serve_picture(SimpleNamespace(path_params=path))

    good = status()
    assert (good.status_code, good.media_type) == (200, "image/jpeg")
    assert status(kind="scores").media_type == "image/webp"
    for options in ({"key": "x"}, {"kind": "file"}, {"number": "-1"}, {"number": "7"}):
        assert status(**options).status_code == 404
    assert Image.open(io.BytesIO(good.body)).size == (320, 480)
