"""What the page says of files that came in, and how scenes show; without a browser."""

import io
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from app.scenes import grid_form, import_panel, scene_tables
from app.session import saved_settings, stage_jobs, state
from app.widgets import display_form
from core.input_settings import DisplaySettings, GridSettings
from core.pipeline.run import run
from core.pipeline.scene_survey import survey
from core.pipeline.workspace import Workspace
from core.raster.scene_report import SceneReport

ROOT = Path(__file__).resolve().parents[3]
POINT = b'{"type": "Point", "coordinates": [5, 43]}'


class Dropped(io.BytesIO):
    """What Streamlit hands over for a file."""

    def __init__(self, name: str, content: bytes) -> None:
        super().__init__(content)
        self.name = name


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setattr(st, "session_state", {})
    monkeypatch.setenv("CHIPSCAPE_WORKSPACE", str(tmp_path))
    return Workspace.at(tmp_path)


def opened(page: str) -> AppTest:
    app = AppTest.from_file(str(ROOT / "app" / "script.py"), default_timeout=60)
    app.run()
    return app.switch_page(f"../pages/{page}.py").run()


def words(place: Workspace) -> list[str]:
    return [verdict.words for verdict in state.value(place, "verdicts", [])]


def test_take__what_waits_is_read_again_when_the_user_decides(place):
    import_panel._take(place, [Dropped("a.geojson", POINT)], "ask")
    import_panel._take(
        place, [Dropped("a.geojson", POINT + b" "), Dropped("b.geojson", POINT)], "ask"
    )
    assert words(place) == ["a.geojson is there already, and differs.", "b.geojson: taken in."]
    assert [file.name for file in state.value(place, "waiting", [])] == ["a.geojson"]
    import_panel._decide(place, "", "replace")
    assert (place.raw / "a.geojson").read_bytes() == POINT + b" "
    assert (place.replaced / "a.geojson").read_bytes() == POINT
    assert state.value(place, "waiting", None) == []


def test_take__a_folder_that_cannot_be_written_is_told(place):
    place.raw.touch()
    import_panel._take(place, [Dropped("a.geojson", POINT)], "ask")
    assert "cannot be written" in words(place)[0]


@pytest.mark.parametrize(
    ("n_bytes", "said"), [(10, "1\u00a0kB"), (2_500_000, "2.5\u00a0MB"), (3e9, "3\u00a0GB")]
)
def test_size__in_the_unit_that_fits(n_bytes, said):
    assert import_panel._size(n_bytes) == said


BANDS = ("blue", "green", "red", "nir")


def test_display__is_kept_for_the_next_session(place, monkeypatch):
    chosen = DisplaySettings(("nir", "red", "green"), "percentiles", 5, 95)
    state.show_as(place, chosen)
    monkeypatch.setattr(st, "session_state", {})
    assert state.display(place) == chosen
    said = display_form.words(place, BANDS).replace("\\", "")
    assert said == "Shown: nir, red, green, stretched from 5 to 95 %."
    said = display_form.words(place, ("red", "green", "blue")).replace("\\", "")
    assert "red, green, blue (guessed: this scene has no nir)" in said


@pytest.mark.parametrize("text", ["not = [toml", 'bands = ["a", "b"]', "low = 99\n"])
def test_display__that_cannot_be_read_is_the_guess(place, text):
    saved_settings.keep_display(place, DisplaySettings(low=5))
    (place.root / "app" / "display.toml").write_text(text)
    assert state.display(place) == DisplaySettings()
    assert "(guessed)" in display_form.words(place, BANDS).replace("\\", "")


def test_scene_facts__all_of_the_report_in_words():
    report = SceneReport(
        "quay.tif", "quay", ok=True, crs="EPSG:32631", gsd=0.5, width=4000, height=1000,
        bands=tuple(f"band {i}" for i in range(1, 13)), dtype="uint16", nodata=0.0,
        valid_fraction=0.5, annotation_file="quay.geojson", annotations=7, repaired=2,
        cut_by_edge=1, skipped={"outside the scene": 3, "null geometry": 4},
    )  # fmt: skip
    facts = {name: str(value) for name, value in scene_tables.scene_facts(report)}
    assert facts["Size"].endswith("about 2 × 0.5\u00a0km")
    assert facts["Bands"] == "12: band 1, band 2, band 3 … band 12"
    assert facts["Annotations"] == "7 from quay.geojson"
    assert (facts["Repaired"], facts["Outside"], facts["Cut by the edge"]) == ("2", "3", "1")
    assert facts["Skipped"] == "4 null geometry"
    bare = dict(scene_tables.scene_facts(SceneReport("a.tif", "a", ok=True)))
    assert (bare["CRS"], bare["GSD"]) == ("none: used in pixels", "not known")
    assert bare["Annotations"] == "none"


