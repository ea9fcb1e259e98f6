"""Examples and similar chips, with the mouse and with the keyboard alone."""

import pandas as pd
import pytest
from playwright.sync_api import expect

from app.session.saved_settings import save_settings
from core.embeddings.networks.siglip2 import CARD
from core.pipeline.results.current_file import load_current
from core.pipeline.run import run_pipeline
from core.pipeline.search.chip_examples import ExampleSet, change_examples, load_examples
from core.pipeline.search.chip_ranking import rank_by_words
from core.pipeline.workspace import Workspace
from core.settings import EmbedSettings, GmmSettings, ProjectionSettings, RunSettings
from tests.quay_scene import write_quay_scene
from tests.siglip_hub import write_siglip_hub

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def quay(serve, tmp_path_factory):
    """A server on 36 squares of three textures with every stage computed, and their ids."""
    run = run_quay(Workspace.at(tmp_path_factory.mktemp("similar")), EmbedSettings())
    return serve(run.view.workspace.root), run.chips.facts["chip_id"].tolist()


def run_quay(workspace, embed):
    write_quay_scene(
        workspace.raw, lambda i: {"class": ("boat", "shed", "tree")[i % 3]}, "quay", 36
    )
    settings = RunSettings(
        embed=embed,
        gmm=GmmSettings(n_components=3, n_init=1),
        projection=ProjectionSettings(n_iter=50),
    )
    run = run_pipeline(workspace, settings)
    save_settings(workspace, settings)
    return run


@pytest.fixture
def analyst(quay, visit):
    """A visitor on Explore, in a workspace without examples."""
    change_examples(Workspace.at(quay[0].root), lambda _: ExampleSet())
    visitor = visit(quay[0])
    visitor.go("explore")
    visitor.wait_for_plot()
    return visitor


def find_chip(visitor, chip_id):
    field = visitor.page.get_by_role("textbox", name="Chip id").first
    field.fill(chip_id)
    visitor.page.keyboard.press("Enter")
    visitor.wait_until_idle()


def mark_button(visitor, name):
    page = visitor.page
    return page.get_by_role("radio", name=name).or_(page.get_by_role("button", name=name)).first


def test_mouse__mark_rank_and_save_as_a_cluster(analyst, quay):
    server, ids = quay
    page, workspace = analyst.page, Workspace.at(server.root)
    find_chip(analyst, ids[0])
    mark_button(analyst, "More like this").click()
    expect(page.get_by_text("Similar chips", exact=True)).to_be_visible()
    analyst.wait_until_idle()
    assert load_examples(workspace).examples == (ids[0],)
    # The plot is coloured by similarity.
    assert analyst.plot("return new Set(g.data[0].marker.color).size") > 3
    page.locator(".st-key-cs_similar .gallery button").first.click()
    analyst.wait_until_idle()
    mark_button(analyst, "Not like this").click()
    analyst.wait_until_idle()
    assert len(load_examples(workspace).counterexamples) == 1
    # Signs mark both in the plot and among the chips.
    texts = analyst.plot("return g.layout.annotations.map(a => a.text)")
    assert texts == ["<b>+</b>", "<b>−</b>"]
    page.get_by_role("button", name="1 for, 1 against").click()
    signs = page.get_by_test_id("stPopoverBody").locator(".sign")
    expect(signs).to_have_text(["+", "−"])
    page.keyboard.press("Escape")
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV", exact=True).click()
    table = pd.read_csv(download.value.path())
    assert table["mark"].fillna("").tolist()[:3] == ["for", "against", ""]
    assert table["chip_id"][0] == ids[0]
    assert table["score"][2:].is_monotonic_decreasing
    page.get_by_role("textbox", name="Name of the new cluster").fill("quay wall")
    page.get_by_role("button", name="Save as cluster").click()
    analyst.wait_until_idle()
    expect(page.get_by_text("new cluster", exact=False).first).to_be_visible()
    edit = load_current(workspace).curation.history.edits[-1]
    assert (edit.kind, edit.text) == ("new", "quay wall")
    page.get_by_role("button", name="Undo", exact=True).click()
    analyst.wait_until_idle()
    assert analyst.exceptions() == []


def focus_by_tab(visitor, locator, most=80):
    """Press Tab until an element has the focus."""
    for _ in range(most):
        if locator.evaluate("element => element === document.activeElement"):
            return
        visitor.page.keyboard.press("Tab")
    pytest.fail("the element cannot be reached with Tab")


def test_keyboard__mark_and_select(analyst, quay):
    server, ids = quay
    page, workspace = analyst.page, Workspace.at(server.root)
    find_chip(analyst, ids[4])
    focus_by_tab(analyst, mark_button(analyst, "More like this"))
    page.keyboard.press("Space")
    expect(page.get_by_text("Similar chips", exact=True)).to_be_visible()
    analyst.wait_until_idle()
    assert load_examples(workspace).examples == (ids[4],)
    focus_by_tab(analyst, page.get_by_role("button", name="Select", exact=True))
    page.keyboard.press("Enter")
    expect(page.get_by_text("36 chips selected")).to_be_visible()
    analyst.wait_until_idle()
    focus_by_tab(analyst, page.locator(".st-key-cs-clear-examples button").first)
    page.keyboard.press("Enter")
    expect(page.get_by_text("Similar chips", exact=True)).to_have_count(0)
    assert load_examples(workspace) == ExampleSet()


@pytest.mark.long
def test_map__shows_the_same_ranking(analyst, quay):
    server, ids = quay
    workspace = Workspace.at(server.root)
    change_examples(workspace, lambda examples: examples.mark_for(ids[:2]))
    analyst.go(f"map?chip={ids[7]}")
    expect(analyst.page.get_by_text("Similar chips", exact=True)).to_be_visible()
    mark_button(analyst, "More like this").click()
    analyst.wait_until_idle()
    assert load_examples(workspace).examples == (*ids[:2], ids[7])
    gallery = analyst.page.locator(".st-key-cs_similar .gallery button")
    expect(gallery.first).to_be_visible()
    assert analyst.exceptions() == []


def test_words__rank_the_chips(serve, visit, tmp_path):
    workspace = Workspace.at(tmp_path)
    write_siglip_hub(workspace.weights / "siglip2", CARD.dim, 32)
    run = run_quay(workspace, EmbedSettings(encoder="siglip2", input_size=32))
    best = rank_by_words(run.view, "a boat").best_chips(1).rows[0]
    visitor = visit(serve(workspace.root))
    visitor.go("explore")
    visitor.wait_for_plot()
    page = visitor.page
    page.get_by_role("textbox", name="Find chips by words").fill("a boat")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Chips like “a boat”")).to_be_visible()
    gallery = page.locator(".st-key-cs_similar .gallery button")
    expect(gallery.first).to_have_attribute("data-chip", run.chip_ids[best])
    page.get_by_role("button", name="Clear").click()
    expect(page.locator(".st-key-cs_similar")).to_have_count(0)
    expect(page.get_by_role("textbox", name="Find chips by words")).to_have_value("")

    (workspace.weights / "siglip2" / "tokenizer.json").unlink()
    page.get_by_role("textbox", name="Find chips by words").fill("a shed")
    page.keyboard.press("Enter")
    expect(page.get_by_text("tokenizer.json")).to_be_visible()
    assert visitor.exceptions() == []
