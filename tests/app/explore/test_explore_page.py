"""The Explore page as Streamlit runs it, on a small computed workspace."""

import dataclasses
import itertools
import json
from pathlib import Path

from streamlit.testing.v1 import AppTest

from app.session import jobs
from app.session.saved_settings import load_settings, save_settings
from app.session.views import find_view
from app.widgets.sliders.hdbscan_sliders import size_steps
from core.pipeline.chip_stages import open_chips
from core.pipeline.workspace import Workspace

ROOT = Path(__file__).resolve().parents[3]


def open_page(page: str) -> AppTest:
    app = AppTest.from_file(str(ROOT / "app" / "script.py"), default_timeout=60)
    return app.run().switch_page(f"../pages/{page}.py").run()


def texts(app: AppTest) -> str:
    return " ".join(str(element.value) for element in [*app.markdown, *app.caption, *app.title])


def plot_data(app: AppTest) -> dict:
    """Return what the page sends to the plot's component."""
    components = [element.proto for element in app.get("bidi_component")]
    return json.loads(next(proto.json for proto in components if "chipscape_plot" in str(proto)))


def labelled(elements, label: str):
    return next(element for element in elements if element.label == label)


def test_explore__one_scene_is_singular(home):
    assert "36 chips of 1 scene" in texts(open_page("explore"))
    assert "1 scenes" not in texts(open_page("scenes"))


def test_explore__legend_has_an_entry_for_each_class(home):
    app = open_page("explore")
    labelled(app.selectbox, "Colour by").set_value("class").run()
    assert not app.exception
    names = [entry["name"] for entry in plot_data(app)["legend"]]
    assert "<img src=x onerror=alert(1)>" in names
    assert not any(entry["renamable"] for entry in plot_data(app)["legend"])


def test_explore__numbers_have_a_scale_instead_of_a_legend(home):
    app = open_page("explore")
    labelled(app.selectbox, "Colour by").set_value("Length (m)").run()
    assert not app.exception
    data = plot_data(app)
    assert data["legend"] == []
    assert data["scale"]["low"] != data["scale"]["high"]


def chip_ids(workspace: Workspace) -> list[str]:
    view = find_view(workspace, load_settings(workspace))
    return open_chips(view).facts["chip_id"].tolist()


def finder(app: AppTest):
    return labelled(app.text_input, "Chip id")


def test_finder__typed_id_opens_its_chip(home):
    ids = chip_ids(home)
    app = open_page("explore")
    finder(app).set_value(f" {ids[7]} ").run()
    assert not app.exception
    assert app.session_state[f"cs.picked:{home.root}"]["chip"] == ids[7]
    assert dict(app.query_params) == {"chip": ids[7]}
    assert any("scene px" in caption.value for caption in app.caption)
    labelled(app.button, "Close").click().run()
    assert app.session_state[f"cs.picked:{home.root}"]["chip"] is None
    assert dict(app.query_params) == {}
    assert finder(app).value == ""


def test_finder__unknown_id_is_an_error_with_an_example(home):
    app = open_page("explore")
    finder(app).set_value("quay-none").run()
    (error,) = app.error
    assert "There is no chip quay-none in this workspace" in error.value.replace("\\", "")
    assert chip_ids(home)[0] in error.value.replace("\\", "")
    labelled(app.button, "Next").click().run()
    assert not app.error
    assert finder(app).value == chip_ids(home)[0]


def test_finder__the_beginning_of_an_id_is_enough_if_it_is_unique(home):
    ids = chip_ids(home)
    wanted = ids[-1]
    unique = next(
        wanted[:n] for n in range(1, len(wanted)) if sum(i.startswith(wanted[:n]) for i in ids) == 1
    )
    app = open_page("explore")
    finder(app).set_value(ids[0][0]).run()
    (error,) = app.error
    assert "36 chips have an id that begins with" in error.value.replace("\\", "")
    finder(app).set_value(unique).run()
    assert not app.error
    assert app.session_state[f"cs.picked:{home.root}"]["chip"] == wanted
    assert finder(app).value == wanted


def test_finder__steps_through_the_selection_then_through_the_cluster(home):
    ids = chip_ids(home)
    app = AppTest.from_file(str(ROOT / "app" / "script.py"), default_timeout=60)
    app.session_state[f"cs.selected:{home.root}"] = {"chips": (ids[3], ids[9])}
    app.run().switch_page("../pages/explore.py").run()
    assert "**2 chips selected**" in texts(app)
    for expected in (ids[3], ids[9]):
        labelled(app.button, "Next").click().run()
        assert finder(app).value == expected
    assert "Chip 2 of 2 of the selection" in texts(app)
    assert labelled(app.button, "Next").disabled
    labelled(app.button, "Previous").click().run()
    assert finder(app).value == ids[3]
    labelled(app.button, "Clear").click().run()
    assert "chips selected" not in texts(app)
    assert "in Cluster" in texts(app)
    assert finder(app).value == ids[3]


def test_link__opens_a_chip_and_reports_an_unknown_one(home):
    chip_id = chip_ids(home)[5]
    app = AppTest.from_file(str(ROOT / "app" / "script.py"), default_timeout=60)
    app.run().switch_page("../pages/explore.py")
    app.query_params["chip"] = chip_id
    app.run()
    assert finder(app).value == chip_id
    app.query_params["chip"] = "quay-none"
    app.run()
    assert "There is no chip quay-none" in app.error[0].value.replace("\\", "")


def test_table__of_all_chips_has_the_cluster_column(home):
    app = open_page("explore")
    assert "Cluster" in app.dataframe[0].value.columns
    assert "Cluster" in open_page("chips").dataframe[-1].value.columns


def start_hdbscan(home, monkeypatch) -> tuple[AppTest, list[str]]:
    """Open Explore with HDBSCAN, whose tree is not built; return it and the titles of new jobs."""
    titles: list[str] = []
    monkeypatch.setattr(jobs, "start_job", lambda _, title, *__, **___: titles.append(title))
    save_settings(home, dataclasses.replace(load_settings(home), method="hdbscan"))
    app = open_page("explore")
    assert not app.exception
    return app, titles


def test_tree__is_built_without_being_asked_for_once(home, monkeypatch, automatic_jobs):
    automatic_jobs()
    app, titles = start_hdbscan(home, monkeypatch)
    assert titles == ["Building the tree"]
    app.run()
    assert titles == ["Building the tree"]
    assert labelled(app.button, "Build the tree")


def test_tree__waits_for_a_button_if_there_are_many_chips(home, monkeypatch):
    app, titles = start_hdbscan(home, monkeypatch)
    assert titles == []
    labelled(app.button, "Build the tree").click().run()
    assert titles == ["Building the tree"]


def test_explore__one_primary_button_for_new_settings(home):
    app = open_page("explore")
    labelled(app.number_input, "Seed of the projection").set_value(7).run()
    primary = [button.label for button in app.button if button.proto.type == "primary"]
    # The other one creates the files of an export.
    assert primary == ["Create 1 file", "Update the plot"]


def test_size_steps__round_numbers_at_about_equal_ratios():
    steps = size_steps(5_000)
    assert steps[:12] == [2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30]
    assert steps[-1] == 2_500
    ratios = [b / a for a, b in itertools.pairwise(steps)]
    assert max(ratios) <= 1.5
    assert size_steps(10)[-1] == 20
