"""A workspace with more chips than Plotly draws and than a page of the table holds."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from app.session.saved_settings import save_settings
from core.pipeline.run import run_pipeline
from core.pipeline.workspace import Workspace
from core.settings import GmmSettings, ProjectionSettings, RunSettings
from tests.quay_scene import write_quay_scene

pytestmark = pytest.mark.browser

ROOT = Path(__file__).resolve().parents[2]
WAIT = 60_000
N = 36
# The app with lower bounds, so that the small scene is a large workspace.
SERVER = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import streamlit as st
from app.explore import chip_plot
from app.main import app as full_app
from app.widgets.chip_table import table_content, table_panel
chip_plot.MARKERS_AT_MOST, table_panel.PAGE_ROWS, table_content.CHUNK_ROWS = 20, 10, 7
app = st.App({str(ROOT / "app" / "script.py")!r}, routes=full_app._user_routes)
app
"""


@pytest.fixture(scope="module")
def large_server(serve, tmp_path_factory):
    """A server with lower bounds on a workspace with one small scene and its t-SNE plot."""
    root = tmp_path_factory.mktemp("large")
    write_quay_scene(root / "raw", lambda i: {"class": "ab"[i % 2]})
    settings = RunSettings(
        gmm=GmmSettings(n_components=3, n_init=1), projection=ProjectionSettings(n_iter=50)
    )
    run_pipeline(Workspace.at(root), settings, until="projection")
    save_settings(Workspace.at(root), settings)
    (root / "server.py").write_text(SERVER)
    return serve(root, script=root / "server.py")


def wait_for_rows(page, *texts):
    """Wait until the table contains some texts; its cells are on a canvas with a table inside."""
    cells = page.locator("[data-testid=stDataFrame] canvas table")
    for text in texts:
        expect(cells.first).to_contain_text(text, timeout=WAIT)


def test_explore__plot_pages_of_the_table_and_download(large_server, visit):
    visitor = visit(large_server)
    page = visitor.page
    visitor.go("explore")
    page.locator(".plot[data-ready=true] canvas").first.wait_for()
    visitor.wait_until_idle()
    # What is next to the plot is drawn after it, but it is drawn.
    expect(page.locator(".gallery.rows, .gallery").first).to_be_visible()
    page.get_by_text("Table of all chips").click()
    expect(page.get_by_text(f"{N} rows on pages of 10")).to_be_visible()
    # Opening the table runs the page again, which replaces the buttons of the pages.
    visitor.wait_until_idle()
    page.get_by_role("button", name="Page 4", exact=True).click()
    visitor.wait_until_idle()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the table (CSV)").click()
    assert download.value.suggested_filename == "chips.csv"
    lines = download.value.path().read_text(encoding="utf-8").splitlines()
    assert len(lines) == N + 1
    assert lines[0].startswith("Chip,Cluster,class")
    assert len(set(lines)) == N + 1
    chip_id = lines[-1].split(",")[0]
    wait_for_rows(page, chip_id)
    page.get_by_label("Sort all rows by").click()
    page.get_by_role("option", name="class").click()
    page.get_by_text("Descending").click()
    visitor.wait_until_idle()
    page.get_by_role("button", name="Page 1", exact=True).click()
    visitor.wait_until_idle()
    wait_for_rows(page, "b")
    assert visitor.exceptions() == []
