"""Galleries of the chips of one cluster, whose chips open in a dialog."""

from collections.abc import Sequence

from app.session.displayed_clusters import Clusters
from app.widgets.chip_display import chip_gallery
from app.widgets.chip_panel.chip_panel import chip_opener
from core.chips.chip_set import ChipSet

CHIP_WIDTH = 76


def cluster_gallery(
    clusters: Clusters,
    chips: ChipSet,
    cluster: int,
    rows: Sequence[int],
    texts: Sequence[str] = (),
    kind: str = "Typical",
) -> None:
    """Draw chips of a cluster in its colour, with a text each; a click opens a chip."""
    look, n = clusters.look, len(rows)
    chip_gallery(
        chips,
        rows,
        [look.colour(cluster)] * n,
        texts,
        CHIP_WIDTH,
        groups=[look.name(cluster)] * n,
        name=f"{kind} {cluster}",
        label=f"{kind} chips of {look.name(cluster)}",
        open_chip=chip_opener(clusters.view, chips, clusters),
    )
