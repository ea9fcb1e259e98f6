"""Each page as Streamlit runs it, without a browser, on a small computed workspace."""

import json
import sys
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app import navigation
from app.session import cache, jobs
from core.pipeline.run import run_pipeline
from core.pipeline.run_stages import RUN_STAGES
from core.settings import RunSettings

ROOT = Path(__file__).resolve().parents[2]
PAGES = (
    "scenes",
    "chips",
    "embeddings",
    "clusters",
    "explore",
    "contact_sheet",
    "map",
    "scan",
    "changes",
    "labels",
    "runs",
)
EVIL = "<img src=x onerror=alert(1)>"
SECONDS = 60


def app_test() -> AppTest:
    return AppTest.from_file(str(ROOT / "app" / "script.py"), default_timeout=SECONDS)


def open_page(page: str) -> AppTest:
    return app_test().run().switch_page(f"../pages/{page}.py").run()


def open_own_page(page: str) -> AppTest:
    """Open a page on the user's workspace, even though it has no data."""
    app = app_test()
    app.session_state["cs.workspace"] = "mine"
    return app.run().switch_page(f"../pages/{page}.py").run()


def texts(app: AppTest) -> str:
    elements = [*app.markdown, *app.caption, *app.title, *app.header, *app.error, *app.info]
    return " ".join(str(element.value) for element in elements)


def html(app: AppTest) -> str:
    return " ".join(element.proto.body for element in app.get("html"))


def labelled(elements, label: str):
    return next(element for element in elements if element.label == label)


@pytest.mark.parametrize("page", PAGES)
def test_page__opens_without_an_exception(home, page):
    app = open_page(page)
    assert not app.exception
    assert not app.error
    assert app.title[0].value == navigation.TITLES.get(page, page.capitalize().replace("_", " "))


@pytest.mark.parametrize("page", PAGES)
def test_page__attribute_values_are_escaped(home, page):
    app = open_page(page)
    assert EVIL not in html(app)
    assert EVIL not in texts(app)
    assert "**merchant** ship" not in texts(app)


@pytest.mark.parametrize("page", PAGES)
def test_page__accepts_an_empty_workspace(tmp_path, monkeypatch, page):
    monkeypatch.setenv("CHIPSCAPE_WORKSPACE", str(tmp_path))
    app = open_own_page(page)
    assert not app.exception
    assert not app.error
    # Another workspace can always be opened.
    assert all(button.disabled for button in app.button if button.label != "Open this folder")
    assert list(tmp_path.iterdir()) in ([], [tmp_path / "artifacts"])


def test_start__opens_explore_if_there_is_a_projection(home):
    assert app_test().run().title[0].value == "Explore"


def test_sidebar__lists_every_stage_after_the_scenes(home):
    page = html(open_page("chips"))
    for stage in RUN_STAGES[1:]:
        entry = f'<li class="cs-done"><i></i><span>{stage.title}</span><em>done</em></li>'
        assert entry in page
    assert page.count("<i></i>") == len(RUN_STAGES) - 1


def test_sidebar__changed_settings_mark_the_stages_that_depend_on_them(home):
    app = open_page("explore")
    labelled(app.number_input, "Iterations").set_value(100).run()
    page = html(app)
    assert '<li class="cs-stale"><i></i><span>Projection</span><em>changed</em></li>' in page
    assert page.count('class="cs-done"') == len(RUN_STAGES) - 2


def test_workspace__file_instead_of_a_folder_gives_a_message(tmp_path, monkeypatch):
    file = tmp_path / "file"
    file.touch()
    monkeypatch.setenv("CHIPSCAPE_WORKSPACE", str(file))
    app = app_test().run()
    assert not app.exception
    assert "is a file, not a folder" in app.error[0].value


def test_scenes__a_broken_scene_is_named(tmp_path, monkeypatch):
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "broken.tif").write_bytes(b"II*\0 and no more")
    monkeypatch.setenv("CHIPSCAPE_WORKSPACE", str(tmp_path))
    app = open_page("scenes")
    assert not app.exception
    assert "broken" in app.error[0].value
    assert app.dataframe[0].value["State"].tolist() == ["cannot be used"]


def test_chips__facts_have_units_and_attributes_their_own_names(home):
    table = open_page("chips").dataframe[0].value
    assert {"Chip", "class", "number", "Length (m)", "Area (m²)", "Heading (°)"} <= set(table)
    assert EVIL in set(table["class"])


def test_chips__changed_settings_say_which_results_are_displayed(home):
    app = open_page("chips")
    assert labelled(app.button, "Up to date").disabled
    app.select_slider[0].set_value(96).run()
    assert "These results use your previous settings" in texts(app)
    assert r"chip size\: 64" in texts(app)
    # One button for one act.
    assert not labelled(app.button, "Update the chips").disabled
    assert "Cut the chips" not in [button.label for button in app.button]
    labelled(app.button, "Keep these results").click().run()
    assert "previous settings" not in texts(app)
    assert app.select_slider[0].value == 64


@pytest.fixture
def other_job(home):
    sleep = (sys.executable, "-c", "import time; time.sleep(60)")
    job = cache.job_board().start(f"{jobs.job_prefix(home)}other", "Other work", sleep)
    yield job
    job.cancel()
    job.wait(4)
    cache.job_board().forget(job.key)


def test_stale_notice__waits_while_a_job_is_running(home, other_job):
    app = open_page("chips")
    app.select_slider[0].set_value(96).run()
    assert labelled(app.button, "Update the chips").disabled


def test_clusters__changed_clustering_space_is_computed_up_to_the_clusters(home, monkeypatch):
    runs = []
    monkeypatch.setattr(jobs, "start_run", lambda *arguments: runs.append(arguments))
    app = open_page("clusters")
    labelled(app.number_input, "Principal components").set_value(7).run()
    labelled(app.button, "Update the clusters").click().run()
    ((_, settings, until, _),) = runs
    assert until == "clusters"
    assert settings.reduction.n_dims == 7


