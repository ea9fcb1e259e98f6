"""Images for the browser: data URIs, sizes, and figures that zoom and pan."""

import base64
import io
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from PIL import Image

from app.widgets.charts import base_layout
from app.widgets.markup import escape_hover, format_number
from core.types import AnyArray

# JPEG has no transparency, so transparent pixels get the background colour of the theme.
PAPER = (238, 240, 243)
FOOTPRINT = "#FFD84D"
SQUARE = "#FFFFFF"


def data_uri(pixels: AnyArray, *, lossy: bool = False) -> str:
    """Return an image, uint8 (height, width, 3 or 4), as a data URI: PNG, or JPEG if `lossy`."""
    image = Image.fromarray(np.ascontiguousarray(pixels))
    stream = io.BytesIO()
    if lossy:
        flat = Image.new("RGB", image.size, PAPER)
        flat.paste(image, mask=image.getchannel("A") if image.mode == "RGBA" else None)
        flat.save(stream, "JPEG", quality=90, subsampling=0)
    else:
        image.save(stream, "PNG", compress_level=1)
    content = base64.b64encode(stream.getvalue()).decode("ascii")
    return f"data:image/{'jpeg' if lossy else 'png'};base64,{content}"


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
    figure.update_layout(layout, dragmode="pan", plot_bgcolor="#EEF0F3", showlegend=False)
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


def _round_length(length: float) -> float:
    """Return the largest number of the form 1, 2 or 5 times a power of ten up to a length."""
    power = 10.0 ** np.floor(np.log10(max(length, 1e-9)))
    return float(max(step for step in (1, 2, 5) if step * power <= length * 1.0001) * power)
