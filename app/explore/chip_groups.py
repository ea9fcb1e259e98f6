"""Groups of chips on the Explore page: a row of examples per group, and the selected chips."""

from collections.abc import Sequence

import numpy as np
import streamlit as st

from app.session import cluster_results
from app.session.displayed_clusters import Clusters
from app.widgets.charts import distribution_chart, show_chart
from app.widgets.chip_display import GalleryRow, chip_gallery, gallery_pager, gallery_rows
from app.widgets.chip_tables import chip_table_panel
from app.widgets.colouring import CLUSTER, Colouring
from app.widgets.plot_picker import MARKERS_AT_MOST
from core.chips.chip_set import ChipSet
from core.pipeline.workspace import Workspace

SELECTION_HINT = (
    "**Click a point** to see its chip and its surroundings. To select several chips, use the box "
    "or lasso tool in the upper right of the plot, the table below it, or a box on the map."
)
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
        examples = {clusters.look.name(cluster): rows for cluster, rows in typical.items()}
    else:
        examples = _even_examples(colouring)
    entries = []
    for colour, name, count in colouring.entries:
        if rows := examples.get(name):
            second_line = f"{count} chip{'s' * (count != '1')}"
            entries.append(GalleryRow(colour, name, second_line, rows))
    gallery_rows(chips, entries, name="groups")


def all_chips_table(workspace: Workspace, chips: ChipSet, clusters: Clusters | None) -> None:
    """Draw the table of all chips; closed, because the plot displays them too."""
    with st.expander("Table of all chips", key="cs.all chips"):
        # The table of 200,000 chips is 25 MB, which the browser should not receive unasked.
        if len(chips) > MARKERS_AT_MOST and not st.toggle("Show the table", key="cs.all rows"):
            return
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


def _even_examples(colouring: Colouring) -> dict[str, list[int]]:
    """Return the rows of example chips of each group, by name, evenly spread over the group."""
    codes, examples = np.asarray(colouring.values), {}
    for code, (_, name, _) in enumerate(colouring.entries):
        members = np.flatnonzero(codes == code)
        positions = np.linspace(0, len(members) - 1, min(EXAMPLES, len(members))).astype(int)
        examples[name] = members[positions].tolist()
    return examples
