"""Scenes that are moved away, changed, added, removed and put back, on the pages of the app."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.session import jobs, saved_settings
from core.pipeline.run import keep_run, run_pipeline
from core.pipeline.scene_search.decisions import CandidateSquare, decide
from core.raster.scene import read_scene
from core.settings import GmmSettings, ProjectionSettings, RunSettings

ROOT = Path(__file__).resolve().parents[3]
QUICK = RunSettings(
    method="gmm",
    gmm=GmmSettings(n_components=2, n_init=1),
    projection=ProjectionSettings(n_iter=50),
)
PAGES = ("scenes", "chips", "embeddings", "clusters", "explore", "contact_sheet", "map")


def compute(workspace):
    keep_run(run_pipeline(workspace, QUICK))


@pytest.fixture
def workspace(with_scene):
    """A computed workspace of two scenes, each with ten annotations."""
    workspace = with_scene(10, "quay")
    with_scene(10, "pier")
    compute(workspace)
    saved_settings.save_settings(workspace, QUICK)
    return workspace


@pytest.fixture
def requests(monkeypatch):
    """The arguments of the runs that the app started; none of them is computed."""
    arguments = []
    monkeypatch.setattr(jobs, "start_run", lambda *values: arguments.append(values))
    return arguments


def open_app(page: str) -> AppTest:
    app = AppTest.from_file(str(ROOT / "app" / "script.py"), default_timeout=60)
    return app.run().switch_page(f"../pages/{page}.py").run()


def page_text(app: AppTest) -> str:
    elements = [*app.markdown, *app.caption, *app.info, *app.warning, *app.error, *app.header]
    return " ".join(str(element.value) for element in elements).replace("\\", "")


def labels(app: AppTest) -> list[str]:
    return [button.label for button in app.button]


def press(app: AppTest, label: str) -> AppTest:
    return next(button for button in app.button if button.label == label).click().run()


@pytest.mark.parametrize("page", PAGES)
def test_missing_scene__the_last_result_stays_and_the_scene_is_named(workspace, page):
    (workspace.raw / "quay.tif").rename(workspace.root / "quay.tif")
    app = open_app(page)
    assert not app.exception
    assert "quay.tif is no longer in raw/. Its chips, clusters and points are still" in page_text(
        app
    )
    assert {"Continue without it", "I put it back: check again"} <= set(labels(app))
    assert "There is no plot yet" not in page_text(app)
    assert "These results use your previous settings" not in page_text(app)
    if page == "chips":
        assert "20 chips of" in page_text(app)
    if page == "explore":
        assert "20 chips" in page_text(app)
    (workspace.root / "quay.tif").rename(workspace.raw / "quay.tif")
    press(app, "I put it back: check again")
    assert "no longer in raw/" not in page_text(app)


def test_missing_scene__the_app_opens_with_the_plot(workspace):
    (workspace.raw / "quay.tif").unlink()
    app = AppTest.from_file(str(ROOT / "app" / "script.py"), default_timeout=60).run()
    assert app.title[0].value == "Explore"


def test_missing_scene__all_of_them(workspace):
    for name in ("quay.tif", "pier.tif"):
        (workspace.raw / name).unlink()
    app = open_app("explore")
    assert not app.exception
    assert "pier.tif and quay.tif are no longer in raw/." in page_text(app)
    assert "Continue without them" not in labels(app)
    assert "20 chips" in page_text(app)


def test_confirmed_objects__are_included_by_an_update(workspace):
    scene = read_scene(workspace.raw / "quay.tif")
    square = CandidateSquare("quay-1", 20.0, 20.0, 9.0, 9.0)
    decide(workspace, scene, [square], {"class": "boat"}, "confirmed")
    app = open_app("explore")
    assert "Objects have been confirmed on quay.tif" in page_text(app)
    assert "Update the results" in labels(app)
    assert not {"Continue without it", "I put it back: check again"} & set(labels(app))
    # The page on which they are confirmed has a button of its own.
    app = app.switch_page("../pages/scan.py").run()
    assert not app.exception
    assert "Objects have been confirmed" not in page_text(app)


def test_missing_scene__next_to_an_added_one(workspace, with_scene):
    (workspace.raw / "quay.tif").unlink()
    with_scene(10, "dock")
    assert "Update the results without the missing scene" in labels(open_app("explore"))


def test_missing_scene__continuing_asks_for_an_update(workspace, requests):
    (workspace.raw / "quay.tif").unlink()
    app = press(open_app("explore"), "Continue without it")
    assert not app.exception
    ((_, settings, until, _),) = requests
    assert (settings, until) == (QUICK, "projection")
    compute(workspace)
    app.run()
    assert "no longer in raw/" not in page_text(app)
    assert "10 chips" in page_text(app)


def test_missing_scene__an_earlier_result_without_it_is_not_displayed_unasked(with_scene):
    workspace = with_scene(10, "quay")
    compute(workspace)
    with_scene(12, "pier")
    compute(workspace)
    saved_settings.save_settings(workspace, QUICK)
    (workspace.raw / "pier.tif").unlink()
    for _ in range(2):
        app = open_app("explore")
        assert "pier.tif is no longer in raw/." in page_text(app)
        assert "22 chips" in page_text(app)


def test_missing_annotations__are_named(workspace):
    (workspace.raw / "pier.geojson").unlink()
    app = open_app("chips")
    assert "pier.geojson, from which the chips of pier.tif were cut, is no longer" in page_text(app)
    assert "20 chips of" in page_text(app)


def test_added_scene__is_not_part_of_the_results_until_they_are_updated(
    workspace, with_scene, requests
):
    with_scene(10, "yard")
    app = open_app("explore")
    assert "yard.tif is not part of these results yet." in page_text(app)
    press(app, "Update the results")
    assert len(requests) == 1


def test_removed_scene__is_moved_with_its_annotations_and_put_back(workspace):
    names = sorted(path.name for path in workspace.raw.iterdir())
    app = open_app("scenes")
    assert "Moves pier.geojson and pier.tif to" in page_text(app)
    press(app, "Remove pier.tif")
    assert not app.exception
    assert sorted(p.name for p in workspace.raw.iterdir()) == ["quay.geojson", "quay.tif"]
    assert sorted(p.name for p in workspace.replaced.iterdir()) == ["pier.geojson", "pier.tif"]
    assert "pier.tif was removed: 2 files moved to" in page_text(app)
    assert "pier.tif is no longer in raw/." in page_text(app)
    press(app, "Undo the removal")
    assert not app.exception
    assert sorted(path.name for path in workspace.raw.iterdir()) == names
    assert "no longer in raw/" not in page_text(app)
