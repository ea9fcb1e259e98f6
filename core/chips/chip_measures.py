"""Measures of chips for screening: contrast, saturation, sharpness, and marks of near-duplicates.

They are computed block by block, in threads or by the workers of a cluster.
"""

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from scipy.fft import dctn
from scipy.ndimage import correlate1d

from core.artifacts.formats import read_array
from core.artifacts.row_target import RowTarget
from core.chips.chip_set import ChipSet, SceneChips
from core.chips.scaling import Scaling
from core.chips.worker_blocks import ChipBlock, write_on_workers
from core.compute.dask_cluster import active_client
from core.compute.work_streams import stream_results
from core.progress import Progress, report_step, silent
from core.types import AnyArray, BoolArray, DoubleArray, FloatArray, IntArray

# Perceptual hash by the discrete cosine transform (Zauner, 2010, Implementation and benchmarking
# of perceptual image hash functions): signs of the 8 x 8 lowest frequencies of a 32 x 32 picture.
HASH_SIDE, HASH_FREQUENCIES = 32, 8
THUMBNAIL_SIDE = 8
# Most chips of a block, and most memory that it takes. The results do not depend on the blocks.
BLOCK, MAX_BLOCK_BYTES = 512, 128 * 2**20

MEASURES = np.dtype(
    [
        ("spread", "f8"),
        ("saturated_share", "f8"),
        ("sharpness", "f8"),
        ("thumbnail", "f4", (THUMBNAIL_SIDE**2,)),
        ("hash", "u8"),
    ]
)
"""One chip: standard deviation of grey, share of black or white pixels, and root mean square of
the Laplacian, all as fractions of black to white; a small grey picture, and a perceptual hash."""


@dataclass(frozen=True)
class MeasureFiles:
    """The folders of the chips of each scene, for workers, and a file for the measures."""

    folders: Sequence[Path]
    measures: Path


@dataclass(frozen=True)
class _Block:
    """Chips of one scene: their rows in all chips, and in the scene `part`, the index-th."""

    index: int
    part: SceneChips
    rows: IntArray
    start: int
    stop: int


def measure_chips(
    chips: ChipSet, files: MeasureFiles | None = None, report: Progress = silent
) -> AnyArray:
    """Return the measures of every chip, a structured array (n,) of the dtype `MEASURES`.

    With `files`, the workers of the connected cluster read the chips and write the measures.
    """
    blocks = list(_divide(chips))
    measures = np.zeros(len(chips), MEASURES)
    # Computed here, not by several threads at the same time.
    scalings = chips.display_scalings
    if files is None or active_client() is None:
        stream = stream_results(partial(_measure_block, chips, scalings), blocks, local=True)
    else:
        stream = _measure_on_workers(files, scalings, blocks, measures.shape)
    with closing(stream):
        for block, values in zip(blocks, stream, strict=True):
            measures[block.rows] = values
            report_step(report, int(block.rows[-1]) + 1, len(chips), block.part.scene)
    return measures


