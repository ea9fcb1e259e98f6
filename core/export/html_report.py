"""The report: one HTML file that opens offline and makes no request."""

import base64
import io
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from core.clusters.editing.explanation import rows_near_centres
from core.clusters.evaluation.measures import MEASURES
from core.export.cluster_areas import cluster_areas
from core.export.clustered_chips import ClusteredChips
from core.export.projection_plot import PRINT_DPI, draw_projection
from core.mapping import chip_thumbnails
from core.progress import Progress, report_step

TEMPLATE = Path(__file__).parent / "templates" / "report.html"
TYPICAL_CHIPS = 10
# Largest side of a typical chip in its file, and the sides between which it is displayed.
LARGEST_SIDE = 160
DISPLAYED_SIDES = (88, 128)
QUALITY_COLUMNS = ("silhouette", "dbcv", "persistence", "stability")


def write_report(results: ClusteredChips, path: Path, report: Progress) -> None:
    """Write a report with plot, typical chips, areas, quality, settings, provenance and notes."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    report_step(report, 0, 2, "plot of the report")
    plot = _plot_svg(results)
    report_step(report, 1, 2, "typical chips of the report")
    facts = {
        "provenance": results.provenance,
        "title": results.provenance.run_name or "Clusters of chips",
        "plot": plot,
        "n_chips": int(results.included.sum()),
        "n_excluded": int((~results.included).sum()),
        "clusters": _cluster_rows(results),
        "method": results.labelling.method,
        "quality": results.quality,
        "quality_columns": _quality_columns(results.quality),
        "measures": MEASURES,
        "settings": list(_settings_rows(results.provenance.settings)),
        "scenes": _scene_rows(results),
        "notes": [*results.chips.notes, *results.labelling.notes, *results.notes()],
        "side": int(np.clip(results.chips.size, *DISPLAYED_SIDES)),
        "kl_divergence": results.projection.kl_divergence,
    }
    path.write_text(template.render(facts), encoding="utf-8")


def _plot_svg(results: ClusteredChips) -> str:
    """Return the plot as an SVG element, without the heading of an XML file."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "plot.svg"
        draw_projection(results, file, results.included, dpi=PRINT_DPI)
        text = file.read_text(encoding="utf-8")
    return text[text.index("<svg") :]


def _cluster_rows(results: ClusteredChips) -> list[dict[str, Any]]:
    """Return the facts of each cluster, with the images of its typical chips."""
    table, n = cluster_areas(results), max(int(results.included.sum()), 1)
    typical = _typical_rows(results)
    cards = _cards_by_cluster(results.quality)
    rows = []
    for record in table.to_dict("records"):
        cluster = int(record["cluster"])
        images = _image_uris(results, typical.get(cluster, []))
        hectares = None if pd.isna(record["hectares"]) else float(record["hectares"])
        rows.append(
            {
                "id": cluster,
                "name": record["cluster_name"],
                "colour": record["cluster_colour"],
                "chips": int(record["chips"]),
                "share": int(record["chips"]) / n,
                "hectares": hectares,
                "images": images,
                "card": cards.get(cluster, {}),
            }
        )
    return rows


def _typical_rows(results: ClusteredChips) -> dict[int, list[int]]:
    """Return the rows of the chips nearest to the centre of each cluster."""
    space = results.reduction.points if results.space is None else results.space
    ids = results.clusters.copy()
    ids[~results.included] = -1
    return rows_near_centres(space, ids, TYPICAL_CHIPS)


def _image_uris(results: ClusteredChips, rows: Sequence[int]) -> list[dict[str, str]]:
    """Return the images of chips as data URIs, with their ids."""
    if not rows:
        return []
    images = chip_thumbnails(results.chips, rows, results.renderings)
    uris = []
    for row, pixels in zip(rows, images, strict=True):
        stream, image = io.BytesIO(), Image.fromarray(pixels)
        image.thumbnail((LARGEST_SIDE, LARGEST_SIDE))
        image.save(stream, "PNG", optimize=True)
        content = base64.b64encode(stream.getvalue()).decode("ascii")
        chip_id = str(results.chips.facts["chip_id"].iloc[row])
        uris.append({"uri": f"data:image/png;base64,{content}", "chip_id": chip_id})
    return uris


def _cards_by_cluster(quality: Mapping[str, Any] | None) -> dict[int, Mapping[str, Any]]:
    """Return the measures of each cluster on the report card, by cluster id."""
    if quality is None:
        return {}
    return dict(zip(quality["ids"], quality["card"]["clusters"], strict=True))


def _quality_columns(quality: Mapping[str, Any] | None) -> list[str]:
    """Return the measures that the report card has for at least one cluster."""
    cards = _cards_by_cluster(quality).values()
    return [name for name in QUALITY_COLUMNS if any(card[name] is not None for card in cards)]


def _settings_rows(table: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Return dotted names and values of all settings."""
    rows = []
    for name, value in table.items():
        if isinstance(value, Mapping):
            rows += _settings_rows(value, f"{prefix}{name}.")
        else:
            text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
            rows.append((f"{prefix}{name}", text))
    return rows


def _scene_rows(results: ClusteredChips) -> list[dict[str, Any]]:
    """Return the file, size, CRS and number of included chips of each scene."""
    counts = results.chips.facts["scene"][results.included].value_counts()
    return [
        {
            "file": scene.path.name,
            "width": scene.width,
            "height": scene.height,
            "bands": scene.n_bands,
            "crs": scene.crs or "none",
            "chips": int(counts.get(scene.name, 0)),
        }
        for scene in results.scenes
    ]
