"""The picked chip and the selected chips, by chip id, shared by all pages."""

from collections.abc import Sequence

from app.session import state
from core.chips.chip_set import ChipSet
from core.pipeline.workspace import Workspace


def pick_chip(workspace: Workspace, chip_id: str | None) -> None:
    """Remember the chip that was clicked; None for no chip."""
    state.drawer("picked", workspace)["chip"] = chip_id


def select_chips(workspace: Workspace, chip_ids: Sequence[str]) -> None:
    """Remember the chips that were selected with a box or lasso."""
    state.drawer("selected", workspace)["chips"] = tuple(chip_ids)


def picked_row(workspace: Workspace, chips: ChipSet) -> int | None:
    """Return the row of the picked chip; None if it is not one of these chips."""
    chip_id = state.drawer("picked", workspace).get("chip")
    return None if chip_id is None else chips.row_by_id.get(chip_id)


def selected_rows(workspace: Workspace, chips: ChipSet) -> tuple[int, ...]:
    """Return the rows of the selected chips; those that are not among these chips are left out."""
    chip_ids = state.drawer("selected", workspace).get("chips", ())
    return tuple(chips.row_by_id[chip_id] for chip_id in chip_ids if chip_id in chips.row_by_id)


def remember_points(workspace: Workspace, chip_ids: Sequence[str]) -> None:
    """Remember the chips that a plot returned: a single one was clicked, several were selected."""
    if len(chip_ids) == 1:
        pick_chip(workspace, chip_ids[0])
    else:
        select_chips(workspace, chip_ids)


def is_new_event(workspace: Workspace, plot_key: str, points: tuple[int, ...]) -> bool:
    """Return True once for each click or selection: a plot repeats its last one at every run."""
    events = state.drawer("seen", workspace)
    is_new = bool(points) and events.get(plot_key) != points
    events[plot_key] = points
    return is_new
