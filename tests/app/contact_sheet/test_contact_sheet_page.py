"""The contact sheet as Streamlit runs it, on a small computed workspace."""

import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.pipeline.results.current_file import current_path, load_current

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def sheet_page(home):
    app = AppTest.from_file(str(ROOT / "app" / "script.py"), default_timeout=60)
    yield app.run().switch_page("../pages/contact_sheet.py").run()
    current_path(home).unlink(missing_ok=True)


def sheet_data(app):
    """Return what the page sends to the component."""
    components = [element.proto for element in app.get("bidi_component")]
    return json.loads(next(proto.json for proto in components if "chipscape_sheet" in str(proto)))


def labelled(elements, label):
    return next(element for element in elements if element.label == label)


def test_sheet__all_chips_in_pages(sheet_page):
    assert not sheet_page.exception
    data = sheet_data(sheet_page)
    assert len(data["items"]) == 36
    assert len({item["id"] for item in data["items"]}) == 36
    assert (data["number"], data["pages"]) == (1, 1)
    assert "/chipscape/sprites/" in data["sprite"]
    assert data["next"] == ""


def test_sheet__a_cluster_and_its_order(sheet_page):
    scope = labelled(sheet_page.selectbox, "Chips")
    assert scope.options[0] == "All chips · 36"
    scope.set_value(1).run()
    data = sheet_data(sheet_page)
    assert {item["name"] for item in data["items"]} == {"Cluster 1"}
    typical = [item["id"] for item in data["items"]]
    labelled(sheet_page.selectbox, "Order").set_value("largest").run()
    largest = [item["id"] for item in sheet_data(sheet_page)["items"]]
    assert sorted(largest) == sorted(typical)
    assert largest != typical


def test_sheet__chips_keep_their_places_until_they_are_sorted_again(home, sheet_page):
    labelled(sheet_page.selectbox, "Chips").set_value(1).run()
    before = [item["id"] for item in sheet_data(sheet_page)["items"]]
    labelled(sheet_page.text_input, "Name").set_value("sheds").run()
    assert load_current(home).curation.history.edits[-1].text == "sheds"
    data = sheet_data(sheet_page)
    assert [item["id"] for item in data["items"]] == before
    assert {item["name"] for item in data["items"]} == {"sheds"}
    assert [name["text"] for name in data["names"]] == ["sheds"]
    labelled(sheet_page.button, "Exclude").click().run()
    data = sheet_data(sheet_page)
    assert [item["id"] for item in data["items"]] == before
    assert all(item["excluded"] for item in data["items"])
    labelled(sheet_page.button, "Sort again").click().run()
    assert not sheet_page.exception
    assert {item["name"] for item in sheet_data(sheet_page)["items"]} == {"Cluster 0", "sheds"}
