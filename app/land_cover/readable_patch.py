"""What of a patch can be read: a damaged file takes nothing with it."""

from dataclasses import dataclass

import numpy as np
import streamlit as st

from app.land_cover.land_data import Land
from app.session import cache
from app.widgets.markup import plain
from core.errors import SceneError
from core.flair.data.patch_reading import read_aerial, read_mask
from core.flair.data.pixel_table import SIDE
from core.types import ByteArray


@dataclass(frozen=True)
class Readable:
    """What of a patch can be read.

    Attributes
    ----------
    aerial : uint8 array, (5, 512, 512), or None
    labels : uint8 array, (512, 512)
        Full nomenclature; all 0, no class, where the mask cannot be read.
    masked : bool
        False where the mask cannot be read.
    told : tuple of str
        What cannot be read, and why.
    """

    aerial: ByteArray | None
    labels: ByteArray
    masked: bool
    told: tuple[str, ...]


def readable(land: Land, index: int) -> Readable:
    """A patch's bands and labels as far as they can be read."""
    one = land.dataset.patches[index]

    def read() -> Readable:
        aerial, labels, told = None, None, []
        try:
            aerial = read_aerial(one)
        except SceneError as error:
            told.append(f"The image cannot be read. {error}")
        try:
            labels = read_mask(one)[0]
        except SceneError as error:
            told.append(f"The mask cannot be read. {error}")
        empty = np.zeros((SIDE, SIDE), np.uint8)
        return Readable(aerial, empty if labels is None else labels, labels is not None,
                        tuple(told))  # fmt: skip

    return cache.drawn(land.place, f"readable {land.mark} {index}", read)


def tell(found: Readable) -> None:
    """What of a patch cannot be read; the rest is shown."""
    for words in found.told:
        st.warning(plain(words))
