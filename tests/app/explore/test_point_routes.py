import json

import numpy as np
import pandas as pd
import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from app import main
from app.explore import point_shelf
from app.explore.point_shelf import PointDetails
from app.map import tile_shelf
from app.map.tile_shelf import Shelf
from core.errors import BandError

EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture
def client(monkeypatch):
    monkeypatch.setattr(point_shelf, "numbers", Shelf(1000))
    monkeypatch.setattr(point_shelf, "details", Shelf(4))
    monkeypatch.setattr(tile_shelf, "app_origin", lambda: "http://ours:8501")
    routes = [route for route in main.app._user_routes if isinstance(route, Route)]
    return TestClient(Starlette(routes=routes), base_url="http://ours:8501")


def make_details(draw=lambda rows: np.full((len(rows), 4, 4, 4), 90, np.uint8)):
    names = pd.Series(["boat", None, EVIL])
    return PointDetails(["Cluster 0", "Noise", "Cluster 0"], names, pd.Series(list("abc")), draw)


def test_numbers__little_endian_and_the_same_url_for_the_same_numbers(client):
    array = np.array([1.5, -2], ">f4")
    address = point_shelf.number_address(array)
    answer = client.get(address)
    assert answer.status_code == 200
    assert np.frombuffer(answer.content, "<f4").tolist() == [1.5, -2]
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert point_shelf.number_address(array.copy()) == address
    assert point_shelf.number_address(array + 1) != address


def test_point__texts_and_image(client):
    address = point_shelf.details_address("inputs", make_details())
    answer = client.get(f"{address}/2")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["lines"] == ["Cluster 0", EVIL, "c"]
    assert answer.json()["image"].startswith("data:image/")
    assert client.get(f"{address}/1").json()["lines"] == ["Noise", "(none)", "b"]


def test_point__without_a_class_attribute():
    images = np.zeros((1, 2, 2, 4), np.uint8)
    details = PointDetails(["a"], None, pd.Series(["a"]), lambda rows: images[rows])
    assert json.loads(details.describe(0))["lines"] == ["a"]


@pytest.mark.parametrize(
    "path", ["none/0", "{key}/3", "{key}/-1", "{key}/x", "{key}/01", "{key}/" + "9" * 5000, "{key}"]
)
def test_point__other_requests_get_a_404_without_details(client, path):
    key = point_shelf.details_address("inputs", make_details()).rsplit("/", 1)[1]
    answer = client.get("/chipscape/points/" + path.format(key=key))
    assert (answer.status_code, answer.text) == (404, "not found")


def test_point__a_chip_that_cannot_be_read_is_a_404(client):
    def fail(rows):
        raise BandError("the chip is missing", where="/home/somebody/secret.tif")

    address = point_shelf.details_address("inputs", make_details(fail))
    answer = client.get(f"{address}/0")
    assert (answer.status_code, answer.text) == (404, "not found")
