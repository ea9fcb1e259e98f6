"""Blocks of chips that the workers of a cluster embed."""

import dataclasses
import json
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd

from core.artifacts.blocks import Blocks
from core.artifacts.row_target import ArraySource, RowTarget
from core.chips.chip_set import BandSelection, SceneChips
from core.chips.scaling import Scaling
from core.compute.dask_cluster import exchange_folder
from core.compute.work_streams import stream_results
from core.embeddings import registry
from core.embeddings.encoder import Encoder, Fitted
from core.embeddings.encoding import encode_rows
from core.errors import WeightsError
from core.settings import EmbedSettings
from core.types import AnyArray, FloatArray, Geometries, IntArray

FILE = "embeddings.npy"
"""File with the embeddings of a scene, float32 (n, dim)."""


@dataclass(frozen=True)
class WorkerEncoder:
    """An encoder that each worker loads once, with the arrays of its fit by name.

    `identity` is that of the encoder in the process that started the workers; workers whose weights
    differ are refused.
    """

    settings: EmbedSettings
    weights: Path
    identity: str
    fitted: tuple[tuple[str, ArraySource], ...]

    @classmethod
    def share(
        cls, encoder: Encoder, settings: EmbedSettings, weights: Path, fitted: Path
    ) -> "WorkerEncoder":
        """Return the record for an encoder, given the folder with the arrays of its fit."""
        files = sorted(fitted.glob("*.npy"))
        sources = tuple((file.stem, ArraySource.share(file)) for file in files)
        return cls(settings, weights, _identity_text(encoder), sources)


@dataclass(frozen=True)
class SceneFiles:
    """The files of the chips of one scene, and how they are embedded.

    `positions` are those of the bands that the encoder receives, named in `bands`. `footprints`,
    (n,), are for encoders that need them.
    """

    values: Path
    mask: Path
    chip_ids: Sequence[str]
    positions: tuple[int, ...]
    bands: tuple[str, ...]
    scaling: Scaling
    footprints: Geometries | None = None

    @classmethod
    def of(
        cls,
        folder: Path,
        part: SceneChips,
        cut_bands: Sequence[str],
        bands: tuple[str, ...],
        scaling: Scaling,
    ) -> "SceneFiles":
        """Return the record of chips in an artifact's folder, cut with the bands `cut_bands`."""
        positions = tuple(list(cut_bands).index(band) for band in bands)
        ids = part.facts["chip_id"].tolist()
        return cls(folder / "chips.npy", folder / "mask.npy", ids, positions, bands, scaling)


@dataclass(frozen=True)
class _Block:
    """One block: `part` has the sources, ids and footprints of its chips alone."""

    encoder: WorkerEncoder
    values: ArraySource
    mask: ArraySource
    part: SceneFiles
    rows: IntArray
    target: RowTarget


def write_blocks(blocks: Blocks, encode: Callable[[slice], FloatArray]) -> Generator[int]:
    """Embed the unfinished blocks one after the other; yield the number of finished rows."""
    matrix = None
    with ExitStack() as files:
        for rows in blocks.pending():
            vectors = encode(rows)
            if matrix is None:
                matrix = blocks.open_rows(FILE, (vectors.shape[1],), "float32")
                files.enter_context(matrix)
            matrix.write(np.arange(rows.start, rows.stop), vectors)
            blocks.finish(rows, matrix)
            yield rows.stop


def write_blocks_on_workers(
    blocks: Blocks, encoder: WorkerEncoder, scene: SceneFiles, width: int
) -> Generator[int]:
    """Let the workers embed and write the unfinished blocks; yield the number of finished rows.

    `width` is the number of columns. Raises DegenerateError if an embedding is not finite, and
    WeightsError if a worker has other weights than this process.
    """
    pending = list(blocks.pending())
    submitted: deque[_Block] = deque()
    with blocks.open_rows(FILE, (width,), "float32") as matrix:
        target = RowTarget(matrix.path, exchange_folder())

        def submissions() -> Iterator[_Block]:
            for rows in pending:
                submitted.append(_cut_block(encoder, scene, rows, target))
                yield submitted[-1]

        for rows, receipt in zip(pending, stream_results(_embed_block, submissions()), strict=True):
            block = submitted.popleft()
            target.collect(block.rows, receipt)
            block.values.discard()
            block.mask.discard()
            blocks.finish(rows, matrix)
            yield rows.stop


def _cut_block(encoder: WorkerEncoder, scene: SceneFiles, rows: slice, target: RowTarget) -> _Block:
    """Return the work of one block, whose scene has only the ids and footprints of its chips."""
    footprints = None if scene.footprints is None else scene.footprints[rows]
    part = dataclasses.replace(scene, chip_ids=scene.chip_ids[rows], footprints=footprints)
    values, mask = (
        ArraySource.share(file, rows.start, rows.stop) for file in (scene.values, scene.mask)
    )
    return _Block(encoder, values, mask, part, np.arange(rows.start, rows.stop), target)


def _embed_block(block: _Block) -> str:
    """Embed one block on a worker; returns the receipt of the written rows."""
    part, n = block.part, len(block.rows)
    encoder = _load_encoder(block.encoder.settings, block.encoder.weights, block.encoder.identity)
    values = block.values.read()
    selected = BandSelection(values, list(part.positions))
    chips = SceneChips(
        key="",
        scene=part.values.parent.name,
        pixels=cast(AnyArray, selected) if values.shape[1] > len(part.positions) else values,
        mask=block.mask.read(),
        facts=pd.DataFrame({"chip_id": list(part.chip_ids)}),
        properties=pd.DataFrame(index=range(n)),
    )
    fitted = _load_fit(block.encoder.fitted)
    rows = slice(0, n)
    vectors = encode_rows(encoder, chips, part.bands, part.scaling, fitted, rows, part.footprints)
    return block.target.write(block.rows, vectors)


@lru_cache(maxsize=2)
def _load_encoder(settings: EmbedSettings, weights: Path, identity: str) -> Encoder:
    encoder = registry.load_encoder(settings.encoder, settings, weights)
    if _identity_text(encoder) != identity:
        raise WeightsError(
            "a worker has other weights than this machine",
            where=settings.encoder,
            remedy="Give all workers the same weight files, for example in the workspace.",
        )
    return encoder


@lru_cache(maxsize=2)
def _load_fit(sources: tuple[tuple[str, ArraySource], ...]) -> Fitted:
    return {name: np.array(source.read()) for name, source in sources}


def _identity_text(encoder: Encoder) -> str:
    return json.dumps(encoder.identity, sort_keys=True, default=str)