def _divide(chips: ChipSet) -> Iterator[_Block]:
    """Yield blocks of chips of the same scene."""
    # Native and scaled bands, and about six temporary arrays of grey in double precision.
    chip_bytes = chips.size**2 * (8 * len(chips.bands) + 48)
    n_rows = max(1, min(BLOCK, MAX_BLOCK_BYTES // chip_bytes))
    first = 0
    for index, part in enumerate(chips.parts):
        for start in range(0, len(part), n_rows):
            stop = min(start + n_rows, len(part))
            rows = np.arange(first + start, first + stop, dtype=np.int32)
            yield _Block(index, part, rows, start, stop)
        first += len(part)


def _measure_block(chips: ChipSet, scalings: Mapping[str, Scaling], block: _Block) -> AnyArray:
    """Measure a block whose chips are read from a chip set."""
    return _measure(chips.read_scaled(block.rows, scalings), chips.read_masks(block.rows))


def _measure_on_workers(
    files: MeasureFiles,
    scalings: Mapping[str, Scaling],
    blocks: Sequence[_Block],
    shape: tuple[int],
) -> Generator[AnyArray]:
    """Yield the measures of blocks that workers read; they pass through a temporary file."""
    shared = (
        ChipBlock.share(
            files.folders[block.index],
            block.start,
            block.stop,
            scalings[block.part.pixels.dtype.name],
            int(block.rows[0]) - block.start,
        )
        for block in blocks
    )
    target = RowTarget.create(files.measures, (*shape, MEASURES.itemsize), "uint8")
    try:
        with closing(write_on_workers(partial(_measure_shared, target), shared, target)) as written:
            for rows in written:
                yield read_array(files.measures, mapped=True)[rows].view(MEASURES)[:, 0]
    finally:
        files.measures.unlink(missing_ok=True)


def _measure_shared(target: RowTarget, block: ChipBlock[Scaling]) -> str:
    """Measure a block on a worker; returns the receipt of the written rows."""
    mask: BoolArray = block.mask.read() != 0
    measures = _measure(block.details.apply(block.values.read()) * ~mask[:, None], mask)
    return target.write(block.rows, measures.view(np.uint8).reshape(len(mask), -1))


def _measure(pixels: FloatArray, mask: BoolArray) -> AnyArray:
    """Return the measures of chips, (n, bands, s, s) in 0..1 with 0 where masked."""
    grey = pixels.mean(axis=1).astype(np.float64)
    grey[mask] = np.nan
    grey[mask.all(axis=(1, 2))] = 0
    mean = np.nanmean(grey, axis=(1, 2))
    # Masked pixels get the mean of the chip's valid pixels.
    grey = np.where(np.isnan(grey), mean[:, None, None], grey)
    n_valid = np.maximum((~mask).sum(axis=(1, 2)), 1)
    saturated = ((pixels <= 0) | (pixels >= 1)).all(axis=1) & ~mask
    inner = ~mask & ~_next_to_masked(mask)
    squares = (_laplacian(grey) ** 2 * inner).sum(axis=(1, 2))
    pictures = _shrink(grey, HASH_SIDE)
    measures = np.zeros(len(pixels), MEASURES)
    measures["spread"] = grey.std(axis=(1, 2))
    measures["saturated_share"] = saturated.sum(axis=(1, 2)) / n_valid
    measures["sharpness"] = np.sqrt(squares / np.maximum(inner.sum(axis=(1, 2)), 1))
    measures["thumbnail"] = _shrink(pictures, THUMBNAIL_SIDE).reshape(len(pixels), -1)
    measures["hash"] = perceptual_hashes(pictures)
    return measures


def perceptual_hashes(grey: DoubleArray) -> AnyArray:
    """Return the perceptual hashes of pictures (n, 32, 32) as uint64; mean grey is ignored."""
    waves = dctn(grey, axes=(1, 2), norm="ortho")[:, :HASH_FREQUENCIES, :HASH_FREQUENCIES]
    waves = waves.reshape(-1, 64)
    signs = waves > np.median(waves[:, 1:], axis=1, keepdims=True)
    signs[:, 0] = False
    return np.asarray(np.packbits(signs, axis=1).view(">u8").astype(np.uint64).ravel())


def _laplacian(pictures: DoubleArray) -> DoubleArray:
    """Return what `scipy.ndimage.laplace` returns for each picture, (n, s, s)."""
    along_columns, along_rows = (
        correlate1d(pictures, [1, -2, 1], axis, mode="reflect") for axis in (1, 2)
    )
    return np.asarray(along_columns + along_rows)


def _next_to_masked(mask: BoolArray) -> BoolArray:
    """Return masks of pixels that are masked or have a masked pixel above, below, left or right."""
    near = mask.copy()
    near[:, 1:] |= mask[:, :-1]
    near[:, :-1] |= mask[:, 1:]
    near[..., 1:] |= mask[..., :-1]
    near[..., :-1] |= mask[..., 1:]
    return near


def _shrink(pictures: DoubleArray, side: int) -> DoubleArray:
    """Resample pictures (n, s, s) to (n, side, side) by area-weighted means."""
    edges = np.linspace(0, pictures.shape[1], side + 1)
    pixels = np.arange(pictures.shape[1])
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    overlap = np.clip(overlap, 0, None)
    weights = overlap / overlap.sum(axis=1, keepdims=True)
    return np.asarray(weights @ pictures @ weights.T)