def choose(app: AppTest, label: str, value: object) -> None:
    labelled(app.segmented_control, label).set_value(value).run()
    assert not app.exception
    assert not app.error


def test_choice__falls_back_to_the_default_if_deselected(home):
    app = open_page("chips")
    choose(app, "Background", "mask")
    choose(app, "Background", None)
    assert r"background\: kept" in texts(app)


def test_method__is_kept_from_one_page_to_the_next(home):
    app = open_page("clusters")
    labelled(app.selectbox, "Clustering method").set_value("kmeans").run()
    app.switch_page("../pages/explore.py").run()
    assert labelled(app.selectbox, "Clustering method").value == "kmeans"
    app.switch_page("../pages/clusters.py").run()
    assert [slider.label for slider in app.slider if slider.label == "Clusters of k-means"]
    assert not [slider.label for slider in app.slider if slider.label == "Clusters of the mixture"]


def test_tab__stays_open_if_deselected(home):
    app = open_page("clusters")
    choose(app, "View", None)
    assert "Typical chips" in texts(app)


def test_first_start__sliders_are_prepared_after_the_plot_is_drawn(home, monkeypatch):
    events, draw_page = [], navigation._draw_page

    def draw_and_note(workspace, page, job_slot):
        draw_page(workspace, page, job_slot)
        events.append(page.url_path)

    monkeypatch.setattr(navigation, "_draw_page", draw_and_note)
    monkeypatch.setattr(jobs, "prepare_sliders", lambda *_: events.append("prepare"))
    app = app_test()
    app.session_state["cs.awaits demo"] = True
    app.run()
    assert not app.exception
    assert events == ["explore", "prepare", "explore"]


def page_links(app: AppTest) -> list[str]:
    return [element.proto.page for element in app.get("page_link")]


@pytest.mark.parametrize("page", ["clusters", "explore"])
def test_no_annotations__page_links_to_scenes(with_scene, page):
    (with_scene(1).raw / "quay.geojson").unlink()
    app = open_page(page)
    assert not app.exception
    assert "None of the scenes has annotations yet." in texts(app)
    assert page_links(app) == ["scenes"]
    assert not any(button.disabled for button in app.button)


@pytest.mark.parametrize("page", ["clusters", "explore"])
def test_no_scenes__page_links_to_scenes(tmp_path, monkeypatch, page):
    monkeypatch.setenv("CHIPSCAPE_WORKSPACE", str(tmp_path))
    app = open_own_page(page)
    assert "There are no scenes in this workspace yet." in texts(app)
    assert page_links(app) == ["scenes"]


def test_clusters__more_components_than_chips_gives_a_message(with_scene):
    run_pipeline(with_scene(6), RunSettings(), until="reduction")
    app = open_page("clusters")
    assert labelled(app.slider, "Clusters of the mixture").value == 6
    assert "6 chips are too few for 6 clusters." in texts(app)


def test_scenes__classes_are_the_last_column_and_counted(home):
    table = open_page("scenes").dataframe[0].value
    assert table.columns[-1] == "Classes"
    assert table["Classes"].iloc[0].startswith("3: ")


def test_choices__survive_a_change_of_page(home):
    app = open_page("chips")
    app.select_slider[0].set_value(96).run()
    app.switch_page("../pages/embeddings.py").run()
    app.switch_page("../pages/chips.py").run()
    assert app.select_slider[0].value == 96


def test_embeddings__score_against_the_class(home):
    app = open_page("embeddings")
    values = {metric.label: metric.value for metric in app.metric}
    assert 0.9 <= float(values["Balanced accuracy"]) <= 1
    assert values["Across scenes"] == "not known"


def test_embeddings__missing_weights_are_reported_without_a_download(home, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    app = open_page("embeddings")
    labelled(app.selectbox, "Encoder").set_value("satdino-small-16").run()
    assert not app.exception
    assert "satdino-small-16 is not ready yet" in app.info[0].value.replace("\\", "")
    assert not labelled(app.button, "Update the embeddings").disabled


def test_clusters__missing_fit_is_offered_but_not_started(home):
    app = open_page("clusters")
    labelled(app.slider, "Clusters of the mixture").set_value(4).run()
    assert "No mixture of 4 clusters is fitted yet" in texts(app).replace("\\", "")
    assert "2 clusters" in app.header[0].value
    assert not labelled(app.button, "Fit 2 to 20 clusters").disabled


def test_clusters__fitted_mixture_shows_its_sizes_and_typical_chips(home):
    app = open_page("clusters")
    assert app.header[0].value.startswith("2 clusters")
    galleries = [
        json.loads(element.proto.json)
        for element in app.get("bidi_component")
        if element.key.startswith("cs.gallery")
    ]
    assert [gallery["label"] for gallery in galleries] == [
        f"Typical chips of Cluster {i}" for i in range(2)
    ]
    first = galleries[0]["groups"][0]["items"][0]
    assert first["id"] in first["alt"]
    assert "Cluster 0" in first["alt"]


def test_raw__is_not_written_to(home):
    before = {path.name: path.read_bytes() for path in home.raw.iterdir()}
    for page in PAGES:
        open_page(page)
    assert {path.name: path.read_bytes() for path in home.raw.iterdir()} == before


def test_widgets__shared_by_two_pages_keep_their_value(home):
    app = open_page("explore")
    labelled(app.slider, "Clusters of the mixture").set_value(5).run()
    app.switch_page("../pages/clusters.py").run()
    assert labelled(app.slider, "Clusters of the mixture").value == 5
