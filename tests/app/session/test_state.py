import dataclasses

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from app.session import state
from app.session.state import (
    forget_missing_chips,
    is_new_event,
    pick_chip,
    picked_row,
    select_chips,
    selected_chips,
    selected_rows,
)
from app.session.views import forget_views
from core.chips.chip_set import ChipSet
from core.pipeline.run import run_pipeline
from core.pipeline.workspace import Workspace
from core.settings import ChipSettings, RunSettings


def test_workspace_choice__demo_if_there_are_no_scenes(workspace):
    workspace.demo.root.mkdir()
    assert state.workspace_choice() == state.DEMO
    assert state.current_workspace().root == workspace.root / "demo"


def test_workspace_choice__demo_in_the_default_folder(workspace, monkeypatch):
    monkeypatch.delenv("CHIPSCAPE_WORKSPACE")
    monkeypatch.setattr(state, "home_workspace", lambda: workspace)
    assert state.workspace_choice() == state.DEMO


def test_workspace_choice__an_empty_folder_that_was_named(workspace):
    """The user expects this folder, with the ways to import data, not a demo."""
    assert state.workspace_choice() == state.MINE
    assert state.current_workspace().root == workspace.root


@pytest.mark.parametrize("name", ["quay.tif", "QUAY.TIFF"])
def test_workspace_choice__own_scenes_come_first(workspace, name):
    workspace.raw.mkdir()
    (workspace.raw / name).touch()
    assert state.workspace_choice() == state.MINE
    assert state.current_workspace().root == workspace.root


def test_workspace_choice__is_kept_when_scenes_are_added_later(workspace):
    workspace.demo.root.mkdir()
    assert state.workspace_choice() == state.DEMO
    workspace.raw.mkdir()
    (workspace.raw / "quay.tif").touch()
    assert state.workspace_choice() == state.DEMO


def test_choose_workspace__leaving_the_demo_stops_waiting_for_it(workspace):
    workspace.demo.root.mkdir()
    state.await_demo()
    state.choose_workspace(state.DEMO)
    assert state.awaits_demo()
    state.choose_workspace(state.MINE)
    assert not state.awaits_demo()


def draw_slider():
    import streamlit as st

    from app.session import state
    from core.pipeline.workspace import Workspace

    state.begin_script_run("chips")
    st.slider("Size", 32, 256, key=state.widget_key(Workspace("/nowhere"), "size", 64))
    if "was interrupted" not in st.session_state:
        st.session_state["was interrupted"] = True
        st.stop()
    state.end_script_run()


def test_widget_key__an_interrupted_run_sends_the_value_again():
    app = AppTest.from_function(draw_slider).run()
    # The browser may not have received this run, so the next one must send the value as well.
    app.run()
    assert app.slider[0].value == 64
    assert app.slider[0].proto.set_value
    app.run()
    assert not app.slider[0].proto.set_value


def test_widget_key__initialises_only_new_widgets(workspace):
    key = state.widget_key(workspace, "size", 64)
    st.session_state[key] = 96
    assert st.session_state[state.widget_key(workspace, "size", 64)] == 96


def test_has_data__land_cover_counts(tmp_path):
    workspace = Workspace.at(tmp_path)
    assert not state.has_data(workspace)
    (tmp_path / "flair").mkdir()
    (tmp_path / "flair" / "flair.zip.part").touch()
    assert not state.has_data(workspace)
    (tmp_path / "flair" / "train").mkdir()
    assert state.has_data(workspace)
    assert not state.has_scenes(workspace)


def test_is_first_report__once_for_each_job(workspace):
    assert [state.is_first_report(key) for key in ("a", "b", "a")] == [True, True, False]


def cut_chips(workspace: Workspace, **settings: object) -> ChipSet:
    """Cut the chips of a workspace under these settings."""
    chip_settings = dataclasses.replace(ChipSettings(), **settings)
    chips = run_pipeline(workspace, RunSettings(chips=chip_settings), until="chips").chips
    assert chips is not None
    return chips


