"""What the routes of the review serve: scenes, score maps and candidates of a search, by key.

See app/map/tile_shelf.py: the routes run in other threads than the pages, and no path is ever taken
from a request.
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image, ImageDraw
from shapely import GeometryCollection
from starlette.requests import Request
from starlette.responses import Response

from app.map.tile_routes import HEADERS, WHOLE_NUMBER, serve_nothing
from app.map.tile_shelf import Shelf, share_value
from core.errors import ChipscapeError
from core.mapping import chip_surroundings, scene_overview
from core.pipeline.scene_search.candidates import SearchResult
from core.raster.rendering import Rendering
from core.types import ByteArray, DoubleArray

Kind = Literal["scene", "scores", "candidate"]
OVERVIEW_SIDE = 1400
# Sides of the objects that a picture of a candidate shows, and its largest size in pixels.
SURROUNDINGS = 3
CANDIDATE_SIDE = 480
FRAME = (255, 216, 77)
# The colour of the score map, and the opacity of the highest scores.
ORANGE, MOST_OPACITY = (255, 140, 0), 0.7


@dataclass(frozen=True)
class ScanPictures:
    """The pictures of a search; each is drawn when it is requested.

    `renderings` are those of the scenes by name.
    """

    result: SearchResult
    renderings: Mapping[str, Rendering]

    def draw(self, kind: Kind, number: int) -> Image.Image:
        """Draw the scene or the score map with a number, or the candidate in a row of the table.

        Raises SceneError if the scene cannot be read, and IndexError for an unknown number.
        """
        if kind == "candidate":
            return self._draw_candidate(number)
        score_map = self.result.maps[number]
        if kind == "scores":
            highest = max(float(np.nan_to_num(m.scores).max(initial=0)) for m in self.result.maps)
            return Image.fromarray(paint_scores(score_map.scores, min(1.0, highest)))
        path, name = score_map.scene.path, score_map.scene.report.name
        rendering = self.renderings[name]
        part = scene_overview(path, np.empty(0, object), None, OVERVIEW_SIDE, rendering)
        return Image.fromarray(part.image)

    def _draw_candidate(self, number: int) -> Image.Image:
        row = self.result.table.iloc[number]
        score_map = next(m for m in self.result.maps if m.scene.report.name == row["scene"])
        facts = {
            **{name: float(row[name]) for name in ("column", "row")},
            "columns": float(row["width"]),
            "rows": float(row["height"]),
            "turn": 0.0,
            "side": self.result.query.object_side,
        }
        part = chip_surroundings(
            score_map.scene.path,
            facts,
            # Only the frame of the candidate is drawn.
            GeometryCollection(),
            round(SURROUNDINGS * max(row["width"], row["height"])),
            CANDIDATE_SIDE,
            self.renderings[row["scene"]],
        )
        image = Image.fromarray(part.image).convert("RGB")
        factor = max(1, CANDIDATE_SIDE // max(image.size))
        image = image.resize([side * factor for side in image.size], Image.Resampling.NEAREST)
        (left, top), (right, bottom) = part.squares[0][[0, 2]] * factor
        ImageDraw.Draw(image).rectangle((left, top, right, bottom), outline=FRAME, width=2)
        return image


def paint_scores(scores: DoubleArray, highest: float = 1.0) -> ByteArray:
    """Return a score map, (h, w), as an image, uint8 (h, w, 4): the higher, the more opaque.

    Scores from `highest` up have the strongest colour. With a few examples, all scores are far
    below 1, and the map would be invisible if it were drawn for scores up to 1.
    """
    opacity = np.clip(np.nan_to_num(scores) / max(highest, 1e-9), 0, 1) ** 2 * MOST_OPACITY
    image = np.zeros((*scores.shape, 4), np.uint8)
    image[..., :3] = ORANGE
    image[..., 3] = np.round(255 * opacity)
    return image


searches: Shelf[ScanPictures] = Shelf(16)


def pictures_address(inputs: str, pictures: ScanPictures) -> str:
    """Return the URL of the pictures, to which the browser adds a kind and a number.

    `inputs` must change with the pictures; see `share_value`.
    """
    return share_value(searches, "scans", inputs, pictures)


def serve_picture(request: Request) -> Response:
    """Return a picture of a search, ``/chipscape/scans/{key}/{kind}/{number}``, else a 404."""
    pictures = searches.get(request.path_params["key"])
    kind, number = request.path_params["kind"], str(request.path_params["number"])
    is_known = kind in ("scene", "scores", "candidate") and WHOLE_NUMBER.fullmatch(number)
    if pictures is None or not is_known:
        return serve_nothing(request)
    try:
        image = pictures.draw(kind, int(number))
    except (ChipscapeError, IndexError):
        return serve_nothing(request)
    stream = io.BytesIO()
    is_opaque = image.mode == "RGB"
    image.save(stream, "JPEG" if is_opaque else "WEBP", quality=88)
    media_type = "image/jpeg" if is_opaque else "image/webp"
    return Response(stream.getvalue(), media_type=media_type, headers=HEADERS)
