import json

import pytest

from app.session import recent_workspaces, state
from core.pipeline.workspace import Workspace


@pytest.fixture
def folders(tmp_path):
    paths = [tmp_path / "others" / f"site {i}" for i in range(10)]
    for path in paths:
        path.mkdir(parents=True)
    return paths


def test_recent_folders__the_latest_first_without_missing_ones(workspace, folders):
    for folder in (*folders, folders[3]):
        recent_workspaces.remember_folder(workspace, folder)
    expected = [folders[i] for i in (3, 9, 8, 7, 6, 5, 4, 2)]
    assert recent_workspaces.recent_folders(workspace) == expected
    folders[9].rmdir()
    assert folders[9] not in recent_workspaces.recent_folders(workspace)


@pytest.mark.parametrize("text", ["no json", "[]", '{"folders": 3, "last": [1]}'])
def test_recent_folders__a_damaged_list_is_empty(workspace, text):
    (workspace.root / "app").mkdir(parents=True)
    (workspace.root / recent_workspaces.FILE).write_text(text)
    assert recent_workspaces.recent_folders(workspace) == []
    assert recent_workspaces.last_folder(workspace) is None


def test_workspace_choice__two_sessions_display_different_folders(workspace, folders, new_session):
    workspace.demo.root.mkdir(parents=True)
    state.choose_workspace(str(folders[0]))
    assert state.current_workspace().root == folders[0]
    new_session()
    # A new session starts with the folder that was opened last.
    assert state.current_workspace().root == folders[0]
    state.switch_workspace(str(folders[1]))
    assert state.workspace_choices() == [state.DEMO, state.MINE, str(folders[1]), str(folders[0])]
    state.choose_workspace(state.MINE)
    new_session()
    assert state.workspace_choice() == state.DEMO
    document = json.loads((workspace.root / recent_workspaces.FILE).read_text())
    assert document["last"] == ""


def test_remember_folder__a_list_that_cannot_be_written_is_no_error(workspace, folders):
    workspace.root.mkdir(parents=True, exist_ok=True)
    (workspace.root / "app").touch()
    recent_workspaces.remember_folder(workspace, folders[0])
    assert recent_workspaces.recent_folders(workspace) == []


def test_current_workspace__any_folder(workspace, folders):
    state.choose_workspace(str(folders[2]))
    assert isinstance(state.current_workspace(), Workspace)
    assert state.current_workspace().root == folders[2]
