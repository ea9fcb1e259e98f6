"""Encoders on the page: measured, compared, joined, as an analyst does it."""

import csv
import json

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

WAIT = 60_000
JOBS = 240_000
EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture
def page(own, visit):
    """The page Embeddings of a workspace in which nothing was computed."""
    visitor = visit(own)
    visitor.go("embeddings")
    yield visitor
    assert visitor.exceptions() == []
    assert visitor.foreign() == []
    assert visitor.dialogs == []


def finish(visitor) -> None:
    """Wait until the job that was started has ended."""
    job = visitor.page.locator(".st-key-cs_job")
    job.wait_for(timeout=WAIT)
    job.wait_for(state="hidden", timeout=JOBS)
    visitor.rest()
    assert visitor.alerts() == []


def test_embeddings__measured_then_compared_then_joined(page, tmp_path, own):
    tab = page.page.get_by_role("tab", name="All encoders")
    tab.click()
    cards = page.page.locator(".cs-cards article")
    expect(cards).to_have_count(12)
    expect(cards.nth(0)).to_contain_text("not measured yet")
    expect(cards.nth(2)).to_contain_text(f"{own.root}/weights/satdino-small-16")
    page.page.get_by_role("button", name="Measure").click()
    finish(page)
    # The job must not throw its reader out of the tab.
    expect(tab).to_have_attribute("aria-selected", "true")
    expect(cards.nth(0)).to_contain_text("for 36 chips")
    expect(cards.nth(1)).to_contain_text("for 36 chips")
    assert not (own.root / "artifacts" / "embeddings").exists()

    page.page.get_by_role("tab", name="Side by side").click()
    page.page.get_by_role("button", name="Compare").click()
    finish(page)
    rows = page.page.locator(".cs-scores tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.nth(0).locator("b").first).to_be_visible()
    with page.page.expect_download() as download:
        page.page.get_by_role("button", name="Download the table (CSV)").click()
    download.value.save_as(tmp_path / "table.csv")
    with (tmp_path / "table.csv").open(encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    assert [row["Encoder"].split()[0] for row in table] == ["Texture", "Random"]
    assert 0 <= float(table[0]["5-NN"]) <= 1
    made = [
        json.loads(path.read_text())["inputs"]["property"]
        for path in (own.root / "artifacts" / "comparisons").glob("*/manifest.json")
    ]
    assert made == ["class", "class"]

    page.page.get_by_role("combobox", name="Joined with").click()
    page.page.get_by_role("option", name="Random").click()
    page.rest()
    page.page.get_by_role("button", name="Embed the chips").click()
    finish(page)
    expect(page.page.get_by_role("button", name="Up to date")).to_be_visible(timeout=WAIT)
    expect(page.page.get_by_text("36 chips embedded in")).to_be_visible()
