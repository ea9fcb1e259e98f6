import io

import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from app import main
from app.contact_sheet import sprites
from app.contact_sheet.sprites import Sprite, sprite_address, tile_images
from app.map import tile_shelf
from app.map.tile_shelf import Shelf
from core.errors import BandError


@pytest.fixture
def client(monkeypatch):
    monkeypatch.setattr(sprites, "sprites", Shelf(4))
    monkeypatch.setattr(tile_shelf, "app_origin", lambda: "http://ours:8501")
    routes = [route for route in main.app._user_routes if isinstance(route, Route)]
    return TestClient(Starlette(routes=routes), base_url="http://ours:8501")


def flat_images(rows, side=8, alpha=255):
    images = np.zeros((len(rows), side, side, 4), np.uint8)
    images[..., :3] = (np.asarray(rows) * 10)[:, None, None, None]
    images[..., 3] = alpha
    return images


def test_tile_images__row_by_row():
    tiled = tile_images(flat_images(range(7)), columns=3)
    assert tiled.shape == (24, 24, 4)
    assert tiled[::8, ::8, 0].tolist() == [[0, 10, 20], [30, 40, 50], [60, 60, 60]]


def test_tile_images__large_chips_are_reduced():
    tiled = tile_images(flat_images([3, 5], side=300), columns=2)
    assert tiled.shape == (128, 256, 4)
    assert tiled[0, [0, 128], 0].tolist() == [30, 50]


@pytest.mark.parametrize(("alpha", "kind"), [(255, "jpeg"), (0, "webp")])
def test_sprite__one_image_of_all_rows(client, alpha, kind):
    drawn = []

    def draw(rows):
        drawn.append(list(rows))
        return flat_images(rows, alpha=alpha)

    address = sprite_address("chips", Sprite([4, 2, 9], draw))
    assert drawn == []
    answer = client.get(address)
    assert answer.headers["content-type"] == f"image/{kind}"
    assert answer.headers["cache-control"].endswith("immutable")
    assert Image.open(io.BytesIO(answer.content)).size == (20 * 8, 8)
    assert drawn == [[4, 2, 9]]
    assert sprite_address("chips", Sprite([4, 2], draw)) != address
    assert sprite_address("other chips", Sprite([4, 2, 9], draw)) != address


def test_sprite__unknown_or_not_readable(client):
    def fail(_rows):
        raise BandError("the band is gone", where="a.tif")

    assert client.get("/chipscape/sprites/unknown").status_code == 404
    assert client.get(sprite_address("chips", Sprite([1], fail))).status_code == 404
