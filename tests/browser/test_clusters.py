"""Tuning, evaluating and naming clusters as an analyst does; tests run in the file's order."""

import csv
import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

WAIT = 60_000
JOB = 240_000


@pytest.fixture
def tuning(ready_demo, visit):
    """A visitor on the Clusters page of the demo with HDBSCAN."""
    # A session starts from the settings that were requested last, also by tests that cancel jobs.
    (ready_demo.root / "demo" / "app" / "settings.toml").unlink(missing_ok=True)
    visitor = visit(ready_demo)
    visitor.go("clusters")
    choose_method(visitor, "HDBSCAN")
    expect(visitor.page.get_by_text("% noise").first).to_be_visible(timeout=WAIT)
    visitor.wait_until_idle()
    return visitor


def choose_method(visitor, method: str) -> None:
    visitor.page.get_by_role("combobox", name="Clustering method").click()
    visitor.page.get_by_role("option", name=method, exact=True).click()
    visitor.wait_until_idle()


def open_tab(visitor, name: str) -> None:
    # The warning about confounders also names a tab, before the tabs.
    tabs = visitor.page.get_by_test_id("stButtonGroup")
    tabs.get_by_text(name, exact=True).first.click()
    visitor.wait_until_idle()


def test_size__comparison_presets_and_changes(tuning):
    page = tuning.page
    expect(page.get_by_text("Suggested:")).to_be_visible(timeout=WAIT)
    chart = page.locator("[class*='st-key-cs-sizes']").first
    expect(chart.locator(".xy, .x2y2, .x3y3, .x4y4").first).to_be_visible(timeout=WAIT)
    heading = page.locator("h2").first.inner_text()
    coarse = page.get_by_role("button", name="Coarse")
    n_clusters = coarse.inner_text().split("·")[1].strip()
    coarse.click()
    expect(page.locator("h2").first).not_to_have_text(heading, timeout=WAIT)
    expect(page.locator("h2").first).to_contain_text(f"{n_clusters} clusters", timeout=WAIT)
    expect(page.get_by_text("Since the previous setting:")).to_be_visible(timeout=WAIT)
    assert tuning.exceptions() == []


def test_report_card__is_a_job_and_can_be_downloaded(tuning):
    page = tuning.page
    open_tab(tuning, "Report card")
    page.get_by_role("button", name="Evaluate the clusters").click()
    expect(page.get_by_text("Stability: 20 resamples of")).to_be_visible(timeout=JOB)
    tuning.wait_until_idle()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the report card").click()
    rows = list(csv.DictReader(download.value.path().open(encoding="utf-8")))
    assert all(0 <= float(row["Stability"]) <= 1 for row in rows)
    expect(page.get_by_text(re.compile("possible confounders?:"))).to_be_visible()
    assert tuning.foreign_requests() == []


def test_edit__name_reaches_the_plot_and_a_new_visitor(tuning, visit):
    page = tuning.page
    open_tab(tuning, "Edit")
    name = page.get_by_role("textbox", name="Name")
    name.fill("<b>row of boats</b>")
    name.press("Enter")
    expect(page.get_by_text("One edit: renamed to")).to_be_visible(timeout=WAIT)
    page.get_by_role("link", name="Explore", exact=True).click()
    tuning.wait_for_plot()
    expect(tuning.tip_of_group(0)).to_contain_text("<b>row of boats</b>")
    expect(tuning.legend).to_contain_text("<b>row of boats</b>")
    newcomer = visit(tuning.server)
    newcomer.go("explore")
    choose_method(newcomer, "HDBSCAN")
    legend = newcomer.legend
    expect(legend).to_contain_text("<b>row of boats</b>", timeout=WAIT)
    assert tuning.exceptions() == newcomer.exceptions() == []


def test_edit__colour_and_split_reach_the_plot(tuning):
    page = tuning.page
    open_tab(tuning, "Edit")
    heading = page.locator("h2").first.inner_text()
    page.get_by_role("button", name="Split in two").click()
    expect(page.locator("h2").first).not_to_have_text(heading, timeout=WAIT)
    expect(page.get_by_text("split.").first).to_be_visible()
    page.locator("[data-testid=stColorPickerBlock]").first.click()
    colour = page.locator("[data-testid=stColorPickerPopover] input").first
    colour.fill("#123456")
    colour.press("Enter")
    page.keyboard.press("Escape")
    page.locator("h1").first.click()
    expect(page.get_by_text("recoloured to #123456")).to_be_visible(timeout=WAIT)
    page.get_by_role("link", name="Explore", exact=True).click()
    tuning.wait_for_plot()
    colours = {stop[1] for stop in tuning.plot("return g.data[0].marker.colorscale")}
    assert "#123456" in colours
    assert tuning.exceptions() == []


