"""The view for labelling land cover: draw regions, and see the class map and the confusion."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath
from typing import Any

import pandas as pd
import streamlit as st

from app import messages
from app.land_cover import land_widgets
from app.land_cover.labelling.label_exports import label_export_panel
from app.land_cover.labelling.region_canvas import (
    CanvasPicture,
    draw_canvas,
    patch_picture,
    store_drawings,
)
from app.land_cover.land_data import Land
from app.land_cover.run_form import regularisation_form
from app.land_cover.score_charts import matrix_chart
from app.session.cache import cached_image, cached_result
from app.session.state import keep_choice, page_choice, pop_choice, widget_key, widget_value
from app.widgets.charts import show_chart
from app.widgets.choices import remembered_widget
from app.widgets.markup import count_noun, escape_markdown, format_number
from core.errors import ChipscapeError, TooFewError
from core.land.context.context_groups import CONTEXT
from core.land.data.dataset import Patch
from core.land.data.patch_reading import read_aerial
from core.land.evaluation.confusion import order_classes, row_shares
from core.land.labelling.label_regions import RegionHistory, Removal, add_region_steps, class_step
from core.land.labelling.region_fit import (
    N_FOLDS,
    RegionFit,
    all_patches,
    collect_pixels,
    fit_regions,
    map_patch,
)
from core.land.models.features import FeatureSpec
from core.land.models.regularisation import RegularisationSettings
from core.pipeline.land.labelling.region_file import change_regions, load_regions
from core.types import ByteArray

FEATURES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "bands": ("bands", ()),
    "ndvi": ("bands and NDVI", ("ndvi",)),
    "context": ("bands and surroundings", CONTEXT),
}
INTRODUCTION = (
    "Label a few regions of each class. After each region, a classifier is fitted to all labelled "
    "regions of the data set, and the class map and the confusion are computed again."
)
ADD_CLASS = "a new class"
CLASS_FIELDS = ("value", "name", "colour")
# The colour picker cannot be empty.
KEEPS_COLOUR = "#000000"
PROBLEM = "class problem"
BOUNDS = {"superpixel_area": (20, 20_000)}


@dataclass(frozen=True)
class LabelForm:
    """The choices above the images: the patch, and how its class map is computed."""

    patch: Patch
    spec: FeatureSpec
    smoothing: RegularisationSettings
    superpixel_area: int


def labelling_panel(land: Land) -> None:
    """Draw the whole view."""
    st.markdown(INTRODUCTION)
    form = _label_form(land)
    _label_editor(land, form)


def _label_form(land: Land) -> LabelForm:
    first, second, third, fourth = st.columns([4, 3, 3, 2], vertical_alignment="bottom")
    patches = all_patches(land.dataset)
    with first:
        start = min(int(page_choice(land.workspace, "labelled patch", 0)), len(patches) - 1)
        key = widget_key(land.workspace, f"labelled patch of {land.version}", start)
        names = [patch.name for patch in patches]
        index = st.selectbox("Patch", range(len(patches)), key=key, format_func=names.__getitem__)
        keep_choice(land.workspace, "labelled patch", index)
    with second:
        has_ndvi = land.bands.red is not None and land.bands.nir is not None
        titles = {
            name: title for name, (title, _) in FEATURES.items() if name != "ndvi" or has_ndvi
        }
        features = land_widgets.land_select(land, "Features", titles, "label features")
    with third:
        smoothing = regularisation_form(land)
    with fourth:
        draw = partial(st.number_input, "Superpixel (pixels)", *BOUNDS["superpixel_area"], step=100)
        area = remembered_widget(land.workspace, "label superpixel", 400, draw)
    spec = FeatureSpec(extras=FEATURES[features][1])
    return LabelForm(patches[index], spec, smoothing, int(area))


@st.fragment
def _label_editor(land: Land, form: LabelForm) -> None:
    """Draw the images and the results; only this part of the page runs again after a drawing."""
    with messages.show_errors():
        patches = {patch.name: patch for patch in all_patches(land.dataset)}
        for problem in store_drawings(land, patches, form.superpixel_area):
            st.warning(escape_markdown(problem))
        history = load_regions(land.workspace, land.legend)
        fit, reason = _fitted(land, form, history)
        class_map = None if fit is None else _class_map(land, form, history, fit)
        note = reason or f"Class map from {count_noun(len(history.regions()), 'region')}."
        key = land.key("aerial", patch=form.patch.name)
        aerial = cached_image(key, lambda: read_aerial(form.patch))
        image = patch_picture(land, aerial)
        draw_canvas(
            CanvasPicture(land, form.patch, image, history, form.superpixel_area, class_map, note)
        )
        if not history.classes():
            st.info("There are no classes yet. Add the first two classes below.")
        left, right = st.columns([11, 9], gap="large")
        with left:
            _confusion_panel(fit)
        with right:
            _class_form(land, history)
            _region_table(land, history)
        label_export_panel(land, history, form.spec, form.smoothing, class_map, form.patch)


def _fitted(land: Land, form: LabelForm, history: RegionHistory) -> tuple[RegionFit | None, str]:
    """Return the classifier of all regions; without one, the reason in a sentence."""

    def fit() -> RegionFit:
        pixels, _ = collect_pixels(land.dataset, history.regions(), form.spec)
        return fit_regions(pixels, history.legend())

    try:
        return cached_result(_fit_key(land, form, history), fit), ""
    except TooFewError:
        return None, "The class map appears when regions of two classes are labelled."


def _fit_key(land: Land, form: LabelForm, history: RegionHistory) -> str:
    regions = [(region.number, region.value) for region in history.regions()]
    classes = [cover.name for cover in history.classes()]
    outlines = [region.outline for region in history.regions()]
    return land.key(
        "region fit", regions=regions, outlines=outlines, classes=classes, extras=form.spec.extras
    )


def _class_map(land: Land, form: LabelForm, history: RegionHistory, fit: RegionFit) -> ByteArray:
    inputs = {"patch": form.patch.name, "smoothing": form.smoothing.key_inputs()}
    key = land.key("region map", fit=_fit_key(land, form, history), **inputs)
    return cached_image(
        key, lambda: map_patch(form.patch, form.spec, fit.predictor, form.smoothing)
    )


def _confusion_panel(fit: RegionFit | None) -> None:
    st.header("Confusion on regions left out")
    if fit is None:
        st.caption("There is nothing to evaluate yet.")
        return
    if names := ", ".join(fit.single_classes):
        text = f"Not evaluated, because there is only one region: {names}."
        st.caption(escape_markdown(f"{text} Label another one elsewhere."))
    if not fit.is_evaluated:
        st.caption("An evaluation needs two classes with at least two regions each.")
        return
    first, second, third = st.columns(3)
    first.metric("Overall accuracy", f"{fit.overall_accuracy:.3f}")
    second.metric(f"mIoU, {fit.n_evaluated} classes", f"{fit.miou:.3f}")
    third.metric("Pixels", format_number(int(fit.counts.sum())))
    order = order_classes(fit.counts, "class")
    figure = matrix_chart(row_shares(fit.counts), fit.counts, order, None, legend=fit.legend)
    show_chart(figure, "cs.land.region confusion")
    st.caption(
        "Rows: labelled classes. Columns: predicted classes. Regions are divided into up to "
        f"{N_FOLDS} groups; each is predicted by a classifier fitted to the other groups. Regions "
        "of a class that lie next to each other make the scores too high."
    )


def _class_form(land: Land, history: RegionHistory) -> None:
    """Draw the form that adds a class, or changes the name and the colour of a class."""
    st.header("Classes")
    if problem := pop_choice(land.workspace, PROBLEM, ""):
        st.error(problem)
    titles = {0: ADD_CLASS} | {cover.value: cover.name for cover in history.classes()}
    keys = {name: f"cs.land.class {name}:{land.workspace.root}" for name in CLASS_FIELDS}
    with st.form(f"cs.land.class:{land.workspace.root}", clear_on_submit=True, border=False):
        first, second, third = st.columns([4, 4, 2], vertical_alignment="bottom")
        options, title = list(titles), titles.__getitem__
        first.selectbox("Change", options, format_func=title, key=keys["value"])
        second.text_input("Name", placeholder="such as water", key=keys["name"])
        note = "Black keeps the suggested colour."
        third.color_picker("Colour", KEEPS_COLOUR, help=note, key=keys["colour"])
        # A callback, because a form may be submitted while another part of the page changes.
        st.form_submit_button("Save the class", on_click=_save_class, args=(land, keys))


def _save_class(land: Land, keys: Mapping[str, str]) -> None:
    """Store the class in the form with these keys; a problem is displayed above the form."""
    value, name, colour = (widget_value(keys[field]) for field in CLASS_FIELDS)
    colour = "" if colour == KEEPS_COLOUR else str(colour)

    def change(history: RegionHistory) -> RegionHistory:
        current = {cover.value: cover.name for cover in history.classes()}.get(value, "")
        step = class_step(history, str(name).strip() or current, colour, value or None)
        return add_region_steps(history, step)

    try:
        change_regions(land.workspace, land.legend, change)
    except ChipscapeError as error:
        keep_choice(land.workspace, PROBLEM, messages.describe_error(error))


def _region_table(land: Land, history: RegionHistory) -> None:
    """Draw the list of all regions, from which several can be removed."""
    regions = history.regions()
    st.header(f"Regions ({len(regions)})")
    if not regions:
        st.caption("No region has been labelled yet.")
        return
    names = {cover.value: cover.name for cover in history.classes()}
    rows: list[dict[str, Any]] = [
        {
            "Number": region.number,
            "Class": names[region.value],
            "Pixels": round(region.shape.area),
            "Image": PurePosixPath(region.image).name,
        }
        for region in reversed(regions)
    ]
    table = pd.DataFrame(rows)
    key = f"cs.land.region table:{len(history.steps)}"
    event: Any = st.dataframe(
        table,
        hide_index=True,
        height=min(260, 38 + 35 * len(table)),
        key=key,
        on_select="rerun",
        selection_mode="multi-row",
        alt="Table of the labelled regions",
    )
    chosen = [int(table["Number"].iloc[row]) for row in event.selection.rows]
    label = f"Remove {count_noun(len(chosen), 'region')}" if chosen else "Remove regions"
    remove = partial(_remove_regions, land, chosen)
    st.button(label, key="cs.land.remove regions", disabled=not chosen, on_click=remove)
    counts = Counter(region.value for region in regions)
    shares = ", ".join(f"{name} {counts[value]}" for value, name in names.items() if counts[value])
    st.caption(escape_markdown(f"Regions by class: {shares}."))


def _remove_regions(land: Land, numbers: Sequence[int]) -> None:
    removals = [Removal(number) for number in numbers]
    change_regions(land.workspace, land.legend, lambda h: add_region_steps(h, *removals))
