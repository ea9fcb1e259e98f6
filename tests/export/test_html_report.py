"""The report, read by an HTML parser."""

import base64
import dataclasses
import io
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from core.export.export_formats import write_results

from .conftest import EVIL, PROVENANCE, N, with_edits

VOID = {"meta", "img", "br", "link", "input", "hr"}
LINKS = ("src", "href", "xlink:href", "data", "action", "poster", "srcset")


class Page(HTMLParser):
    """Collects elements and texts, and checks that every element is closed."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.texts, self.stack = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag

    def handle_data(self, data):
        if self.stack[-1:] != ["style"]:
            self.texts.append(data.strip())

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture
def quality():
    """The report card of two clusters, as the command line prints it."""
    clusters = [
        {"label": i, "size": n, "silhouette": 0.4, "dbcv": None, "persistence": None,
         "stability": 0.91, "share": 0.4, "hectares": 1.0}
        for i, n in enumerate((4, 3))
    ]  # fmt: skip
    card = {"silhouette": 0.321, "dbcv": None, "noise_fraction": 0.2, "notes": ["a note"]}
    return {
        "ids": [0, 1],
        "card": card | {"clusters": clusters},
        "judged": "Evaluated as displayed.",
        "alarms": [f"follows {EVIL}"],
    }


def read_report(results, tmp_path):
    page = Page(write_results(results, tmp_path, "report").read_text("utf-8"))
    assert page.stack == []
    return page


def test_report__makes_no_request(clustered_chips, tmp_path):
    page = read_report(clustered_chips, tmp_path)
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in page.elements}
    for _, attributes in page.elements:
        for name in LINKS:
            assert attributes.get(name, "#").startswith(("#", "data:"))
        assert "url(http" not in (attributes.get("style") or "")


def test_report__headings_in_order_and_alternative_texts(clustered_chips, tmp_path):
    page = read_report(clustered_chips, tmp_path)
    levels = [int(tag[1]) for tag, _ in page.elements if tag in ("h1", "h2", "h3", "h4")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert page.all("html") == [{"lang": "en"}]
    assert page.all("img")
    assert all(image["alt"].startswith("Chip ") for image in page.all("img"))


def test_report__typical_chips_are_images(clustered_chips, tmp_path):
    images = read_report(clustered_chips, tmp_path).all("img")
    assert len(images) == 7
    content = base64.b64decode(images[0]["src"].partition(",")[2])
    assert Image.open(io.BytesIO(content)).size == (8, 8)


def test_report__text_of_the_user_is_never_markup(clustered_chips, tmp_path):
    chips = with_edits(clustered_chips, names={0: EVIL, 1: "{{ 7 * 7 }}"})
    page = read_report(chips, tmp_path)
    assert not any("onerror" in attributes for _, attributes in page.elements)
    assert EVIL in page.texts
    assert "{{ 7 * 7 }}" in page.texts


def test_report__settings_provenance_scenes_and_notes(clustered_chips, tmp_path):
    page = read_report(with_edits(clustered_chips, excluded=np.arange(N) == 0), tmp_path)
    for text in (PROVENANCE.run_id, PROVENANCE.date, "cut.min_cluster_size", "b#c.tif"):
        assert text in page.texts
    assert "Chips that you excluded are left out: 1." in page.texts


def test_report__quality(clustered_chips, tmp_path, quality):
    page = read_report(clustered_chips, tmp_path)
    assert any("has not been computed" in text for text in page.texts)
    chips = dataclasses.replace(clustered_chips, quality=quality)
    page = read_report(chips, tmp_path)
    assert "Stability" in page.texts
    assert "Persistence" not in page.texts
    assert page.texts.count("0.91") == 2
    assert f"follows {EVIL}" in page.texts
    assert any("0.32" in text for text in page.texts)


def test_report__light_and_dark(clustered_chips, tmp_path):
    text = write_results(clustered_chips, tmp_path, "report").read_text("utf-8")
    assert "prefers-color-scheme: dark" in text
    assert '<meta name="color-scheme" content="light dark">' in text


def test_report__large_chips_are_reduced(clustered_chips, tmp_path):
    parts = tuple(
        dataclasses.replace(
            part,
            pixels=np.repeat(np.repeat(part.pixels, 64, axis=2), 64, axis=3),
            mask=np.zeros((len(part), 512, 512), np.uint8),
        )
        for part in clustered_chips.chips.parts
    )
    chips = dataclasses.replace(clustered_chips.chips, parts=parts)
    page = read_report(dataclasses.replace(clustered_chips, chips=chips), tmp_path)
    content = base64.b64decode(page.all("img")[0]["src"].partition(",")[2])
    assert Image.open(io.BytesIO(content)).size == (160, 160)
    assert page.all("img")[0]["width"] == "128"