def test_edit__selection_is_moved_and_the_move_undone(tuning):
    page = tuning.page
    page.get_by_role("link", name="Explore", exact=True).click()
    tuning.wait_for_plot()
    sizes = tuning.legend.inner_text()
    page.locator("iframe").first.hover()
    tuning.frame.locator(".modebar-btn[data-title='Box Select']").click()
    box = page.locator("iframe").first.bounding_box()
    page.mouse.move(box["x"] + 60, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=6)
    page.mouse.up()
    expect(page.get_by_text("chips selected")).to_be_visible(timeout=WAIT)
    tuning.wait_until_idle()
    page.get_by_role("button", name="Move", exact=True).click()
    expect(page.get_by_text("chips moved").first).to_be_visible(timeout=WAIT)
    tuning.wait_until_idle()
    assert tuning.legend.inner_text() != sizes
    page.get_by_role("button", name="Undo", exact=True).click()
    expect(tuning.legend).to_have_text(sizes, use_inner_text=True, timeout=WAIT)
    assert tuning.exceptions() == []


def test_tree__is_drawn_with_the_smallest_cluster_to_scale(tuning):
    open_tab(tuning, "Tree")
    chart = tuning.page.locator("[class*='st-key-cs-tree']").first
    expect(chart.get_by_text("to scale")).to_be_visible(timeout=WAIT)
    assert chart.locator("path.js-fill").count() > 2
    assert tuning.exceptions() == []


@pytest.mark.long
def test_noise__displayed_in_the_nearest_cluster(tuning):
    page = tuning.page
    page.get_by_text("nearest", exact=True).first.click()
    note = page.get_by_text("Exports also contain the original labels.")
    expect(note).to_be_visible(timeout=WAIT)
    assert tuning.exceptions() == []


def nudge(visitor, slider: str, key: str, times: int) -> None:
    """Move a slider with an arrow key."""
    handle = visitor.page.locator("[data-testid=stSlider]", has_text=slider).locator(
        "input[type=range]"
    )
    handle.focus()
    for _ in range(times):
        handle.press(key)
    visitor.wait_until_idle()


@pytest.mark.long
def test_more__keeps_the_choices_of_the_clusters_page(tuning):
    page = tuning.page
    # An earlier test may have requested clusters so large that no chip can be assigned to them.
    page.get_by_role("button", name="Medium").click()
    tuning.wait_until_idle()
    page.get_by_text("soft", exact=True).first.click()
    tuning.wait_until_idle()
    membership = page.locator("[data-testid=stSlider]", has_text="Minimum membership")
    start = float(membership.locator("input").input_value())
    nudge(tuning, "Minimum membership", "ArrowRight", 8)
    threshold = float(membership.locator("input").input_value())
    assert threshold == pytest.approx(start + 0.08)
    page.get_by_text("All chips may form a single cluster").click()
    tuning.wait_until_idle()
    page.get_by_role("link", name="Explore", exact=True).click()
    tuning.wait_for_plot()
    for key in ("ArrowRight", "ArrowRight"):
        nudge(tuning, "Minimum cluster size", key, 1)
    note = page.get_by_text(f"a membership of {threshold:g} or more")
    expect(note).to_be_visible(timeout=WAIT)
    legend = tuning.legend.inner_text()
    page.get_by_role("button", name="More").click()
    expect(membership).to_be_visible(timeout=WAIT)
    tuning.wait_until_idle()
    assert float(membership.locator("input").input_value()) == pytest.approx(threshold)
    soft = page.locator("[data-testid=stButtonGroup] button", has_text="soft")
    expect(soft).to_have_attribute("aria-checked", "true")
    single = page.locator("[data-testid=stCheckbox]", has_text="may form a single cluster")
    expect(single.locator("input")).to_be_checked()
    assert tuning.legend.inner_text() == legend
    nudge(tuning, "Minimum cluster size", "ArrowLeft", 1)
    assert float(membership.locator("input").input_value()) == pytest.approx(threshold)
    page.get_by_role("button", name="Less").click()
    expect(membership).to_be_hidden(timeout=WAIT)
    tuning.wait_until_idle()
    expect(note).to_be_visible(timeout=WAIT)
    assert tuning.exceptions() == []
