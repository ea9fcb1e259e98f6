"""The Export button, as Streamlit runs it on a small computed workspace."""

from pathlib import Path

import geopandas as gpd
import pytest
from streamlit.testing.v1 import AppTest

from app.session import cache, jobs

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def export_jobs(home):
    """A function that returns the exports; they are forgotten after the test."""

    def find():
        return [job for job in jobs.list_jobs(home) if job.title == "Exporting"]

    yield find
    for job in find():
        job.cancel()
        job.wait(10)
        cache.job_board().forget(job.key)


def open_page(page):
    app = AppTest.from_file(str(ROOT / "app" / "script.py"), default_timeout=60)
    return app.run().switch_page(f"../pages/{page}.py").run()


def labels(elements):
    return [element.label for element in elements]


def captions(app):
    return " ".join(element.value for element in app.caption)


@pytest.mark.parametrize("page", ["explore", "clusters", "map"])
def test_panel__on_every_page_with_clusters(home, page):
    app = open_page(page)
    assert not app.exception
    groups = [group for group in app.get("button_group") if "export" in (group.key or "")]
    titles = ["Maps and tables", "Annotation tools and detectors", "Images and report"]
    assert labels(groups) == titles
    assert app.button(key="cs.export").label == "Create 1 file"
    assert "**GeoPackage**: QGIS, which opens it coloured and labelled by cluster" in captions(app)


def test_panel__nothing_to_create_without_a_format(home):
    app = open_page("explore")
    group = next(g for g in app.get("button_group") if g.label == "Maps and tables")
    group.set_value([]).run()
    button = app.button(key="cs.export")
    assert (button.label, button.disabled) == ("Create 0 files", True)


def test_panel__creates_a_file_and_offers_it(home, export_jobs):
    app = open_page("explore")
    app.button(key="cs.export").click().run()
    (job,) = export_jobs()
    job.wait(120)
    assert job.state == "done", job.error
    (path,) = map(Path, job.result["written"])
    assert path.is_relative_to(home.root / "app" / "exports")
    table = gpd.read_file(path, layer="chips")
    assert len(table) == 36
    assert not app.run().exception
    assert app.button(key="cs.export").label == "Create 1 file again"
    assert any("Download chips.gpkg" in item.body for item in app.get("html"))
    # The same result is offered on the other pages too.
    other = app.switch_page("../pages/map.py").run()
    assert any("Download chips.gpkg" in item.body for item in other.get("html"))


def test_panel__says_why_an_export_failed(home, export_jobs, monkeypatch):
    command = jobs.core_command("export", "--format", "nonsense")
    monkeypatch.setattr(jobs, "core_command", lambda *_: command)
    app = open_page("explore")
    app.button(key="cs.export").click().run()
    (job,) = export_jobs()
    job.wait(60)
    app.run()
    assert job.state == "failed"
    assert sum("nonsense" in error.value for error in app.error) == 2
