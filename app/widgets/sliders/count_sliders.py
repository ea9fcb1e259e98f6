"""The sliders of methods with a chosen number of clusters: mixtures, k-means and Ward."""

import dataclasses
from collections.abc import Mapping
from functools import partial
from typing import Any

import streamlit as st

from app.session import cache, jobs
from app.widgets.charts import show_chart
from app.widgets.markup import count_noun, escape_markdown, format_number
from app.widgets.setting_labels import choice_label
from app.widgets.sliders import sweep_charts
from app.widgets.sliders.method_widget import MethodWidget, SliderRow, count_slider
from core.clusters.evaluation.component_sweep import ComponentSweep, suggest_components
from core.clusters.methods.ward import WARD_LIMIT
from core.pipeline.cluster_stages import find_component_sweep
from core.pipeline.run_stages import with_settings
from core.pipeline.view import View


def _draw_gmm(view: View, row: SliderRow) -> View:
    with row.columns[1]:
        view = count_slider(view, row, "gmm", "Gaussians in the mixture, one for each cluster.")
        _shape_caption(view)
    slot = row.columns[2]
    if not row.stacked:
        slot.space("small")
        slot = slot.popover("Compare cluster counts")
    with slot:
        _compare_components(view, row.name)
    return view


def _draw_kmeans(view: View, row: SliderRow) -> View:
    with row.columns[1]:
        help_text = (
            "k-means finds compact, round clusters of similar extent; every chip is assigned to a "
            "cluster."
        )
        return count_slider(view, row, "kmeans", help_text)


def _draw_ward(view: View, row: SliderRow) -> View:
    with row.columns[1]:
        help_text = "Number of clusters at which the hierarchy of merges is cut."
        view = count_slider(view, row, "ward", help_text)
        if row.n_chips > WARD_LIMIT:
            most, n_chips = format_number(WARD_LIMIT), format_number(row.n_chips)
            st.caption(f"Ward's hierarchy is limited to {most} chips; there are {n_chips}.")
    return view


def _shape_caption(view: View) -> None:
    """Show a mixture's covariance, dimensions and BIC spread, and changes for n_components ± 1."""
    labelling, settings = cache.labelling(view), view.settings.gmm
    if labelling is None or "covariance" not in labelling.facts:
        return
    shape = _describe_shape(labelling.facts)
    text = shape.capitalize()
    if settings.n_init > 1:
        spread = format_number(float(labelling.facts["bic_spread"]))
        text += f"; BIC differs by {spread} between seeds"
    differing = []
    for count in (settings.n_components - 1, settings.n_components + 1):
        if count < 1:
            continue
        gmm = dataclasses.replace(settings, n_components=count)
        neighbour = cache.labelling(with_settings(view, gmm=gmm))
        if neighbour is not None and _describe_shape(neighbour.facts) != shape:
            components = count_noun(count, "component")
            differing.append(f"{_describe_shape(neighbour.facts)} with {components}")
    step = f" This changes to {' and to '.join(differing)}." if differing else ""
    st.caption(escape_markdown(f"{text}.{step}"))


def _compare_components(view: View, row_name: str) -> None:
    """Draw the chart that compares mixtures by number of components, or a button to compute it."""
    sweep = find_component_sweep(view)
    if sweep is None:
        label, key = f"Compare 2 to {jobs.MOST_CLUSTERS} components", f"cs.compare:{row_name}"
        note = "Starts a job that computes BIC, AIC and held-out likelihood for each number."
        start, args = jobs.start_component_sweep, (view.workspace, view.settings)
        is_busy = jobs.running_job(view.workspace) is not None
        st.button(label, key, note, start, args, disabled=is_busy)
        return
    figure = sweep_charts.component_chart(sweep, view.settings.gmm.n_components)
    show_chart(figure, f"cs.components:{row_name}", sweep_charts.CONFIG)
    for suggestion in suggest_components(sweep):
        name = escape_markdown(suggestion.name[:1].upper() + suggestion.name[1:])
        st.caption(f"**{name}: {suggestion.value}.** {escape_markdown(suggestion.reason)}")
    st.caption(escape_markdown(f"{_describe_shapes(sweep)} Each grey line is one seed."))


def _describe_shape(facts: Mapping[str, Any]) -> str:
    """Return a mixture's covariance and dimensions, such as "tied covariance in 3 dimensions"."""
    dims = "one dimension" if facts["n_dims"] == 1 else f"{facts['n_dims']} dimensions"
    return f"{choice_label(facts['covariance'])} covariance in {dims}"


def _describe_shapes(sweep: ComponentSweep) -> str:
    """Return the covariance and dimensions of the mixtures, and why the mixtures are comparable."""
    shapes = {run: _describe_shape(vars(run)) for run in sweep.shape_runs}
    if len(shapes) == 1:
        return f"All mixtures have {next(iter(shapes.values()))}, so they can be compared."
    spans = [
        f"{run.first} to {run.last}, {shape}" if run.last > run.first else f"{run.first}, {shape}"
        for run, shape in shapes.items()
    ]
    return (
        f"Covariance and dimensions by number of components: {'; '.join(spans)}. Dotted lines show "
        "where they change. Dimensions that a mixture does not use are modelled by one Gaussian, "
        "so that all mixtures can be compared."
    )


GMM_WIDGET = MethodWidget(
    label="GMM",
    draw=_draw_gmm,
    missing=lambda settings: f"No mixture of {settings.gmm.n_components} components is fitted yet",
)
KMEANS_WIDGET = MethodWidget(
    label="k-means",
    draw=_draw_kmeans,
    missing=lambda settings: (
        f"k-means with {settings.kmeans.n_clusters} clusters is not fitted yet"
    ),
)
WARD_WIDGET = MethodWidget(
    label="Ward",
    draw=_draw_ward,
    missing=lambda _: "Ward's hierarchy is not built yet",
    prepare_label="Build the hierarchy",
    prepare=partial(jobs.start_run, until="clusters", title="Building the hierarchy"),
)
