"""Images for the browser: data URIs, sizes, and figures that zoom and pan."""

import base64
import io
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
import plotly.graph_objects as go
import streamlit as st
from PIL import Image

from app.widgets.charts import base_layout
from app.widgets.markup import escape_hover, format_number
from app.widgets.theme import chart_colours
from core.types import AnyArray

FOOTPRINT = "#FFD84D"
SQUARE = "#FFFFFF"


def encode_image(pixels: AnyArray, *, lossy: bool = False) -> tuple[str, bytes]:
    """Return the format of an image, uint8 (height, width, 3 or 4), and the bytes of its file.

    The format is PNG; if `lossy`, it is JPEG, or WebP for an image with transparent pixels, through
    which the background of the theme shows.
    """
    image = Image.fromarray(np.ascontiguousarray(pixels))
    stream, kind = io.BytesIO(), "png"
    if lossy:
        is_opaque = image.mode == "RGB" or image.getchannel("A").getextrema() == (255, 255)
        kind = "jpeg" if is_opaque else "webp"
    if kind == "jpeg":
        image.convert("RGB").save(stream, "JPEG", quality=90, subsampling=0)
    elif kind == "webp":
        image.save(stream, "WebP", quality=90, method=2)
    else:
        image.save(stream, "PNG", compress_level=1)
    return kind, stream.getvalue()


def data_uri(pixels: AnyArray, *, lossy: bool = False) -> str:
    """Return an image as a data URI; see `encode_image`."""
    kind, content = encode_image(pixels, lossy=lossy)
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"


@cache
def file_uri(path: Path) -> str:
    """Return a PNG file as a data URI; see `show_image`."""
    return f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"


def show_image(
    pixels: AnyArray, alt: str, *, width: int | Literal["stretch"], caption: str = ""
) -> None:
    """Show an image, uint8 (height, width, 3 or 4), as a part of the page.

    Streamlit serves other images from a store, which deletes them when the next script run begins,
    even if the browser has not fetched them yet.
    """
    st.image(data_uri(pixels), caption=caption or None, width=width, alt=alt)


def frame_image(pixels: AnyArray, side: int, step: int = 1) -> tuple[AnyArray, int, str]:
    """Fit an image into a square frame, `side` CSS pixels wide, by a whole-number factor.

    Each pixel of the image, uint8 (height, width, channels), covers `step` scene pixels along each
    side. Return the image, enlarged by repeating pixels unless it is larger than the frame, the
    width at which to display it in CSS pixels, and its size and scale in words.
    """
    height, width = pixels.shape[:2]
    size = f"{width} × {height} scene px"
    if step > 1:
        size = f"about {width * step} × {height * step} scene px, read at 1:{step}"
    factor = side // max(height, width)
    if factor >= 1:
        image = np.repeat(np.repeat(pixels, factor, axis=0), factor, axis=1)
        scale = f"enlarged {factor} times" if factor > 1 else "at 1:1"
        return image, width * factor, f"{size}, {scale}"
    reduction = -(-max(height, width) // side)
    return pixels, max(1, round(width / reduction)), f"{size}, displayed at 1:{reduction * step}"


def image_figure(
    uri: str, width: int, height: int, frame_height: int = 560, side: str = "center"
) -> go.Figure:
    """Return a figure of an image that zooms and pans, with pixel (0, 0) in the upper left.

    The size of the image is in pixels, the height of the frame in CSS pixels; in a wider
    frame, the image is aligned to `side`, which is "left" or "center".
    """
    figure = go.Figure()
    size = {"sizex": width, "sizey": height, "sizing": "stretch"}
    figure.add_layout_image(source=uri, x=0, y=0, xref="x", yref="y", layer="below", **size)
    layout = base_layout(height=frame_height) | {"margin": dict.fromkeys("lrtb", 0)}
    figure.update_layout(
        layout, dragmode="pan", plot_bgcolor=chart_colours().empty, showlegend=False
    )
    axis = {"visible": False, "showgrid": False, "zeroline": False, "constrain": "domain"}
    figure.update_xaxes(range=[0, width], constraintoward=side, **axis)
    figure.update_yaxes(range=[height, 0], scaleanchor="x", constraintoward="top", **axis)
    return figure


def add_outlines(
    figure: go.Figure, rings: Sequence[AnyArray], colour: str, name: str, width: float = 2.0
) -> go.Figure:
    """Draw rings, (k, 2) each, in pixels of the image, as one trace."""
    closed_rings = [np.vstack([ring, ring[:1]]).astype(float).tolist() for ring in rings]
    points = [point for ring in closed_rings for point in (*ring, (None, None))]
    x, y = [x for x, _ in points], [y for _, y in points]
    style = {"mode": "lines", "line": {"color": colour, "width": width}, "hoverinfo": "name"}
    return figure.add_scatter(x=x, y=y, name=escape_hover(name), **style)


def add_scale_bar(figure: go.Figure, width: int, height: int, gsd: float | None) -> go.Figure:
    """Add a scale bar of a round length in the lower left; it is in pixels if there is no gsd."""
    unit, metres = ("m", gsd) if gsd else ("px", 1.0)
    length = _round_length(width * metres / 5)
    left, bottom = 0.03 * width, 0.955 * height
    right = left + length / metres
    for colour, thickness in (("rgba(0,0,0,0.65)", 6), ("#FFFFFF", 3)):
        line = {"color": colour, "width": thickness}
        figure.add_shape(type="line", x0=left, x1=right, y0=bottom, y1=bottom, line=line)
    if unit == "m" and length >= 1000:
        unit, length = "km", length / 1000
    anchor = {"xanchor": "left", "yanchor": "bottom", "yshift": 4, "showarrow": False}
    style = {"font": {"color": "#FFFFFF", "size": 13}, "bgcolor": "rgba(0,0,0,0.45)"}
    text = format_number(length, unit)
    return figure.add_annotation(x=left, y=bottom, text=text, borderpad=2, **anchor, **style)


def add_north_arrow(figure: go.Figure, direction: float) -> go.Figure:
    """Add an arrow to the north, degrees clockwise from up, in the upper right of an image."""
    style = {"font": {"color": "#FFFFFF", "size": 13}, "bgcolor": "rgba(0,0,0,0.45)"}
    corner = {"xref": "x domain", "yref": "y domain", "x": 1, "y": 1, "xshift": -22, "yshift": -26}
    text, options = "▲<br><b>N</b>", {"showarrow": False, "borderpad": 3}
    return figure.add_annotation(text=text, textangle=direction, **corner, **style, **options)


def _round_length(length: float) -> float:
    """Return the largest number of the form 1, 2 or 5 times a power of ten up to a length."""
    power = 10.0 ** np.floor(np.log10(max(length, 1e-9)))
    return float(max(step for step in (1, 2, 5) if step * power <= length * 1.0001) * power)
