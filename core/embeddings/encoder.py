"""The encoder protocol, the card that describes an encoder, and the chips that it receives."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from core.chips.scaling import Scaling
from core.errors import BandError
from core.types import AnyArray, BoolArray, FloatArray, Geometries

Fitted = Mapping[str, AnyArray]
"""Parameters that an encoder fitted to a sample of chips: named arrays, stored as an artifact."""

Identity = Mapping[str, str | int | float]
"""Everything except the chips that determines an encoder's output; part of the artifact key."""


@dataclass(frozen=True)
class EncoderCard:
    """Description of an encoder: its name, its origin and the input that it expects.

    Attributes
    ----------
    name, title : str
        Name in settings and on the command line, for example ``"texture"``, and name shown to
        users.
    summary : str
        One or two sentences on what the encoder describes and when it is a good choice.
    dim : int
        Length of one embedding; 0 if it depends on the number of bands.
    input_size : int
        Side length in pixels to which chips are resized; 0 if it depends on the size of the chips.
    bands : int
        Number of bands that the encoder takes; 0 for any number.
    licence, source, paper : str
        Licence of code and weights, origin of the weights, and publication.
    hub_id, revision, weights_file : str
        Repository, revision and file of the weights on the Hugging Face hub; empty if the encoder
        needs no weights.
    more_files : tuple of str
        Further files of the repository, which parts of the encoder need.
    mean, std : tuple of float
        Normalisation of pixels in 0..1, one value per band; empty if the encoder has none.
    learns : bool
        True if the encoder is fitted to a sample of the chips.
    version : int
        Increased when a change of code changes the embeddings; part of artifact keys.
    tags : tuple of str
        Keywords. "offline" marks encoders that use the pixels alone and need no weights.
    """

    name: str
    title: str
    summary: str
    dim: int
    input_size: int = 0
    bands: int = 0
    licence: str = ""
    source: str = ""
    paper: str = ""
    hub_id: str = ""
    revision: str = ""
    weights_file: str = ""
    more_files: tuple[str, ...] = ()
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    learns: bool = False
    version: int = 1
    tags: tuple[str, ...] = ()

    @property
    def needs_weights(self) -> bool:
        """True if the encoder cannot run without a weight file."""
        return bool(self.hub_id)


@dataclass(frozen=True, eq=False)
class ChipFootprints:
    """The footprints of a batch of chips, as a part of those of all chips of the scene.

    `geometries` are in longitude and latitude, and None in a scene without a CRS. Batches of one
    scene share the array, so that an encoder can read what lies under all footprints at once;
    `rows` are those of the batch.
    """

    geometries: Geometries
    rows: slice


@dataclass(frozen=True)
class ChipBatch:
    """Chips in their native dtype, with the scaling that maps their values to 0..1.

    Attributes
    ----------
    pixels : array, (n, bands, size, size), native dtype
    mask : bool array, (n, size, size)
        True where a pixel is masked: nodata, beyond the scene's edge, or excluded background.
    bands : tuple of str
        Names of the bands in their order; empty if unknown.
    footprints : ChipFootprints or None
        Only for encoders that set `needs_footprints`.
    """

    pixels: AnyArray
    mask: BoolArray
    scaling: Scaling
    bands: tuple[str, ...] = ()
    footprints: ChipFootprints | None = None

    def __post_init__(self) -> None:
        n, n_bands, height, width = self.pixels.shape
        problem = ""
        if self.mask.shape != (n, height, width):
            problem = (
                f"the mask has shape {self.mask.shape}, but the pixels have {self.pixels.shape}"
            )
        elif self.bands and len(self.bands) != n_bands:
            problem = f"there are {len(self.bands)} band names for {n_bands} bands"
        if problem:
            raise BandError(problem, where="chip batch")

    def __len__(self) -> int:
        return int(self.pixels.shape[0])

    def select(self, rows: slice) -> "ChipBatch":
        """Return the chips selected by a slice, without copying their pixels."""
        footprints = self.footprints
        if footprints:
            selected = footprints.geometries[footprints.rows][rows]
            footprints = ChipFootprints(selected, slice(0, len(selected)))
        return ChipBatch(self.pixels[rows], self.mask[rows], self.scaling, self.bands, footprints)

    def unit(self) -> FloatArray:
        """Return the pixels in 0..1, float32 (n, bands, size, size); masked pixels are 0."""
        scaled = self.scaling.apply(self.pixels)
        scaled *= ~self.mask[:, None]
        return scaled


class Encoder(Protocol):
    """Turns chips into embeddings.

    An encoder stores nothing about the data. `fit` returns the fitted parameters and `encode`
    receives them, so that they can be stored and reused when scenes are added.

    Five further members are optional. ``notes(n_bands, names)`` returns notes for the user on how
    the bands are used; ``read_size`` is the number of chips per batch that suits the encoder;
    ``input_side(native)`` is the side in pixels to which chips of `native` pixels are resized;
    ``needs_footprints`` is True for an encoder that reads other data under the chips' footprints.
    Only such an encoder may return NaN, in the rows of chips that lie outside these data.
    `SampleEncoder` describes ``fit_encode``.
    """

    card: EncoderCard

    @property
    def identity(self) -> Identity:
        """Name, version, and all weights and settings that determine the encoder's output."""
        ...

    def fit(self, sample: ChipBatch) -> Fitted:
        """Fit the encoder's parameters to a sample; return an empty mapping if it has none."""
        ...

    def encode(self, batch: ChipBatch, fitted: Fitted) -> FloatArray:
        """Embed chips: float32 array, (n, dim), finite.

        A chip has the same embedding in every batch, up to float32 rounding.
        """
        ...


def needs_footprints(encoder: Encoder) -> bool:
    """Return True if an encoder reads other data under the chips' footprints."""
    return bool(getattr(encoder, "needs_footprints", False))


@runtime_checkable
class SampleEncoder(Protocol):
    """An encoder that can embed the sample while it is fitted, without computing anything twice."""

    def fit_encode(self, sample: ChipBatch) -> tuple[Fitted, FloatArray]:
        """Return the results of `Encoder.fit` and of `Encoder.encode` for the same chips."""
        ...


def bands_notes(encoder: Encoder, n_bands: int, names: Sequence[str]) -> tuple[str, ...]:
    """Return an encoder's notes for the user on how it uses the bands, if it has any."""
    notes = getattr(encoder, "notes", None)
    return tuple(notes(n_bands, names)) if notes else ()


def encoder_input_side(encoder: Encoder, native: int) -> int:
    """Return the side in pixels at which an encoder reads chips of `native` pixels."""
    input_side = getattr(encoder, "input_side", None)
    return int(input_side(native)) if input_side else native


def require_bands(batch: ChipBatch, n_bands: int, where: str) -> None:
    """Raise a BandError if chips do not have the number of bands an encoder was fitted to."""
    if batch.pixels.shape[1] != n_bands:
        raise BandError(
            f"the chips have {batch.pixels.shape[1]} bands, but the encoder was fitted to "
            f"{n_bands}",
            where=where,
            remedy="Fit the encoder again for these chips.",
        )


def unit_length(vectors: AnyArray) -> FloatArray:
    """Return vectors (n, d) divided by their lengths, as float32; zero vectors stay zero."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: FloatArray = (vectors / np.where(length > 0, length, 1)).astype(np.float32)
    return scaled
