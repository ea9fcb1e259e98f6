"""The contact sheet with the keyboard alone and with the mouse alone."""

import re
import shutil

import pytest
from playwright.sync_api import expect

from core.pipeline.results.current_file import current_path, load_current
from core.pipeline.workspace import Workspace
from tests.browser.test_page_access import find_problems

pytestmark = pytest.mark.browser

WAIT = 60_000


@pytest.fixture
def namer(plotted_scene, visit):
    """A visitor whose workspace has no edits yet."""
    workspace = Workspace.at(plotted_scene.root)
    current_path(workspace).unlink(missing_ok=True)
    shutil.rmtree(workspace.results / "runs", ignore_errors=True)
    visitor = visit(plotted_scene)
    visitor.workspace = workspace
    return visitor


def open_sheet(visitor):
    visitor.go("contact_sheet")
    visitor.page.locator(".chip").first.wait_for()
    visitor.wait_until_idle()


def wait_until_saved(visitor):
    visitor.page.locator(".sheet[data-pending='0']").wait_for(timeout=WAIT)
    visitor.wait_until_idle()


def edits(visitor):
    history = load_current(visitor.workspace).curation.history
    return [(edit.kind, edit.text, int(edit.chips.to_mask().sum())) for edit in history.edits]


def press(visitor, *keys):
    for key in keys:
        visitor.page.keyboard.press(key)


def test_keyboard__names_approves_excludes_and_undoes(namer):
    open_sheet(namer)
    page = namer.page
    expect(page.locator(".sheet .keys")).to_contain_text("Arrow keys")
    # The chips have the focus, so no click is needed before the first key.
    press(namer, "n", *"tug", "Enter")
    press(namer, "1", "Enter", "x", "ArrowRight", "1", "u", "1")
    expect(page.locator(".chip.excluded")).to_have_count(1)
    wait_until_saved(namer)
    name = ("name", "tug", 1)
    assert edits(namer) == [name, name, ("approve", "", 1), ("exclude", "", 1), name]
    expect(page.locator(".chip.approved")).to_have_count(4)
    expect(page.locator(".chip em", has_text=re.compile("^tug$"))).to_have_count(3)
    # Several chips at once: mark three with Shift, name them, and undo it.
    press(namer, "Home", "Shift+ArrowRight", "Shift+ArrowRight")
    expect(page.locator(".target")).to_have_text("3 marked")
    press(namer, "n", *"pier", "Enter")
    wait_until_saved(namer)
    assert edits(namer)[-1] == ("name", "pier", 3)
    press(namer, "u")
    wait_until_saved(namer)
    assert edits(namer)[-1] == name
    assert namer.exceptions() == []
    assert namer.foreign_requests() == []


@pytest.mark.long
def test_keyboard__a_chip_opens_and_the_keys_work_again(namer):
    open_sheet(namer)
    press(namer, "ArrowRight", "o")
    dialog = namer.page.get_by_role("dialog")
    expect(dialog).to_be_visible(timeout=WAIT)
    namer.wait_until_idle()
    press(namer, "Escape")
    expect(dialog).to_have_count(0)
    namer.page.locator(".grid").focus()
    press(namer, "Enter")
    wait_until_saved(namer)
    assert edits(namer) == [("approve", "", 1)]


def test_mouse__marks_chips_and_presses_buttons(namer):
    open_sheet(namer)
    page, bar = namer.page, namer.page.locator(".bar")
    for i in (0, 2, 5):
        page.locator(".chip").nth(i).click()
    expect(page.locator(".target")).to_have_text("3 marked")
    bar.get_by_role("button", name="Name…").click()
    page.get_by_role("combobox", name="Name of the chips").fill("crane")
    bar.get_by_role("button", name="Give", exact=True).click()
    wait_until_saved(namer)
    page.locator(".chip").nth(7).click()
    bar.get_by_role("button", name="1 crane").click()
    page.locator(".chip").nth(8).click()
    bar.get_by_role("button", name="Approve").click()
    page.locator(".chip").nth(9).click()
    bar.get_by_role("button", name="Exclude").click()
    wait_until_saved(namer)
    assert [(kind, n) for kind, _, n in edits(namer)] == [
        ("name", 3), ("name", 1), ("approve", 1), ("exclude", 1),
    ]  # fmt: skip
    bar.get_by_role("button", name="Undo").click()
    wait_until_saved(namer)
    assert len(edits(namer)) == 3
    expect(page.get_by_text("5 chips approved")).to_be_visible()
    # A button again for what has been done already is no edit.
    page.locator(".chip").nth(7).click()
    bar.get_by_role("button", name="1 crane").click()
    expect(page.locator(".target")).to_have_text("Current chip")
    page.locator(".chip").nth(3).click()
    bar.get_by_role("button", name="1 crane").click()
    wait_until_saved(namer)
    assert len(edits(namer)) == 4
    page.locator(".chip").nth(4).click()
    assert find_problems(namer) == []


def test_sheet__one_request_for_all_chips(namer):
    open_sheet(namer)
    sprites = [url for url in namer.requests if "/chipscape/sprites/" in url]
    assert len(sprites) == 1
    images = "chips => new Set(chips.map(c => c.firstChild.style.backgroundImage)).size"
    assert namer.page.locator(".chip").evaluate_all(images) == 1


@pytest.mark.long
def test_sheet__is_reached_from_the_legend_and_from_a_selection(namer):
    page = namer.page
    namer.go("explore")
    namer.wait_for_plot()
    namer.legend.get_by_role("button", name="Contact sheet of Cluster 1").click()
    page.locator(".chip").first.wait_for(timeout=WAIT)
    namer.wait_until_idle()
    names = page.locator(".chip em").all_inner_texts()
    assert set(names) == {"Cluster 1"}
    page.get_by_role("link", name="Explore", exact=True).click()
    namer.wait_for_plot()
    namer.legend.get_by_role("button", name="Select the chips of Cluster 0").click()
    namer.wait_until_idle()
    page.locator("[class*=st-key-cs-sheet-of-selection] button").first.click()
    expect(page.locator(".grid")).to_have_attribute("aria-label", re.compile("^The selection"))
    assert set(page.locator(".chip em").all_inner_texts()) == {"Cluster 0"}
