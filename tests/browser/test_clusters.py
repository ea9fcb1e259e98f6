"""Tuning, judging and naming clusters as an analyst does, on the demo; in the file's order."""

import csv

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

WAIT = 60_000
JOB = 240_000


@pytest.fixture
def tuning(demo, visit):
    """HDBSCAN on the page Clusters, the demo made by whichever test comes first."""
    # A session starts from the settings asked for last; other tests ask for some and cancel.
    (demo.root / "demo" / "app" / "settings.toml").unlink(missing_ok=True)
    visitor = visit(demo)
    page = visitor.page
    page.goto(demo.url)
    page.frame_locator("iframe").first.locator(".nsewdrag").first.wait_for(timeout=JOB)
    page.locator(".st-key-cs_job").wait_for(state="hidden", timeout=JOB)
    page.get_by_role("link", name="Clusters").click()
    expect(page.locator("h1").first).to_have_text("Clusters", timeout=WAIT)
    visitor.rest()
    by(visitor, "HDBSCAN")
    expect(page.get_by_text("% noise").first).to_be_visible(timeout=WAIT)
    visitor.rest()
    return visitor


def by(visitor, method: str) -> None:
    """Choose the method of clustering."""
    visitor.page.get_by_role("combobox", name="Clusters by").click()
    visitor.page.get_by_role("option", name=method, exact=True).click()
    visitor.rest()


def view(visitor, name: str) -> None:
    visitor.page.get_by_text(name, exact=True).first.click()
    visitor.rest()


def test_size__landscape_presets_and_changes(tuning):
    page = tuning.page
    expect(page.get_by_text("Suggested:")).to_be_visible(timeout=WAIT)
    strip = page.locator("[class*='st-key-cs-sizes']").first
    expect(strip.locator(".xy, .x2y2, .x3y3, .x4y4").first).to_be_visible(timeout=WAIT)
    before = page.locator("h3").first.inner_text()
    coarse = page.get_by_role("button", name="Coarse")
    clusters = coarse.inner_text().split("·")[1].strip()
    coarse.click()
    expect(page.locator("h3").first).not_to_have_text(before, timeout=WAIT)
    expect(page.locator("h3").first).to_contain_text(f"{clusters} clusters", timeout=WAIT)
    expect(page.get_by_text("Since the last setting:")).to_be_visible(timeout=WAIT)
    assert tuning.exceptions() == []


def test_report_card__is_a_job_and_can_be_downloaded(tuning):
    page = tuning.page
    view(tuning, "Report card")
    page.get_by_role("button", name="Judge the clusters").click()
    expect(page.get_by_text("20 resamples of")).to_be_visible(timeout=JOB)
    tuning.rest()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the report card").click()
    rows = list(csv.DictReader(download.value.path().open(encoding="utf-8")))
    assert all(0 <= float(row["Stability"]) <= 1 for row in rows)
    expect(page.get_by_text("things to look at")).to_be_visible()
    assert tuning.foreign() == []


def test_edit__name_reaches_the_picture_and_a_new_visitor(tuning, visit):
    page = tuning.page
    view(tuning, "Edit")
    name = page.get_by_role("textbox", name="Name")
    name.fill("<b>row of boats</b>")
    name.press("Enter")
    expect(page.get_by_text("One edit: renamed to")).to_be_visible(timeout=WAIT)
    page.get_by_role("link", name="Explore").click()
    tuning.wait_for_landscape()
    assert any("row of boats" in text for text in tuning.plot("return g.data[0].text"))
    expect(page.locator(".cs-legend")).to_contain_text("<b>row of boats</b>")
    other = visit(tuning.server)
    other.go("explore")
    by(other, "HDBSCAN")
    expect(other.page.locator(".cs-legend")).to_contain_text("<b>row of boats</b>", timeout=WAIT)
    assert tuning.exceptions() == other.exceptions() == []


def test_edit__colour_and_split_reach_the_picture(tuning):
    page = tuning.page
    view(tuning, "Edit")
    before = page.locator("h3").first.inner_text()
    page.get_by_role("button", name="Split in two").click()
    expect(page.locator("h3").first).not_to_have_text(before, timeout=WAIT)
    expect(page.get_by_text("split.").first).to_be_visible()
    page.locator("[data-testid=stColorPickerBlock]").first.click()
    colour = page.locator("[data-testid=stColorPickerPopover] input").first
    colour.fill("#123456")
    colour.press("Enter")
    page.keyboard.press("Escape")
    page.locator("h1").first.click()
    expect(page.get_by_text("recoloured to #123456")).to_be_visible(timeout=WAIT)
    page.get_by_role("link", name="Explore").click()
    tuning.wait_for_landscape()
    colours = {stop[1] for stop in tuning.plot("return g.data[0].marker.colorscale")}
    assert "#123456" in colours
    assert tuning.exceptions() == []


