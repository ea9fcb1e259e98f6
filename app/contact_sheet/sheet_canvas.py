"""The contact sheet as a component: one sprite of chips, the keys, and what the user does."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from app.components import app_component
from app.contact_sheet.sheet_edits import add_sheet_edits, latest_names
from app.contact_sheet.sheet_scope import SheetRows
from app.contact_sheet.sprites import COLUMNS, Sprite, sprite_address
from app.session import cache
from app.session.displayed_clusters import Clusters
from app.session.state import drawer, page_choice, pick_chip, widget_value
from app.widgets.chip_panel.chip_panel import chip_opener
from app.widgets.chip_tables import chip_names
from core.chips.chip_set import ChipSet
from core.clusters.editing.edit_history import History
from core.errors import ChipscapeError
from core.pipeline.results.current_result import change_edits

SIDE = 84


def draw_sheet(clusters: Clusters, chips: ChipSet, sheet: SheetRows) -> None:
    """Draw one page of chips; edits take effect at the next run of the script."""
    workspace = clusters.view.workspace
    n_pages = max(1, -(-len(sheet.rows) // sheet.page_size))
    number = min(max(1, page_choice(workspace, "sheet page", 1)), n_pages)
    rows = _page_rows(sheet, number)
    next_rows, address = _page_rows(sheet, number + 1), _address(clusters, chips, rows)
    token, confirmed = page_choice(workspace, "sheet confirmed", ("", 0))
    names = latest_names(clusters.history, clusters.edited)
    colours = {name: clusters.look.colour(i) for i, name in clusters.edited.names.items()}
    # Streamlit rejects component keys with two underscores in a row, so the key contains a hash.
    key = f"cs.sheet:{sha256(str(workspace.root).encode()).hexdigest()[:12]}"
    data = {
        "page": sha256(f"{address}|{number}".encode()).hexdigest()[:16],
        "sprite": address,
        "next": _address(clusters, chips, next_rows) if next_rows else "",
        "columns": COLUMNS,
        "side": SIDE,
        "items": _items(clusters, chips, rows),
        "names": [{"text": name, "colour": colours[name]} for name in names],
        "options": _name_options(clusters),
        "number": number,
        "pages": n_pages,
        "token": token,
        "confirmed": confirmed,
        "label": f"{sheet.title}, page {number} of {n_pages}",
    }

    def apply() -> None:
        _apply(clusters, (widget_value(key) or {}).get("edits"), n_pages)

    def pick() -> None:
        chip_id = getattr(widget_value(key), "opened", None)
        if chip_id in chips.row_by_id:
            pick_chip(workspace, chip_id)

    result = app_component("sheet")(
        data=data, key=key, on_edits_change=apply, on_opened_change=pick
    )
    if result.opened in chips.row_by_id:
        chip_opener(clusters.view, chips, clusters)(chips.row_by_id[result.opened])


def _apply(clusters: Clusters, message: Any, n_pages: int) -> None:
    """Save the edits in a message of the browser that have not been saved yet.

    The browser repeats its edits, which are numbered, until the page has confirmed them.
    """
    workspace = clusters.view.workspace
    # Any use of the session may end this run of the script, because a newer message has arrived.
    # From here on it is not used, so that edits are not saved without being marked as saved.
    memory = drawer("values", workspace)
    if not isinstance(message, Mapping):
        return
    token, confirmed = memory.get("sheet confirmed", ("", 0))
    if message.get("token") != token:
        token, confirmed = str(message.get("token")), 0
    events = [event for event in message.get("edits") or () if event.get("n", 0) > confirmed]
    if not events:
        return
    problems: list[str] = []
    latest: list[History] = []

    def change(history: History) -> History:
        # This is called twice: once to see whether anything changes.
        if not latest or latest[0] is not history:
            changed, problems[:] = add_sheet_edits(history, clusters, events)
            latest[:] = [history, changed]
        return latest[1]

    try:
        change_edits(clusters.view, clusters.labelling, clusters.chip_ids, change)
    except ChipscapeError as error:
        problems.append(str(error))
    for event in events:
        if event.get("kind") == "page" and 1 <= event.get("number", 0) <= n_pages:
            memory["sheet page"] = int(event["number"])
    if problems:
        memory["edit refused"] = problems[0]
    memory["sheet confirmed"] = (token, max(event["n"] for event in events))


def _page_rows(sheet: SheetRows, number: int) -> Sequence[int]:
    return sheet.rows[(number - 1) * sheet.page_size : number * sheet.page_size]


def _address(clusters: Clusters, chips: ChipSet, rows: Sequence[int]) -> str:
    draw = cache.thumbnail_reader(clusters.view.workspace, chips)
    return sprite_address(repr((chips.keys, draw.keywords)), Sprite(rows, draw))


def _items(clusters: Clusters, chips: ChipSet, rows: Sequence[int]) -> list[dict[str, Any]]:
    """Return the id, name, colour and state of each chip, and a text for screen readers."""
    look, edited, texts = clusters.look, clusters.edited, chip_names(chips, rows)
    return [
        {
            "id": clusters.chip_ids[row],
            "name": look.name(int(edited.ids[row])),
            "colour": look.colour(int(edited.ids[row])),
            "clustered": bool(edited.ids[row] >= 0),
            "approved": bool(edited.approved_chips[row]),
            "excluded": bool(edited.excluded[row]),
            "alt": text if text == clusters.chip_ids[row] else f"{text}, {clusters.chip_ids[row]}",
        }
        for row, text in zip(rows, texts, strict=True)
    ]


def _name_options(clusters: Clusters) -> list[str]:
    """Return the names of all clusters, among which a new name can be chosen."""
    present = sorted({int(cluster) for cluster in clusters.edited.ids if cluster >= 0})
    return list(dict.fromkeys(clusters.look.name(cluster) for cluster in present))
