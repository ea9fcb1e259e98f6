"""`raster:PATH`: the mean of a raster of embeddings under each footprint.

Products such as AlphaEarth and TESSERA publish an embedding for every pixel of 10 m. Here each
footprint gets the mean of its pixels, weighted by the covered area, and with
``raster-deviation:PATH`` also their standard deviation. The pixels of the chips are not used.
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from core.artifacts.keys import file_checksum
from core.embeddings.encoder import ChipBatch, EncoderCard, Fitted, Identity
from core.errors import SettingsError
from core.raster.embedding_rasters.footprint_statistics import measure_footprints
from core.raster.embedding_rasters.raster_files import (
    find_embedding_files,
    list_source_files,
    read_embedding_tiles,
)
from core.types import FloatArray, Geometries

RASTER_PREFIX = re.compile(r"raster(?:-deviation)?:")
RASTER, RASTER_DEVIATION = "raster", "raster-deviation"
VERSION = 1
# A footprint with less of its area on valid pixels counts as outside the raster.
MIN_VALID_FRACTION = 0.1


class RasterEncoder:
    """The mean, and optionally the standard deviation, of a raster under each footprint.

    Rows of chips outside the raster, or with a valid fraction below `MIN_VALID_FRACTION`, are NaN.
    Raises SceneError if the raster cannot be used.
    """

    needs_footprints = True

    def __init__(self, name: str) -> None:
        self.card = raster_card(name)
        self._name = name
        self._tiles = read_embedding_tiles(raster_path(name))
        # The statistics of a scene are read once, because neighbouring chips share blocks of the
        # raster, and are rarely in the same batch.
        self._latest: tuple[Geometries, FloatArray] | None = None

    @property
    def identity(self) -> Identity:
        """Name and version, and a checksum of the content of all files."""
        return raster_identity(self._name)

    def notes(self, n_bands: int, names: Sequence[str]) -> tuple[str, ...]:  # noqa: ARG002
        """Return a note on what was read."""
        first, n_files = self._tiles[0], len(self._tiles)
        size = len(first.scene.bands)
        if n_files == 1:
            files = first.scene.path.name
        else:
            files = f"{n_files} files in {raster_path(self._name).name}"
        values = "means and deviations" if self._has_deviation else "means"
        origin = ", dequantised as AlphaEarth" if first.is_alpha_earth else ""
        return (f"{values} of {size} bands of {files} under each footprint{origin}",)

    def input_side(self, native: int) -> int:  # noqa: ARG002
        """Return 0, because the chips are not read."""
        return 0

    def fit(self, sample: ChipBatch) -> Fitted:  # noqa: ARG002
        """Return an empty mapping: nothing is learnt from the chips."""
        return {}

    def encode(self, batch: ChipBatch, fitted: Fitted) -> FloatArray:  # noqa: ARG002
        """Return the statistics of each footprint, float32 (n, bands) or (n, 2 x bands).

        Raises SettingsError if the batch has no footprints.
        """
        footprints = batch.footprints
        if footprints is None:
            raise SettingsError(
                "the encoder needs the footprints of the chips, which were not passed",
                where=self.card.name,
                remedy="Embed the chips of a workspace, or set ChipBatch.footprints.",
            )
        if self._latest is None or self._latest[0] is not footprints.geometries:
            self._latest = footprints.geometries, self._measure(footprints.geometries)
        return self._latest[1][footprints.rows]

    @property
    def _has_deviation(self) -> bool:
        return self.card.name == RASTER_DEVIATION

    def _measure(self, geometries: Geometries) -> FloatArray:
        statistics = measure_footprints(self._tiles, geometries)
        parts = [statistics.mean, *([statistics.deviation] if self._has_deviation else [])]
        values = np.concatenate(parts, axis=1)
        values[statistics.valid_fraction < MIN_VALID_FRACTION] = np.nan
        return values


def is_raster_encoder(name: str) -> bool:
    """Return True for the name of a single encoder that reads a raster of embeddings."""
    return bool(RASTER_PREFIX.match(name))


def raster_path(name: str) -> Path:
    """Return the path in the name of an encoder; raises SettingsError if it is empty."""
    path = name.partition(":")[2].strip()
    if not path:
        raise SettingsError(
            "no raster of embeddings is chosen",
            where="encoder",
            remedy="Add the path of a GeoTIFF, a VRT or a folder of GeoTIFFs: raster:PATH.",
        )
    return Path(path).expanduser()


def raster_card(name: str) -> EncoderCard:
    """Return the card of the encoder; the file need not exist."""
    kind, _, path = name.partition(":")
    statistics = "mean and deviation" if kind == RASTER_DEVIATION else "mean"
    detail = f": {statistics} of {Path(path.strip()).name}" if path.strip() else ""
    return EncoderCard(
        name=kind,
        title=f"Raster of embeddings{detail}",
        summary="Reads a raster of embeddings, such as AlphaEarth or TESSERA, under each "
        "footprint. Suits land cover and objects of several pixels, often of 10 m.",
        dim=0,
        source="the raster that you provide",
        paper="Brown et al. 2025 (AlphaEarth); Feng et al. 2025 (TESSERA)",
        version=VERSION,
        tags=("offline", "footprints"),
    )


def raster_identity(name: str, checksum: Callable[[Path], str] = file_checksum) -> Identity:
    """Return the encoder's identity: name, version, and a checksum of all files of the raster.

    The checksum depends on the content of the files, and not on their names. Raises SceneError if
    there is no such file.
    """
    files = list_source_files(find_embedding_files(raster_path(name)))
    checksums = sorted(checksum(file) for file in files)
    digest = hashlib.sha256("".join(checksums).encode()).hexdigest()
    return {"name": raster_card(name).name, "version": VERSION, "sha256": digest}
