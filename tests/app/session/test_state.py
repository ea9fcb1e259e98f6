import dataclasses
import tomllib
from pathlib import Path

import pytest
import streamlit as st

from app.session import state
from core.input_settings import SceneSettings, ScreenSettings
from core.pipeline.workspace import Workspace
from core.settings import ChipSettings, CutSettings, EmbedSettings, RunSettings
from core.tables import from_table

ALL = dict.fromkeys(state.STAGES, True)
NONE: dict[str, bool] = {}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setattr(st, "session_state", {})
    monkeypatch.setenv("CHIPSCAPE_WORKSPACE", str(tmp_path))
    return Workspace.at(tmp_path)


def ready_for(*known: RunSettings):
    return lambda settings: ALL if settings in known else NONE


def test_choice__demo_until_there_are_scenes(place):
    assert state.choice() == state.DEMO
    assert state.workspace().root == place.root / "demo"


@pytest.mark.parametrize("name", ["quay.tif", "QUAY.TIFF"])
def test_choice__own_scenes_come_first(place, name):
    place.raw.mkdir()
    (place.raw / name).touch()
    assert state.choice() == state.MINE
    assert state.workspace().root == place.root


def test_choice__is_kept_when_scenes_come_later(place):
    assert state.choice() == state.DEMO
    place.raw.mkdir()
    (place.raw / "quay.tif").touch()
    assert state.choice() == state.DEMO


def test_wanted__new_session_starts_from_the_last_run(place, monkeypatch):
    settings = RunSettings(chips=ChipSettings(size=96, bands=("red", "nir")))
    state.save(place, settings)
    assert state.wanted(place) == settings


@pytest.mark.parametrize("text", ["not = [toml", "[chips]\nsize = 5\n", "unknown = 1\n"])
def test_wanted__settings_that_cannot_be_read_give_the_defaults(place, text):
    path = state.save(place, RunSettings())
    path.write_text(text)
    assert state.wanted(place) == RunSettings()


def test_for_job__each_setting_has_a_file_of_its_own(place):
    one, other = RunSettings(), RunSettings(chips=ChipSettings(size=96))
    paths = state.for_job(place, one), state.for_job(place, other)
    assert paths[0] != paths[1]
    assert paths[0] == state.for_job(place, one)
    for path, settings in zip(paths, (one, other), strict=True):
        assert from_table(RunSettings, tomllib.loads(path.read_text())) == settings
    assert not (place.root / "app" / "settings.toml").exists()
    assert sorted(paths[0].parent.iterdir()) == sorted(paths)


def test_save__interrupted_write_leaves_what_was_there(place, monkeypatch):
    path = state.save(place, RunSettings())
    before = path.read_text()

    def cut_off(self: Path, text: str, **_: object) -> None:
        self.write_bytes(text.encode()[:20])
        raise OSError("no space left on device")

    monkeypatch.setattr(Path, "write_text", cut_off)
    with pytest.raises(OSError, match="no space"):
        state.save(place, RunSettings(chips=ChipSettings(size=96)))
    assert path.read_text() == before


def test_save__writes_nothing_into_raw(place):
    assert place.raw not in state.save(place, RunSettings()).parents


def test_want__each_workspace_has_its_own(place):
    state.want(place, cut=CutSettings(min_cluster_size=7))
    assert state.wanted(place).cut.min_cluster_size == 7
    assert state.wanted(place.demo) == RunSettings()


def test_showing__nothing_before_a_stage_is_ready(place):
    state.settle(place, ready_for())
    assert state.showing(place, "chips") is None


def test_showing__last_ready_settings_where_others_are_asked_for(place):
    first = state.wanted(place)
    state.settle(place, ready_for(first))
    asked = state.want(place, chips=ChipSettings(size=96))
    state.settle(place, ready_for(first))
    assert state.showing(place, "projection") == state.Showing(first, current=False)
    state.settle(place, ready_for(first, asked))
    assert state.showing(place, "projection") == state.Showing(asked, current=True)


def test_showing__live_knobs_do_not_make_a_landscape_stale(place):
    state.settle(place, ready_for(state.wanted(place)))
    asked = state.want(place, method="hdbscan", cut=CutSettings(min_cluster_size=9))
    assert state.showing(place, "projection") == state.Showing(asked, current=True)
    assert not state.showing(place, "clusters").current


def test_showing__encoder_does_not_make_chips_stale(place):
    state.settle(place, ready_for(state.wanted(place)))
    state.want(place, embed=EmbedSettings(encoder="resnet50"))
    assert state.showing(place, "chips").current
    assert not state.showing(place, "embeddings").current


def test_showing__property_of_the_class_is_settled_at_once(place):
    state.settle(place, lambda _: ALL)
    asked = state.want(place, scenes=SceneSettings(class_property="kind"))
    state.settle(place, lambda _: ALL)
    assert state.showing(place, "chips") == state.Showing(asked, current=True)


def test_showing__what_is_left_out_makes_chips_stale(place):
    state.settle(place, ready_for(state.wanted(place)))
    state.want(place, screen=ScreenSettings(("blank",)))
    assert not state.showing(place, "chips").current


def test_choose__who_leaves_the_demo_does_not_wait_for_it(place):
    state.await_demo()
    state.choose(state.DEMO)
    assert state.awaits_demo()
    state.choose(state.MINE)
    assert not state.awaits_demo()


def test_settle__forgets_what_changed_files_made_invalid(place):
    state.settle(place, ready_for(state.wanted(place)))
    state.settle(place, ready_for())
    assert state.showing(place, "chips") is None


def test_revert__asks_for_these_settings_again_in_new_widgets(place):
    key = state.widget(place, "size", 96)
    state.want(place, chips=ChipSettings(size=96))
    state.revert(place, RunSettings())
    assert state.wanted(place) == RunSettings()
    assert state.widget(place, "size", 64) != key


def test_widget__seeds_only_what_is_new(place):
    key = state.widget(place, "size", 64)
    st.session_state[key] = 96
    assert st.session_state[state.widget(place, "size", 64)] == 96


def test_is_news__once_for_each_event(place):
    assert not state.is_news(place, "plot", ())
    assert state.is_news(place, "plot", (4,))
    assert not state.is_news(place, "plot", (4,))
    assert state.is_news(place, "plot", (5,))
    assert state.is_news(place, "plot", (4,))


def test_take__one_point_is_a_click_more_are_a_selection(place):
    state.take(place, "chips", (4,))
    state.take(place, "chips", (1, 2))
    assert state.picked(place, "chips") == 4
    assert state.selected(place, "chips") == (1, 2)
    assert state.picked(place, "other chips") is None


def test_parts__every_stage_and_setting_is_known():
    names = {field.name for field in dataclasses.fields(RunSettings)}
    assert set(state.PARTS) == set(state.STAGES)
    assert {part for parts in state.PARTS.values() for part in parts} == names


def test_has_data__land_cover_is_data_too(tmp_path):
    place = Workspace.at(tmp_path)
    assert not state.has_data(place)
    (tmp_path / "flair").mkdir()
    (tmp_path / "flair" / "flair.zip.part").touch()
    assert not state.has_data(place)
    (tmp_path / "flair" / "train").mkdir()
    assert state.has_data(place)
    assert not state.has_scenes(place)


def test_first_told__once_for_each_job(monkeypatch):
    monkeypatch.setattr(state.st, "session_state", {})
    assert [state.first_told(key) for key in ("a", "b", "a")] == [True, True, False]
