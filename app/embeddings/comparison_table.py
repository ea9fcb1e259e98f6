"""Several encoders side by side on a property: a table of scores, and what each of them means."""

from collections.abc import Sequence
from dataclasses import replace
from html import escape
from itertools import combinations
from typing import NamedTuple

import pandas as pd
import streamlit as st

from app import messages
from app.embeddings import encoder_cards
from app.session import cache, stage_jobs, state
from app.widgets.markup import facts, number, plain
from core.chips.chip_set import ChipSet
from core.embeddings.joined_encoder import SIGN
from core.pipeline.encoders.encoder_comparison import Compared, find_compared, with_owner
from core.pipeline.workspace import Workspace
from core.settings import RunSettings


class Measure(NamedTuple):
    """A column of the table.

    Attributes
    ----------
    column, heading : str
    more : bool or None
        Whether more is better; None where neither is.
    words : str
        What it means, and when it misleads.
    """

    column: str
    heading: str
    more: bool | None
    words: str


MEASURES = (
    Measure(
        "balanced_accuracy",
        "5-NN",
        True,
        "How often the five nearest other chips tell the value, averaged over the classes; chips "
        "that overlap in a scene know each other and flatter it.",
    ),
    Measure(
        "balanced_accuracy_across_scenes",
        "5-NN across scenes",
        True,
        "The same where only chips of other scenes vote, the fairer of the two; classes that lie "
        "in one scene are left out of it.",
    ),
    Measure(
        "nmi_gmm",
        "NMI of GMM",
        True,
        "How much the clusters of a Gaussian mixture say about the value, 0 to 1; it rises with "
        "the number of clusters, so compare within one table only.",
    ),
    Measure(
        "nmi_hdbscan",
        "NMI of HDBSCAN",
        True,
        "The same for HDBSCAN, noise counted as one more cluster; one setting suits one encoder "
        "better than another, so a low value may be the setting's fault.",
    ),
    Measure(
        "silhouette",
        "Silhouette",
        True,
        "How much nearer chips are to their own class than to the next, -1 to 1; it wants round "
        "classes and falls with the number of dimensions, even where the neighbours are right.",
    ),
    Measure(
        "seconds",
        "Seconds",
        False,
        "Fitting and encoding when they ran, on this machine and beside whatever else ran on it.",
    ),
    Measure(
        "dim",
        "Numbers a chip",
        None,
        "A longer embedding is dearer to store and to search, and no better for it: no best.",
    ),
)


def show(place: Workspace, chips: ChipSet | None, name: str) -> None:
    """Choose encoders, compare them, and see the table.

    Parameters
    ----------
    place : Workspace
    chips : ChipSet or None
        The chips that are asked for, None where they are not cut.
    name : str
        The property.
    """
    settings = state.wanted(place)
    names = choices(place, settings)
    kept = [one for one in state.value(place, "compared", names[:2]) if one in names]
    chosen = st.multiselect(
        "Encoders that are ready, alone or two joined", names, format_func=encoder_cards.title,
        key=state.widget(place, "compared", kept),
    )  # fmt: skip
    state.keep(place, "compared", chosen)
    settings = replace(settings, embed=with_owner(settings.embed, chosen))
    found = lookup(place, chips, settings, chosen, name)
    _button(place, settings, chosen, name, done=len(found) == len(chosen))
    if not found:
        st.caption("Nothing is compared yet on this property.")
        return
    table = frame(found)
    st.html(markup(table))
    st.download_button(
        "Download the table (CSV)", lambda: table.to_csv(index=False).encode(), "encoders.csv",
        "text/csv", key="cs.csv:encoders", on_click="ignore",
    )  # fmt: skip
    st.caption(plain(told(found, settings)))
    words = facts((measure.heading, measure.words) for measure in MEASURES)
    st.html(f'<div class="cs-words">{words}</div>')


def choices(place: Workspace, settings: RunSettings) -> list[str]:
    """The encoders that are ready, then each two of them joined."""
    ready = [
        name
        for name in encoder_cards.titles()
        if not encoder_cards.needs(place, settings.embed, name)
    ]
    return [*ready, *(SIGN.join(two) for two in combinations(ready, 2))]


def lookup(
    place: Workspace, chips: ChipSet | None, settings: RunSettings, chosen: Sequence[str], name: str
) -> list[Compared]:
    """The comparisons that are there already."""
    if chips is None:
        return []
    with messages.guard():
        found = [find_compared(place, chips, settings, one, name) for one in chosen]
        return [one for one in found if one]
    return []


def frame(found: Sequence[Compared]) -> pd.DataFrame:
    """One row an encoder, a column a measure."""
    rows = [one.as_table() for one in found]
    table = {"Encoder": [encoder_cards.title(one.encoder) for one in found]}
    for measure in MEASURES:
        table[measure.heading] = [row[measure.column] for row in rows]
    return pd.DataFrame(table)


def best(table: pd.DataFrame) -> dict[str, set[int]]:
    """The rows with the best value of each column, as far as the shown digits tell."""
    rows: dict[str, set[int]] = {}
    for _, heading, more, _ in MEASURES:
        values = pd.to_numeric(table[heading], errors="coerce").round(digits(heading))
        if more is None or values.isna().all():
            continue
        top = values.max() if more else values.min()
        rows[heading] = set(table.index[values == top])
    return rows


def digits(heading: str) -> int:
    """Decimals that are shown."""
    return {"Seconds": 1, "Numbers a chip": 0}.get(heading, 2)


def markup(table: pd.DataFrame) -> str:
    """The table as HTML, the best value of each column in bold on a tint."""
    marked = best(table)
    head = "".join(f"<th>{escape(str(heading))}</th>" for heading in table)
    body = []
    for at, row in table.iterrows():
        cells = [f"<th scope='row'>{escape(str(row['Encoder']))}</th>"]
        for _, heading, _, _ in MEASURES:
            text = _text(row[heading], heading)
            tag = f"<b>{text}</b>" if at in marked.get(heading, ()) else text
            cells.append(f"<td>{tag}</td>")
        body.append("<tr>" + "".join(cells) + "</tr>")
    return (f"<table class='cs-scores'><thead><tr>{head}</tr></thead>"
            f"<tbody>{''.join(body)}</tbody></table>")  # fmt: skip


def told(found: Sequence[Compared], settings: RunSettings) -> str:
    """On what it was reckoned, and with which clusters."""
    notes = dict.fromkeys(note for one in found for note in one.scores.notes)
    return (
        f"{number(found[0].scores.n)} chips with a value. Clusters: "
        f"{settings.gmm.n_components} Gaussians; HDBSCAN from "
        f"{settings.cut.min_cluster_size} chips on, as set on the page Clusters. The best of each "
        "column is marked; with few chips in a class, small differences are chance. "
        + " ".join(notes)
    )


def _text(value: object, heading: str) -> str:
    if value is None or value != value:  # noqa: PLR0124
        return "not known"
    return f"{value:.{digits(heading)}f}"


def _button(
    place: Workspace, settings: RunSettings, chosen: Sequence[str], name: str, *, done: bool
) -> None:
    usable = cache.plan(place, settings).found.usable
    idle = not chosen or done or stage_jobs.busy(place) is not None or not usable
    words = "Compared" if chosen and done else "Compare"
    if st.button(words, key="cs.compare", type="primary", disabled=idle):
        stage_jobs.compare(place, settings, chosen, name)
        st.rerun()
