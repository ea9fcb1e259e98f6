"""Every page in the light and the dark theme: contrast, names, headings and focus, with axe-core.

axe-core is the engine of most accessibility checks: https://github.com/dequelabs/axe-core.
"""

from pathlib import Path

import axe_playwright_python
import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

WAIT = 60_000
AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text("utf-8")
# Streamlit's own elements, which an app cannot change: a rule, and the elements that break it.
STREAMLIT = {
    # The list of pages holds a heading and a list per group, where only items are allowed.
    "list": "[data-testid=stSidebarNavItems]",
    "listitem": "[data-testid=stSidebarNavItems] li",
    # A brief message has a text, which is read out, but no title.
    "aria-dialog-name": "[data-testid=stToast]",
}
SCAN = """async (known) => {
  const { violations } = await axe.run(document, { resultTypes: ["violations"], elementRef: true });
  const serious = (rule) => ["serious", "critical"].includes(rule.impact);
  return violations
    .filter((rule) => serious(rule) || rule.id === "heading-order")
    .flatMap((rule) => rule.nodes
      .filter(({ element }) => !element?.matches(known[rule.id] || "not-an-element"))
      .map((node) => `${rule.id}: ${node.html.slice(0, 200)} ${node.failureSummary}`));
}"""
# Every run of the tests scans the pages with most controls; the others are scanned in long runs.
CHIP_PAGES = (
    *("clusters", "runs"),
    *(pytest.param(name, marks=pytest.mark.long) for name in ("scenes", "chips", "embeddings")),
    *(pytest.param(name, marks=pytest.mark.long) for name in ("explore", "map", "scan")),
    *(pytest.param(name, marks=pytest.mark.long) for name in ("contact_sheet", "labels")),
    # Without two dates; tests/browser/test_changes.py scans the comparison itself.
    pytest.param("changes", marks=pytest.mark.long),
)
LAND_COVER_PAGES = ("flair_data", "flair_pixels", "flair_models", "flair_confusion")
TABS = {
    "embeddings": ("Compare encoders", "All encoders"),
    "clusters": ("Report card", "Agreement with an attribute", "Explain", "Edit"),
    "flair_data": ("Time series", "All patches", "Classes", "Files", "Label regions"),
    "flair_pixels": ("A channel by class", "Spectra", "Two channels"),
    "flair_models": ("The notebook's grid", "Label economy", "HDBSCAN live"),
    "flair_confusion": ("Two models", "Patch by patch", "Class maps"),
}
# Chromium may go on listing transitions that have finished.
IS_STILL = """() => !document.getAnimations().some(
  (a) => a instanceof CSSTransition && a.playState === "running")"""


def find_problems(visitor) -> list[str]:
    """Return the serious problems of the page and its frames in the light and the dark theme."""
    problems = []
    for scheme in ("light", "dark"):
        visitor.page.emulate_media(color_scheme=scheme)
        app = visitor.page.locator(".stApp")
        expect(app).to_have_css("color-scheme", scheme)
        expect(app).to_have_attribute("data-charts", scheme, timeout=WAIT)
        visitor.wait_until_idle()
        visitor.page.wait_for_function(IS_STILL)
        for frame in visitor.page.frames:
            frame.evaluate(AXE)
        problems += [f"{scheme}: {text}" for text in visitor.page.evaluate(SCAN, STREAMLIT)]
    return problems


def open_tab(visitor, title: str) -> None:
    """Click a tab or a segment of the page."""
    control = visitor.page.get_by_role("radio", name=title, exact=True)
    control.or_(visitor.page.get_by_role("tab", name=title, exact=True)).first.click()
    visitor.wait_until_idle()


@pytest.fixture
def reader(ready_demo, visit):
    """A visitor of the demo."""
    return visit(ready_demo)


@pytest.mark.parametrize("name", CHIP_PAGES)
def test_page__readable_in_both_themes(reader, name):
    reader.go(name)
    assert find_problems(reader) == []


@pytest.mark.long
@pytest.mark.parametrize("name", LAND_COVER_PAGES)
def test_land_cover_page__readable_in_both_themes(land, visit, name):
    visitor = visit(land)
    visitor.go(name)
    assert find_problems(visitor) == []


@pytest.mark.long
@pytest.mark.parametrize("name", TABS)
def test_tabs__readable_in_both_themes(name, visit, request):
    visitor = visit(request.getfixturevalue("land" if name in LAND_COVER_PAGES else "ready_demo"))
    visitor.go(name)
    problems = {}
    for title in TABS[name]:
        open_tab(visitor, title)
        problems[title] = find_problems(visitor)
    assert {title: texts for title, texts in problems.items() if texts} == {}


@pytest.mark.long
def test_explore__a_selected_chip_is_readable_in_both_themes(reader):
    reader.go("explore")
    reader.wait_for_plot()
    reader.click(reader.isolated_point())
    expect(reader.page.get_by_text("scene px, ").first).to_be_visible(timeout=WAIT)
    assert find_problems(reader) == []


@pytest.mark.long
def test_first_start__readable_in_both_themes(serve, visit, tmp_path):
    visitor = visit(serve(tmp_path))
    visitor.page.goto(visitor.server.url)
    visitor.choose_workspace("My scenes")
    visitor.page.get_by_role("heading", name="Scenes").wait_for(timeout=WAIT)
    assert find_problems(visitor) == []


@pytest.mark.long
def test_theme__charts_follow_a_switch(reader):
    reader.go("clusters")
    # Other charts, such as those under the sliders, have labels of another colour.
    label = reader.page.locator(".js-plotly-plot .ytick text", has_text="Cluster").first
    expect(label).to_have_css("fill", "rgb(31, 41, 51)", timeout=WAIT)
    reader.page.emulate_media(color_scheme="dark")
    expect(label).to_have_css("fill", "rgb(227, 232, 236)", timeout=WAIT)
    assert reader.exceptions() == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_navigation__focus_is_visible_and_differs_from_the_current_page(reader, scheme):
    reader.page.emulate_media(color_scheme=scheme)
    reader.go("explore")
    links = reader.page.get_by_test_id("stSidebarNavLink")
    for name, is_current in (("Clusters", False), ("Explore", True)):
        link = links.filter(has_text=name)
        expect(link).to_have_css("outline-style", "none")
        reader.page.keyboard.press("Tab")
        link.focus()
        expect(link).to_have_css("outline-style", "solid")
        expect(link).to_have_css("outline-width", "2px")
        assert (link.get_attribute("aria-current") == "page") == is_current


def test_tab_key__reaches_every_control_of_a_page_with_a_visible_focus(reader):
    reader.go("clusters")
    names = set()
    for _ in range(60):
        reader.page.keyboard.press("Tab")
        name, has_ring = reader.page.evaluate(
            "() => { let e = document.activeElement;"
            " while (e.shadowRoot?.activeElement) e = e.shadowRoot.activeElement;"
            " const s = getComputedStyle(e);"
            " return [e.getAttribute('aria-label') || e.innerText || '',"
            " s.outlineStyle === 'solid' || e.matches('input, body, main')]; }"
        )
        assert has_ring, name
        names.add(name.split("\n")[-1].strip())
    assert {"Explore", "Clustering method", "Overview"} <= names
