"""What every encoder with a network does: bands, input size, statistics, blocks, device."""

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from core.embeddings.encoder import ChipBatch, EncoderCard, Fitted, Identity
from core.embeddings.resize import resize
from core.embeddings.weights import WeightFile, identify
from core.errors import BandError, DegenerateError, SettingsError, WeightsError
from core.settings import EmbedSettings
from core.types import FloatArray

if TYPE_CHECKING:
    from torch import Tensor, nn

_log = logging.getLogger(__name__)

LARGEST_DEFAULT = 224
# Chips at once: 8 at 224 px, where larger blocks are no faster on a CPU, and up to 32 below.
_BLOCK_PIXELS = 8 * 224 * 224
_BLOCK_BOUNDS = (8, 32)
_FIT_BLOCK = 256
_RGB = ("red", "green", "blue")


class NetworkEncoder:
    """An encoder around a network that takes three normalised bands.

    Masked pixels get the normalisation's mean, so that they are 0 after normalising and neither
    bright nor dark. Chips are resized to a multiple of the network's step, see `input_side`.

    Parameters
    ----------
    card : EncoderCard
    network : callable
        From normalised pixels (n, 3, side, side) to embeddings (n, dim).
    module : nn.Module
        The same network or its body; moved to the device and frozen here.
    step : int
        The side of a chip must be a multiple of it.
    settings : EmbedSettings
    weights : WeightFile
        Where the weights came from.
    """

    def __init__(
        self,
        card: EncoderCard,
        network: "Callable[[Tensor], Tensor]",
        module: "nn.Module",
        *,
        step: int,
        settings: EmbedSettings,
        weights: WeightFile,
    ) -> None:
        import torch

        if settings.input_size % step:
            near = step * max(1, settings.input_size // step)
            raise SettingsError(
                f"{settings.input_size} is not a multiple of {step}, as {card.name} needs",
                where="input_size",
                remedy=f"{near} and {near + step} are.",
            )
        self.card = card
        self.weights = weights
        self.identity: Identity = identify(card, settings, weights)
        self._network = network
        self._step = step
        self._settings = settings
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        module.to(self._device).eval().requires_grad_(False)

    def input_side(self, native: int) -> int:
        """Pixels along one side that chips of `native` pixels are resized to.

        The setting where it is given; else the native side rounded to a multiple of the step,
        224 at most: small chips are not blown up.
        """
        if self._settings.input_size:
            return self._settings.input_size
        rounded = self._step * max(1, int(native / self._step + 0.5))
        return min(rounded, LARGEST_DEFAULT // self._step * self._step)

    def fit(self, sample: ChipBatch) -> Fitted:
        """Mean and standard deviation of the sample's valid pixels, or nothing.

        Returns
        -------
        mapping
            Empty; or, where the settings ask for the data's statistics, ``mean`` and ``std``,
            float32 arrays (3,), of pixels in 0..1.

        Raises
        ------
        BandError
            If three bands cannot be had from the sample's.
        DegenerateError
            If the sample has no valid pixel, or a band without variation.
        """
        order, note = three_bands(sample.pixels.shape[1], sample.bands)
        if note:
            _log.info("%s: %s", self.card.name, note)
        if self._settings.statistics == "card":
            return {}
        return band_statistics(sample, order)

    def encode(self, batch: ChipBatch, fitted: Fitted) -> FloatArray:
        """Embed chips: float32 array, (n, dim).

        Raises
        ------
        BandError
            If three bands cannot be had from the batch's.
        WeightsError
            If the network gives values that are not finite.
        """
        import torch

        order, _ = three_bands(batch.pixels.shape[1], batch.bands)
        mean = np.asarray(fitted.get("mean", self.card.mean), np.float32)[:, None, None]
        std = np.asarray(fitted.get("std", self.card.std), np.float32)[:, None, None]
        side = self.input_side(batch.pixels.shape[-1])
        low, high = _BLOCK_BOUNDS
        embeddings = np.empty((len(batch), self.card.dim), np.float32)
        centre, spread = (torch.from_numpy(a).to(self._device) for a in (mean, std))
        for block in _blocks(len(batch), min(max(_BLOCK_PIXELS // side**2, low), high)):
            unit = _valid_or_mean(_part(batch, block), order, mean)
            with torch.inference_mode():
                pixels = resize(torch.from_numpy(unit).to(self._device), side)
                embeddings[block] = self._network((pixels - centre) / spread).cpu().numpy()
        if not np.isfinite(embeddings).all():
            raise WeightsError(
                "give embeddings that are not finite",
                where=str(self.weights.path),
                remedy="The file is damaged; bring it again.",
            )
        return embeddings


def three_bands(n_bands: int, names: Sequence[str]) -> tuple[list[int], str]:
    """Which bands stand for red, green and blue.

    Three bands are taken as they are, or in the order red, green, blue where they bear these
    names; one is repeated; of more, those named red, green and blue are taken.

    Returns
    -------
    order : list of int, three indices from 0
    note : str
        What was done, for people; empty where the bands are taken as they are.

    Raises
    ------
    BandError
        For any other number of bands.
    """
    lower = [name.lower() for name in names]
    if all(name in lower for name in _RGB):
        order = [lower.index(name) for name in _RGB]
        taken = order == [0, 1, 2] and n_bands == 3
        note = "" if taken else f"red, green and blue taken of the bands {', '.join(names)}"
        return order, note
    if n_bands == 3:
        return [0, 1, 2], ""
    if n_bands == 1:
        return [0, 0, 0], "the single band is repeated as red, green and blue"
    have = f" ({', '.join(names)})" if names else ""
    raise BandError(
        f"the encoder takes three bands, the chips have {n_bands}{have}",
        where="bands",
        remedy="Choose three bands, or one, when cutting the chips.",
    )


def band_statistics(sample: ChipBatch, order: Sequence[int]) -> Fitted:
    """Mean and standard deviation of the valid pixels in 0..1, of the bands in `order`."""
    count, total, squares = 0, np.zeros(3), np.zeros(3)
    for block in _blocks(len(sample), _FIT_BLOCK):
        part = _part(sample, block)
        valid = part.unit()[:, order].transpose(1, 0, 2, 3)[:, ~part.mask].astype(np.float64)
        count += valid.shape[1]
        total += valid.sum(axis=1)
        squares += (valid**2).sum(axis=1)
    if not count:
        raise DegenerateError("the sample of chips has no valid pixel", where="statistics")
    mean = total / count
    std = np.sqrt(np.maximum(squares / count - mean**2, 0))
    # Below half a step of 16 bit nothing but rounding is left to divide by.
    if std.min() < 1 / 2**17:
        band = int(std.argmin())
        name = sample.bands[order[band]] if sample.bands else str(order[band] + 1)
        raise DegenerateError(
            f"band {name} is the same in all pixels of the sample",
            where="statistics",
            remedy='Take the encoder\'s own with statistics = "card".',
        )
    return {"mean": mean.astype(np.float32), "std": std.astype(np.float32)}


def _blocks(n: int, size: int) -> Iterator[slice]:
    return (slice(start, min(start + size, n)) for start in range(0, n, size))


def _part(batch: ChipBatch, block: slice) -> ChipBatch:
    return ChipBatch(batch.pixels[block], batch.mask[block], batch.scaling, batch.bands)


def _valid_or_mean(batch: ChipBatch, order: Sequence[int], mean: FloatArray) -> FloatArray:
    """Three bands in 0..1, (n, 3, size, size), with the mean where masked."""
    unit: FloatArray = np.where(batch.mask[:, None], mean, batch.unit()[:, order])
    return unit
