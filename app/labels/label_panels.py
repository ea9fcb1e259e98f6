"""The tabs of the Labels page: progress, suggestions, doubtful labels and near-duplicates."""

from functools import partial

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from app.labels import label_state
from app.session import cache, jobs
from app.widgets import charts, chip_tables
from app.widgets.chip_display import GalleryRow, chip_gallery, gallery_rows
from app.widgets.choices import button_choice, gallery_pager, remembered_widget
from app.widgets.job_status import estimate_line
from app.widgets.markup import count_noun, escape_markdown
from app.widgets.palette import RULE, cluster_colour
from app.widgets.theme import chart_colours
from core.labels.chip_classifier import Suggestions
from core.labels.label_history import label_step
from core.labels.learning_curve import WINDOW, LearningCurve
from core.pipeline.estimates.fit_estimate import estimate_screening
from core.pipeline.labels.label_export import format_labels
from core.pipeline.labels.label_tasks import SUGGESTED, LabelTask
from core.pipeline.view import View

PAGE_SIZE, PAIRS_PER_PAGE, WIDTH = 24, 12, 92
GIVEN_LABELS = "Labels given here"
ORDERS = {"least": "Least confident first", "most": "Most confident first"}


def progress_panel(view: View, task: LabelTask) -> None:
    """Draw the learning curve, the number of chips per label, and the downloads."""
    curve = label_state.label_curve(view, task)
    if curve is None or not len(curve.n_labels):
        st.markdown(
            "Give at least two different labels. The other chips then get suggestions, and a "
            "chart shows how good they are."
        )
    else:
        charts.show_chart(curve_figure(curve))
        st.caption(
            f"Correct suggestions: share of the last {WINDOW} labels that had been suggested "
            "before you gave them; uncertain chips are chosen on purpose, so other chips do "
            "better. Settled suggestions: share of all chips that already had their present "
            "suggestion. When both lines are flat, more labels change little."
        )
    if task.names:
        counts = np.bincount(task.codes, minlength=len(task.names)).tolist()
        colours = [cluster_colour(code) for code in range(len(counts))]
        entries = list(zip(colours, task.names, counts, strict=True))
        charts.show_chart(charts.count_bars(entries))
        _downloads(view, task)


def curve_figure(curve: LearningCurve) -> go.Figure:
    """Return the chart of agreement and stability by the number of labels."""
    figure, colours = go.Figure(), chart_colours()
    for name, values, colour, dash in (
        ("correct suggestions", curve.agreement, colours.accent, "solid"),
        ("settled suggestions", curve.stability, colours.muted, "dot"),
    ):
        percent = [None if np.isnan(value) else 100 * value for value in values.tolist()]
        figure.add_scatter(
            x=curve.n_labels.tolist(),
            y=percent,
            name=name,
            mode="lines+markers",
            line={"color": colour, "dash": dash},
            hovertemplate=f"%{{x}} labels: %{{y:.0f}} %<extra>{name}</extra>",
        )
    figure.update_layout(charts.base_layout(height=240), legend={"orientation": "h", "y": 1.15})
    figure.update_xaxes(title_text="labels given", gridcolor=colours.rule)
    return figure.update_yaxes(title_text="%", range=[0, 104], gridcolor=colours.rule)


def suggestion_panel(view: View, task: LabelTask) -> None:
    """Draw the suggestions as a gallery; a click shows a chip, which can then be labelled."""
    if label_state.label_suggestions(view, task) is None:
        st.markdown("Suggestions appear once two different labels have been given.")
        return
    table = label_state.label_table(view, task)
    suggested = table[table["source"] == SUGGESTED]
    _acceptance_form(view, task)
    counts = suggested["label"].value_counts()
    everything = f"All ({len(suggested)})"
    options = [everything, *(name for name in task.names if name in counts)]
    titles = {name: f"{name} ({counts[name]})" for name in options[1:]} | {everything: everything}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = remembered_widget(
            view.workspace, f"suggested {options}", everything, st.selectbox,
            "Suggested label", options, format_func=titles.__getitem__, width=240,
        )  # fmt: skip
        order = button_choice(view.workspace, "Order", ORDERS, "suggestion order", "least")
    chosen = suggested if name == everything else suggested[suggested["label"] == name]
    chosen = chosen.sort_values("confidence", ascending=order == "least", kind="stable")
    start = gallery_pager(view.workspace, "suggestions", len(chosen), PAGE_SIZE)
    page = chosen.iloc[start : start + PAGE_SIZE]
    codes = {label: code for code, label in enumerate(task.names)}
    texts = [
        f"{label}, {confidence:.0%}"
        for label, confidence in zip(page["label"], page["confidence"], strict=True)
    ]
    colours = [cluster_colour(codes[label]) for label in page["label"]]
    chip_gallery(
        task.chips,
        page.index.tolist(),
        colours,
        texts,
        WIDTH,
        name="suggested",
        label="Suggestions",
    )


