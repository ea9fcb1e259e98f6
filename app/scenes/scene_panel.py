"""One scene: its image with the footprints of its annotations, its facts and its classes."""

import streamlit as st

from app.scenes import scene_tables
from app.session import cache, scene_images
from app.widgets import charts, display_form, images, stage_forms
from app.widgets.colouring import group_counts
from app.widgets.markup import escape_markdown, facts_html
from core.pipeline.scene_survey import SurveyedScene, guess_shared_attribute
from core.pipeline.view import View

# CSS pixels: bounds of the height of the image, and the width of its column.
MIN_HEIGHT, MAX_HEIGHT, COLUMN_WIDTH = 160, 560, 660


def scene_panel(view: View, scene: SurveyedScene) -> None:
    """Draw the image of a scene, and next to it its facts, remarks and classes."""
    image_column, facts_column = st.columns([5, 3], gap="large")
    with image_column:
        _scene_image(view, scene)
    with facts_column:
        _scene_facts(view, scene)


def _scene_image(view: View, scene: SurveyedScene) -> None:
    workspace, report = view.workspace, scene.report
    with st.expander("Bands and stretch"):
        display_form.display_form(workspace, report.bands)
    with st.spinner("Reading the scene"):
        image = scene_images.overview(view, report.name)
    # The figure is as high as the scene at the width of the column, so a wide scene leaves no gap.
    height = round(min(MAX_HEIGHT, max(MIN_HEIGHT, COLUMN_WIDTH * image.height / image.width)))
    figure = images.image_figure(image.uri, image.width, image.height, height, "left")
    rings = [ring for footprint in image.footprints for ring in footprint]
    images.add_outlines(figure, rings, images.FOOTPRINT, "footprint", 1.2)
    images.add_scale_bar(figure, image.width, image.height, image.gsd)
    charts.show_chart(figure, "cs.overview")
    footprints = " Footprints in yellow." if rings else ""
    caption = f"{display_form.describe_display(workspace, report.bands)}{footprints}"
    st.caption(f"{caption} Scroll to zoom, drag to pan.")


def _scene_facts(view: View, scene: SurveyedScene) -> None:
    report = scene.report
    st.html(facts_html(scene_tables.scene_facts(report)))
    if report.warnings:
        st.markdown("**Remarks**")
        st.markdown("\n".join(f"- {escape_markdown(warning)}" for warning in report.warnings))
    attributes = cache.scene_attributes(scene)
    if not attributes or report.grid:
        return
    stage_forms.class_form(view.workspace, attributes, guess_shared_attribute(view.survey.scenes))
    if report.classes:
        counts = group_counts(report.classes, "classes")
        charts.show_chart(charts.count_bars(counts, "annotations"))
    else:
        st.caption("No attribute of the annotations could be recognised as their class.")
