"""Each page as Streamlit runs it, without a browser, on a small computed workspace."""

import sys
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app import navigation
from app.session import cache, stage_jobs
from core.pipeline.run import run
from core.settings import RunSettings

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("scenes", "chips", "embeddings", "clusters", "explore", "map")
EVIL = "<img src=x onerror=alert(1)>"
SECONDS = 60


def opened(page: str) -> AppTest:
    app = AppTest.from_file(str(ROOT / "app" / "script.py"), default_timeout=SECONDS)
    app.run()
    return app.switch_page(f"../pages/{page}.py").run()


def texts(app: AppTest) -> str:
    elements = [*app.markdown, *app.caption, *app.title, *app.subheader, *app.error, *app.info]
    return " ".join(str(element.value) for element in elements)


def html(app: AppTest) -> str:
    return " ".join(element.proto.body for element in app.get("html"))


def button(app: AppTest, label: str):
    return next(one for one in app.button if one.label == label)


@pytest.mark.parametrize("page", PAGES)
def test_page__opens_without_an_exception(home, page):
    app = opened(page)
    assert not app.exception
    assert not app.error
    assert app.title[0].value == page.capitalize()


@pytest.mark.parametrize("page", PAGES)
def test_page__values_of_properties_are_never_markup(home, page):
    app = opened(page)
    assert EVIL not in html(app)
    assert EVIL not in texts(app)
    assert "**merchant** ship" not in texts(app)


@pytest.mark.parametrize("page", PAGES)
def test_page__empty_workspace_is_told_calmly(tmp_path, monkeypatch, page):
    monkeypatch.setenv("CHIPSCAPE_WORKSPACE", str(tmp_path))
    app = AppTest.from_file(str(ROOT / "app" / "script.py"), default_timeout=SECONDS)
    app.session_state["cs.workspace"] = "mine"
    app.run()
    app.switch_page(f"../pages/{page}.py").run()
    assert not app.exception
    assert not app.error
    assert all(one.disabled for one in app.button)
    assert list(tmp_path.iterdir()) in ([], [tmp_path / "artifacts"])


def test_start__leads_to_explore_when_there_is_a_landscape(home):
    app = AppTest.from_file(str(ROOT / "app" / "script.py"), default_timeout=SECONDS).run()
    assert app.title[0].value == "Explore"


def test_workspace__that_is_a_file_is_told_in_a_sentence(tmp_path, monkeypatch):
    file = tmp_path / "file"
    file.touch()
    monkeypatch.setenv("CHIPSCAPE_WORKSPACE", str(file))
    app = AppTest.from_file(str(ROOT / "app" / "script.py"), default_timeout=SECONDS).run()
    assert not app.exception
    assert "is a file, not a folder" in app.error[0].value


def test_scenes__a_broken_scene_is_named(tmp_path, monkeypatch):
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "broken.tif").write_bytes(b"II*\0 and no more")
    monkeypatch.setenv("CHIPSCAPE_WORKSPACE", str(tmp_path))
    app = opened("scenes")
    assert not app.exception
    assert "broken" in app.error[0].value
    assert app.dataframe[0].value["State"].tolist() == ["cannot be used"]


def test_chips__facts_have_units_and_properties_their_own_names(home):
    table = opened("chips").dataframe[0].value
    assert {"Chip", "class", "number", "Length (m)", "Area (m²)", "Heading (°)"} <= set(table)
    assert EVIL in set(table["class"])


def test_chips__changed_settings_say_what_is_shown(home):
    app = opened("chips")
    assert button(app, "Up to date").disabled
    app.select_slider[0].set_value(96).run()
    assert "before your changes" in texts(app)
    assert r"chip size\: 64" in texts(app)
    assert not button(app, "Cut the chips").disabled
    button(app, "Keep what is shown").click().run()
    assert "before your changes" not in texts(app)
    assert app.select_slider[0].value == 64


@pytest.fixture
def busy(home):
    sleep = (sys.executable, "-c", "import time; time.sleep(60)")
    job = cache.board().start(f"{stage_jobs.prefix(home)}other", "Other work", sleep)
    yield job
    job.cancel()
    job.wait(4)
    cache.board().forget(job.key)


def test_outdated__waits_while_something_is_computed(home, busy):
    app = opened("chips")
    app.select_slider[0].set_value(96).run()
    assert button(app, "Compute it").disabled
    assert button(app, "Cut the chips").disabled


def test_clusters__changed_space_is_computed_to_the_clusters(home, monkeypatch):
    asked = []
    monkeypatch.setattr(stage_jobs, "start", lambda *words: asked.append(words))
    app = opened("clusters")
    box = next(one for one in app.number_input if one.label == "Principal components")
    box.set_value(7).run()
    button(app, "Compute it").click().run()
    ((_, settings, until, _),) = asked
    assert until == "clusters"
    assert settings.reduction.n_dims == 7


def choose(app: AppTest, label: str, value: object) -> None:
    next(one for one in app.segmented_control if one.label == label).set_value(value).run()
    assert not app.exception
    assert not app.error


def test_choice__that_lost_its_value_falls_back(home):
    app = opened("chips")
    choose(app, "Background", "mask")
    choose(app, "Background", None)
    assert r"background\: kept" in texts(app)


