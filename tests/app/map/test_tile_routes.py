import json
import threading

import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from app import main
from app.map import tile_routes, tile_shelf
from app.map.tile_shelf import Shelf
from core.errors import SceneError


class FakeScene:
    def __init__(self):
        self.n_drawn = 0

    def tile(self, z, x, y):
        self.n_drawn += 1
        if z > 3:
            raise SceneError("there is no such tile", where="/home/somebody/secret.tif")
        return f"{z}/{x}/{y}".encode()


@pytest.fixture
def client(monkeypatch):
    monkeypatch.setattr(tile_shelf, "scenes", Shelf(4))
    monkeypatch.setattr(tile_shelf, "texts", Shelf(100))
    monkeypatch.setattr(tile_shelf, "tiles", Shelf(1000))
    routes = [route for route in main.app._user_routes if isinstance(route, Route)]
    return TestClient(Starlette(routes=routes))


def test_tile__served_by_key_and_drawn_once(client):
    scene = tile_shelf.scenes.put("abc", FakeScene())
    for _ in range(2):
        answer = client.get("/chipscape/tiles/abc/3/1/2")
        assert (answer.status_code, answer.content) == (200, b"3/1/2")
    assert scene.n_drawn == 1
    assert answer.headers["content-type"] == "image/webp"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "private" in answer.headers["cache-control"]


@pytest.mark.parametrize(
    "path",
    [
        "tiles/none/3/1/2",
        "tiles/abc/9/1/2",
        "tiles/abc/3/1",
        "tiles/abc/3/1/2/4",
        "tiles/abc/-1/0/0",
        "tiles/abc/a/b/c",
        "tiles/abc/3/1/2.png",
        "tiles",
        "",
        "tiles/..%2F..%2Fetc%2Fpasswd/0/0/0",
        "tiles/%2Fetc%2Fpasswd/0/0/0",
        "tiles/%00/0/0/0",
        f"tiles/{'9' * 5000}/0/0/0",
        f"tiles/abc/3/{'9' * 5000}/0",
        "texts/none",
        "texts/..%2Fmain.py",
        "texts/%2Fetc%2Fpasswd",
        "other/abc",
    ],
)
def test_routes__other_requests_get_a_404_without_details(client, path):
    tile_shelf.scenes.put("abc", FakeScene())
    answer = client.get(f"/chipscape/{path}")
    assert answer.status_code == 404
    assert answer.text == "not found"
    assert answer.headers["cache-control"] == "no-store"


def test_text__served_by_key_as_json(client):
    tile_shelf.texts.put("k", b'{"a": "\\u003cimg>"}', 20)
    answer = client.get("/chipscape/texts/k")
    assert answer.headers["content-type"] == "application/json"
    assert json.loads(answer.text) == {"a": "<img>"}
    assert client.post("/chipscape/texts/k").status_code in (404, 405)


def test_tile__a_503_while_all_slots_are_drawing(client, monkeypatch):
    scene = tile_shelf.scenes.put("abc", FakeScene())
    slots = threading.BoundedSemaphore(1)
    monkeypatch.setattr(tile_routes, "_DRAWING", slots)
    monkeypatch.setattr(tile_routes, "MAX_WAIT_SECONDS", 0.05)
    with slots:
        answer = client.get("/chipscape/tiles/abc/3/1/2")
    assert (answer.status_code, answer.headers["cache-control"]) == (503, "no-store")
    assert scene.n_drawn == 0
    # A slot is free again after a tile, and after an error.
    for path, status in (("3/1/2", 200), ("9/1/2", 404), ("3/0/0", 200)):
        assert client.get(f"/chipscape/tiles/abc/{path}").status_code == status


def test_shelf__keeps_the_latest_requests_up_to_a_total_size():
    shelf = Shelf(10)
    for name in "abc":
        shelf.put(name, name, 4)
    assert (shelf.get("a"), shelf.get("b"), shelf.get("c")) == (None, "b", "c")
    shelf.get("b")
    shelf.put("d", "d", 4)
    assert (shelf.get("b"), shelf.get("c")) == ("b", None)
    shelf.put("b", "again", 1)
    shelf.put("e", "e", 5)
    assert [shelf.get(name) for name in "bde"] == ["again", "d", "e"]
    shelf.put("huge", "huge", 99)
    assert shelf.get("huge") == "huge"
    assert shelf.get("b") is None


def test_shelf__is_thread_safe():
    shelf, failed = Shelf(50), []

    def work(k):
        try:
            for i in range(500):
                shelf.put(f"{k}-{i % 40}", i)
                shelf.get(f"{(k + 1) % 4}-{i % 40}")
        except Exception as error:  # noqa: BLE001
            failed.append(error)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert shelf._weight == len(shelf._entries) <= 50


def test_routes__have_the_prefix():
    paths = [route.path for route in main.app._user_routes]
    assert all(path.startswith(f"{tile_shelf.PREFIX}/") for path in paths)
