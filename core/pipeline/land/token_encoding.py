"""Grids of tokens: images described by an encoder, tile by tile.

Tiles overlap and are at fixed positions, so that memory is bounded, and neighbouring tokens see
similar surroundings.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from core.chips.scaling import Scaling
from core.embeddings.encoder import ChipBatch, Encoder, Fitted
from core.embeddings.networks import siglip2
from core.embeddings.networks.network_encoder import NetworkEncoder
from core.embeddings.registry import encoder_names
from core.land.context.image_bands import ImageBands
from core.land.context.token_grids import TokenGrid
from core.types import FloatArray

# Networks were trained on about 224 px. One margin of tokens is discarded on each side, because
# tokens at the edge of a tile see less of their surroundings.
_TILE_SIDE, _TILE_MARGIN = 224, 32
# Its network pools the features of squares in a way that only the whole image can use.
_WITHOUT_TOKENS = (siglip2.CARD.name,)
# Encoders without a network describe chips of this side, whose centres are this far apart.
_WINDOW_SIDE, _WINDOW_STEP = 32, 8


def token_encoders() -> list[str]:
    """Return the names of the encoders whose tokens can be features."""
    return [name for name in encoder_names() if name not in _WITHOUT_TOKENS]


def token_step(encoder: Encoder) -> int:
    """Return the distance of an encoder's tokens in pixels."""
    return encoder.step if isinstance(encoder, NetworkEncoder) else _WINDOW_STEP


def encode_token_grid(encoder: Encoder, fitted: Fitted, image: ImageBands) -> TokenGrid:
    """Describe an image by an encoder on a grid.

    A network describes the squares that it divides an image into. Other encoders, such as
    `texture`, describe chips of 32 x 32 pixels around points that are 8 pixels apart. Beyond its
    edges, the image is reflected.
    """
    step, (height, width) = token_step(encoder), image.shape
    rows, columns = -(-height // step), -(-width // step)
    values: FloatArray | None = None
    for top, left, tokens in _encoded_tiles(encoder, fitted, image, rows, columns):
        if values is None:
            values = np.zeros((rows, columns, tokens.shape[-1]), np.float32)
        part = values[top : top + tokens.shape[0], left : left + tokens.shape[1]]
        part[:] = tokens[: part.shape[0], : part.shape[1]]
    assert values is not None
    return TokenGrid(values, step)


def sample_windows(image: ImageBands, n_windows: int, seed: int) -> ChipBatch:
    """Return random windows of an image as chips, for fitting an encoder that learns."""
    (height, width), side = image.shape, _WINDOW_SIDE
    rng = np.random.default_rng(seed)
    padded = _pad(image, (0, max(0, side - height)), (0, max(0, side - width)))
    tops = rng.integers(0, max(1, height - side + 1), n_windows)
    lefts = rng.integers(0, max(1, width - side + 1), n_windows)
    return _batch(image, padded, list(zip(tops.tolist(), lefts.tolist(), strict=True)), side)


def _encoded_tiles(
    encoder: Encoder, fitted: Fitted, image: ImageBands, rows: int, columns: int
) -> Iterator[tuple[int, int, FloatArray]]:
    """Yield blocks of tokens, (r, c, d), with the row and column of their first token."""
    if not isinstance(encoder, NetworkEncoder):
        margin = (_WINDOW_SIDE - _WINDOW_STEP) // 2
        padded = _pad(image, (margin, _WINDOW_SIDE), (margin, _WINDOW_SIDE))
        for row in range(rows):
            corners = [(row * _WINDOW_STEP, i * _WINDOW_STEP) for i in range(columns)]
            batch = _batch(image, padded, corners, _WINDOW_SIDE)
            yield row, 0, encoder.encode(batch, fitted)[None]
        return
    step = encoder.step
    side = max(1, _TILE_SIDE // step)
    margin = min(max(1, round(_TILE_MARGIN / step)), (side - 1) // 2)
    inner = side - 2 * margin
    padding = (margin * step, side * step)
    padded = _pad(image, padding, padding)
    for row in range(0, rows, inner):
        for column in range(0, columns, inner):
            corner = (row * step, column * step)
            batch = _batch(image, padded, [corner], side * step)
            tokens = encoder.encode_tokens(batch, fitted)[0]
            yield row, column, tokens[margin : margin + inner, margin : margin + inner]


def _pad(image: ImageBands, rows: tuple[int, int], columns: tuple[int, int]) -> ImageBands:
    """Reflect an image beyond its edges by some pixels before and after it."""
    values = np.pad(image.values, ((0, 0), rows, columns), mode="symmetric")
    usable = image.usable()
    valid = None if usable is None else np.pad(usable, (rows, columns), mode="symmetric")
    return ImageBands(values, image.bands, valid)


def _batch(
    image: ImageBands, padded: ImageBands, corners: Sequence[tuple[int, int]], side: int
) -> ChipBatch:
    """Return windows of a padded image as chips, given their upper left corners."""
    windows = [np.s_[top : top + side, left : left + side] for top, left in corners]
    pixels = np.stack([padded.values[:, *window] for window in windows])
    valid = padded.valid
    mask = np.zeros((len(windows), side, side), bool)
    if valid is not None:
        mask = np.stack([~valid[window] for window in windows])
    n_bands, divisor = len(image.bands), image.bands.divisor
    scaling = Scaling((0.0,) * n_bands, (divisor,) * n_bands, "the scale of the data set")
    return ChipBatch(np.ascontiguousarray(pixels), mask, scaling, image.bands.names)
