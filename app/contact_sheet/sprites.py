"""Sprites: the chips of one page of a contact sheet as one image, served by key.

See app/map/tile_shelf.py: the route runs in other threads than the pages, and no path is ever taken
from a request.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image
from starlette.requests import Request
from starlette.responses import Response

from app.map.tile_routes import HEADERS, serve_nothing
from app.map.tile_shelf import Shelf, share_value
from app.widgets.images import encode_image
from core.errors import ChipscapeError
from core.types import ByteArray

COLUMNS = 20
# Chips are displayed at up to 92 CSS pixels; screens may have two pixels for each.
MAX_SIDE = 128


@dataclass(frozen=True)
class Sprite:
    """The chips of some rows; `draw` returns their images, uint8 (n, size, size, 4)."""

    rows: Sequence[int]
    draw: Callable[[Sequence[int]], ByteArray]

    def encode(self) -> tuple[str, bytes]:
        """Return the format and the bytes of the image, in which chips follow row by row."""
        return encode_image(tile_images(self.draw(self.rows)), lossy=True)


sprites: Shelf[Sprite] = Shelf(64)


def tile_images(images: ByteArray, columns: int = COLUMNS) -> ByteArray:
    """Return n square images, uint8 (n, size, size, 4), as one image, `columns` next to each other.

    Images of more than `MAX_SIDE` pixels are reduced to it.
    """
    if images.shape[1] > MAX_SIDE:
        size, box = (MAX_SIDE, MAX_SIDE), Image.Resampling.BOX
        images = np.stack([np.asarray(Image.fromarray(i).resize(size, box)) for i in images])
    n, side = images.shape[:2]
    n_rows = -(-n // columns)
    # The padding must not make the image transparent, because JPEG is smaller and faster.
    fill = images[-1:] if (images[..., 3] == 255).all() else np.zeros_like(images[-1:])
    padding = np.repeat(fill, n_rows * columns - n, axis=0)
    tiles = np.concatenate([images, padding]).reshape(n_rows, columns, side, side, 4)
    return tiles.swapaxes(1, 2).reshape(n_rows * side, columns * side, 4)


def sprite_address(inputs: str, sprite: Sprite) -> str:
    """Return the URL of a sprite, which is drawn when it is requested.

    `inputs` must change with the image; see `share_value`.
    """
    return share_value(sprites, "sprites", f"{inputs}|{list(sprite.rows)}", sprite)


def serve_sprite(request: Request) -> Response:
    """Return the image of a page of chips, ``/chipscape/sprites/{key}``."""
    sprite = sprites.get(request.path_params["key"])
    if sprite is None:
        return serve_nothing(request)
    try:
        kind, content = sprite.encode()
    except ChipscapeError:
        return serve_nothing(request)
    return Response(content, media_type=f"image/{kind}", headers=HEADERS)
