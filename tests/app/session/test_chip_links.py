"""The picked chip in the address: links, clicks, other pages, back and forward."""

from types import SimpleNamespace

import pytest

from app.session import chip_links, state
from app.session.chip_links import missing_chip, sync_chip_link
from core.pipeline.workspace import Workspace

CHIPS = SimpleNamespace(row_by_id={"quay-1": 0, "quay-2": 1})


@pytest.fixture
def browser(monkeypatch, new_session):
    """The address of the browser, as Streamlit reports it, and the addresses replaced in it."""
    new_session()
    address: dict[str, str] = {}
    replaced: list[str] = []
    pages = ["explore"]
    monkeypatch.setattr(chip_links.st, "query_params", address)
    monkeypatch.setattr(chip_links, "_replace_address", replaced.append)
    monkeypatch.setattr(chip_links, "current_page", lambda: pages[-1])
    return SimpleNamespace(address=address, replaced=replaced, pages=pages)


@pytest.fixture
def workspace(tmp_path):
    return Workspace.at(tmp_path)


def test_link__opens_its_chip(browser, workspace):
    browser.address["chip"] = "quay-2"
    sync_chip_link(workspace, CHIPS)
    assert state.picked_chip(workspace) == "quay-2"
    assert missing_chip() is None


def test_link__to_an_unknown_chip_is_reported_and_stays(browser, workspace):
    browser.address["chip"] = "quay-9"
    for _ in range(2):
        sync_chip_link(workspace, CHIPS)
        assert state.picked_chip(workspace) is None
        assert missing_chip() == "quay-9"
        assert browser.address == {"chip": "quay-9"}
    state.pick_chip(workspace, "quay-1")
    sync_chip_link(workspace, CHIPS)
    assert missing_chip() is None
    assert browser.address == {"chip": "quay-1"}


def test_click__is_written_into_the_address_and_closing_removes_it(browser, workspace):
    sync_chip_link(workspace, CHIPS)
    assert browser.address == {}
    state.pick_chip(workspace, "quay-1")
    sync_chip_link(workspace, CHIPS)
    assert browser.address == {"chip": "quay-1"}
    state.pick_chip(workspace, None)
    sync_chip_link(workspace, CHIPS)
    assert browser.address == {}
    assert browser.replaced == []


def test_back__returns_to_the_chip_picked_before(browser, workspace):
    sync_chip_link(workspace, CHIPS)
    for chip_id in ("quay-1", "quay-2"):
        state.pick_chip(workspace, chip_id)
        sync_chip_link(workspace, CHIPS)
    browser.address["chip"] = "quay-1"
    sync_chip_link(workspace, CHIPS)
    assert state.picked_chip(workspace) == "quay-1"
    browser.address.clear()
    sync_chip_link(workspace, CHIPS)
    assert state.picked_chip(workspace) is None


def test_click__wins_over_an_address_that_the_browser_has_not_updated(browser, workspace):
    sync_chip_link(workspace, CHIPS)
    state.pick_chip(workspace, "quay-1")
    sync_chip_link(workspace, CHIPS)
    browser.address.clear()
    state.pick_chip(workspace, "quay-2")
    sync_chip_link(workspace, CHIPS)
    assert state.picked_chip(workspace) == "quay-2"


def test_other_page__keeps_the_chip_without_another_entry(browser, workspace):
    sync_chip_link(workspace, CHIPS)
    state.pick_chip(workspace, "quay-1")
    sync_chip_link(workspace, CHIPS)
    browser.pages.append("map")
    browser.address.clear()
    # The second run may come before the browser has replaced the address.
    for _ in range(2):
        sync_chip_link(workspace, CHIPS)
        assert state.picked_chip(workspace) == "quay-1"
        assert browser.address == {}
    assert set(browser.replaced) == {"quay-1"}
    browser.address["chip"] = "quay-1"
    sync_chip_link(workspace, CHIPS)
    browser.address.clear()
    sync_chip_link(workspace, CHIPS)
    assert state.picked_chip(workspace) is None


def test_other_workspace__drops_the_chip_and_the_selection(browser, workspace, tmp_path):
    browser.address["chip"] = "quay-2"
    sync_chip_link(workspace, CHIPS)
    state.select_chips(workspace, ["quay-1", "quay-2"])
    other = Workspace.at(tmp_path / "other")
    sync_chip_link(other, CHIPS)
    assert state.picked_chip(other) is None
    assert browser.address == {}
    assert missing_chip() is None
    sync_chip_link(workspace, CHIPS)
    assert state.selected_chips(workspace) == ()
