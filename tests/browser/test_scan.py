"""Find in scenes: a search, its threshold, and candidates decided on with mouse and keyboard."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from playwright.sync_api import expect

from app.session.saved_settings import save_settings
from core.pipeline.assignment.assigned_scenes import open_reference
from core.pipeline.chip_stages import open_chips
from core.pipeline.run import keep_run, run_pipeline
from core.pipeline.scene_search.decisions import confirmed_ids, read_decisions
from core.pipeline.scene_search.examples import chips_of_class
from core.pipeline.search.chip_examples import change_examples
from core.pipeline.workspace import Workspace
from core.settings import ChipSettings, GmmSettings, ProjectionSettings, RunSettings
from tests.browser.test_page_access import find_problems

pytestmark = [pytest.mark.browser, pytest.mark.long]

WAIT = 120_000
N, N_ANNOTATED = 36, 24


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A workspace with a result: 36 squares of two kinds, the last 12 without annotations."""
    workspace = Workspace.at(tmp_path_factory.mktemp("quay"))
    workspace.raw.mkdir()
    rng, transform = np.random.default_rng(3), Affine(0.5, 0, 692_000, 0, -0.5, 4_796_000)
    pixels, features = rng.normal(90, 12, (3, 300, 300)), []
    stripes = 90 * (np.arange(20) // 2 % 2)
    for i in range(N):
        x, y = 10 + i % 6 * 46, 10 + i // 6 * 46
        window = pixels[:, y : y + 20, x : x + 20]
        window += stripes if i % 2 == 0 else np.array([-50, -20, 60])[:, None, None]
        corners = [(x, y), (x + 20, y), (x + 20, y + 20), (x, y + 20), (x, y)]
        geometry = {"type": "Polygon", "coordinates": [[list(transform @ c) for c in corners]]}
        properties = {"class": ("boat", "shed")[i % 2]}
        features.append({"type": "Feature", "properties": properties, "geometry": geometry})
    profile = {"driver": "GTiff", "dtype": "uint8", "count": 3, "width": 300, "height": 300}
    profile |= {"crs": "EPSG:32631", "transform": transform}
    with rasterio.open(workspace.raw / "quay.tif", "w", **profile) as scene:
        scene.write(pixels.clip(0, 255).astype("uint8"))
    crs = {"type": "name", "properties": {"name": "EPSG:32631"}}
    document = {"type": "FeatureCollection", "crs": crs, "features": features[:N_ANNOTATED]}
    (workspace.raw / "quay.geojson").write_text(json.dumps(document))
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
    """A visitor with a copy of the workspace."""
    return visit(serve(shutil.copytree(finished.root, tmp_path / "quay")))


def workspace_of(visitor):
    return Workspace.at(visitor.server.root)


def heading(visitor):
    return visitor.page.locator(".card h3")


def wait_for_review(visitor):
    expect(heading(visitor)).to_contain_text("Candidate ", timeout=WAIT)
    visitor.wait_until_idle()


def wait_for_decisions(visitor, *expected):
    """Wait until the stored decisions are the expected ones, sorted."""
    for _ in range(240):
        if sorted(w.decision for w in read_decisions(workspace_of(visitor))) == sorted(expected):
            return
        visitor.page.wait_for_timeout(250)
    pytest.fail(f"{read_decisions(workspace_of(visitor))} instead of {expected}")


def tab_to(visitor, locator):
    """Press the Tab key until an element has the focus."""
    for _ in range(80):
        if locator.evaluate("e => e.getRootNode().activeElement === e"):
            return
        visitor.page.keyboard.press("Tab")
    pytest.fail("the Tab key does not reach the element")


def test_scan__with_the_mouse(analyst):
    page = analyst.page
    analyst.go("scan")
    before = {p.name: p.read_bytes() for p in workspace_of(analyst).raw.iterdir()}
    expect(page.get_by_text("12 examples")).to_be_visible(timeout=WAIT)
    page.get_by_role("button", name="Search", exact=True).click()
    wait_for_review(analyst)
    expect(page.locator(".card img")).to_have_js_property("complete", True)
    assert page.locator(".card img").evaluate("image => image.naturalWidth") > 300
    page.get_by_role("button", name="Confirm", exact=True).click()
    page.get_by_role("button", name="Confirm", exact=True).click()
    page.get_by_role("button", name="Reject", exact=True).click()
    expect(page.locator(".count")).to_contain_text("2 confirmed · 1 rejected")
    page.get_by_role("button", name="Undo", exact=True).click()
    expect(page.locator(".count")).to_contain_text("2 confirmed · 0 rejected")
    wait_for_decisions(analyst, "confirmed", "confirmed")

    # A higher score gives fewer candidates, counted while the slider moves; decided ones remain.
    slider, highest = page.get_by_role("slider"), "2 candidates · 2 confirmed · 0 rejected"
    slider.fill(slider.get_attribute("max"))
    expect(page.locator(".count")).to_contain_text(highest)
    slider.fill("0")
    expect(page.locator(".count")).not_to_contain_text(highest)

    # A click on the picture of the scene chooses the square there: the last one of the first row
    # without annotations has stripes.
    frame = page.locator("canvas").bounding_box()
    scale = frame["width"] / 300
    x, y = 10 + 4 * 46 + 10, 10 + 5 * 46 + 10
    page.mouse.click(frame["x"] + x * scale, frame["y"] + y * scale)
    expect(page.locator(".card")).to_be_focused()
    assert {p.name: p.read_bytes() for p in workspace_of(analyst).raw.iterdir()} == before
    assert len(confirmed_ids(workspace_of(analyst), workspace_of(analyst).raw / "quay.tif")) == 2
    assert analyst.exceptions() == []
    assert analyst.foreign_requests() == []

    with page.expect_download() as download:
        page.get_by_role("button", name="Download confirmed").click()
    features = json.loads(Path(download.value.path()).read_text())["features"]
    assert [f["properties"]["class"] for f in features] == ["boat", "boat"]

    # The confirmed ones become chips, and the review goes on without another search.
    page.get_by_role("button", name="Add 2 confirmed objects to the result").click()
    page.get_by_text("Adding confirmed objects: done").wait_for(timeout=WAIT)
    expect(page.get_by_role("button", name="Add confirmed objects to the result")).to_be_disabled()
    expect(page.locator(".count")).to_contain_text("2 confirmed · 0 rejected")
    analyst.go("explore")
    expect(page.get_by_text(f"{N_ANNOTATED + 2} chips").first).to_be_visible(timeout=WAIT)


def test_scan__marked_chips_with_the_keyboard_alone(analyst):
    page, keyboard = analyst.page, analyst.page.keyboard
    reference = open_reference(workspace_of(analyst))
    rows = [*chips_of_class(reference.view, "boat").rows[:3], 1]
    ids = open_chips(reference.view).facts["chip_id"].iloc[rows].tolist()
    change_examples(workspace_of(analyst), lambda e: e.mark_for(ids[:3]).mark_against(ids[3:]))
    analyst.go("scan")
    expect(page.get_by_text("3 examples and 1 example against")).to_be_visible(timeout=WAIT)
    tab_to(analyst, page.get_by_role("button", name="Search", exact=True))
    keyboard.press("Enter")
    wait_for_review(analyst)
    # The keys work at once.
    expect(page.locator(".card")).to_be_focused()
    # Faster than the page can respond.
    for key in ("Enter", "x", "Enter", "u", "n", "ArrowRight", "ArrowLeft", "y"):
        keyboard.press(key)
    wait_for_decisions(analyst, "confirmed", "confirmed", "rejected", "rejected")
    expect(page.locator(".count")).to_contain_text("2 confirmed · 2 rejected")
    tab_to(analyst, page.get_by_role("button", name="Rank again"))
    keyboard.press("Enter")
    wait_for_review(analyst)
    expect(page.locator(".count")).to_contain_text("2 confirmed · 2 rejected", timeout=WAIT)
    # The state outlasts a new session.
    analyst.go("scan")
    expect(page.locator(".count")).to_contain_text("2 confirmed · 2 rejected", timeout=WAIT)
    assert find_problems(analyst) == []
    assert analyst.exceptions() == []
