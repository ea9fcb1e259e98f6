"""The plot of the projection for print, in the names, colours and symbols of the app."""

import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from core.clusters.cluster_colours import Look, cluster_symbol
from core.clusters.labelling import NOISE
from core.export.clustered_chips import ClusteredChips
from core.progress import Progress
from core.types import AnyArray, BoolArray

PRINT_DPI = 300
# Inches; the usual width of a figure that spans two columns of a page is about 7 inches.
FIGURE_SIZE = (9.0, 7.0)
# Above this number of points, an SVG file contains them as an image.
MOST_VECTOR_POINTS = 20_000
_MARKERS = {"circle": "o", "diamond": "D", "square": "s", "triangle-up": "^"}
_LEGEND_ROWS = 28


def write_plot_png(results: ClusteredChips, path: Path, _: Progress) -> None:
    """Draw the projection as PNG with 300 pixels per inch."""
    draw_projection(results, path, results.included, dpi=PRINT_DPI)


def write_plot_svg(results: ClusteredChips, path: Path, _: Progress) -> None:
    """Draw the projection as SVG, with its text as text."""
    draw_projection(results, path, results.included, dpi=PRINT_DPI)


def draw_projection(
    results: ClusteredChips, path: Path, rows: BoolArray, dpi: int, title: str = ""
) -> None:
    """Draw the chips of the given rows, a mask, as PNG or SVG, by the suffix of the path.

    Noise is drawn first, in grey. Equal results give equal files.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=FIGURE_SIZE, dpi=dpi, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_aspect("equal", adjustable="datalim")
    axes.set(xticks=[], yticks=[], xlabel="t-SNE 1", ylabel="t-SNE 2", title=title)
    for spine in axes.spines.values():
        spine.set_color("#C9CED6")
    clusters, coordinates = results.clusters[rows], results.projection.coordinates[rows]
    _draw_clusters(axes, coordinates, clusters, results.look)
    is_vector = path.suffix == ".svg"
    # Without the date, the program's version and random ids, equal results give equal files.
    metadata: dict[str, Any] = {"Date": None, "Creator": None} if is_vector else {"Software": None}
    settings: Any = {"svg.fonttype": "none", "svg.hashsalt": "chipscape"}
    with mpl.rc_context(settings), warnings.catch_warnings():
        # A name may contain letters that the font lacks.
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        figure.savefig(path, metadata=metadata, dpi=dpi)


def _draw_clusters(axes: Any, coordinates: AnyArray, clusters: AnyArray, look: Look) -> None:
    ids: list[int] = np.unique(clusters).tolist()
    size = float(np.clip(30_000 / max(len(clusters), 1), 3, 16))
    handles = {}
    for cluster in ids:
        x, y = coordinates[clusters == cluster].T
        handles[cluster] = axes.scatter(
            x,
            y,
            s=size,
            color=look.colour(cluster),
            marker=_MARKERS[cluster_symbol(cluster)],
            linewidths=0,
            rasterized=len(clusters) > MOST_VECTOR_POINTS,
        )
    ordered = sorted(ids, key=lambda cluster: (cluster == NOISE, cluster))
    counts = [f"{look.name(i)} ({(clusters == i).sum():,})" for i in ordered]
    if ordered:
        _add_legend(axes, [handles[cluster] for cluster in ordered], counts)


def _add_legend(axes: Any, handles: Iterable[Any], names: list[str]) -> None:
    columns = -(-len(names) // _LEGEND_ROWS)
    legend = axes.legend(
        handles,
        [str(i) for i in range(len(names))],
        loc="center left",
        bbox_to_anchor=(1, 0.5),
        frameon=False,
        fontsize=8,
        ncols=columns,
        markerscale=2,
    )
    for text, name in zip(legend.get_texts(), names, strict=True):
        # As text, not as a formula: a name may contain dollar signs or begin with an underscore.
        text.set_parse_math(False)
        text.set_text(name)
