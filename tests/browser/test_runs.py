"""Naming clusters, changing the encoder, comparing both runs, and loading the first one again."""

import pytest
from playwright.sync_api import expect

from core.pipeline.results.current_file import load_current
from core.pipeline.results.run_records import list_run_records
from core.pipeline.run import keep_run, run_pipeline
from core.pipeline.workspace import Workspace
from core.settings import GmmSettings, ProjectionSettings, RunSettings

pytestmark = pytest.mark.browser

WAIT = 60_000
JOB = 240_000
QUICK = RunSettings(
    method="gmm",
    gmm=GmmSettings(n_components=3, n_init=1),
    projection=ProjectionSettings(n_iter=50),
)


@pytest.fixture
def computed(own_scene):
    """The workspace of a server, with a current result."""
    workspace = Workspace.at(own_scene.root)
    keep_run(run_pipeline(workspace, QUICK))
    return workspace


def marked(page) -> list[int]:
    """Return the number of marked points in each plot of points on the page."""
    return page.evaluate(
        "() => [...document.querySelectorAll('.js-plotly-plot')]"
        ".filter(g => g.data[0].type.startsWith('scatter'))"
        ".map(g => (g.data[0].selectedpoints || []).length)"
    )


def test_runs__compare_and_return_to_the_first(computed, own_scene, visit):
    visitor = visit(own_scene)
    page = visitor.page
    visitor.go("clusters")
    page.get_by_test_id("stButtonGroup").get_by_text("Edit", exact=True).first.click()
    visitor.wait_until_idle()
    name = page.get_by_role("textbox", name="Name")
    name.fill("ferries")
    name.press("Enter")
    expect(page.get_by_text("One edit: renamed to")).to_be_visible(timeout=WAIT)

    page.get_by_role("link", name="Embeddings", exact=True).click()
    visitor.wait_until_idle()
    page.get_by_role("combobox", name="Encoder").first.click()
    page.get_by_role("option", name="Simple colour", exact=True).click()
    visitor.wait_until_idle()
    page.get_by_role("button", name="Update the embeddings").click()
    page.locator(".st-key-cs_job").wait_for(state="visible", timeout=WAIT)
    page.locator(".st-key-cs_job").wait_for(state="hidden", timeout=JOB)
    page.get_by_role("link", name="Explore", exact=True).click()
    visitor.wait_until_idle()
    page.get_by_role("button", name="Update").click()
    page.locator(".st-key-cs_job").wait_for(state="visible", timeout=WAIT)
    page.locator(".st-key-cs_job").wait_for(state="hidden", timeout=JOB)
    visitor.wait_until_idle()
    assert load_current(computed).settings.embed.encoder == "colour"

    page.get_by_role("link", name="Runs", exact=True).click()
    expect(page.get_by_text("encoder: texture → colour")).to_be_visible(timeout=WAIT)
    expect(page.get_by_text("ARI").first).to_be_visible()
    expect(page.locator(".sankey-node")).not_to_have_count(0)
    point = page.get_by_test_id("stPlotlyChart").nth(1).locator(".point").nth(5)
    point.scroll_into_view_if_needed()
    point.click(force=True)
    expect(page.get_by_text("1 chip selected, marked in both plots.")).to_be_visible(timeout=WAIT)
    assert marked(page) == [1, 1]

    page.get_by_role("button", name="Load", exact=True).last.click()
    visitor.wait_until_idle()
    first = list_run_records(computed)[-1]
    assert load_current(computed).run == first.run_id
    page.get_by_role("link", name="Explore", exact=True).click()
    visitor.wait_for_plot()
    expect(visitor.tip_of_group(0)).to_contain_text("ferries")
    newcomer = visit(own_scene)
    newcomer.go("explore")
    newcomer.wait_for_plot()
    expect(newcomer.legend).to_contain_text("ferries", timeout=WAIT)
    assert visitor.exceptions() == newcomer.exceptions() == []
    assert visitor.foreign_requests() == []