def test_method__is_kept_from_one_page_to_the_next(home):
    app = opened("clusters")
    next(one for one in app.selectbox if one.label == "Clusters by").set_value("kmeans").run()
    app.switch_page("../pages/explore.py").run()
    assert next(one for one in app.selectbox if one.label == "Clusters by").value == "kmeans"
    app.switch_page("../pages/clusters.py").run()
    assert [one.label for one in app.slider if one.label.startswith("Clusters")]
    assert not [one.label for one in app.slider if one.label == "Components"]


def test_view__that_lost_its_value_stays(home):
    app = opened("clusters")
    choose(app, "View", None)
    assert "Typical chips" in texts(app)


def test_first_start__sliders_are_prepared_after_the_landscape_is_drawn(home, monkeypatch):
    done, watched = [], navigation._watched

    def drawn(place, page):
        watched(place, page)
        done.append(page.url_path)

    monkeypatch.setattr(navigation, "_watched", drawn)
    monkeypatch.setattr(stage_jobs, "prepare", lambda *_: done.append("prepare"))
    app = AppTest.from_file(str(ROOT / "app" / "script.py"), default_timeout=SECONDS)
    app.session_state["cs.awaits demo"] = True
    app.run()
    assert not app.exception
    assert done == ["explore", "prepare", "explore"]


def ways(app: AppTest) -> list[str]:
    return [element.proto.page for element in app.get("page_link")]


@pytest.mark.parametrize("page", ["clusters", "explore"])
def test_dead_end__no_annotations_says_so_and_leads_to_scenes(with_scene, page):
    (with_scene(1).raw / "quay.geojson").unlink()
    app = opened(page)
    assert not app.exception
    assert "None of the scenes has annotations yet." in texts(app)
    assert ways(app) == ["scenes"]
    assert not any(one.disabled for one in app.button)


@pytest.mark.parametrize("page", ["clusters", "explore"])
def test_dead_end__no_scenes_says_so_and_leads_to_scenes(tmp_path, monkeypatch, page):
    monkeypatch.setenv("CHIPSCAPE_WORKSPACE", str(tmp_path))
    app = AppTest.from_file(str(ROOT / "app" / "script.py"), default_timeout=SECONDS)
    app.session_state["cs.workspace"] = "mine"
    app.run()
    app.switch_page(f"../pages/{page}.py").run()
    assert "There are no scenes in this workspace yet." in texts(app)
    assert ways(app) == ["scenes"]


def test_clusters__more_components_than_chips_is_told(with_scene):
    run(with_scene(6), RunSettings(), until="reduction")
    app = opened("clusters")
    assert "6 chips can form 6 clusters at most." in texts(app)


def test_scenes__classes_are_the_last_column_and_counted(home):
    table = opened("scenes").dataframe[0].value
    assert table.columns[-1] == "Classes"
    assert table["Classes"].iloc[0].startswith("3: ")


def test_explore__one_scene_is_one_scene(home):
    assert "36 chips of 1 scene" in texts(opened("explore"))
    assert "1 scenes" not in texts(opened("scenes"))


def test_choices__outlive_a_change_of_page(home):
    app = opened("chips")
    app.select_slider[0].set_value(96).run()
    app.switch_page("../pages/embeddings.py").run()
    app.switch_page("../pages/chips.py").run()
    assert app.select_slider[0].value == 96


def test_embeddings__score_against_the_class(home):
    app = opened("embeddings")
    values = {metric.label: metric.value for metric in app.metric}
    assert 0.9 <= float(values["Balanced accuracy"]) <= 1
    assert values["Across scenes"] == "not known"


def test_embeddings__weights_that_are_not_here_are_said_without_asking_the_hub(home, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    app = opened("embeddings")
    chooser = next(one for one in app.selectbox if one.label == "Encoder")
    chooser.set_value("satdino-small-16").run()
    assert not app.exception
    assert "satdino-small-16 is not ready yet" in app.info[0].value.replace("\\", "")
    assert not button(app, "Embed the chips").disabled


def test_clusters__what_is_not_fitted_is_offered_not_fitted_at_once(home):
    app = opened("clusters")
    slider = next(one for one in app.slider if one.label == "Components")
    slider.set_value(4).run()
    assert "No mixture with 4 components is fitted yet" in texts(app).replace("\\", "")
    assert "2 clusters" in app.subheader[0].value
    assert not button(app, "Fit 2 to 20").disabled


def test_clusters__fitted_mixture_shows_its_sizes_and_typical_chips(home):
    app = opened("clusters")
    assert app.subheader[0].value.startswith("2 clusters")
    assert html(app).count('class="cs-gallery"') == 2


def test_explore__cell_of_the_legend_for_each_class(home):
    app = opened("explore")
    chooser = next(one for one in app.selectbox if one.label == "Colour by")
    chooser.set_value("class").run()
    assert not app.exception
    assert "&lt;img src=x onerror=alert(1)&gt;" in html(app)


def test_explore__number_has_no_legend_but_a_scale(home):
    app = opened("explore")
    next(one for one in app.selectbox if one.label == "Colour by").set_value("Length (m)").run()
    assert not app.exception
    assert '<ul class="cs-legend"></ul>' in html(app)


def test_raw__is_not_written_to(home):
    before = {p.name: p.read_bytes() for p in home.raw.iterdir()}
    for page in PAGES:
        opened(page)
    assert {p.name: p.read_bytes() for p in home.raw.iterdir()} == before


def test_widgets__shared_by_two_pages_keep_their_value(home):
    app = opened("explore")
    next(one for one in app.slider if one.label == "Components").set_value(5).run()
    app.switch_page("../pages/clusters.py").run()
    assert next(one for one in app.slider if one.label == "Components").value == 5
