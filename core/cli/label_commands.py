"""`chipscape label`: label chips, see suggestions, and find wrong labels and duplicates."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, cast

import numpy as np
import pandas as pd
import typer

from core.cli.console import counted, reporter, show_result
from core.cli.quality_commands import run_displayed
from core.cli.shared_options import Session, option, require_choice, with_session
from core.errors import SettingsError
from core.labels.label_history import (
    LabelStep,
    add_label_steps,
    label_step,
    redo_label_step,
    undo_label_step,
)
from core.pipeline.labels.label_file import change_labels
from core.pipeline.labels.label_tasks import (
    LabelTask,
    find_duplicates,
    open_label_task,
    require_chips,
)
from core.pipeline.run import Run

app = typer.Typer(
    name="label",
    help="Label chips: which to look at next, suggestions for the others, doubtful labels and "
    "near-duplicates.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
FORMATS = ("csv", "geojson")


@app.command("next")
@with_session
def next_command(
    session: Session,
    count: Annotated[int, option("Number of chips. [default: 10]", "--count")] = 10,
) -> None:
    """List the chips to label next: medoids of clusters first, then uncertain and diverse ones."""
    _, task = _open_task(session)
    ids = task.chips.facts["chip_id"]
    rows = [
        {
            "chip_id": str(ids.iloc[chip.row]),
            "represents": chip.n_represented,
            "reason": "uncertain" if chip.by_uncertainty else "medoid",
        }
        for chip in task.next_chips(count)
    ]
    lines = [f"{row['chip_id']}  {row['reason']}, like {row['represents']} chips" for row in rows]
    show_result(session.as_json, {"next": rows, **_counts(task)}, [*lines, _count_line(task)])


@app.command("set")
@with_session
def set_command(
    session: Session,
    chips: Annotated[list[str] | None, typer.Argument(help="Ids of chips.")] = None,
    label: Annotated[str, option("The label that the chips get.", "--label")] = "",
    skip: Annotated[bool, option("Do not propose the chips again.", "--skip")] = False,
    clear: Annotated[bool, option("Remove the labels of the chips.", "--clear")] = False,
    undo: Annotated[bool, option("Undo the last step.", "--undo")] = False,
    redo: Annotated[bool, option("Redo the step that was undone last.", "--redo")] = False,
) -> None:
    """Label, skip or clear chips; or undo or redo a step."""
    actions = (bool(label), skip, clear, undo, redo)
    if sum(actions) != 1 or (undo or redo) == bool(chips):
        raise SettingsError(
            "one action is needed",
            where="chipscape label set",
            remedy="Give chip ids and --label NAME, --skip or --clear; or --undo or --redo alone.",
        )
    _, task = _open_task(session)
    ids = tuple(dict.fromkeys(chips or ()))
    require_chips(task.chips, ids)
    if undo or redo:
        change_labels(session.workspace, undo_label_step if undo else redo_label_step)
    else:
        step = LabelStep("skip" if skip else "clear", ids)
        if label:
            step = label_step(ids, label)
        change_labels(session.workspace, lambda history: add_label_steps(history, step))
    _, task = _open_task(session)
    show_result(session.as_json, _counts(task), [_count_line(task)])


@app.command("suggest")
@with_session
def suggest_command(
    session: Session,
    above: Annotated[
        float, option("Lowest confidence of listed suggestions, 0 to 1. [default: 0]", "--above")
    ] = 0.0,
    accept: Annotated[
        bool, option("Turn the listed suggestions into labels; --undo takes them back.", "--accept")
    ] = False,
) -> None:
    """Suggest labels for the remaining chips, the most confident first, and show the curve."""
    _, task = _open_task(session)
    table = task.table(task.suggestions())
    listed = table[(table["source"] == "suggested") & (table["confidence"] >= above)]
    listed = listed.sort_values("confidence", ascending=False, kind="stable")
    if accept:
        groups = listed.groupby("label", sort=True)["chip_id"]
        steps = [label_step(chips.tolist(), str(name), "accept") for name, chips in groups]
        change_labels(session.workspace, lambda history: add_label_steps(history, *steps))
    curve = task.learning_curve()
    columns = {name: getattr(curve, name).tolist() for name in ("n_labels", "stability")}
    agreement = [None if np.isnan(value) else value for value in curve.agreement.tolist()]
    rows = _records(listed[["chip_id", "label", "confidence"]])
    result = {"suggestions": rows, "curve": {**columns, "agreement": agreement}, **_counts(task)}
    lines = [f"{row['chip_id']}  {row['label']}, {row['confidence']:.0%}" for row in rows]
    if agreement and agreement[-1] is not None:
        lines.append(f"{agreement[-1]:.0%} of the latest labels had been suggested before.")
    show_result(session.as_json, result, [*lines, _count_line(task)])


@app.command("doubts")
@with_session
def doubts_command(
    session: Session,
    attribute: Annotated[
        str, option("Attribute to check. [default: the labels that were given]", "--property")
    ] = "",
    count: Annotated[int, option("Number of chips. [default: 20]", "--count")] = 20,
) -> None:
    """List the chips whose label fits the chips that resemble them least."""
    _, task = _open_task(session)
    table = task.doubtful_labels(attribute).drop(columns="row")
    n_doubtful = int((table["doubt"] > 0).sum())
    rows = _records(table.head(count))
    lines = [
        f"{row['chip_id']}  {row['label']}: rather {row['suggested']}, doubt {row['doubt']:.2f}, "
        f"{row['neighbour_agreement']:.0%} of its nearest chips agree"
        for row in rows
    ]
    lines.append(f"{n_doubtful} of {counted(len(table), 'chip')} fit another label better")
    result = {"chips": len(table), "doubtful": n_doubtful, "doubts": rows}
    show_result(session.as_json, result, lines)


@app.command("duplicates")
@with_session
def duplicates_command(session: Session) -> None:
    """List pairs of chips that are nearly the same, by pixels or by embedding, in all scenes."""
    with reporter() as listen:
        run = run_displayed(session, listen, "reduction")
        task = open_label_task(run.view)
        table = find_duplicates(run.view, task, listen("screen"))
    rows = _records(table.drop(columns=["row", "other_row"]))
    lines = [
        f"{row['chip_id']}  {row['other_id']}  by {row['by']}"
        f"{', other scene' if row['across_scenes'] else ''}"
        for row in rows
    ]
    lines.append(f"{counted(len(rows), 'pair')} among {counted(len(task.chips), 'chip')}")
    show_result(session.as_json, {"chips": len(task.chips), "pairs": rows}, lines)


@app.command("export")
@with_session
def export_labels_command(
    session: Session,
    kind: Annotated[str, option("csv or geojson. [default: geojson]", "--format")] = "geojson",
    suggested: Annotated[bool, option("Also write the suggested labels.", "--suggested")] = False,
    out: Annotated[Path | None, option("Folder to write to. [default: results/]")] = None,
) -> None:
    """Write the labels, with footprints in EPSG:4326 for GeoJSON."""
    from core.pipeline.labels.label_export import write_labels

    require_choice(kind, FORMATS, "--format")
    run, task = _open_task(session)
    suggestions = task.suggestions() if suggested else None
    path = write_labels(run.view, task, suggestions, out or session.workspace.results, kind)
    show_result(session.as_json, {"written": str(path), **_counts(task)}, [f"written: {path}"])


def _open_task(session: Session) -> tuple[Run, LabelTask]:
    with reporter() as listen:
        run = run_displayed(session, listen, "reduction")
    return run, open_label_task(run.view)


def _counts(task: LabelTask) -> dict[str, Any]:
    names, counts = task.names, np.bincount(task.codes, minlength=len(task.names)).tolist()
    return {
        "chips": len(task.chips),
        "labelled": len(task.rows),
        "labels": dict(zip(names, counts, strict=True)),
    }


def _count_line(task: LabelTask) -> str:
    counts = _counts(task)
    labels = ", ".join(f"{name} {n}" for name, n in counts["labels"].items())
    total = f"{counts['labelled']} of {counted(counts['chips'], 'chip')} labelled"
    return f"{total}: {labels}" if labels else total


def _records(table: pd.DataFrame) -> Sequence[dict[str, Any]]:
    """Return the rows of a table as plain values, in which NaN becomes None."""
    plain = table.astype(object).where(table.notna(), None)
    return cast("Sequence[dict[str, Any]]", plain.to_dict("records"))
