"""The panel of the notebook's grid of land cover models, and what its neighbours share."""

from collections.abc import Callable, Sequence
from typing import cast

import pandas as pd
import streamlit as st

from app.land_cover import land_data, land_jobs, score_charts
from app.land_cover.land_data import Land
from app.land_cover.models import run_form, run_table
from app.widgets import charts
from app.widgets.markup import number, plain
from core.artifacts.store import Artifact, Step
from core.flair.evaluation.protocols import Protocol
from core.flair.models.classifiers import Classifier, MethodSettings
from core.flair.models.configurations import Cell, cells
from core.flair.models.features import FeatureSpec
from core.pipeline.flair.study import Study, StudySettings
from core.pipeline.flair.study_results import Configuration


def grid(land: Land) -> None:
    """The notebook's 24 configurations: table, scores, times."""
    options: dict[str, str] = {n: land_jobs.PROTOCOLS[n] for n in run_form.possible(land)}
    protocol = land_jobs.choose(land.place, "Judged on", options, "grid on", next(iter(options)))
    runs = land_data.runs(land)
    study = Study(land.place, StudySettings(cast(Protocol, protocol)), land.dataset)
    asked = cells()
    found = [_of(study, MethodSettings(cell.method), cell.spec, runs) for cell in asked]
    n = sum(one is not None for one in found)
    st.markdown(f"**{n} of {len(asked)} configurations are done.** Two methods, with and without "
                "Sentinel, original (O) or robust (R), normalised (N), with intensity (I)."
                )  # fmt: skip
    if n < len(asked):
        floors = [("run", "--method", floor, "--protocol", protocol)
                  for floor in land_jobs.FLOORS]  # fmt: skip
        land_jobs.button(land.place, "Run what is missing", "Running the grid",
                          *floors, ("grid", "--protocol", protocol))  # fmt: skip
    if not n:
        return
    done = [one for one in found if one is not None]
    floors_done = [_of(study, MethodSettings(cast(Classifier, floor)), FeatureSpec(), runs)
                   for floor in land_jobs.FLOORS]  # fmt: skip
    shown = [*done, *(one for one in floors_done if one is not None)]
    run_table.axis(land, shown, protocol)
    _table(land, study, asked, found)
    st.subheader("Time")
    times = [None if one is None else land_data.result(land, one).seconds for one in found]
    st.plotly_chart(
        score_charts.timings([c.name for c in asked], times, [c.notebook_minutes for c in asked]),
        theme=None, config=dict(charts.EXPORT), key="cs.land.times",
    )  # fmt: skip
    patches = len(land_data.result(land, done[0]).patches)
    total = sum(seconds for seconds in times if seconds is not None) / 60
    st.caption(f"Ours: {number(total, 'min')} for {n} configurations on {patches} patches. The "
               "notebook took 31.8 hours on about 200 patches and 8 cores: not the same amount of "
               "work, so compare the shape of the bars, and times per patch.")  # fmt: skip


def _of(
    study: Study, method: MethodSettings, spec: FeatureSpec, runs: Sequence[Configuration]
) -> Configuration | None:
    """The run of exactly what the button would run: dates, folds and draw included."""
    alike = [one for one in runs if (one.method, one.spec) == (method, spec)]
    # Only then: the checksums of Sentinel files may not be known, and taking them is a job's work.
    key = study.step(method, spec).key if alike else ""
    return next((one for one in alike if one.artifact.key == key), None)


def left_out(land: Land, study: Study, runs: Sequence[Configuration]) -> dict[str, list[str]]:
    """Why some runs did not judge a patch that they should have judged, by its name."""
    wanted = [land.dataset.patches[i].name for fold in study.folds for i in fold.judged]
    found: dict[str, list[str]] = {}
    for one in runs:
        said = land_data.result(land, one)
        for name in dict.fromkeys(wanted):
            if name not in said.patches:
                why = [note.removeprefix(f"{name}: ") for note in said.notes
                       if note.startswith(f"{name}:")]  # fmt: skip
                found.setdefault(name, []).append(why[-1] if why else "not predicted")
    return found


def _table(
    land: Land, study: Study, asked: Sequence[Cell], found: Sequence[Configuration | None]
) -> None:
    n_wanted = sum(len(fold.judged) for fold in study.folds)
    missed = left_out(land, study, [one for one in found if one is not None])
    rows = []
    for cell, one in zip(asked, found, strict=True):
        said = land_data.result(land, one) if one else None
        span = said.interval if said else None
        rows.append({
            "Configuration": cell.name,
            "Patches judged": f"{len(said.patches)} of {n_wanted}" if said else None,
            "mIoU": round(said.scores.miou, 4) if said else None,
            "95 % from": round(span.low, 4) if span else None,
            "to": round(span.high, 4) if span else None,
            "The notebook's figure": round(said.scores.notebook_miou, 4) if said else None,
            "Overall accuracy": round(said.scores.overall_accuracy, 4) if said else None,
            "Seconds": round(said.seconds, 1) if said else None,
            "The notebook's minutes": cell.notebook_minutes,
        })  # fmt: skip
    table = pd.DataFrame(rows)
    counts = {len(land_data.result(land, one).patches) for one in found if one is not None}
    # A column that says the same in every row only where something was left out.
    land_data.show(table if missed else table.drop(columns="Patches judged"))
    if missed:
        several = len(counts) > 1
        st.warning(plain(_missed(missed) + (
            " Rows that judged fewer patches than others compare badly with them." if several
            else "")))  # fmt: skip
    land_data.download(land, "Download the grid (CSV)", table, "flair-grid.csv")


def _missed(missed: dict[str, list[str]]) -> str:
    """Patches that were left out, each with how many configurations and why."""
    parts = [f"{name} by {len(why)} configuration{'s' * (len(why) > 1)}: {why[-1].rstrip('.')}"
             for name, why in missed.items()]  # fmt: skip
    return f"Left out: {'; '.join(parts)}."


def study_of(land: Land) -> Study:
    """The study that a curve or a tree belongs to: domains left out, where there are several.

    With one training domain, other pixels of the training patches judge: `judged_on` says so.
    """
    names = run_form.possible(land)
    protocol: Protocol = "domains" if "domains" in names else names[0]
    return Study(land.place, StudySettings(protocol=protocol), land.dataset)


def judged_on(study: Study) -> str:
    """Which pixels judge, in words."""
    if study.settings.protocol == "patches":
        return 'other pixels of the training patches, without "other": this flatters'
    return land_jobs.PROTOCOLS[study.settings.protocol]


def kept_of(land: Land, stage: str, step: Callable[[], Step]) -> Artifact | None:
    """What was made in a step, None where it was not."""
    # Where nothing was made, no checksum is known; taking them is the job's work.
    if not land.place.store.all(stage):
        return None
    return land.place.store.find(step())
