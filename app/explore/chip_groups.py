"""Groups of chips on the Explore page: a row of examples per group, and the selected chips."""

from collections.abc import Sequence

import numpy as np
import streamlit as st

from app.session import cache, cluster_results
from app.session.displayed_clusters import Clusters
from app.widgets.charts import distribution_chart, show_chart
from app.widgets.chip_display import chip_gallery, gallery_pager
from app.widgets.chip_tables import chip_table_panel
from app.widgets.colouring import CLUSTER, Colouring
from app.widgets.images import data_uri
from app.widgets.markup import rows_html
from core.chips.chip_set import ChipSet
from core.pipeline.workspace import Workspace

EXAMPLES = 8
PAGE_SIZE = 48


def group_overview(
    workspace: Workspace, chips: ChipSet, colouring: Colouring, clusters: Clusters | None
) -> None:
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
            images = [data_uri(pixels) for pixels in cache.thumbnails(workspace, chips, rows)]
            entries.append((colour, name, f"{count} chip{'s' * (count != '1')}", images))
    st.html(rows_html(entries))


def selection_panel(
    workspace: Workspace,
    chips: ChipSet,
    rows: Sequence[int],
    colouring: Colouring,
    clusters: Clusters | None,
) -> None:
    """Draw the selected chips: a gallery and a table."""
    start = gallery_pager(workspace, "selection", len(rows), PAGE_SIZE)
    page_rows = rows[start : start + PAGE_SIZE]
    colours = colouring.colours()
    texts = [colouring.texts[row] for row in page_rows]
    chip_gallery(chips, page_rows, [colours[row] for row in page_rows], texts)
    chip_table_panel(chips, rows, clusters)


def _even_examples(colouring: Colouring) -> dict[str, list[int]]:
    """Return the rows of example chips of each group, by name, evenly spread over the group."""
    codes, examples = np.asarray(colouring.values), {}
    for code, (_, name, _) in enumerate(colouring.entries):
        members = np.flatnonzero(codes == code)
        positions = np.linspace(0, len(members) - 1, min(EXAMPLES, len(members))).astype(int)
        examples[name] = members[positions].tolist()
    return examples
