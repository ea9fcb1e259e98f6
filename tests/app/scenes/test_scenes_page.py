"""Imports, grids, facts and the display of scenes on the Scenes page, without a browser."""

import io
import json
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from app.scenes import grid_form, import_panel, scene_tables
from app.session import jobs, saved_settings, state
from app.session.views import request_display, requested_display
from app.widgets import display_form
from core.input_settings import DisplaySettings, GridSettings
from core.pipeline.run import run_pipeline
from core.pipeline.scene_survey import survey_scenes
from core.pipeline.workspace import Workspace
from core.raster.scene_report import SceneReport
from core.settings import RunSettings

ROOT = Path(__file__).resolve().parents[3]
POINT = b'{"type": "Point", "coordinates": [5, 43]}'


class Upload(io.BytesIO):
    """A file as Streamlit's uploader returns it."""

    def __init__(self, name: str, content: bytes) -> None:
        super().__init__(content)
        self.name = name


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setattr(st, "session_state", {})
    monkeypatch.setenv("CHIPSCAPE_WORKSPACE", str(tmp_path))
    return Workspace.at(tmp_path)


def open_page(page: str) -> AppTest:
    app = AppTest.from_file(str(ROOT / "app" / "script.py"), default_timeout=60)
    app.run()
    return app.switch_page(f"../pages/{page}.py").run()


def verdict_texts(workspace: Workspace) -> list[str]:
    return [verdict.words for verdict in state.page_choice(workspace, "verdicts", [])]


def test_import_uploads__waiting_files_are_read_again_after_the_decision(workspace):
    import_panel.import_uploads(workspace, [Upload("a.geojson", POINT)])
    import_panel.import_uploads(
        workspace, [Upload("a.geojson", POINT + b" "), Upload("b.geojson", POINT)]
    )
    assert verdict_texts(workspace) == [
        "a.geojson is waiting: it already exists with different content.",
        "b.geojson was imported.",
    ]
    waiting = state.page_choice(workspace, "waiting", [])
    assert [file.name for file in waiting] == ["a.geojson"]
    import_panel.apply_decision(workspace, "replace")
    assert (workspace.raw / "a.geojson").read_bytes() == POINT + b" "
    assert (workspace.replaced / "a.geojson").read_bytes() == POINT
    assert state.page_choice(workspace, "waiting", None) == []


def test_import_uploads__a_folder_that_cannot_be_written_is_reported(workspace):
    workspace.raw.touch()
    import_panel.import_uploads(workspace, [Upload("a.geojson", POINT)])
    assert "cannot be written" in verdict_texts(workspace)[0]


BANDS = ("blue", "green", "red", "nir")


def test_display_settings__are_saved_for_the_next_session(workspace, monkeypatch):
    display = DisplaySettings(("nir", "red", "green"), "percentiles", 5, 95)
    request_display(workspace, display)
    monkeypatch.setattr(st, "session_state", {})
    assert requested_display(workspace) == display
    text = display_form.describe_display(workspace, BANDS).replace("\\", "")
    assert text == "Displayed: nir, red, green, stretched between percentiles 5 and 95."
    text = display_form.describe_display(workspace, ("red", "green", "blue")).replace("\\", "")
    assert "red, green, blue (guessed: this scene has no nir)" in text


@pytest.mark.parametrize("text", ["not = [toml", 'bands = ["a", "b"]', "low = 99\n"])
def test_display_settings__are_guessed_if_the_file_is_unreadable(workspace, text):
    saved_settings.save_display(workspace, DisplaySettings(low=5))
    (workspace.root / "app" / "display.toml").write_text(text)
    assert requested_display(workspace) == DisplaySettings()
    assert "(guessed)" in display_form.describe_display(workspace, BANDS).replace("\\", "")


