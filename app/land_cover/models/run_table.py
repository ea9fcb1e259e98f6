"""Finished runs of land cover models beside each other: protocols, floors, every number."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from app.land_cover import land_data, land_jobs, score_charts
from app.land_cover.land_data import Land
from app.widgets import charts
from app.widgets.markup import number, plain
from core.flair.data.pixel_sampling import SampleSettings
from core.flair.evaluation.protocols import Protocol
from core.pipeline.flair.study_cells import CellResult, gap
from core.pipeline.flair.study_results import Configuration

ALL = "all"
SHORT: Mapping[Protocol, str] = {
    "domains": "Domains left out", "patches": "Training patches", "test": "Test patches",
}  # fmt: skip
RELIABILITY = {
    "reliability": "Reliability",
    "weighted_reliability": "Reliability, weighted",
    "reliability_after_knn": "After kNN",
    "weighted_reliability_after_knn": "After kNN, weighted",
}
MOST = 14
NOTES = 10
# Shown only where runs differ in them.
SETTINGS = ("Judged on", "Training pixels", '"Other" taught')


def beside(land: Land, runs: Sequence[Configuration]) -> None:
    """Finished runs on one axis and in a table: all protocols together, or one of them."""
    names = [p for p in land_jobs.PROTOCOLS if any(r.settings.protocol == p for r in runs)]
    options = {name: land_jobs.PROTOCOLS[name] for name in names}
    if len(names) > 1:
        options = {ALL: "all together"} | options
    chosen = land_jobs.choose(land.place, "Runs judged on", options, "shown protocol",
                               next(iter(options)))  # fmt: skip
    shown = [one for one in runs if chosen in (ALL, one.settings.protocol)]
    if chosen == ALL:
        _together(land, runs)
        land_data.show(across(land, runs), MOST, wide=("Features",))
    else:
        axis(land, shown, chosen)
        land_data.show(_lean(table(land, shown)), MOST, wide=("Features",))
    land_data.download(land, "Download all runs (CSV)", table(land, runs), "flair-runs.csv")
    pairs = with_other(land, shown)
    if len(pairs):
        st.markdown('**"Other" taught, and not taught**')
        land_data.show(pairs)
    notes = dict.fromkeys(note for one in shown for note in land_data.result(land, one).notes)
    for note in few(list(notes)):
        st.caption(plain(note))


def few(notes: Sequence[str]) -> list[str]:
    """The first notes, and how many more there are."""
    if len(notes) <= NOTES:
        return list(notes)
    more = len(notes) - NOTES
    return [*notes[:NOTES], f"... and {number(more)} more; `chipscape flair run` prints them all."]


def grouped(runs: Sequence[Configuration]) -> list[dict[Protocol, Configuration]]:
    """Runs that differ in their protocol only, by protocol; floors last, else as they came."""
    found: dict[Any, dict[Protocol, Configuration]] = {}
    for one in runs:
        same = dataclasses.replace(one.settings, protocol="domains", n_folds=3)
        found.setdefault((one.method, one.spec, same), {})[one.settings.protocol] = one
    floor = [next(iter(part.values())).method.method in land_jobs.FLOORS
             for part in found.values()]  # fmt: skip
    parts = list(found.values())
    return [part for part, last in zip(parts, floor, strict=True) if not last] + [
        part for part, last in zip(parts, floor, strict=True) if last
    ]


def _results(land: Land, part: Mapping[Protocol, Configuration]) -> dict[Protocol, CellResult]:
    return {protocol: land_data.result(land, one) for protocol, one in part.items()}


def _together(land: Land, runs: Sequence[Configuration]) -> None:
    rows = []
    for part in grouped(runs):
        one = next(iter(part.values()))
        scores = {p: said.scores.miou for p, said in _results(land, part).items()}
        rows.append((_name(one), scores, one.method.method in land_jobs.FLOORS))
    rows.sort(key=lambda row: (row[2], -max(row[1].get("domains", 0), row[1].get("test", 0))))
    st.plotly_chart(score_charts.protocols(rows, SHORT), theme=None, key="cs.land.together",
                    config=dict(charts.EXPORT))  # fmt: skip
    st.caption("mIoU by each protocol. The line between training patches and domains left out is "
               "what judging on patches that taught promises too much; the optimism gap below "
               "is that difference without the pixels of \"other\" on both sides.")  # fmt: skip
    _floors(land, runs)


def across(land: Land, runs: Sequence[Configuration]) -> pd.DataFrame:
    """A row a configuration: mIoU by each protocol, and the optimism gap."""
    rows = []
    for part in grouped(runs):
        results = _results(land, part)
        one = next(iter(part.values()))
        rows.append({
            "Method": land_jobs.method_title(one.method),
            "Features": _features(one),
            "Training pixels": land_jobs.DRAWS[one.settings.sample.draw],
            '"Other" taught': "yes" if one.settings.sample.other else "no",
            **{SHORT[p]: results[p].scores.miou if p in results else np.nan for p in SHORT},
            "Optimism gap": gap(results),
        })  # fmt: skip
    found = pd.DataFrame(rows)
    found["Optimism gap"] = found["Optimism gap"].astype(float)
    return _lean(found.dropna(axis=1, how="all").sort_values(
        [SHORT[p] for p in SHORT if SHORT[p] in found and found[SHORT[p]].notna().any()],
        ascending=False, kind="stable",
    ))  # fmt: skip


def with_other(land: Land, runs: Sequence[Configuration]) -> pd.DataFrame:
    """Runs that were taught without and with "other", side by side."""
    found: dict[Any, dict[bool, Configuration]] = {}
    for one in runs:
        if one.method.method == "uniform":
            continue
        plain_sample = dataclasses.replace(one.settings.sample, other=False)
        same = dataclasses.replace(one.settings, sample=plain_sample)
        found.setdefault((one.method, one.spec, same), {})[one.settings.sample.other] = one
    rows = []
    for (_, _, settings), pair in found.items():
        if len(pair) < 2:
            continue
        without, taught = (land_data.result(land, pair[other]).scores for other in (False, True))
        rows.append({
            "Method and features": land_jobs.model_title(pair[False]),
            "Judged on": land_jobs.PROTOCOLS[settings.protocol],
            "mIoU without": without.miou,
            "mIoU with": taught.miou,
            "Difference": taught.miou - without.miou,
            "Accuracy without": without.overall_accuracy,
            "Accuracy with": taught.overall_accuracy,
            'IoU of "other", with': float(taught.iou[-1]),
        })  # fmt: skip
    return pd.DataFrame(rows)


def axis(land: Land, runs: Sequence[Configuration], protocol: str) -> None:
    """The runs of one protocol from best to worst, floors last."""
    rows = []
    for one in runs:
        found = land_data.result(land, one)
        span = found.interval
        rows.append(score_charts.Row(
            _name(one), found.scores.miou, span.low if span else None,
            span.high if span else None, one.method.method in land_jobs.FLOORS,
        ))  # fmt: skip
    official = protocol == "test" and score_charts.is_official(land.dataset)
    rows.sort(key=lambda row: (row.floor, -row.miou))
    st.plotly_chart(score_charts.axis(rows, official=official), theme=None,
                    config=dict(charts.EXPORT), key="cs.land.axis")  # fmt: skip
    published = ", ".join(f"{name} {value:.4f}" for name, value in score_charts.PUBLISHED)
    if not official:
        st.caption(plain(f"Published for FLAIR's official test set, and drawn there only: "
                         f"{published}."))  # fmt: skip
    _floors(land, runs)


def _floors(land: Land, runs: Sequence[Configuration]) -> None:
    """Offer to run chance by the protocols where it was not run."""
    asked = dict.fromkeys(one.settings.protocol for one in runs)
    done = {o.settings.protocol for o in runs if o.method.method in land_jobs.FLOORS}
    commands = [("run", "--method", floor, "--protocol", protocol)
                for protocol in asked if protocol not in done for floor in land_jobs.FLOORS
                ]  # fmt: skip
    if commands:
        land_jobs.button(land.place, "Run the floors", "Running chance", *commands,
                          primary=False)  # fmt: skip


def _name(one: Configuration) -> str:
    """Method and features, and how it was taught where that is not the usual."""
    if one.settings.sample == SampleSettings():
        return land_jobs.model_title(one)
    return f"{land_jobs.model_title(one)} · {land_jobs.teaching(one)}"


def _features(one: Configuration) -> str:
    return "none" if one.method.method in land_jobs.FLOORS else land_jobs.spec_title(one.spec)


def _lean(found: pd.DataFrame) -> pd.DataFrame:
    """A table without settings that are the same in all rows, and without empty columns."""
    alike = [name for name in SETTINGS if name in found and found[name].nunique() == 1
             and found[name].iloc[0] != "yes"]  # fmt: skip
    return found.drop(columns=alike).dropna(axis=1, how="all")


def table(land: Land, runs: Sequence[Configuration]) -> pd.DataFrame:
    """Every number of some runs."""
    rows = []
    for one in runs:
        found = land_data.result(land, one)
        said, span, folds = found.scores, found.interval, found.about["folds"]
        rows.append({
            "Method": land_jobs.method_title(one.method),
            "Features": _features(one),
            "mIoU": round(said.miou, 4),
            "95 % from": round(span.low, 4) if span else None,
            "to": round(span.high, 4) if span else None,
            "Areas": span.n_units if span else 1,
            "Classes in it": said.n_classes,
            "Overall accuracy": round(said.overall_accuracy, 4),
            "Kappa": round(said.kappa, 4),
            "The notebook's figure": round(said.notebook_miou, 4),
            **{words: _mean(folds, name) for name, words in RELIABILITY.items()},
            "Labels looked at": sum(fold["n_labels"] for fold in folds),
            "Seconds": round(found.seconds, 1),
            "Judged on": land_jobs.PROTOCOLS[one.settings.protocol],
            "Training pixels": land_jobs.DRAWS[one.settings.sample.draw],
            '"Other" taught': "yes" if one.settings.sample.other else "no",
        })  # fmt: skip
    return pd.DataFrame(rows).sort_values("mIoU", ascending=False, kind="stable")


def _mean(folds: Sequence[Mapping[str, float]], name: str) -> float:
    """The mean over the folds that have it; NaN where none has."""
    values = [fold[name] for fold in folds if name in fold]
    return round(sum(values) / len(values), 4) if values else float("nan")
