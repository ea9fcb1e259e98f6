"""What the routes of the page serve: the chips and surroundings of compared footprints, by key.

See app/map/tile_shelf.py: the routes run in other threads than the pages, and no path is ever taken
from a request.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw
from starlette.requests import Request
from starlette.responses import Response

from app.map.tile_routes import HEADERS, WHOLE_NUMBER, serve_nothing
from app.map.tile_shelf import Shelf, share_value
from app.widgets.images import encode_image
from core.chips.chip_set import ChipSet
from core.errors import ChipscapeError
from core.mapping import chip_thumbnails
from core.pipeline.change.change_images import IMAGE_SIDE, draw_on_date
from core.pipeline.change.scene_comparison import SceneChanges
from core.raster.rendering import Rendering
from core.types import ByteArray

FRAME = (255, 216, 77, 255)
# The images of each date: the chip that was compared, and the footprint in its surroundings.
KINDS = ("chip", "surroundings")


@dataclass(frozen=True)
class ChangePictures:
    """The pictures of compared footprints; each is drawn when it is requested.

    `scene_renderings` and `chip_renderings` are those of the two scenes and their chips by name.
    """

    changes: SceneChanges
    scene_renderings: Mapping[str, Rendering]
    chip_renderings: Mapping[str, Rendering]

    def draw(self, kind: str, date: int, row: int) -> ByteArray:
        """Draw an image of a row of the table on the first (0) or second (1) date.

        Raises IndexError for an unknown row.
        """
        if row >= len(self.changes.table):
            raise IndexError(row)
        if kind == "chip":
            return self._draw_chip(date, row)
        try:
            rendering = self.scene_renderings[self.changes.pair.names[date]]
            pixels, rings = draw_on_date(self.changes, row, date, rendering)
        except ChipscapeError:
            # The scene was moved away, but the stored chip is still of use.
            chip = Image.fromarray(self._draw_chip(date, row))
            return np.asarray(chip.resize((IMAGE_SIDE, IMAGE_SIDE), Image.Resampling.NEAREST))
        image = Image.fromarray(pixels)
        for ring in rings:
            points = [(float(x), float(y)) for x, y in ring]
            ImageDraw.Draw(image).line(points, fill=FRAME, width=2)
        return np.asarray(image)

    def _draw_chip(self, date: int, row: int) -> ByteArray:
        part, number = self.changes.chips_of(row)[date]
        bands = tuple(self.changes.pair.view.artifacts["chips"][0].counts["bands"])
        images = chip_thumbnails(ChipSet((part,), bands), [number], self.chip_renderings)
        return np.asarray(images[0])


comparisons: Shelf[ChangePictures] = Shelf(16)


def change_address(inputs: str, pictures: ChangePictures) -> str:
    """Return the URL of the pictures, to which the browser adds a kind, a date and a row.

    `inputs` must change with the pictures; see `share_value`.
    """
    return share_value(comparisons, "changes", inputs, pictures)


def serve_change(request: Request) -> Response:
    """Return a picture of a footprint, ``/chipscape/changes/{key}/{kind}/{date}/{row}``."""
    pictures = comparisons.get(request.path_params["key"])
    kind, date, row = (str(request.path_params[name]) for name in ("kind", "date", "row"))
    is_known = kind in KINDS and date in ("0", "1") and WHOLE_NUMBER.fullmatch(row)
    if pictures is None or not is_known:
        return serve_nothing(request)
    try:
        image = pictures.draw(kind, int(date), int(row))
    except (ChipscapeError, IndexError):
        return serve_nothing(request)
    image_format, content = encode_image(image, lossy=True)
    return Response(content, media_type=f"image/{image_format}", headers=HEADERS)
