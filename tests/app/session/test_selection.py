import dataclasses

import pytest

from app.session.selection import (
    is_new_event,
    pick_chip,
    picked_row,
    remember_points,
    select_chips,
    selected_rows,
)
from app.session.views import forget_views
from core.chips.chip_set import ChipSet
from core.pipeline.run import run_pipeline
from core.pipeline.workspace import Workspace
from core.settings import ChipSettings, RunSettings


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


def test_pick__of_a_chip_that_is_gone_is_none(scene_workspace, with_scene):
    chips = cut_chips(scene_workspace)
    pick_chip(scene_workspace, str(chips.facts["chip_id"].iloc[5]))
    select_chips(scene_workspace, chips.facts["chip_id"].iloc[[1, 5]].tolist())
    fewer_chips = cut_chips(with_scene(4))
    assert len(fewer_chips) == 4
    assert picked_row(scene_workspace, fewer_chips) is None
    assert selected_rows(scene_workspace, fewer_chips) == (1,)


def test_pick__none_before_and_after(scene_workspace):
    chips = cut_chips(scene_workspace)
    assert picked_row(scene_workspace, chips) is None
    pick_chip(scene_workspace, str(chips.facts["chip_id"].iloc[0]))
    assert picked_row(scene_workspace.demo, chips) is None
    pick_chip(scene_workspace, None)
    assert picked_row(scene_workspace, chips) is None


def test_remember_points__one_point_is_a_click_more_are_a_selection(scene_workspace):
    chips = cut_chips(scene_workspace)
    chip_ids = chips.facts["chip_id"].tolist()
    remember_points(scene_workspace, [chip_ids[4]])
    remember_points(scene_workspace, [chip_ids[1], chip_ids[2]])
    assert picked_row(scene_workspace, chips) == 4
    assert selected_rows(scene_workspace, chips) == (1, 2)


def test_is_new_event__once_for_each_event(workspace):
    assert not is_new_event(workspace, "plot", ())
    assert is_new_event(workspace, "plot", (4,))
    assert not is_new_event(workspace, "plot", (4,))
    assert is_new_event(workspace, "plot", (5,))
    assert is_new_event(workspace, "plot", (4,))