def test_edit__selection_is_moved_and_the_move_undone(tuning):
    page = tuning.page
    page.get_by_role("link", name="Explore").click()
    tuning.wait_for_landscape()
    sizes = page.locator(".cs-legend").inner_text()
    page.locator("iframe").first.hover()
    tuning.frame.locator(".modebar-btn[data-title='Box Select']").click()
    box = page.locator("iframe").first.bounding_box()
    page.mouse.move(box["x"] + 60, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=6)
    page.mouse.up()
    expect(page.get_by_text("chips selected")).to_be_visible(timeout=WAIT)
    tuning.rest()
    page.get_by_role("button", name="Move", exact=True).click()
    expect(page.get_by_text("chips moved").first).to_be_visible(timeout=WAIT)
    tuning.rest()
    assert page.locator(".cs-legend").inner_text() != sizes
    page.get_by_role("button", name="Undo", exact=True).click()
    expect(page.locator(".cs-legend")).to_have_text(sizes, use_inner_text=True, timeout=WAIT)
    assert tuning.exceptions() == []


def test_tree__is_drawn_with_the_smallest_cluster_to_scale(tuning):
    view(tuning, "Tree")
    picture = tuning.page.locator("[class*='st-key-cs-tree']").first
    expect(picture.get_by_text("to scale")).to_be_visible(timeout=WAIT)
    assert picture.locator("path.js-fill").count() > 2
    assert tuning.exceptions() == []


def test_noise__shown_in_the_nearest_cluster(tuning):
    tuning.page.get_by_text("nearest", exact=True).first.click()
    expect(tuning.page.get_by_text("The original -1 is kept beside.")).to_be_visible(timeout=WAIT)
    assert tuning.exceptions() == []


def nudge(visitor, slider: str, key: str, times: int) -> None:
    """Move a slider by its arrow keys."""
    handle = visitor.page.locator("[data-testid=stSlider]", has_text=slider).locator(
        "input[type=range]"
    )
    handle.focus()
    for _ in range(times):
        handle.press(key)
    visitor.rest()


def test_more__keeps_what_was_chosen_on_the_page_clusters(tuning):
    page = tuning.page
    page.get_by_text("soft", exact=True).first.click()
    tuning.rest()
    membership = page.locator("[data-testid=stSlider]", has_text="Least membership")
    start = float(membership.locator("input").input_value())
    nudge(tuning, "Least membership", "ArrowRight", 8)
    chosen = float(membership.locator("input").input_value())
    assert chosen == pytest.approx(start + 0.08)
    page.get_by_text("All chips may be one cluster").click()
    tuning.rest()
    page.get_by_role("link", name="Explore").click()
    tuning.wait_for_landscape()
    for key in ("ArrowRight", "ArrowRight"):
        nudge(tuning, "Smallest cluster", key, 1)
    expect(page.get_by_text(f"at a membership of {chosen:g} or more")).to_be_visible(timeout=WAIT)
    legend = page.locator(".cs-legend").inner_text()
    page.get_by_role("button", name="More").click()
    expect(membership).to_be_visible(timeout=WAIT)
    tuning.rest()
    assert float(membership.locator("input").input_value()) == pytest.approx(chosen)
    soft = page.locator("[data-testid=stButtonGroup] button", has_text="soft")
    expect(soft).to_have_attribute("aria-checked", "true")
    single = page.locator("[data-testid=stCheckbox]", has_text="All chips may be one cluster")
    expect(single.locator("input")).to_be_checked()
    assert page.locator(".cs-legend").inner_text() == legend
    nudge(tuning, "Smallest cluster", "ArrowLeft", 1)
    assert float(membership.locator("input").input_value()) == pytest.approx(chosen)
    page.get_by_role("button", name="Less").click()
    expect(membership).to_be_hidden(timeout=WAIT)
    tuning.rest()
    expect(page.get_by_text(f"at a membership of {chosen:g} or more")).to_be_visible(timeout=WAIT)
    assert tuning.exceptions() == []
