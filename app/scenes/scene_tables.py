"""Reports on scenes, as a table of all scenes and a list of facts about each."""

from collections.abc import Sequence

import pandas as pd

from app.widgets.markup import count_noun, format_number
from core.raster.annotations.footprints import OUTSIDE
from core.raster.scene_report import SceneReport

MAX_NAMED_BANDS = 8


def summarise_scenes(reports: Sequence[SceneReport]) -> str:
    """Return the numbers of scenes, annotations and grid squares as a phrase."""
    n_annotations = sum(report.annotations for report in reports if not report.grid)
    n_squares = sum(report.annotations for report in reports if report.grid)
    text = f"{count_noun(len(reports), 'scene')} with {count_noun(n_annotations, 'annotation')}"
    return f"{text} and {count_noun(n_squares, 'square')} of a grid" if n_squares else text


def scene_table(reports: Sequence[SceneReport]) -> pd.DataFrame:
    """Return a table of the scenes, one per row; an unusable scene has only its path and state."""
    return pd.DataFrame([_table_row(report) for report in reports])


def _table_row(report: SceneReport) -> dict[str, object]:
    row: dict[str, object] = {"Scene": report.path, "State": scene_state(report)}
    if not report.ok:
        return row
    # The number of classes comes first, because the column is narrow.
    names = ", ".join(f"{name} ({count})" for name, count in report.classes.items())
    return row | {
        "CRS": report.crs or "none",
        "GSD (m/px)": None if report.gsd is None else float(f"{report.gsd:.3g}"),
        "Size (px)": f"{report.width} × {report.height}",
        "Bands": len(report.bands),
        "Type": report.dtype,
        "Valid": f"{report.valid_fraction:.0%}",
        "Annotations": 0 if report.grid else report.annotations,
        "Skipped": sum(report.skipped.values()),
        "Cut by the edge": report.cut_by_edge,
        "Remarks": len(report.warnings),
        "Classes": f"{len(report.classes)}: {names}" if names else "none",
    }


def scene_state(report: SceneReport) -> str:
    """Return the state of a scene in a few words."""
    if not report.ok:
        return "cannot be used"
    if report.grid:
        return f"grid of {report.annotations}"
    if report.annotations:
        return "ready"
    return "no usable annotations" if report.annotation_file else "no annotations"


def scene_facts(report: SceneReport) -> list[tuple[str, object]]:
    """Return the labels and values of all facts in a scene's report."""
    size = f"{format_number(report.width)} × {format_number(report.height)} px"
    bands = ", ".join(report.bands)
    if len(report.bands) > MAX_NAMED_BANDS:
        bands = f"{', '.join(report.bands[:3])} … {report.bands[-1]}"
    pairs: list[tuple[str, object]] = [
        ("CRS", report.crs or "none, so positions are in pixels"),
        ("GSD", format_number(report.gsd, "m per pixel") if report.gsd else "not known"),
        ("Size", f"{size}{_size_on_ground(report)}"),
        ("Bands", f"{len(report.bands)}: {bands}"),
        ("Type", report.dtype),
        ("Nodata", "none" if report.nodata is None else f"{report.nodata:g}"),
        ("Valid", f"{report.valid_fraction:.0%} of the sampled blocks"),
        ("Overviews", "in the file" if report.overviews else "none in the file"),
    ]
    if report.grid:
        return [*pairs, ("Grid", count_noun(report.annotations, "square"))]
    if not report.annotation_file:
        return [*pairs, ("Annotations", "none")]
    # Annotations outside the scene have their own line, because users look for their number.
    skipped = "; ".join(
        f"{n} {reason}" for reason, n in report.skipped.items() if reason != OUTSIDE
    )
    return [
        *pairs,
        ("Annotations", f"{format_number(report.annotations)} from {report.annotation_file}"),
        ("Repaired", report.repaired or "none"),
        ("Cut by the edge", report.cut_by_edge or "none"),
        ("Outside", report.skipped.get(OUTSIDE, 0) or "none"),
        ("Skipped", skipped or "none"),
    ]


def _size_on_ground(report: SceneReport) -> str:
    if not report.gsd:
        return ""
    width, height = report.width * report.gsd, report.height * report.gsd
    unit, metres = ("km", 1000) if max(width, height) >= 1000 else ("m", 1)
    sides = f"{format_number(width / metres)} × {format_number(height / metres)}"
    return f", about {sides}\u00a0{unit}"
