"""The picked chip in the address of a page, `?chip=ID`, so that a chip can be sent as a link.

A click adds an entry to the browser's history, and going back in the browser returns to the chip
picked before. Streamlit drops the query of the address when another page is opened; the chip is
then added to the new entry without making another one.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import streamlit as st

from app.session.state import (
    current_page,
    forget_missing_chips,
    link_memory,
    pick_chip,
    picked_chip,
)
from core.chips.chip_set import ChipSet
from core.pipeline.workspace import Workspace

PARAMETER = "chip"
# st.query_params would add an entry to the history of the browser instead of changing the last one.
REPLACE_ADDRESS = """export default ({ data }) => {
  const address = new URL(location.href);
  if (address.searchParams.get(data.name) === data.chip) return;
  address.searchParams.set(data.name, data.chip);
  history.replaceState(history.state, "", address);
};"""


def sync_chip_link(workspace: Workspace, chips: ChipSet) -> None:
    """Pick the chip in the address if the address has changed, else write the picked chip into it.

    Call it on every page that displays chips, after clicks are applied and before the picked chip
    is read. An unknown chip stays in the address; see `missing_chip`.
    """
    memory, linked = link_memory(), st.query_params.get(PARAMETER)
    forget_missing_chips(workspace, chips)
    is_same_page = memory.get("page") == current_page()
    is_clicked = picked_chip(workspace) != memory.get("picked")
    # Without a chip in the address, another page has been opened, or the browser went back to an
    # entry without a chip. An address that the browser has not replaced yet is neither.
    is_changed = linked != memory.get("address") and (
        linked is not None or (is_same_page and memory.get("is_written", False))
    )
    if is_clicked:
        memory["missing"] = None
    elif is_changed:
        is_known = linked in chips.row_by_id
        pick_chip(workspace, linked if is_known else None)
        memory["missing"] = None if is_known else linked
    address = picked_chip(workspace) or memory.get("missing")
    is_new_entry = linked is None and not is_same_page
    is_pending = linked is None and not memory.get("is_written", True) and not is_clicked
    is_written = True
    if address is None:
        st.query_params.pop(PARAMETER, None)
    elif is_new_entry or is_pending:
        _replace_address(address)
        is_written = False
    elif address != linked:
        st.query_params[PARAMETER] = address
    picked, page = picked_chip(workspace), current_page()
    memory.update(page=page, picked=picked, address=address, is_written=is_written)


def missing_chip() -> str | None:
    """Return the chip in the address if the workspace has no such chip, else None."""
    return link_memory().get("missing")


def _replace_address(chip_id: str) -> None:
    _component()(data={"name": PARAMETER, "chip": chip_id}, key="cs.link", height="content")


@cache
def _component() -> Callable[..., Any]:
    """Return the component, which is registered once per server."""
    component: Callable[..., Any] = st.components.v2.component("chipscape_link", js=REPLACE_ADDRESS)
    return component
