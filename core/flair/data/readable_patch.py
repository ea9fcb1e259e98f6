"""Patches with damaged files: a part that cannot be read does not hide the others."""

import logging
from dataclasses import dataclass

import numpy as np

from core.errors import SceneError
from core.flair.data.dataset import Patch
from core.flair.data.patch_reading import read_aerial, read_mask
from core.flair.data.pixel_table import UNLABELLED, PixelTable
from core.flair.data.sentinel import SentinelSettings, block_index, block_means, patch_super_patch
from core.types import AnyArray, ByteArray, FloatArray

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ReadablePatch:
    """The parts of a patch that can be read.

    Attributes
    ----------
    patch : Patch
    aerial : uint8 array, (5, 512, 512), or None
    labels : uint8 array, (512, 512), or None
        In the full nomenclature.
    problems : tuple of str
        What cannot be read and why, in sentences.
    """

    patch: Patch
    aerial: ByteArray | None
    labels: ByteArray | None
    problems: tuple[str, ...]


def read_readable_patch(patch: Patch) -> ReadablePatch:
    """Read the bands and the labels of a patch, as far as they can be read."""
    aerial, labels, problems = None, None, []
    try:
        aerial = read_aerial(patch)
    except SceneError as error:
        problems.append(f"The image cannot be read. {error}")
    try:
        labels = read_mask(patch)[0]
    except SceneError as error:
        problems.append(f"The mask cannot be read. {error}")
    return ReadablePatch(patch, aerial, labels, tuple(problems))


def read_readable_pixel(readable: ReadablePatch, index: int, column: int, row: int) -> PixelTable:
    """Return one pixel of a patch whose image can be read, with whatever else can be read.

    Parameters
    ----------
    readable : ReadablePatch
    index : int
        Index of the patch in the data set.
    column, row : int

    Raises
    ------
    SceneError
        If the image cannot be read.
    """
    if readable.aerial is None:
        raise SceneError("the image cannot be read", where=readable.patch.name)
    rows, columns = np.array([row], np.int16), np.array([column], np.int16)
    labels = readable.labels
    return PixelTable(
        readable.aerial[:, rows, columns].T.astype(np.float32),
        _read_spectra(readable.patch, rows, columns),
        np.full(1, UNLABELLED, np.uint8) if labels is None else labels[rows, columns],
        np.array([index], np.int32),
        columns,
        rows,
    )


def _read_spectra(patch: Patch, rows: AnyArray, columns: AnyArray) -> FloatArray | None:
    if not patch.has_sentinel:
        return None
    try:
        means = block_means(patch_super_patch(patch, SentinelSettings()), patch.name)
    except SceneError as error:
        log.info("%s: aerial only (%s)", patch.name, error)
        return None
    spectra: FloatArray = means[:, block_index(rows), block_index(columns)].T
    return spectra
