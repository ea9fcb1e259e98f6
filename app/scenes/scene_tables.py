"""What was found and measured, as tables and cards: scenes, encoders, scores."""

from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from app.widgets import palette
from app.widgets.markup import counted, number, plain
from core.raster.annotations.footprints import OUTSIDE
from core.raster.scene_report import SceneReport

BANDS_NAMED = 8


def summary(reports: Sequence[SceneReport]) -> str:
    """How much there is, in a few words."""
    annotations = sum(report.annotations for report in reports if not report.grid)
    squares = sum(report.annotations for report in reports if report.grid)
    said = f"{counted(len(reports), 'scene')} with {counted(annotations, 'annotation')}"
    return f"{said} and {counted(squares, 'square')} of a grid" if squares else said


def scene_table(reports: Sequence[SceneReport]) -> pd.DataFrame:
    """One row a scene; of one that cannot be used only that."""
    table = pd.DataFrame([_row(report) for report in reports])
    words = table.select_dtypes("object").columns
    table[words] = table[words].fillna("")
    return table


def _row(report: SceneReport) -> dict[str, object]:
    if not report.ok:
        return {"Scene": report.path, "State": "cannot be used"}
    return {
        "Scene": report.path,
        "State": scene_state(report),
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
        "Classes": _listed(report.classes),
    }


def scene_state(report: SceneReport) -> str:
    """A scene's state in a word or two."""
    if not report.ok:
        return "cannot be used"
    if report.grid:
        return f"grid of {report.annotations}"
    if report.annotations:
        return "ready"
    return "none can be used" if report.annotation_file else "no annotations"


def scene_facts(report: SceneReport) -> list[tuple[str, object]]:
    """All that was found in a scene, in words with units."""
    nodata = "none" if report.nodata is None else f"{report.nodata:g}"
    pairs: list[tuple[str, object]] = [
        ("CRS", report.crs or "none: used in pixels"),
        ("GSD", number(report.gsd, "m a pixel") if report.gsd else "not known"),
        ("Size", f"{number(report.width)} × {number(report.height)} px{_ground(report)}"),
        ("Bands", _bands(report.bands)),
        ("Type", report.dtype),
        ("Nodata", nodata),
        ("Valid", f"{report.valid_fraction:.0%} of the blocks looked at"),
        ("Overviews", "in the file" if report.overviews else "none in the file"),
    ]
    if report.grid:
        return [*pairs, ("Grid", counted(report.annotations, "square"))]
    if not report.annotation_file:
        return [*pairs, ("Annotations", "none")]
    return [
        *pairs,
        ("Annotations", f"{number(report.annotations)} from {report.annotation_file}"),
        ("Repaired", report.repaired or "none"),
        ("Cut by the edge", report.cut_by_edge or "none"),
        *_skipped(report),
    ]


def _skipped(report: SceneReport) -> list[tuple[str, object]]:
    """One line a reason, and the two that everyone looks for even where there is none."""
    others = {why: n for why, n in report.skipped.items() if why != OUTSIDE}
    said = "; ".join(f"{n} {why}" for why, n in others.items())
    return [("Outside", report.skipped.get(OUTSIDE, 0) or "none"), ("Skipped", said or "none")]


def _ground(report: SceneReport) -> str:
    if not report.gsd:
        return ""
    sides = (report.width * report.gsd, report.height * report.gsd)
    unit, one = ("km", 1000) if max(sides) >= 1000 else ("m", 1)
    return ", about " + " × ".join(number(side / one) for side in sides) + f"\u00a0{unit}"


def _bands(bands: Sequence[str]) -> str:
    if len(bands) <= BANDS_NAMED:
        return f"{len(bands)}: {', '.join(bands)}"
    return f"{len(bands)}: {', '.join(bands[:3])} … {bands[-1]}"


def remarks(report: SceneReport) -> None:
    """What was done or assumed on reading one scene, in words."""
    if report.warnings:
        st.markdown("**Remarks**")
        st.markdown("\n".join(f"- {plain(warning)}" for warning in report.warnings))


def _listed(classes: Mapping[str, int]) -> str:
    """How many classes, then each with its count: the first figure is read in a narrow column."""
    named = ", ".join(f"{name} {count}" for name, count in classes.items())
    return f"{len(classes)}: {named}" if classes else "none"


def scene_errors(reports: Sequence[SceneReport]) -> None:
    """Why scenes cannot be used."""
    for report in reports:
        if not report.ok:
            st.error(plain(report.error))


def class_counts(classes: dict[str, int]) -> list[tuple[str, str, int]]:
    """Colour, name and count of each class, the most frequent first; rare ones together."""
    order = sorted(classes, key=lambda name: (-classes[name], name))
    kept = order if len(order) <= 24 else order[:23]
    bars = [(palette.colour(i), name, classes[name]) for i, name in enumerate(kept)]
    if rest := order[len(kept) :]:
        bars.append((palette.MISSING_COLOUR, f"{len(rest)} rarer ones",
                     sum(classes[name] for name in rest)))  # fmt: skip
    return bars
