"""Downloads that are sent piece by piece."""

import re

import pytest
import streamlit as st
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from app import main
from app.map.tile_shelf import Shelf
from app.server import downloads
from app.server.downloads import Download, download_link


@pytest.fixture
def client(monkeypatch):
    monkeypatch.setattr(downloads, "downloads", Shelf(4))
    routes = [route for route in main.app._user_routes if isinstance(route, Route)]
    return TestClient(Starlette(routes=routes), base_url="http://ours:8501")


@pytest.fixture
def link(monkeypatch):
    """Return a function that draws a link and returns its label and its path."""
    pages = []
    monkeypatch.setattr(st, "html", pages.append)

    def draw(label, download, inputs="inputs"):
        download_link(label, download, inputs)
        (path, text) = re.fullmatch(
            r'<a [^>]*href="[^"]*(/chipscape/[^"]*)"[^>]*>(.*)</a>', pages[-1]
        ).groups()
        return text, path

    return draw


def test_file__its_bytes_name_and_size(client, link, tmp_path):
    path = tmp_path / "a.gpkg"
    path.write_bytes(b"x" * 200_000)
    _, address = link("Download", Download("häfen.gpkg", "application/geopackage+sqlite3", path))
    answer = client.get(address)
    assert answer.content == path.read_bytes()
    assert answer.headers["content-length"] == "200000"
    assert answer.headers["content-type"] == "application/geopackage+sqlite3"
    assert answer.headers["content-disposition"] == "attachment; filename*=utf-8''h%C3%A4fen.gpkg"
    assert answer.headers["cache-control"] == "no-store"
    path.unlink()
    assert client.get(address).status_code == 404


def test_pieces__are_made_while_they_are_sent(client, link):
    def pieces():
        yield from (b"a", b"bc", b"")
        yield b"d"

    _, address = link("Download", Download("a.csv", "text/csv", pieces))
    assert [client.get(address).content for _ in range(2)] == [b"abcd"] * 2
    assert "content-length" not in client.get(address).headers


def test_link__the_same_address_sends_the_latest_content(client, link):
    first = link("Download", Download("a.csv", "text/csv", lambda: iter([b"1"])))[1]
    second = link("Download", Download("a.csv", "text/csv", lambda: iter([b"2"])))[1]
    assert first == second
    assert client.get(first).content == b"2"
    assert (
        link("Download", Download("a.csv", "text/csv", lambda: iter([b"3"])), "other")[1] != first
    )


def test_link__label_and_name_are_escaped(link, tmp_path):
    text, _ = link("<b>", Download('"><script>', "text/csv", tmp_path))
    assert text == "&lt;b&gt;"


def test_unknown_key__nothing(client):
    assert client.get("/chipscape/downloads/0123").status_code == 404