def test_grid__counted_before_anything_runs():
    scenes = [SceneReport("a.tif", "a", ok=True, width=300, height=200, gsd=0.5, bands=("x",))]
    asked = GridSettings(size=100, stride=50, coverage=0)
    squares = sum(grid_form._squares(report, asked) for report in scenes)
    assert squares == 5 * 3
    said = grid_form._words(scenes, asked, squares).replace("\\", "")
    assert said == "**15 chips** of 100 px, 50\u00a0m on the ground."
    assert "larger than the scenes" in grid_form._words(scenes, GridSettings(size=400), 0)


def test_grid__more_squares_than_can_be_cut_are_refused_with_the_step_that_fits():
    scenes = [SceneReport(f"{n}.tif", n, ok=True, width=20_480, height=20_480) for n in "ab"]
    said = grid_form._too_many(scenes, GridSettings(64, 1, 0)).replace("\\", "")
    assert "a: the grid has 416,853,889 squares in one scene, more than 2,000,000" in said
    assert "it takes 15 px or more" in said
    assert grid_form._too_many(scenes, GridSettings(64, 15, 0)) == ""


def test_grid__too_many_squares_disable_the_button(with_scene, monkeypatch):
    place = with_scene(1)
    (place.raw / "quay.geojson").unlink()
    monkeypatch.setattr("core.raster.annotations.footprint_grid.MOST_SQUARES", 15)
    app = opened("scenes")
    assert not app.exception
    assert next(one for one in app.button if one.label == "Cut this grid").disabled
    assert any("more than 15" in one.value for one in app.markdown)


def test_uploader__takes_what_lies_beside_a_scene(place, monkeypatch):
    asked = []
    monkeypatch.setattr(st, "file_uploader", lambda _, types, **__: asked.append(types))
    monkeypatch.setattr(state, "choice", lambda: state.MINE)
    import_panel.panel(place)
    assert {"tif", "msk", "ovr", "xml", "tfw", "tifw"} <= set(asked[0])


def test_grid__is_asked_for_once_its_chips_are_there(with_scene, monkeypatch):
    place = with_scene(1)
    (place.raw / "quay.geojson").unlink()
    started = []
    monkeypatch.setattr(stage_jobs, "start_first", lambda *words: started.append(words))
    app = opened("scenes")
    assert not app.exception
    next(one for one in app.button if one.label == "Cut this grid").click().run()
    ((_, settings, until, _),) = started
    assert (settings.scenes.grid.size, until) == (64, "chips")
    assert not survey(place).usable
    assert len(run(place, settings, until="chips").chips) == 16


def test_class_property__cuts_nothing_anew_and_names_the_chips(home):
    app = opened("scenes")
    chooser = next(one for one in app.selectbox if one.label == "Property of the class")
    chooser.set_value("number").run()
    assert not app.exception
    assert app.dataframe[0].value["Classes"].iloc[0].startswith("36: ")
    app.switch_page("../pages/chips.py").run()
    assert not app.exception
    assert "before your changes" not in " ".join(m.value for m in app.markdown)
    assert next(one for one in app.button if one.label == "Up to date").disabled
    show = next(one for one in app.selectbox if one.label == "Show")
    assert len(show.options) == 37


def test_screening__offered_and_quiet_until_it_is_asked_for(home, monkeypatch):
    asked = []
    monkeypatch.setattr(stage_jobs, "screen", lambda _, settings: asked.append(settings))
    app = opened("chips")
    next(one for one in app.button if one.label == "Screen the chips").click().run()
    assert not app.exception
    assert [settings.screen.leave_out for settings in asked] == [()]