def test_scene_facts__contain_the_full_report():
    report = SceneReport(
        "quay.tif",
        "quay",
        ok=True,
        crs="EPSG:32631",
        gsd=0.5,
        width=4000,
        height=1000,
        bands=tuple(f"band {i}" for i in range(1, 13)),
        dtype="uint16",
        nodata=0.0,
        valid_fraction=0.5,
        annotation_file="quay.geojson",
        annotations=7,
        repaired=2,
        cut_by_edge=1,
        skipped={"outside the scene": 3, "null geometry": 4},
    )
    facts = {name: str(value) for name, value in scene_tables.scene_facts(report)}
    assert facts["Size"].endswith("about 2 × 0.5\u00a0km")
    assert facts["Bands"] == "12: band 1, band 2, band 3 … band 12"
    assert facts["Annotations"] == "7 from quay.geojson"
    assert (facts["Repaired"], facts["Outside"], facts["Cut by the edge"]) == ("2", "3", "1")
    assert facts["Skipped"] == "4 null geometry"
    bare = dict(scene_tables.scene_facts(SceneReport("a.tif", "a", ok=True)))
    assert (bare["CRS"], bare["GSD"]) == ("none, so positions are in pixels", "not known")
    assert bare["Annotations"] == "none"


def test_grid__is_counted_before_anything_is_computed():
    reports = [SceneReport("a.tif", "a", ok=True, width=300, height=200, gsd=0.5, bands=("x",))]
    grid = GridSettings(size=100, stride=50, coverage=0)
    text, is_possible = grid_form.describe_grid(reports, grid)
    assert is_possible
    # 5 columns of 3 squares.
    assert text.replace("\\", "") == "**15 chips** of 100 px, 50\u00a0m on the ground."
    text, is_possible = grid_form.describe_grid(reports, GridSettings(size=400))
    assert "larger than the scenes" in text
    assert not is_possible


def test_grid__too_many_squares_are_refused_with_the_smallest_step():
    reports = [SceneReport(f"{n}.tif", n, ok=True, width=20_480, height=20_480) for n in "ab"]
    text, is_possible = grid_form.describe_grid(reports, GridSettings(64, 1, 0))
    assert not is_possible
    text = text.replace("\\", "")
    assert "a: the grid has 416,853,889 squares in one scene, more than 2,000,000" in text
    assert "Use a step of 15 px or more" in text
    _, is_possible = grid_form.describe_grid(reports, GridSettings(64, 15, 0))
    assert is_possible


def test_grid__too_many_squares_disable_the_button(with_scene, monkeypatch):
    workspace = with_scene(1)
    (workspace.raw / "quay.geojson").unlink()
    monkeypatch.setattr("core.raster.annotations.footprint_grid.MAX_SQUARES", 15)
    app = open_page("scenes")
    assert not app.exception
    assert next(
        button for button in app.button if button.label == "Cut chips on this grid"
    ).disabled
    assert any("more than 15" in element.value for element in app.markdown)


def test_uploader__accepts_sidecar_files(workspace, monkeypatch):
    types = []
    monkeypatch.setattr(st, "file_uploader", lambda _, kinds, **__: types.append(kinds))
    monkeypatch.setattr(state, "workspace_choice", lambda: state.MINE)
    import_panel.import_panel(workspace)
    assert {"tif", "msk", "ovr", "xml", "tfw", "tifw"} <= set(types[0])


def test_grid__is_saved_after_its_chips_have_been_cut(with_scene, monkeypatch):
    workspace = with_scene(1)
    (workspace.raw / "quay.geojson").unlink()
    requests = []
    monkeypatch.setattr(jobs, "start_grid_run", lambda *arguments: requests.append(arguments))
    app = open_page("scenes")
    assert not app.exception
    next(button for button in app.button if button.label == "Cut chips on this grid").click().run()
    ((_, settings, until, _),) = requests
    assert (settings.scenes.grid.size, until) == (64, "chips")
    assert not survey_scenes(workspace).usable
    assert len(run_pipeline(workspace, settings, until="chips").chips) == 16


def test_scene_table__unknown_values_are_empty_cells(home):
    reports = [SceneReport("a.tif", "a", ok=True, gsd=gsd) for gsd in (0.5, None)]
    reports.append(SceneReport("b.tif", "b", ok=False))
    table = scene_tables.scene_table(reports)
    assert table["GSD (m/px)"].isna().tolist() == [False, True, True]
    assert table["CRS"].isna().tolist() == [False, False, True]
    proto = open_page("scenes").dataframe[0].proto
    assert proto.HasField("placeholder")
    assert proto.placeholder == ""


