"""Images in figures that zoom and pan, with outlines and a scale bar; no streamlit here."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from app.widgets.charts import base
from app.widgets.markup import hover, number
from core.types import AnyArray

FOOTPRINT = "#FFD84D"
SQUARE = "#FFFFFF"


def picture(
    uri: str, width: int, height: int, most: int = 560, toward: str = "center"
) -> go.Figure:
    """An image in a frame that zooms and pans, pixel (0, 0) at the upper left.

    Parameters
    ----------
    uri : str
    width, height : int
        Of the image, in pixels.
    most : int
        Height of the frame in CSS pixels.
    toward : {"left", "center"}
        Where the image stands if the frame is wider.
    """
    figure = go.Figure()
    figure.add_layout_image(
        source=uri, x=0, y=0, sizex=width, sizey=height, xref="x", yref="y",
        sizing="stretch", layer="below",
    )  # fmt: skip
    layout = base(height=most)
    layout["margin"] = {"l": 0, "r": 0, "t": 0, "b": 0}
    figure.update_layout(layout, dragmode="pan", plot_bgcolor="#EEF0F3", showlegend=False)
    hidden = {"visible": False, "showgrid": False, "zeroline": False}
    figure.update_xaxes(range=[0, width], constrain="domain", constraintoward=toward, **hidden)
    figure.update_yaxes(
        range=[height, 0], scaleanchor="x", constrain="domain", constraintoward="top", **hidden
    )
    return figure


def outline(
    figure: go.Figure, rings: Sequence[AnyArray], colour: str, name: str, width: float = 2.0
) -> go.Figure:
    """Draw rings, (k, 2) each in the image's pixels, as one trace."""
    xs: list[float | None] = []
    ys: list[float | None] = []
    for ring in rings:
        closed = np.vstack([ring, ring[:1]]).astype(float)
        xs += [*closed[:, 0].tolist(), None]
        ys += [*closed[:, 1].tolist(), None]
    figure.add_scatter(
        x=xs, y=ys, mode="lines", line={"color": colour, "width": width},
        name=hover(name), hoverinfo="name",
    )  # fmt: skip
    return figure


def scale_bar(figure: go.Figure, width: int, height: int, gsd: float | None) -> go.Figure:
    """A bar of a round length on the ground, lower left; pixels where there is no gsd."""
    unit, metres = ("m", gsd) if gsd else ("px", 1.0)
    length = _round(width * metres / 5)
    pixels, left, low = length / metres, 0.03 * width, 0.955 * height
    for colour, thick in (("rgba(0,0,0,0.65)", 6), ("#FFFFFF", 3)):
        figure.add_shape(
            type="line", x0=left, x1=left + pixels, y0=low, y1=low,
            line={"color": colour, "width": thick},
        )  # fmt: skip
    text = number(length / 1000, "km") if unit == "m" and length >= 1000 else number(length, unit)
    figure.add_annotation(
        x=left, y=low, text=text, showarrow=False, xanchor="left", yanchor="bottom", yshift=4,
        font={"color": "#FFFFFF", "size": 13}, bgcolor="rgba(0,0,0,0.45)", borderpad=2,
    )  # fmt: skip
    return figure


def _round(length: float) -> float:
    """The largest of 1, 2, 5 times a power of ten that is not above `length`."""
    power = 10.0 ** np.floor(np.log10(max(length, 1e-9)))
    return float(max(step for step in (1, 2, 5) if step * power <= length * 1.0001) * power)
