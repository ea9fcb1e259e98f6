"""The estimate next to the buttons that start jobs, in the browser."""

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

WAIT = 60_000
NUMBER = re.compile(r"About \d+ (s|min) \(.* to .*\), .* of memory")


def test_estimate__is_shown_before_the_chips_are_cut_and_gone_afterwards(own_scene, visit):
    visitor = visit(own_scene)
    visitor.go("chips")
    line = visitor.page.get_by_text(re.compile("About .* of memory|No estimate yet"))
    expect(line.first).to_be_visible(timeout=WAIT)
    visitor.page.get_by_role("button", name="Cut the chips").click()
    visitor.wait_until_idle()
    expect(visitor.page.get_by_role("button", name="Up to date")).to_be_visible(timeout=4 * WAIT)
    expect(visitor.page.get_by_text("of memory")).to_have_count(1, timeout=WAIT)
    # The job has measured the speed of the machine, so other pages have numbers now.
    visitor.go("embeddings")
    expect(visitor.page.get_by_text(NUMBER).first).to_be_visible(timeout=WAIT)
    assert visitor.exceptions() == []


def test_estimate__next_to_comparisons_trials_and_exports(plotted_scene, visit):
    visitor = visit(plotted_scene)
    visitor.go("embeddings")
    line = visitor.page.get_by_text(re.compile("About .* of memory|No estimate yet"))
    for tab in ("Compare encoders", "All encoders"):
        visitor.page.get_by_role("tab", name=tab).click()
        expect(line.filter(visible=True)).to_have_count(1, timeout=WAIT)
    visitor.go("explore")
    visitor.page.get_by_role("button", name="Export").click()
    expect(visitor.page.get_by_role("button", name="Create 1 file")).to_be_visible(timeout=WAIT)
    expect(line.filter(visible=True)).to_have_count(1, timeout=WAIT)
    assert visitor.exceptions() == []
