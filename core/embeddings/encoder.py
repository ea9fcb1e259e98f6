"""The encoder protocol: a card that says what it is, a fit where it learns, then encode."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from core.chips.scaling import Scaling
from core.errors import BandError
from core.types import AnyArray, BoolArray, FloatArray

Fitted = Mapping[str, AnyArray]
"""What an encoder learnt from a sample: named arrays, stored in an artifact of their own."""

Identity = Mapping[str, str | int | float]
"""What sets an encoder's numbers apart, beside the chips: the encoder's part of an artifact key."""


@dataclass(frozen=True)
class EncoderCard:
    """What an encoder is, where it comes from and what it expects.

    Attributes
    ----------
    name : str
        The name used in settings, for example ``"texture"``.
    title : str
        The name shown to people.
    summary : str
        One sentence on what it is good for.
    dim : int
        Length of one embedding; 0 where it depends on the bands.
    input_size : int
        Pixels along one side that chips are resized to; 0 for the chips' own size.
    bands : int
        Number of bands it takes; 0 for any number.
    licence, source, paper : str
        Licence of code and weights; where they come from; the publication.
    hub_id, revision, weights_file : str
        Where the weights lie on the hub; empty where none are needed.
    mean, std : tuple of float
        Normalisation of pixels in 0..1, a value a band; empty where it has none of its own.
    version : int
        Raised when the code gives other numbers for the same input; part of the artifact key.
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
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    learns: bool = False
    version: int = 1
    tags: tuple[str, ...] = field(default=())

    @property
    def needs_weights(self) -> bool:
        """True if the encoder cannot run without a weight file."""
        return bool(self.hub_id)


@dataclass(frozen=True)
class ChipBatch:
    """Chips as they lie in the store, with the scaling that makes them comparable.

    Attributes
    ----------
    pixels : array, (n, bands, size, size), native dtype
    mask : bool array, (n, size, size)
        True where a pixel is masked: nodata, beyond the scene, or background left out.
    scaling : Scaling
        The stated rule that brings the native values to 0..1.
    bands : tuple of str
        The bands' names in their order; empty where they are not known.
    """

    pixels: AnyArray
    mask: BoolArray
    scaling: Scaling
    bands: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        n, n_bands, height, width = self.pixels.shape
        if self.mask.shape != (n, height, width):
            raise BandError(
                f"mask of shape {self.mask.shape} beside pixels of shape {self.pixels.shape}",
                where="chip batch",
            )
        if self.bands and len(self.bands) != n_bands:
            raise BandError(
                f"{len(self.bands)} band names beside {n_bands} bands", where="chip batch"
            )

    def __len__(self) -> int:
        return int(self.pixels.shape[0])

    def unit(self) -> FloatArray:
        """Pixels as float32 in 0..1, (n, bands, size, size); masked pixels are 0."""
        scaled = self.scaling.apply(self.pixels)
        scaled *= ~self.mask[:, None]
        return scaled


class Encoder(Protocol):
    """Turns chips into embeddings.

    An encoder holds no state of the data: what it learns is returned by `fit` and handed back to
    `encode`, so that it can be stored, and kept when scenes are added.
    """

    card: EncoderCard

    @property
    def identity(self) -> Identity:
        """What sets this encoder's numbers apart: name, version, and weights or settings if any."""
        ...

    def fit(self, sample: ChipBatch) -> Fitted:
        """Learn what encoding needs from a sample; an empty mapping where it learns nothing."""
        ...

    def encode(self, batch: ChipBatch, fitted: Fitted) -> FloatArray:
        """Embed chips.

        Returns
        -------
        float32 array, (n, dim), finite
            The same chip gives the same embedding (to float32 rounding) in whichever batch.
        """
        ...