@pytest.fixture
def scene_workspace(with_scene, new_session) -> Workspace:
    """A workspace with six annotations, in a new session."""
    new_session()
    return with_scene(6)


def test_pick__survives_another_cut_of_the_chips(scene_workspace):
    chips = cut_chips(scene_workspace)
    pick_chip(scene_workspace, str(chips.facts["chip_id"].iloc[3]))
    select_chips(scene_workspace, chips.facts["chip_id"].iloc[[1, 4]].tolist())
    forget_views()
    larger_chips = cut_chips(scene_workspace, size=96, margin=0.4)
    assert larger_chips.keys != chips.keys
    assert picked_row(scene_workspace, larger_chips) == 3
    assert selected_rows(scene_workspace, larger_chips) == (1, 4)


def test_pick__follows_its_chip_to_another_row(scene_workspace, with_scene):
    chips = cut_chips(scene_workspace)
    chip_id = str(chips.facts["chip_id"].iloc[3])
    pick_chip(scene_workspace, chip_id)
    more_chips = cut_chips(with_scene(2, "bay"))
    assert len(more_chips) == 8
    assert picked_row(scene_workspace, more_chips) == 5
    assert more_chips.facts["chip_id"].iloc[5] == chip_id


def test_pick__is_none_if_the_chip_no_longer_exists(scene_workspace, with_scene):
    chips = cut_chips(scene_workspace)
    pick_chip(scene_workspace, str(chips.facts["chip_id"].iloc[5]))
    select_chips(scene_workspace, chips.facts["chip_id"].iloc[[1, 5]].tolist())
    fewer_chips = cut_chips(with_scene(4))
    assert len(fewer_chips) == 4
    assert picked_row(scene_workspace, fewer_chips) is None
    assert selected_rows(scene_workspace, fewer_chips) == (1,)


def test_selection__drops_chips_that_are_gone(scene_workspace, with_scene):
    chips = cut_chips(scene_workspace)
    chip_ids = chips.facts["chip_id"].tolist()
    pick_chip(scene_workspace, chip_ids[5])
    select_chips(scene_workspace, [chip_ids[1], chip_ids[5], chip_ids[1]])
    assert selected_chips(scene_workspace) == (chip_ids[1], chip_ids[5])
    fewer_chips = cut_chips(with_scene(4))
    forget_missing_chips(scene_workspace, fewer_chips)
    assert selected_chips(scene_workspace) == (chip_ids[1],)
    assert picked_row(scene_workspace, chips) is None
    forget_missing_chips(scene_workspace, chips)
    assert selected_chips(scene_workspace) == (chip_ids[1],)


def test_pick__is_none_before_and_after(scene_workspace):
    chips = cut_chips(scene_workspace)
    assert picked_row(scene_workspace, chips) is None
    pick_chip(scene_workspace, str(chips.facts["chip_id"].iloc[0]))
    assert picked_row(scene_workspace.demo, chips) is None
    pick_chip(scene_workspace, None)
    assert picked_row(scene_workspace, chips) is None


def test_picked_and_selected_rows__are_independent(scene_workspace):
    chips = cut_chips(scene_workspace)
    chip_ids = chips.facts["chip_id"].tolist()
    pick_chip(scene_workspace, chip_ids[4])
    select_chips(scene_workspace, [chip_ids[1], chip_ids[2]])
    assert picked_row(scene_workspace, chips) == 4
    assert selected_rows(scene_workspace, chips) == (1, 2)


def test_is_new_event__once_for_each_event(workspace):
    assert not is_new_event(workspace, "plot", ())
    assert is_new_event(workspace, "plot", (4,))
    assert not is_new_event(workspace, "plot", (4,))
    assert is_new_event(workspace, "plot", (5,))
    assert is_new_event(workspace, "plot", (4,))
