"""The sliders of HDBSCAN: minimum cluster size, epsilon, cluster selection, limits and noise."""

import dataclasses
from collections.abc import Sequence

import streamlit as st

from app.session import cache, cluster_results, jobs
from app.session.displayed_clusters import is_treating_noise
from app.session.state import keep_choice, page_choice, widget_key, widget_value
from app.session.views import requested_settings, reset_settings
from app.widgets.charts import show_chart
from app.widgets.choices import setting_choice, setting_number
from app.widgets.job_status import wait_until
from app.widgets.markup import escape_markdown
from app.widgets.setting_labels import setting_label
from app.widgets.sliders import method_widget, sweep_charts
from core.clusters.evaluation.size_sweep import find_cliffs, size_presets, suggest_sizes
from core.errors import TooFewError
from core.pipeline.run_stages import with_settings
from core.pipeline.view import View


def _draw(view: View, row: method_widget.SliderRow) -> View:
    view, columns = _with_built_tree(view), row.columns
    with columns[1]:
        view = _size_slider(view, row.n_chips)
    with columns[2]:
        _size_field(view, row.n_chips)
    with columns[3]:
        note = "eom (excess of mass) finds few, large clusters; leaf finds many small ones."
        view = _choice(view, "cut", "selection", ("eom", "leaf"), note)
    with row.panel:
        if row.is_open:
            comparison_slot = st.container()
            view = _epsilon_slider(view)
            view = _further_widgets(view, row.n_chips)
            with comparison_slot:
                _compare_sizes(view, row.name)
        if is_treating_noise(view):
            # Chips are displayed as noise until the treatment is complete.
            wait_until(lambda: not is_treating_noise(view), "Assigning noise to clusters.")
    return view


def _with_built_tree(view: View) -> View:
    """Return the view with the requested tree if it is built, else with the displayed one."""
    requested = with_settings(view, tree=requested_settings(view.workspace).tree)
    if cache.tree(requested) is not None or cache.tree(view) is None:
        return requested
    return view


def _size_slider(view: View, n_chips: int) -> View:
    """Draw the slider of the minimum cluster size, which starts at the suggested value.

    The setting remains 0, automatic, until the slider is moved.
    """
    workspace, cut = view.workspace, view.settings.cut
    suggested = max(2, _resolved_size(view, automatic=True))
    current = cut.min_cluster_size or suggested
    steps = {*size_steps(n_chips), suggested}
    if current not in steps:
        keep_choice(workspace, "exact cluster size", current)
    # An exact value stays on the slider, so that the slider is not replaced while it is moved.
    sizes = sorted(steps | {page_choice(workspace, "exact cluster size", suggested)})
    note = (
        "The smallest group of chips that counts as a cluster (min_cluster_size). By default it is "
        "the suggested value, which depends on the tree and the selection."
    )
    # The slider starts again if another tree or selection has another suggestion.
    key = widget_key(workspace, f"cut min_cluster_size {sizes} {suggested}", current)
    label = setting_label("cut", "min_cluster_size")
    value = st.select_slider(label, sizes, key=key, help=note)
    is_automatic = not cut.min_cluster_size and value == current
    return method_widget.change_settings(view, "cut", min_cluster_size=0 if is_automatic else value)


