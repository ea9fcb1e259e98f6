"""Groups of chips on the Explore page: a row of examples per group, and the selected chips."""

from collections.abc import Sequence

import numpy as np
import streamlit as st

from app.session import cluster_results
from app.session.displayed_clusters import Clusters
from app.widgets.charts import distribution_chart, show_chart
from app.widgets.chip_display import GalleryRow, chip_gallery, gallery_rows
from app.widgets.chip_table.table_panel import chip_table_panel
from app.widgets.choices import gallery_pager
from app.widgets.colouring import CLUSTER, Colouring, displayed_order
from core.chips.chip_set import ChipSet
from core.pipeline.workspace import Workspace

SELECTION_HINT = (
    "**Click a point** to see its chip. To select several chips, use the box or lasso tool of the "
    "plot, the legend, the table below it, or a box on the map."
)
SELECTION_KEYS = (
    "With the keyboard: press Tab until the plot has a frame. The arrow keys move between "
    "neighbouring points, Page Up and Page Down through all points. **Enter** shows the chip, "
    "**Space** adds it to the selection or removes it, **Shift and an arrow key** add the chips on "
    "the way, and **Escape** clears. Plus and minus zoom; 0 shows everything."
)
SELECTION_HINTS = (SELECTION_HINT, SELECTION_KEYS)
EXAMPLES = 8
PAGE_SIZE = 48


def group_overview(chips: ChipSet, colouring: Colouring, clusters: Clusters | None) -> None:
    """Draw one row per group: colour, name, size and some of its chips, typical ones first."""
    if colouring.numeric:
        numbers = np.asarray(colouring.values)[~colouring.faint]
        show_chart(distribution_chart(numbers, colouring.title))
        return
    if colouring.title == CLUSTER and clusters is not None:
        typical = cluster_results.typical_rows(clusters, EXAMPLES)
        # In the order of the legend, by id: two clusters may have the same name.
        examples = [typical.get(cluster, []) for cluster in displayed_order(clusters.ids)]
    else:
        examples = _even_examples(colouring)
    entries = []
    for (colour, name, count), rows in zip(colouring.entries, examples, strict=True):
        if rows:
            second_line = f"{count} chip{'s' * (count != '1')}"
            entries.append(GalleryRow(colour, name, second_line, rows))
    gallery_rows(chips, entries, name="groups")


def all_chips_table(workspace: Workspace, chips: ChipSet, clusters: Clusters | None) -> None:
    """Draw the table of all chips; closed, because the plot displays them too."""
    with st.expander("Table of all chips", key="cs.all chips"):
        st.caption("Select a row to see its chip, or several rows to select their chips.")
        chip_table_panel(workspace, chips, None, clusters)


def selection_panel(
    workspace: Workspace,
    chips: ChipSet,
    rows: Sequence[int],
    colouring: Colouring,
    clusters: Clusters | None,
) -> None:
    """Draw a gallery and a table of the selected chips, if there are any."""
    if not rows:
        return
    st.header("Selected chips")
    start = gallery_pager(workspace, "selection", len(rows), PAGE_SIZE)
    page_rows = rows[start : start + PAGE_SIZE]
    colours = colouring.colours()
    texts = [colouring.texts[row] for row in page_rows]
    page_colours = [colours[row] for row in page_rows]
    name, label = "selection", "Selected chips"
    chip_gallery(chips, page_rows, page_colours, texts, name=name, label=label)
    chip_table_panel(workspace, chips, rows, clusters)


def _even_examples(colouring: Colouring) -> list[list[int]]:
    """Return example chips of each entry of the legend, as rows evenly spread over its group."""
    codes, examples = np.asarray(colouring.values), []
    for code in range(len(colouring.entries)):
        members = np.flatnonzero(codes == code)
        positions = np.linspace(0, len(members) - 1, min(EXAMPLES, len(members))).astype(int)
        examples.append(members[positions].tolist())
    return examples
