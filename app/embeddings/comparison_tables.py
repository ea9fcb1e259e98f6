"""Tables that compare encoders: their scores with intervals, and what they read."""

from collections.abc import Sequence
from html import escape
from typing import Any, NamedTuple

import pandas as pd

from app.embeddings.encoder_cards import encoder_title
from app.widgets.markup import format_number
from core.pipeline.encoders.encoder_comparison import CONTROL, ScoredEncoder, scoring_notes
from core.settings import RunSettings


class Measure(NamedTuple):
    """A column of the tables that compare encoders.

    `column` is its name in `ScoredEncoder.as_table`; `text` says what the measure means, and when
    it misleads. `digits` is the number of decimals displayed, and `best` is the value that is
    marked: "max", "min", or empty for none. `unit` follows each value. `has_interval` is True if
    the table has the interval of the value in the column `column` + "_interval".
    """

    column: str
    heading: str
    text: str
    digits: int = 2
    best: str = "max"
    unit: str = ""
    has_interval: bool = False


SCORES = (
    Measure(
        "balanced_accuracy",
        "5-NN",
        "How often the five nearest other chips predict the class correctly, averaged over the "
        "classes. Chips that overlap in a scene inflate it, and make its interval too narrow.",
        has_interval=True,
    ),
    Measure(
        "balanced_accuracy_across_blocks",
        "5-NN across blocks",
        "The same, but only chips of other blocks of ground vote, so that a chip is not predicted "
        "by its surroundings. Chips next to the border of a block still profit from them.",
        has_interval=True,
    ),
    Measure(
        "balanced_accuracy_across_scenes",
        "5-NN across scenes",
        "The same, but only chips of other scenes vote, which is the fairest test. Classes that "
        "occur in only one scene are left out.",
        has_interval=True,
    ),
    Measure(
        "nmi_gmm",
        "NMI of GMM",
        "How much the clusters of a Gaussian mixture tell about the class, from 0 to 1. It rises "
        "with the number of clusters, so compare values within one table only.",
    ),
    Measure(
        "nmi_hdbscan",
        "NMI of HDBSCAN",
        "The same for HDBSCAN, with noise as one more cluster. The settings may suit one encoder "
        "better than another, so a low value may be due to them.",
    ),
    Measure(
        "silhouette",
        "Silhouette",
        "How much nearer chips are to their own class than to the nearest other, from -1 to 1. It "
        "favours round classes and falls with the number of dimensions, even if the nearest chips "
        "have the right class.",
    ),
)
INPUT = (
    Measure(
        "input_size",
        "Input size",
        "Side of the square that the encoder reads. Chips are resized to it.",
        digits=0,
        best="",
        unit="px",
    ),
    Measure(
        "normalisation",
        "Normalised by",
        "Whose statistics normalise the input: those of these chips, or those of the images on "
        "which the weights were trained.",
        best="",
    ),
    Measure(
        "dim",
        "Dimensions",
        "A longer embedding takes more space and more time to search, and is not always better.",
        digits=0,
        best="",
    ),
    Measure(
        "chips_per_second",
        "Chips per second",
        "Speed of fitting and encoding on this machine. Other running programs may lower it.",
        digits=0,
    ),
    Measure("seconds", "Seconds", "Time for fitting and encoding all chips.", digits=1, best="min"),
)


def comparison_frame(scored: Sequence[ScoredEncoder]) -> pd.DataFrame:
    """Return a table with one row per encoder and one column per measure and limit."""
    rows = [scores.as_table() for scores in scored]
    columns: dict[str, list[Any]] = {"Encoder": [_row_title(row["encoder"]) for row in rows]}
    for measure in (*SCORES, *INPUT):
        columns[measure.heading] = [row[measure.column] for row in rows]
        if measure.has_interval:
            intervals = [row[f"{measure.column}_interval"] or (None, None) for row in rows]
            for i, name in enumerate(_limit_names(measure)):
                columns[name] = [interval[i] for interval in intervals]
    return pd.DataFrame(columns)


def best_rows(table: pd.DataFrame) -> dict[str, set[int]]:
    """Return the rows with the best value of each measure, by heading; values are rounded first."""
    rows: dict[str, set[int]] = {}
    for measure in (*SCORES, *INPUT):
        if not measure.best:
            continue
        values = pd.to_numeric(table[measure.heading], errors="coerce").round(measure.digits)
        if values.notna().any():
            rows[measure.heading] = set(table.index[values == values.agg(measure.best)])
    return rows


def scores_html(table: pd.DataFrame, measures: Sequence[Measure]) -> str:
    """Return columns of the table as HTML; the best value of each column is bold."""
    best = best_rows(table)
    head = "".join(
        f"<th>{escape(name)}</th>" for name in ("Encoder", *(m.heading for m in measures))
    )
    body = ""
    for row, values in table.iterrows():
        body += f"<tr><th scope='row'>{escape(str(values['Encoder']))}</th>"
        for measure in measures:
            text = escape(_value_text(values[measure.heading], measure))
            if row in best.get(measure.heading, ()):
                text = f"<b>{text}</b>"
            body += f"<td>{text}{_interval_html(values, measure)}</td>"
        body += "</tr>"
    return f"<table class='cs-scores'><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def comparison_note(scored: Sequence[ScoredEncoder], settings: RunSettings) -> str:
    """Return a note on the chips and clusters with which the scores were computed."""
    size = settings.cut.min_cluster_size
    hdbscan = (
        f"at least {size} chips in a cluster" if size else "the suggested minimum cluster size"
    )
    text = (
        f"{format_number(scored[0].scores.n)} chips have a value. Clusters: "
        f"{settings.gmm.n_components} Gaussians, and HDBSCAN with {hdbscan}, as set on the "
        "Clusters page. The best value of each column is marked; intervals are in grey. Simple "
        "colour is the control: an encoder that is not better adds nothing to the mean, deviation "
        "and histogram of the bands."
    )
    return " ".join([text, *scoring_notes(scored, encoder_title)])


def _row_title(encoder: str) -> str:
    title = encoder_title(encoder)
    return f"{title} (control)" if encoder == CONTROL else title


def _limit_names(measure: Measure) -> tuple[str, str]:
    return f"{measure.heading}, lower limit", f"{measure.heading}, upper limit"


def _value_text(value: object, measure: Measure) -> str:
    if isinstance(value, str):
        return value
    if pd.isna(value):  # type: ignore[call-overload]
        return "not known"
    return f"{value:.{measure.digits}f} {measure.unit}".rstrip()


def _interval_html(values: "pd.Series[float]", measure: Measure) -> str:
    """Return the interval of a value in small print; empty if there is none."""
    if not measure.has_interval:
        return ""
    low, high = (values[name] for name in _limit_names(measure))
    return "" if pd.isna(low) else f"<small>{low:.2f} to {high:.2f}</small>"
