"""Changes: two dates compared, the ranked list, the threshold, the swipe and the exports."""

import json
import shutil

import pytest
from playwright.sync_api import expect

from app.session.saved_settings import save_settings
from core.pipeline.run import keep_run, run_pipeline
from core.pipeline.workspace import Workspace
from core.settings import ChipSettings, GmmSettings, ProjectionSettings, RunSettings
from tests.browser.test_page_access import find_problems
from tests.two_dates import GONE, NAMES, NEW, N, write_two_dates

pytestmark = [pytest.mark.browser, pytest.mark.long]

WAIT = 120_000
N_CHANGED = len(GONE + NEW)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A workspace with a result of two scenes of the same ground."""
    workspace = Workspace.at(tmp_path_factory.mktemp("port"))
    write_two_dates(workspace.raw)
    settings = RunSettings(
        chips=ChipSettings(size=32),
        gmm=GmmSettings(n_components=2, n_init=1),
        projection=ProjectionSettings(n_iter=50),
    )
    keep_run(run_pipeline(workspace, settings))
    save_settings(workspace, settings)
    return workspace


@pytest.fixture
def analyst(finished, serve, visit, tmp_path):
    """A visitor on the page, with a copy of the workspace."""
    visitor = visit(serve(shutil.copytree(finished.root, tmp_path / "port")))
    visitor.go("changes")
    return visitor


def listing(visitor):
    return visitor.page.get_by_role("listbox", name="Footprints, the largest change first")


def wait_for_list(visitor):
    expect(listing(visitor)).to_be_visible(timeout=WAIT)
    visitor.wait_until_idle()


def heading(visitor):
    return visitor.page.locator(".changes h2")


def swipe(visitor):
    return visitor.page.get_by_role("slider", name="Swipe between the dates")


def tab_to(visitor, locator, key="Tab"):
    """Press the Tab key until an element has the focus."""
    for _ in range(80):
        if locator.evaluate("e => e.getRootNode().activeElement === e"):
            return
        visitor.page.keyboard.press(key)
    pytest.fail("the Tab key does not reach the element")


def test_changes__with_the_mouse(analyst):
    page = analyst.page
    page.get_by_role("button", name="Compare", exact=True).click()
    wait_for_list(analyst)
    kinds = page.locator(".list li:visible .kind")
    threshold = page.get_by_role("slider", name="Lowest score of a changed footprint")
    threshold.fill(threshold.get_attribute("max"))
    expect(page.get_by_text("No footprint of this kind has such a score.")).to_be_visible()
    threshold.fill("3")
    expect(page.locator(".count")).to_contain_text(f"{len(GONE)} gone · {len(NEW)} new")
    assert sorted(kinds.all_text_contents()[:N_CHANGED]) == sorted(
        ["gone"] * len(GONE) + ["new"] * len(NEW)
    )
    # The count follows the threshold while the slider moves, and the buttons when it is released.
    threshold.fill(threshold.get_attribute("min"))
    expect(page.locator(".count")).to_contain_text(f"{N} of {N} footprints changed")
    expect(page.get_by_role("button", name=f"Select {N} chips")).to_be_enabled()
    page.get_by_label("Kind").select_option("new")
    expect(kinds).to_have_text(["new"] * len(NEW))
    expect(page.get_by_role("button", name=f"Select {len(NEW)} chips")).to_be_enabled()
    expect(heading(analyst)).to_have_text(f"1 of {len(NEW)}: new")

    # A click chooses a footprint, which is drawn on both dates.
    page.locator(".list li:visible").nth(1).click()
    expect(heading(analyst)).to_have_text(f"2 of {len(NEW)}: new")
    pictures = [page.get_by_alt_text(f"The surroundings in {name}") for name in NAMES]
    for picture in pictures:
        expect(picture).to_have_js_property("complete", True)
        assert picture.evaluate("image => image.naturalWidth") > 300
    assert pictures[0].get_attribute("src") != pictures[1].get_attribute("src")

    # The pointer swipes from one date to the other.
    frame = page.locator(".stage").bounding_box()
    x, y = frame["x"], frame["y"] + frame["height"] / 2
    page.mouse.move(x + frame["width"] / 2, y)
    page.mouse.down()
    page.mouse.move(x + 0.25 * frame["width"], y, steps=4)
    page.mouse.up()
    expect(swipe(analyst)).to_have_attribute("aria-valuetext", f"25 % {NAMES[0]}, 75 % {NAMES[1]}")
    assert pictures[0].evaluate("image => image.style.clipPath") == "inset(0px 75% 0px 0px)"

    with page.expect_download() as download:
        page.get_by_role("button", name="Download GeoJSON").click()
    features = json.loads(download.value.path().read_text())["features"]
    assert len(features) == N
    assert sum(feature["properties"]["kind"] == "gone" for feature in features) == len(GONE)

    chip_id = page.locator(".changes .facts").text_content().split(" · ")[-1]
    page.get_by_role("button", name="Show on the map").click()
    expect(page.get_by_role("heading", name="Map", exact=True)).to_be_visible(timeout=WAIT)
    expect(page.get_by_text(chip_id).first).to_be_visible(timeout=WAIT)
    assert analyst.exceptions() == []
    assert analyst.foreign_requests() == []


def test_changes__with_the_keyboard_alone(analyst):
    page, keyboard = analyst.page, analyst.page.keyboard
    tab_to(analyst, page.get_by_role("button", name="Compare", exact=True))
    keyboard.press("Enter")
    wait_for_list(analyst)
    tab_to(analyst, page.get_by_role("slider", name="Lowest score of a changed footprint"))
    keyboard.press("Home")
    expect(page.locator(".count")).to_contain_text(f"{N} of {N} footprints changed")
    tab_to(analyst, listing(analyst))
    for key in ("ArrowDown", "ArrowDown", "ArrowUp"):
        keyboard.press(key)
    expect(heading(analyst)).to_contain_text(f"2 of {N}")
    keyboard.press("End")
    expect(heading(analyst)).to_contain_text(f"{N} of {N}")
    expect(page.locator(".list [aria-selected=true]")).to_be_in_viewport()
    keyboard.press("ArrowLeft")
    expect(swipe(analyst)).to_have_value("40")
    keyboard.press("Space")
    expect(swipe(analyst)).to_have_value("100")
    assert find_problems(analyst) == []
    tab_to(analyst, swipe(analyst))
    keyboard.press("Home")
    expect(swipe(analyst)).to_have_attribute("aria-valuetext", f"0 % {NAMES[0]}, 100 % {NAMES[1]}")
    tab_to(analyst, page.get_by_role("button", name=f"Select {N} chips"))
    keyboard.press("Enter")
    page.get_by_text(f"{N} chips selected.").wait_for(timeout=WAIT)
    tab_to(analyst, page.get_by_role("button", name="Show on the map"), "Shift+Tab")
    keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Map", exact=True)).to_be_visible(timeout=WAIT)
    expect(page.get_by_text(f"{N} chips selected").first).to_be_visible(timeout=WAIT)
    assert analyst.exceptions() == []
