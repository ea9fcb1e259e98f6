"""Encoders are measured, compared and joined in the browser."""

import csv
import json

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

WAIT = 60_000
JOBS = 240_000
EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture
def visitor(own_scene, visit):
    """A visitor on the Embeddings page of a workspace in which nothing was computed."""
    visitor = visit(own_scene)
    visitor.go("embeddings")
    yield visitor
    assert visitor.exceptions() == []
    assert visitor.foreign_requests() == []
    assert visitor.dialogs == []


def wait_for_job(visitor) -> None:
    """Wait until the job that was started has ended."""
    job = visitor.page.locator(".st-key-cs_job")
    job.wait_for(timeout=WAIT)
    job.wait_for(state="hidden", timeout=JOBS)
    visitor.wait_until_idle()
    assert visitor.alerts() == []


def test_embeddings__measured_then_compared_then_joined(visitor, tmp_path, own_scene):
    tab = visitor.page.get_by_role("tab", name="All encoders")
    tab.click()
    cards = visitor.page.locator(".cs-cards article")
    expect(cards).to_have_count(13)
    expect(cards.nth(0)).to_contain_text("not measured yet")
    expect(cards.nth(2)).to_contain_text(f"{own_scene.root}/weights/satdino-small-16")
    visitor.page.get_by_role("button", name="Measure").click()
    wait_for_job(visitor)
    # The tab stays open when the job ends.
    expect(tab).to_have_attribute("aria-selected", "true")
    expect(cards.nth(0)).to_contain_text("for 36 chips")
    expect(cards.nth(1)).to_contain_text("for 36 chips")
    assert not (own_scene.root / "artifacts" / "embeddings").exists()

    visitor.page.get_by_role("tab", name="Compare encoders").click()
    visitor.page.get_by_role("button", name="Compare").click()
    wait_for_job(visitor)
    rows = visitor.page.locator(".cs-scores tbody tr")
    # Two tables with one encoder and the control in each.
    expect(rows).to_have_count(4)
    expect(rows.nth(0).locator("b").first).to_be_visible()
    visitor.page.set_viewport_size({"width": 1280, "height": 900})
    overflow = "tables => tables.map(t => t.scrollWidth - t.parentElement.clientWidth)"
    assert max(visitor.page.locator("table.cs-scores").evaluate_all(overflow)) <= 0
    with visitor.page.expect_download() as download:
        visitor.page.get_by_role("button", name="Download the table (CSV)").click()
    download.value.save_as(tmp_path / "table.csv")
    with (tmp_path / "table.csv").open(encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    assert [row["Encoder"].split()[0] for row in table] == ["Texture", "Simple"]
    assert 0 <= float(table[0]["5-NN"]) <= 1
    attributes = [
        json.loads(path.read_text())["inputs"]["property"]
        for path in (own_scene.root / "artifacts" / "comparisons").glob("*/manifest.json")
    ]
    assert attributes == ["class"] * 2

    visitor.page.get_by_role("combobox", name="Joined with").click()
    visitor.page.get_by_role("option", name="Simple colour").click()
    visitor.wait_until_idle()
    visitor.page.get_by_role("button", name="Update the embeddings").click()
    wait_for_job(visitor)
    expect(visitor.page.get_by_role("button", name="Up to date")).to_be_visible(timeout=WAIT)
    expect(visitor.page.get_by_text("36 chips embedded in")).to_be_visible()