def size_steps(n_chips: int) -> list[int]:
    """Return the values of the slider: round numbers at about equal ratios, up to half the chips.

    A larger minimum leaves at most one cluster.
    """
    most = max(20, n_chips // 2)
    numbers = [2, 3, 4, 5, 6, 8]
    numbers += [step * 10**power for power in range(1, 8) for step in (1, 1.2, 1.5, 2, 2.5, 3)]
    numbers += [step * 10**power for power in range(1, 8) for step in (4, 5, 6, 8)]
    return sorted(int(number) for number in numbers if number <= most)


def _size_field(view: View, n_chips: int) -> None:
    """Draw a field for any minimum cluster size, which also shows the slider's."""
    current = max(2, _resolved_size(view))
    key = widget_key(view.workspace, f"exact min_cluster_size {current}", current)

    def request_size() -> None:
        _set_cluster_size(view, int(widget_value(key) or 0))

    note = "Any minimum cluster size, also between the steps of the slider."
    bounds = (2, max(2, n_chips, current))
    st.number_input("Exact size", *bounds, step=1, key=key, help=note, on_change=request_size)


def _resolved_size(view: View, automatic: bool = False) -> int:
    """Return the minimum cluster size of the cut, or the one suggested for it; 0 without a tree."""
    tree, cut = cache.tree(view), view.settings.cut
    if automatic:
        cut = dataclasses.replace(cut, min_cluster_size=0)
    return cut.min_cluster_size if tree is None else int(tree.resolve(cut).min_cluster_size)


def _epsilon_slider(view: View) -> View:
    tree, current = cache.tree(view), view.settings.cut.epsilon
    longest = max(1.0 if tree is None else tree.longest_join, current)
    note = "Distance in the clustering space (cluster_selection_epsilon); 0 joins no clusters."
    step = {"step": longest / 100, "format": "%.3g"}
    return method_widget.setting_slider(view, "cut", "epsilon", (0.0, longest), note, **step)


def _choice(view: View, table: str, name: str, values: Sequence[str], note: str) -> View:
    current = getattr(getattr(view.settings, table), name)
    value = setting_choice(view.workspace, table, name, values, current, note)
    return method_widget.change_settings(view, table, **{name: value})


def _further_widgets(view: View, n_chips: int) -> View:
    """Draw the widgets for the largest cluster, a single cluster, and the treatment of noise."""
    workspace, cut, largest = view.workspace, view.settings.cut, "max_cluster_size"
    note = "With eom, larger clusters are replaced by the clusters inside them; 0 means no limit."
    bounds = (0, max(n_chips, cut.max_cluster_size))
    size = setting_number(workspace, "cut", largest, cut.max_cluster_size, bounds, 10, note)
    allow_single = st.toggle(
        "All chips may form a single cluster",
        key=widget_key(workspace, "allow_single_cluster", cut.allow_single_cluster),
        help="If off, HDBSCAN finds at least two clusters or none (allow_single_cluster).",
    )
    view = method_widget.change_settings(
        view, "cut", max_cluster_size=size, allow_single_cluster=allow_single
    )
    note = (
        "How chips in no cluster are displayed. Kept: as noise. Nearest: in the cluster of the "
        "nearest clustered chip. Soft: in their most likely cluster. Exports also contain the "
        "original -1."
    )
    view = _choice(view, "noise", "method", ("keep", "nearest", "soft"), note)
    if view.settings.noise.method == "soft":
        note = "Chips with a lower membership stay noise."
        view = method_widget.setting_slider(view, "noise", "threshold", (0.0, 1.0), note, step=0.01)
    return view


def _compare_sizes(view: View, row_name: str) -> None:
    """Draw the results of each min_cluster_size once they are computed in the background."""
    current = _resolved_size(view)
    try:
        sweep = cluster_results.size_sweep(view)
    except TooFewError:
        return
    if sweep is None:
        if cache.tree(view) is None:
            st.caption("The comparison appears once the tree is built.")
            return
        text = "Computing the result for each value of this slider."
        wait_until(lambda: cluster_results.size_sweep(view) is not None, text)
        return
    if presets := size_presets(sweep):
        with st.container(horizontal=True, gap="xsmall", wrap=False, key=f"cs_presets_{row_name}"):
            for preset in presets:
                st.button(
                    f"{preset.name.capitalize()} · {preset.n_clusters}",
                    key=f"cs.preset:{row_name}:{preset.name}",
                    help=escape_markdown(f"Minimum cluster size {preset.value}. {preset.reason}"),
                    type="primary" if preset.value == current else "secondary",
                    on_click=_set_cluster_size,
                    args=(view, preset.value),
                )
    cliffs = find_cliffs(sweep)
    figure = sweep_charts.size_chart(sweep, cliffs, current)
    show_chart(figure, f"cs.sizes:{row_name}", sweep_charts.CONFIG)
    for suggestion in suggest_sizes(sweep)[:1]:
        size, reason = suggestion.value, suggestion.reason
        if any(size in (cliff.lower, cliff.upper) for cliff in cliffs):
            reason += " It is next to a cliff, so compare both sides."
        st.caption(f"**Suggested: {size}.** {escape_markdown(reason)}")
        if size != current:
            key, args = f"cs.take:{row_name}", (view, 0)
            st.button(f"Use {size}", key=key, on_click=_set_cluster_size, args=args)
    if cliffs:
        notes = " ".join(cliff.note for cliff in cliffs[:3])
        text = f"Shaded areas are cliffs, where the clusters change abruptly. {notes}"
        st.caption(escape_markdown(text))


def _set_cluster_size(view: View, size: int) -> None:
    """Request a minimum cluster size, 0 for the suggested one, and set the slider to it."""
    cut = dataclasses.replace(view.settings.cut, min_cluster_size=size)
    requested = requested_settings(view.workspace)
    reset_settings(view.workspace, dataclasses.replace(requested, cut=cut))


HDBSCAN_WIDGET = method_widget.MethodWidget(
    label="HDBSCAN",
    draw=_draw,
    missing=lambda _: "The tree that these sliders cut is not built yet",
    prepare_label="Build the tree",
    prepare=jobs.start_tree,
    has_tree_chart=True,
)
