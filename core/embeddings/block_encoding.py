"""Blocks of chips that the workers of a cluster embed."""

import dataclasses
import json
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd

from core.artifacts.blocks import Blocks
from core.artifacts.row_target import ArraySource, RowTarget
from core.chips.chip_set import BandSelection, SceneChips
from core.chips.scaling import Scaling
from core.chips.worker_blocks import ChipBlock, write_on_workers
from core.compute.dask_cluster import exchange_folder
from core.embeddings import registry
from core.embeddings.encoder import Encoder, Fitted
from core.embeddings.encoding import encode_rows
from core.errors import WeightsError
from core.settings import EmbedSettings
from core.types import AnyArray, FloatArray, Geometries

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
class SceneEncoding:
    """How workers embed the chips of one scene, which are in a folder.

    `positions` are those of the bands that the encoder receives, named in `bands`. `footprints`,
    (n,), are for encoders that need them.
    """

    encoder: WorkerEncoder
    folder: Path
    chip_ids: Sequence[str]
    positions: tuple[int, ...]
    bands: tuple[str, ...]
    scaling: Scaling
    footprints: Geometries | None = None

    def select(self, rows: slice) -> "SceneEncoding":
        """Return the record with the ids and footprints of some chips only."""
        footprints = None if self.footprints is None else self.footprints[rows]
        return dataclasses.replace(self, chip_ids=self.chip_ids[rows], footprints=footprints)


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


def write_blocks_on_workers(blocks: Blocks, scene: SceneEncoding, width: int) -> Generator[int]:
    """Let the workers embed and write the unfinished blocks; yield the number of finished rows.

    `width` is the number of columns. Raises DegenerateError if an embedding is not finite, and
    WeightsError if a worker has other weights than this process.
    """
    pending = list(blocks.pending())
    shared = (ChipBlock.share(scene.folder, b.start, b.stop, scene.select(b)) for b in pending)
    with blocks.open_rows(FILE, (width,), "float32") as matrix:
        target = RowTarget(matrix.path, exchange_folder())
        with closing(write_on_workers(partial(_embed_block, target), shared, target)) as written:
            for rows, _ in zip(pending, written, strict=True):
                blocks.finish(rows, matrix)
                yield rows.stop


def _embed_block(target: RowTarget, block: ChipBlock[SceneEncoding]) -> str:
    """Embed one block on a worker; returns the receipt of the written rows."""
    part, n = block.details, len(block.rows)
    encoder = _load_encoder(part.encoder.settings, part.encoder.weights, part.encoder.identity)
    values = block.values.read()
    selected = BandSelection(values, list(part.positions))
    chips = SceneChips(
        key="",
        scene=part.folder.name,
        pixels=cast(AnyArray, selected) if values.shape[1] > len(part.positions) else values,
        mask=block.mask.read(),
        facts=pd.DataFrame({"chip_id": list(part.chip_ids)}),
        properties=pd.DataFrame(index=range(n)),
    )
    fitted = _load_fit(part.encoder.fitted)
    rows = slice(0, n)
    vectors = encode_rows(encoder, chips, part.bands, part.scaling, fitted, rows, part.footprints)
    return target.write(block.rows, vectors)


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
