"""Resizing of pixels without torchvision."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class View:
    """How a network is shown a chip.

    Attributes
    ----------
    resized : int
        Pixels along one side that the whole chip is resized to.
    side : int
        Pixels along one side of its middle that is shown; no more than `resized`.
    """

    resized: int
    side: int


def resize(pixels: "Tensor", side: int) -> "Tensor":
    """Resample pixels to squares, bicubic and antialiased, clamped to 0..1.

    Within 1.1 grey levels of Pillow's bicubic filter on smooth imagery. Where black meets white
    the two part by up to 20 when enlarging, because Pillow rounds and clamps between its passes.

    Parameters
    ----------
    pixels : Tensor, (n, bands, height, width), 0..1
    side : int

    Returns
    -------
    Tensor, (n, bands, side, side), 0..1
    """
    from torch.nn.functional import interpolate

    if pixels.shape[-2:] == (side, side):
        return pixels
    resized = interpolate(pixels, size=(side, side), mode="bicubic", antialias=True)
    return resized.clamp_(0, 1)


def show(pixels: "Tensor", view: View) -> "Tensor":
    """Resize pixels (n, bands, height, width) and crop their middle, (n, bands, side, side)."""
    whole = resize(pixels, view.resized)
    first = round((view.resized - view.side) / 2)
    return whole[..., first : first + view.side, first : first + view.side]
