import pytest
import streamlit as st

from app.session import state
from core.pipeline.workspace import Workspace


def test_workspace_choice__demo_until_there_are_scenes(workspace):
    assert state.workspace_choice() == state.DEMO
    assert state.current_workspace().root == workspace.root / "demo"


@pytest.mark.parametrize("name", ["quay.tif", "QUAY.TIFF"])
def test_workspace_choice__own_scenes_come_first(workspace, name):
    workspace.raw.mkdir()
    (workspace.raw / name).touch()
    assert state.workspace_choice() == state.MINE
    assert state.current_workspace().root == workspace.root


def test_workspace_choice__is_kept_when_scenes_come_later(workspace):
    assert state.workspace_choice() == state.DEMO
    workspace.raw.mkdir()
    (workspace.raw / "quay.tif").touch()
    assert state.workspace_choice() == state.DEMO


def test_choose_workspace__leaving_the_demo_ends_the_wait_for_it(workspace):
    state.await_demo()
    state.choose_workspace(state.DEMO)
    assert state.awaits_demo()
    state.choose_workspace(state.MINE)
    assert not state.awaits_demo()


def test_widget_key__seeds_only_new_widgets(workspace):
    key = state.widget_key(workspace, "size", 64)
    st.session_state[key] = 96
    assert st.session_state[state.widget_key(workspace, "size", 64)] == 96


def test_has_data__land_cover_is_data_too(tmp_path):
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
