"""The sliders of methods with a chosen number of clusters: mixtures, k-means and Ward."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import streamlit as st

from app.session import cache, jobs
from app.session.views import requested_settings, reset_settings
from app.widgets.charts import show_chart
from app.widgets.job_status import estimate_line
from app.widgets.markup import escape_markdown, format_number
from app.widgets.setting_labels import choice_label
from app.widgets.sliders import sweep_charts
from app.widgets.sliders.method_widget import MethodWidget, SliderRow, count_slider
from core.clusters.evaluation.component_sweep import suggest_components
from core.clusters.methods.method_table import method_of
from core.clusters.methods.ward import WARD_LIMIT
from core.pipeline.cluster_stages import find_component_sweep
from core.pipeline.estimates.fit_estimate import estimate_component_sweep
from core.pipeline.view import View

# "Very strong" evidence for the lower BIC: Kass and Raftery, Bayes Factors (1995).
CLEAR_DIFFERENCE = 10
CRITERIA_HELP = (
    "Held out: the mean logarithm of the likelihood of chips that were left out of the fit; higher "
    "is better. BIC and AIC weigh the fit against the number of parameters; lower is better."
)


def _draw_gmm(view: View, row: SliderRow) -> View:
    with row.columns[1]:
        help_text = "Number of Gaussians in the mixture, one for each cluster (n_components)."
        view = count_slider(view, row, "gmm", help_text)
    _draw_comparison(view, row)
    return view


def _draw_kmeans(view: View, row: SliderRow) -> View:
    with row.columns[1]:
        help_text = (
            "k-means finds compact, round clusters of similar extent; every chip is assigned to a "
            "cluster."
        )
        view = count_slider(view, row, "kmeans", help_text)
    _draw_comparison(view, row)
    return view


def _draw_ward(view: View, row: SliderRow) -> View:
    with row.columns[1]:
        help_text = "Number of clusters at which the hierarchy of merges is cut."
        view = count_slider(view, row, "ward", help_text)
        if row.n_chips > WARD_LIMIT:
            most, n_chips = format_number(WARD_LIMIT), format_number(row.n_chips)
            row.panel.caption(f"Ward's hierarchy is limited to {most} chips; there are {n_chips}.")
    _draw_comparison(view, row)
    return view


def _shape_caption(view: View) -> None:
    """Show a mixture's covariance and dimensions, and whether its starts agree."""
    labelling, settings = cache.labelling(view), view.settings.gmm
    if labelling is None or "covariance" not in labelling.facts:
        return
    text, note = f"{_describe_shape(labelling.facts).capitalize()}.", None
    if settings.n_init > 1:
        spread = float(labelling.facts["bic_spread"])
        quality = "about the same" if spread <= CLEAR_DIFFERENCE else "clearly different"
        text += (
            f" The fits of the {settings.n_init} starts are of {quality} quality; the best is used."
        )
        note = (
            "The starts are compared by the Bayesian information criterion (BIC). The best and the "
            f"worst differ by {format_number(spread)}; a difference above {CLEAR_DIFFERENCE} is "
            "strong evidence for the lower one."
        )
    st.caption(escape_markdown(text), help=note and escape_markdown(note))


def _draw_comparison(view: View, row: SliderRow) -> None:
    """Draw the comparison of cluster counts, if the panel is open."""
    if row.is_open:
        with row.panel:
            if view.settings.method == "gmm":
                _shape_caption(view)
            _compare_components(view, row.name)


def _compare_components(view: View, row_name: str) -> None:
    """Draw the chart that compares numbers of clusters, or a button to compute it."""
    sweep = find_component_sweep(view)
    if sweep is None:
        label, key = f"Compare 1 to {jobs.MOST_CLUSTERS} clusters", f"cs.compare:{row_name}"
        note = (
            "Starts a job that measures, for each number of clusters, how likely a Gaussian "
            "mixture makes chips that were left out of its fit."
        )
        start, args = jobs.start_component_sweep, (view.workspace, view.settings)
        is_busy = jobs.running_job(view.workspace) is not None
        st.button(label, key, note, start, args, disabled=is_busy)
        if not is_busy:
            estimate_line(view.workspace, partial(estimate_component_sweep, view))
        return
    method = method_of(view.settings)
    figure = sweep_charts.component_chart(sweep, method.n_clusters(view.settings))
    show_chart(figure, f"cs.components:{row_name}", sweep_charts.CONFIG)
    for suggestion in suggest_components(sweep):
        st.caption(f"**Suggested: {suggestion.value}.** {escape_markdown(suggestion.reason)}")
        if suggestion.value not in (1, method.n_clusters(view.settings)):
            label, key = f"Use {suggestion.value}", f"cs.take count:{row_name}"
            st.button(label, key, on_click=_set_count, args=(view, suggestion.value))
    facts = {"covariance": sweep.covariance[0], "n_dims": int(sweep.n_dims[0])}
    text = f"All mixtures have {_describe_shape(facts)}. Each grey line is one start."
    st.caption(escape_markdown(text), help=CRITERIA_HELP)


def _set_count(view: View, count: int) -> None:
    """Request a number of clusters, and set the slider to it."""
    settings = requested_settings(view.workspace)
    reset_settings(view.workspace, method_of(settings).with_n_clusters(settings, count))


def _describe_shape(facts: Mapping[str, Any]) -> str:
    """Return a mixture's covariance and dimensions, such as "tied covariance in 3 dimensions"."""
    dims = "one dimension" if facts["n_dims"] == 1 else f"{facts['n_dims']} dimensions"
    return f"{choice_label(facts['covariance'])} covariance in {dims}"


GMM_WIDGET = MethodWidget(
    label="GMM",
    draw=_draw_gmm,
    missing=lambda settings: f"No mixture of {settings.gmm.n_components} clusters is fitted yet",
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
