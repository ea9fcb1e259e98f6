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

# The background of transparent pixels in JPEG images, as in the theme.
PAPER = (238, 240, 243)
FOOTPRINT = "#FFD84D"
SQUARE = "#FFFFFF"


def data_uri(pixels: AnyArray, *, lossy: bool = False) -> str:
    """Encode an image, uint8 (height, width, 3 or 4): as PNG, or a large one lossy, as JPEG."""
    image = Image.fromarray(np.ascontiguousarray(pixels))
    stream = io.BytesIO()
    if lossy:
        flat = Image.new("RGB", image.size, PAPER)
        flat.paste(image, mask=image.getchannel("A") if image.mode == "RGBA" else None)
        flat.save(stream, "JPEG", quality=90, subsampling=0)
    else:
        image.save(stream, "PNG", compress_level=1)
    kind = "jpeg" if lossy else "png"
    return f"data:image/{kind};base64,{base64.b64encode(stream.getvalue()).decode('ascii')}"


def data_uris(stack: AnyArray) -> Sequence[str]:
    """Encode a stack of small images, (n, height, width, 4)."""
    return [data_uri(pixels) for pixels in stack]


def frame_image(pixels: AnyArray, side: int, step: int = 1) -> tuple[AnyArray, int, str]:
    """Fit an image into a square frame by a whole-number factor.

    Parameters
    ----------
    pixels : uint8 array, (height, width, channels)
    side : int
        In CSS pixels.
    step : int
        Scene pixels per image pixel along each side.

    Returns
    -------
    uint8 array
        The image, enlarged by repeating pixels; unchanged if it is larger than the frame.
    int
        The width at which to display it, in CSS pixels.
    str
        Its size and scale in words.
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
    """Return an image in a frame that zooms and pans, with pixel (0, 0) in the upper left.

    The size of the image is in pixels, the height of the frame in CSS pixels; in a wider frame, the
    image is at the left or in the center.
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
    """Draw rings, (k, 2) each in the image's pixels, as one trace."""
    xs: list[float | None] = []
    ys: list[float | None] = []
    for ring in rings:
        closed = np.vstack([ring, ring[:1]]).astype(float)
        xs += [*closed[:, 0].tolist(), None]
        ys += [*closed[:, 1].tolist(), None]
    line = {"color": colour, "width": width}
    return figure.add_scatter(
        x=xs, y=ys, mode="lines", line=line, name=escape_hover(name), hoverinfo="name"
    )


def add_scale_bar(figure: go.Figure, width: int, height: int, gsd: float | None) -> go.Figure:
    """Draw a bar of a round length on the ground in the lower left; in pixels without a gsd."""
    unit, metres = ("m", gsd) if gsd else ("px", 1.0)
    length = _round_length(width * metres / 5)
    left, bottom = 0.03 * width, 0.955 * height
    right = left + length / metres
    for colour, thickness in (("rgba(0,0,0,0.65)", 6), ("#FFFFFF", 3)):
        line = {"color": colour, "width": thickness}
        figure.add_shape(type="line", x0=left, x1=right, y0=bottom, y1=bottom, line=line)
    if unit == "m" and length >= 1000:
        unit, length = "km", length / 1000
    return figure.add_annotation(
        x=left,
        y=bottom,
        text=format_number(length, unit),
        showarrow=False,
        xanchor="left",
        yanchor="bottom",
        yshift=4,
        font={"color": "#FFFFFF", "size": 13},
        bgcolor="rgba(0,0,0,0.45)",
        borderpad=2,
    )


def _round_length(length: float) -> float:
    """Return the largest of 1, 2, 5 times a power of ten that is not above a length."""
    power = 10.0 ** np.floor(np.log10(max(length, 1e-9)))
    return float(max(step for step in (1, 2, 5) if step * power <= length * 1.0001) * power)
