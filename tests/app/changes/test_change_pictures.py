"""The pictures of compared footprints that the route serves, and requests that get a 404."""

import io
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from app.changes import change_pictures
from app.changes.change_pictures import ChangePictures, serve_change
from core.chips.chip_set import SceneChips
from core.errors import SceneError
from core.raster.rendering import Rendering

KEY = "k" * 24
RENDERING = Rendering(("grey",), np.array([[0.0, 255.0]]))


@pytest.fixture
def pictures(monkeypatch):
    """The pictures of one footprint, which is dark on the first date and bright on the second."""
    chips = [
        SceneChips(
            key=scene,
            scene=scene,
            pixels=np.full((1, 1, 16, 16), value, np.uint8),
            mask=np.zeros((1, 16, 16), np.uint8),
            facts=pd.DataFrame({"chip_id": [f"{scene}-1"]}),
            properties=pd.DataFrame(index=[0]),
        )
        for scene, value in (("a", 40), ("b", 200))
    ]
    artifacts = {"chips": [SimpleNamespace(counts={"bands": ["grey"]})]}
    pair = SimpleNamespace(names=("a", "b"), view=SimpleNamespace(artifacts=artifacts))
    table = pd.DataFrame({"chip_id": ["a-1"]})
    places = [(part, 0) for part in chips]
    changes = SimpleNamespace(pair=pair, table=table, chips_of=lambda _: places)

    def draw(_, row, date, rendering):
        assert (row, rendering) == (0, RENDERING)
        image = np.full((64, 64, 4), 255, np.uint8)
        image[..., :3] = 100 * date
        return image, [np.array([[8.0, 8], [56, 8], [56, 56], [8, 56], [8, 8]])]

    monkeypatch.setattr(change_pictures, "draw_on_date", draw)
    renderings = {"a": RENDERING, "b": RENDERING}
    return ChangePictures(changes, renderings, renderings)


def test_draw__chip_of_each_date(pictures):
    images = [pictures.draw("chip", date, 0) for date in (0, 1)]
    assert [int(image[..., 0].mean()) for image in images] == [40, 200]


def test_draw__surroundings_with_the_outline_of_the_footprint(pictures):
    image = pictures.draw("surroundings", 1, 0)
    assert image[8, 30].tolist() == list(change_pictures.FRAME)
    assert image[30, 30].tolist() == [100, 100, 100, 255]


def test_draw__the_chip_in_place_of_a_scene_that_was_moved_away(pictures, monkeypatch):
    def fail(*_):
        raise SceneError("the scene is not in raw/")

    monkeypatch.setattr(change_pictures, "draw_on_date", fail)
    image = pictures.draw("surroundings", 1, 0)
    assert image.shape == (change_pictures.IMAGE_SIDE, change_pictures.IMAGE_SIDE, 4)
    assert (image[..., 0] == 200).all()


def test_serve_change__unknown_keys_kinds_dates_and_rows_are_not_found(pictures):
    change_pictures.comparisons.put(KEY, pictures)

    def serve(key=KEY, kind="chip", date="0", row="0"):
        path = {"key": key, "kind": kind, "date": date, "row": row}
        return serve_change(SimpleNamespace(path_params=path))

    good = serve()
    assert (good.status_code, good.media_type) == (200, "image/jpeg")
    assert Image.open(io.BytesIO(good.body)).size == (16, 16)
    for options in ({"key": "x"}, {"kind": "file"}, {"date": "2"}, {"row": "1"}, {"row": "-1"}):
        assert serve(**options).status_code == 404
