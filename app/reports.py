"""What was found and measured, as tables and cards: scenes, encoders, scores."""

from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from app import palette
from app.markup import plain
from core.raster.report import SceneReport

WARNINGS_OPEN = 3


def scene_table(reports: Sequence[SceneReport]) -> pd.DataFrame:
    """One row a scene."""
    return pd.DataFrame([_row(report) for report in reports])


def _row(report: SceneReport) -> dict[str, object]:
    if not report.ok:
        return {"Scene": report.path, "State": "cannot be used"}
    return {
        "Scene": report.path,
        "State": "ready" if report.annotations else "no annotations",
        "CRS": report.crs or "none",
        "GSD (m/px)": None if report.gsd is None else round(report.gsd, 3),
        "Size (px)": f"{report.width} × {report.height}",
        "Bands": ", ".join(report.bands),
        "Type": report.dtype,
        "Nodata": "none" if report.nodata is None else f"{report.nodata:g}",
        "Overviews": "yes" if report.overviews else "no",
        "Annotations": report.annotations,
        "Skipped": sum(report.skipped.values()),
        "Cut by the edge": report.cut_by_edge,
        "Classes": _listed(report.classes),
    }


def _listed(classes: Mapping[str, int]) -> str:
    """How many classes, then each with its count: the first figure is read in a narrow column."""
    named = ", ".join(f"{name} {count}" for name, count in classes.items())
    return f"{len(classes)}: {named}" if classes else "none"


def scene_warnings(reports: Sequence[SceneReport]) -> None:
    """What each report says in words; scenes with the same words are named together."""
    for report in reports:
        if not report.ok:
            st.error(plain(report.error))
    said: dict[str, list[str]] = {}
    for report in reports:
        for warning in report.warnings:
            said.setdefault(warning, []).append(report.path)
    if said:
        title = f"{len(said)} remarks on these scenes" if len(said) > 1 else "One remark"
        with st.expander(title, expanded=len(said) <= WARNINGS_OPEN):
            for warning, names in said.items():
                more = f" and {len(names) - 3} more" if len(names) > 3 else ""
                st.markdown(f"- {plain(warning)}  \n  {plain(', '.join(names[:3]) + more)}")


def class_counts(classes: dict[str, int]) -> list[tuple[str, str, int]]:
    """Colour, name and count of each class, the most frequent first; rare ones together."""
    order = sorted(classes, key=lambda name: (-classes[name], name))
    kept = order if len(order) <= 24 else order[:23]
    bars = [(palette.colour(i), name, classes[name]) for i, name in enumerate(kept)]
    if rest := order[len(kept) :]:
        bars.append((palette.MISSING_COLOUR, f"{len(rest)} rarer ones",
                     sum(classes[name] for name in rest)))  # fmt: skip
    return bars