def test_class_attribute__names_the_chips_without_cutting_them_again(home):
    app = open_page("scenes")
    chooser = next(box for box in app.selectbox if box.label == "Class attribute")
    chooser.set_value("number").run()
    assert not app.exception
    assert app.dataframe[0].value["Classes"].iloc[0].startswith("36: ")
    app.switch_page("../pages/chips.py").run()
    assert not app.exception
    assert "previous settings" not in " ".join(element.value for element in app.markdown)
    assert next(button for button in app.button if button.label == "Up to date").disabled
    classes = next(box for box in app.selectbox if box.label == "Show")
    assert len(classes.options) == 37


def labelled(elements, label):
    return next(element for element in elements if element.label == label)


def page_text(app):
    elements = [*app.markdown, *app.caption, *app.info, *app.warning, *app.error]
    return " ".join(element.value for element in elements).replace("\\", "")


def test_grid__a_scene_that_is_added_later_is_reported_and_not_cut(with_scene, monkeypatch):
    workspace = with_scene(1)
    (workspace.raw / "quay.geojson").unlink()
    requests = []
    monkeypatch.setattr(jobs, "start_grid_run", lambda *arguments: requests.append(arguments))
    app = open_page("scenes")
    assert "quay.tif has no annotations, so there are no chips of it yet." in page_text(app)
    labelled(app.button, "Cut chips on this grid").click().run()
    ((_, settings, _, _),) = requests
    assert settings.scenes.grid.scenes == ("quay.tif",)
    saved_settings.save_settings(workspace, settings)
    with_scene(1, "later")
    (workspace.raw / "later.geojson").unlink()

    app = open_page("scenes")
    assert not app.exception
    table = app.dataframe[0].value.set_index("Scene")["State"]
    assert table.to_dict() == {"later.tif": "no annotations", "quay.tif": "grid of 16"}
    assert "later.tif has no annotations, so there are no chips of it yet." in page_text(app)
    chooser = labelled(app.multiselect, "Scenes to cut on the grid")
    assert chooser.value == ["quay.tif"]
    assert labelled(app.button, "Cut chips on this grid").disabled
    chooser.set_value(["later.tif", "quay.tif"]).run()
    labelled(app.button, "Cut chips on this grid").click().run()
    assert requests[-1][1].scenes.grid.scenes == ("later.tif", "quay.tif")


def test_grid__without_a_scene_nothing_can_be_cut(with_scene):
    workspace = with_scene(1)
    (workspace.raw / "quay.geojson").unlink()
    app = open_page("scenes")
    labelled(app.multiselect, "Scenes to cut on the grid").set_value([]).run()
    assert "Select at least one scene." in page_text(app)
    assert labelled(app.button, "Cut chips on this grid").disabled


def test_class_attribute__is_guessed_alike_on_scenes_and_embeddings(with_scene):
    workspace = with_scene(8, "north")
    with_scene(8, "south")
    for name in ("north", "south"):
        file = workspace.raw / f"{name}.geojson"
        document = json.loads(file.read_text())
        for feature in document["features"]:
            feature["properties"] = {"label": "tree", "site": name}
        file.write_text(json.dumps(document))
    run_pipeline(workspace, RunSettings(), until="embeddings")
    app = open_page("scenes")
    assert labelled(app.selectbox, "Class attribute").options[0] == "site (guessed)"
    assert app.dataframe[0].value["Classes"].tolist() == ["1: north (8)", "1: south (8)"]
    app.switch_page("../pages/embeddings.py").run()
    assert not app.exception
    assert labelled(app.selectbox, "Class attribute").value == "site"


def test_run__too_few_chips_for_the_plot_are_reported_before_anything_is_computed(with_scene):
    with_scene(6)
    app = open_page("scenes")
    assert "t-SNE needs at least 7 chips, but there are 6" in page_text(app)
    assert labelled(app.button, "Run all stages").disabled
