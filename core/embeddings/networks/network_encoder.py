"""What every encoder with a network does: bands, input size, statistics, blocks, device."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from core.embeddings.band_triples import Triple, triples
from core.embeddings.encoder import ChipBatch, EncoderCard, Fitted, Identity
from core.embeddings.networks import device as devices
from core.embeddings.networks.resizing import View, show
from core.embeddings.networks.weight_files import WeightFile, identify
from core.errors import DegenerateError, SettingsError, WeightsError
from core.settings import EmbedSettings
from core.types import FloatArray

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

_log = logging.getLogger(__name__)

LARGEST_DEFAULT = 224
# Chips at once on a processor: 8 at 224 px, where more are no faster, and up to 16 below.
_BLOCK_PIXELS = 8 * 224 * 224
_BLOCK_BOUNDS = (8, 16)
_FIT_BLOCK = 256


class NetworkEncoder:
    """An encoder around a network that takes three normalised bands.

    Masked pixels get the normalisation's mean, so that they are 0 after normalising and neither
    bright nor dark. Chips are resized to a multiple of the network's step, see `input_side`.

    On a processor each core works on a block of its own, in float32: a chip's numbers depend on
    its block alone. A CUDA device is sent the native pixels where they are uint8, computes in half
    precision unless the settings ask for the full one, and keeps the results until the end.

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
    channels_last : bool
        Whether the network is faster with the bands of a pixel side by side.
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
        channels_last: bool = False,
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
        self.step = step
        self.identity: Identity = identify(card, settings, weights)
        self._network = network
        self._settings = settings
        self._device = devices.pick()
        self._layout = torch.channels_last if channels_last else torch.contiguous_format
        module.to(self._device).eval().requires_grad_(False)
        module.to(memory_format=self._layout)  # type: ignore[call-overload]
        on_cuda = self._device.type == "cuda"
        half = on_cuda and settings.precision == "auto"
        self._half = devices.half_type(self._device) if half else None
        self._batch = devices.BatchSize(wait=torch.cuda.synchronize) if on_cuda else None
        self.read_size = devices.MOST if on_cuda else 256

    def input_side(self, native: int) -> int:
        """Pixels along one side that chips of `native` pixels are resized to.

        The setting where it is given; else the native side rounded to a multiple of the step,
        224 at most: small chips are not blown up.
        """
        if self._settings.input_size:
            return self._settings.input_size
        rounded = self.step * max(1, int(native / self.step + 0.5))
        return min(rounded, LARGEST_DEFAULT // self.step * self.step)

    def notes(self, n_bands: int, names: Sequence[str]) -> tuple[str, ...]:
        """What is done with the bands, and where it is computed, for people."""
        _, note = triples(n_bands, names, self._settings.bands_rule)
        where = f"computed on {self._device} in {self._half}" if self._half else ""
        return tuple(f"{self.card.name}: {words}" for words in (note, where) if words)

    def fit(self, sample: ChipBatch) -> Fitted:
        """Mean and standard deviation of the sample's valid pixels, or nothing.

        Returns
        -------
        mapping
            Empty; or, where the settings ask for the data's statistics, ``mean`` and ``std``,
            float32 arrays (3 a triple of bands,), of pixels in 0..1.

        Raises
        ------
        BandError
            If three bands cannot be had from the sample's.
        DegenerateError
            If the sample has no valid pixel, or a band without variation.
        """
        chosen = self._triples(sample)
        for note in self.notes(sample.pixels.shape[1], sample.bands):
            _log.info("%s", note)
        if self._settings.statistics == "card":
            return {}
        return band_statistics(sample, [band for one in chosen for band in one])

    def encode(self, batch: ChipBatch, fitted: Fitted) -> FloatArray:
        """Embed chips: float32 array, (n, dim), or that for each triple of bands side by side.

        Raises
        ------
        BandError
            If three bands cannot be had from the batch's.
        SettingsError
            If the device has not the memory for a single chip.
        WeightsError
            If the network gives values that are not finite.
        """
        side = self.input_side(batch.pixels.shape[-1])
        return self.encode_view(batch, fitted, View(side, side))

    def encode_view(self, batch: ChipBatch, fitted: Fitted, view: View) -> FloatArray:
        """Embed chips resized, and cropped to their middle, as `view` says; else as `encode`."""
        import torch

        chosen = self._triples(batch)
        size = len(chosen) * 3
        mean, std = (
            torch.from_numpy(np.resize(np.asarray(values, np.float32), size)).to(self._device)
            for values in (fitted.get("mean", self.card.mean), fitted.get("std", self.card.std))
        )
        plan = _Plan(chosen, mean.view(-1, 3, 1, 1), std.view(-1, 3, 1, 1), view)
        out = torch.empty(
            (len(batch), len(chosen) * self.card.dim), dtype=torch.float32, device=self._device
        )
        call = partial(self._embed, batch, plan, out)
        if self._batch:
            self._batch.run(len(batch), call)
        else:
            low, high = _BLOCK_BOUNDS
            block = min(max(_BLOCK_PIXELS // view.side**2, low), high)
            devices.on_all_cores(call, list(_blocks(len(batch), block)))
        embeddings: FloatArray = out.cpu().numpy()
        if not np.isfinite(embeddings).all():
            raise WeightsError(
                "give embeddings that are not finite",
                where=str(self.weights.path),
                remedy="The file is damaged; bring it again.",
            )
        return embeddings

    def _triples(self, batch: ChipBatch) -> list[Triple]:
        return triples(batch.pixels.shape[1], batch.bands, self._settings.bands_rule)[0]

    def _embed(self, batch: ChipBatch, plan: "_Plan", out: "Tensor", block: slice) -> None:
        """Embed one block of the batch into its rows of `out`."""
        import torch

        part = _part(batch, block)
        # Inference mode belongs to a thread, and each block may come in another.
        with torch.inference_mode():
            unit = on_device(part, self._device)
            mask = _sent(torch.from_numpy(part.mask), self._device)[:, None]
            width = self.card.dim
            for at, (triple, mean, std) in enumerate(
                zip(plan.triples, plan.mean, plan.std, strict=True)
            ):
                pixels = torch.where(mask, mean, unit[:, list(triple)])
                pixels = (show(pixels, plan.view) - mean) / std
                shown = pixels.contiguous(memory_format=self._layout)
                out[block, at * width : (at + 1) * width] = self._run(shown)

    def _run(self, pixels: "Tensor") -> "Tensor":
        import torch

        if self._half is None:
            return self._network(pixels)
        with torch.autocast(pixels.device.type, dtype=self._half):
            return self._network(pixels)


@dataclass(frozen=True)
class _Plan:
    """How the chips of one call are shown: bands, and mean and deviation (triples, 3, 1, 1)."""

    triples: list[Triple]
    mean: "Tensor"
    std: "Tensor"
    view: View


def on_device(part: ChipBatch, device: "torch.device") -> "Tensor":
    """Pixels in 0..1, float32, on the device; as `ChipBatch.unit` has them where they are valid."""
    import torch

    if device.type == "cpu" or part.pixels.dtype != np.uint8:
        return _sent(torch.from_numpy(part.unit()), device)
    return scaled_there(part, device)


def scaled_there(part: ChipBatch, device: "torch.device") -> "Tensor":
    """Pixels sent as they are, for uint8 a quarter of the bytes, and scaled on the device.

    From pinned memory, so that the copy runs beside the computation.
    """
    import torch

    low, high = (
        torch.tensor(ends, dtype=torch.float32).view(-1, 1, 1)
        for ends in (part.scaling.low, part.scaling.high)
    )
    span = torch.where(high > low, high - low, 1)
    scaled = _sent(torch.from_numpy(part.pixels), device).to(torch.float32)
    return scaled.sub_(low.to(device)).div_(span.to(device)).clamp_(0, 1)


def _sent(values: "Tensor", device: "torch.device") -> "Tensor":
    pinned = values.pin_memory() if device.type == "cuda" else values
    return pinned.to(device, non_blocking=True)


def band_statistics(sample: ChipBatch, order: Sequence[int]) -> Fitted:
    """Mean and standard deviation of the valid pixels in 0..1, of the bands in `order`."""
    count, total, squares = 0, np.zeros(len(order)), np.zeros(len(order))
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
