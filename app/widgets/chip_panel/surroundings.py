"""The surroundings of the picked chip, in which a click picks a neighbouring chip."""

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from app.session import scene_images
from app.session.scene_images import Lens, SceneImage
from app.session.state import choice_key, keep_choice, pick_chip, widget_value
from app.widgets import images
from app.widgets.charts import EXPORT
from app.widgets.chip_tables import chip_names
from app.widgets.markup import count_noun, escape_hover, escape_markdown, format_number
from core.chips.chip_set import ChipSet
from core.pipeline.view import View

HEIGHT = 300
# The side of the surroundings in sides of the chip: enough to see what the chip stands among.
DEFAULT_SIDES, SIDES_AT_MOST = 7, 60
NEIGHBOUR = "rgba(255, 255, 255, 0.75)"
DENSE_FRACTION = 0.5


def surroundings_panel(view: View, chips: ChipSet, row: int, lens: Lens | None) -> None:
    """Draw the chip in its scene; a click on a neighbouring chip picks that chip."""
    workspace, facts = view.workspace, chips.facts.iloc[row]
    key = choice_key(workspace, "surroundings in sides", DEFAULT_SIDES)
    n_sides = keep_choice(workspace, "surroundings in sides", widget_value(key))
    side = round(n_sides * max(facts["columns"], facts["rows"]))
    image = scene_images.surroundings(view, chips, row, side, lens)
    position = scene_images.chip_position(view, chips, row)
    figure = surroundings_figure(image, neighbour_texts(chips, image))
    if position is not None and position.north is not None:
        images.add_north_arrow(figure, position.north)
    chart_key = f"cs.around:{facts['chip_id']}"
    neighbours = [str(chips.facts["chip_id"].iloc[i]) for i in image.neighbours]

    def pick() -> None:
        points = widget_value(chart_key)["selection"]["points"]
        numbers = [point.get("customdata") for point in points]
        if numbers and numbers[0] is not None:
            pick_chip(workspace, neighbours[int(np.ravel(numbers[0])[0])])

    st.plotly_chart(
        figure,
        theme=None,
        key=chart_key,
        on_select=pick,
        selection_mode="points",
        config=EXPORT,
        alt=f"Surroundings of chip {facts['chip_id']} in scene {facts['scene']}",
    )
    extent = f", {format_number(image.gsd * image.width, 'm')} across" if image.gsd else ""
    text = f"{facts['scene']}{extent}: footprint in yellow, chip in white"
    if neighbours:
        text += f". Click a dot to see one of {count_noun(len(neighbours), 'other chip')}"
    st.caption(escape_markdown(f"{text}."))
    st.slider("Width of the surroundings (sides of the chip)", 2, SIDES_AT_MOST, key=key)


def neighbour_texts(chips: ChipSet, image: SceneImage) -> list[str]:
    """Return the hover text of each neighbouring chip: its class and id."""
    ids = chips.facts["chip_id"].iloc[image.neighbours].astype(str)
    names = chip_names(chips, image.neighbours)
    lines = (dict.fromkeys(pair) for pair in zip(names, ids, strict=True))
    return ["<br>".join(escape_hover(text) for text in line) for line in lines]


def surroundings_figure(image: SceneImage, texts: list[str]) -> go.Figure:
    """Return the figure of the surroundings; dots mark the centres of neighbouring chips."""
    figure = images.image_figure(image.uri, image.width, image.height, HEIGHT)
    if image.neighbours:
        squares = image.neighbour_squares
        sides = np.linalg.norm(squares[:, 1] - squares[:, 0], axis=1)
        # Squares that overlap hide the ground, so then only the dots are drawn.
        if (sides**2).sum() < image.width * image.height * DENSE_FRACTION:
            images.add_outlines(figure, list(squares), NEIGHBOUR, "other chips", 1)
            figure.data[-1].update(hoverinfo="skip")
        x, y = squares.mean(axis=1).T.tolist()
        marker = {"size": 7, "color": "#FFFFFF", "line": {"width": 1, "color": "#1F2933"}}
        plain = {"marker": {"opacity": 0.9}}
        figure.add_scatter(
            x=x,
            y=y,
            mode="markers",
            marker=marker,
            selected=plain,
            unselected=plain,
            hovertext=texts,
            hoverinfo="text",
            customdata=list(range(len(x))),
        )
    for rings in image.footprints:
        images.add_outlines(figure, rings, images.FOOTPRINT, "footprint")
    images.add_outlines(figure, list(image.squares), images.SQUARE, "chip", 2.5)
    figure.update_layout(clickmode="event+select", hoverdistance=30)
    return images.add_scale_bar(figure, image.width, image.height, image.gsd)