@st.fragment
def _acceptance_form(view: View, task: LabelTask) -> None:
    """Draw the slider and the button that turn confident suggestions into labels."""
    table = label_state.label_table(view, task)
    suggested = table[table["source"] == SUGGESTED]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        lowest = remembered_widget(
            view.workspace, "lowest confidence", 95, st.slider,
            "Accept suggestions from this confidence on (%)", 50, 100, width=320,
        )  # fmt: skip
        accepted = suggested[suggested["confidence"] >= lowest / 100]
        groups = [
            (str(name), chips.tolist()) for name, chips in accepted.groupby("label")["chip_id"]
        ]
        if st.button(
            f"Accept {count_noun(len(accepted), 'suggestion')}",
            key="cs.label accept",
            disabled=not groups,
        ):
            label_state.add_steps(
                view, lambda: [label_step(chips, name, "accept") for name, chips in groups]
            )
            st.rerun()
    if len(suggested) and not groups:
        highest = suggested["confidence"].max()
        st.caption(f"The most confident suggestion has a confidence of {highest:.0%}.")


def doubt_panel(view: View, task: LabelTask) -> None:
    """Draw the chips whose label or attribute value is most doubtful."""
    options = [GIVEN_LABELS, *chip_tables.attribute_labels(task.chips)]
    start = chip_tables.class_attribute(task.chips) or GIVEN_LABELS
    start = start if start in options and len(task.names) < 2 else GIVEN_LABELS
    choice = remembered_widget(
        view.workspace, f"doubts about {options}", start, st.selectbox,
        "Labels to check", options, width=260,
    )  # fmt: skip
    attribute = (
        "" if choice == GIVEN_LABELS else str(chip_tables.attribute_labels(task.chips)[choice])
    )
    table = label_state.doubtful_table(view, task, attribute)
    if table is None:
        return
    n_doubtful = int((table["doubt"] > 0).sum())
    st.markdown(
        f"{n_doubtful} of {count_noun(len(table), 'chip')} fit another label better, judged by "
        "chips other than themselves. The most doubtful come first; click a chip to see it and to "
        "label it."
    )
    start_row = gallery_pager(view.workspace, f"doubts {attribute}", len(table), PAGE_SIZE)
    page = table.iloc[start_row : start_row + PAGE_SIZE]
    texts = [
        f"{label}: {'rather ' if doubt > 0 else 'not '}{suggested}"
        for label, suggested, doubt in zip(
            page["label"], page["suggested"], page["doubt"], strict=True
        )
    ]
    chip_gallery(
        task.chips,
        page["row"].tolist(),
        [RULE] * len(page),
        texts,
        WIDTH + 24,
        name="doubtful labels",
        label="Doubtful labels",
    )


def duplicate_panel(view: View, task: LabelTask) -> None:
    """Draw pairs of chips that are nearly the same, by pixels or by embedding."""
    if cache.flags(view) is None:
        st.markdown("Find chips that are nearly the same as another chip, in all scenes.")
        disabled = jobs.running_job(view.workspace) is not None
        if st.button("Compare the chips", key="cs.label screen", disabled=disabled):
            jobs.start_screening(view.workspace, view.settings)
            st.rerun()
        estimate_line(view.workspace, partial(estimate_screening, view))
        return
    table = label_state.duplicate_table(view, task)
    n_across = int(table["across_scenes"].sum())
    st.markdown(
        f"{count_noun(len(table), 'pair')} of near-duplicates, {n_across} of them in different "
        "scenes. The most similar come first."
    )
    start = gallery_pager(view.workspace, "duplicates", len(table), PAIRS_PER_PAGE)
    entries = [
        GalleryRow(
            RULE,
            "Two scenes" if pair["across_scenes"] else "One scene",
            f"by {pair['by']}",
            [pair["other_row"], pair["row"]],
        )
        for pair in table.iloc[start : start + PAIRS_PER_PAGE].to_dict("records")
    ]
    gallery_rows(task.chips, entries, name="near-duplicates", label="Near-duplicates", width=WIDTH)


def _downloads(view: View, task: LabelTask) -> None:
    suggestions = label_state.label_suggestions(view, task)
    with st.container(horizontal=True, vertical_alignment="center"):
        is_complete = suggestions is not None and st.toggle("With suggestions", key="cs.label all")
        used = suggestions if is_complete else None
        for kind, title in (("geojson", "GeoJSON"), ("csv", "CSV")):
            st.download_button(
                f"Download the labels ({title})",
                partial(_label_bytes, view, task, used, kind),
                f"labels.{kind}",
                key=f"cs.label {kind}",
                on_click="ignore",
            )


def _label_bytes(view: View, task: LabelTask, suggestions: Suggestions | None, kind: str) -> bytes:
    return format_labels(view, task, suggestions, kind).encode()


def describe_task(task: LabelTask) -> str:
    """Return how many chips have been labelled, as escaped Markdown."""
    total = count_noun(len(task.chips), "chip")
    return escape_markdown(f"{len(task.rows)} of {total} labelled")
