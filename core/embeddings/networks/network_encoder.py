"""Encoders with a network: how they handle bands, input size, statistics, blocks and device."""

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from core.embeddings.band_triples import Triple, choose_band_triples
from core.embeddings.encoder import ChipBatch, EncoderCard, Fitted, Identity
from core.embeddings.networks import device as devices
from core.embeddings.networks.resizing import ChipView, apply_view
from core.embeddings.networks.weight_files import WeightFile, weights_identity
from core.errors import DegenerateError, SettingsError, WeightsError
from core.settings import EmbedSettings
from core.types import FloatArray

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

_log = logging.getLogger(__name__)

_MAX_DEFAULT_SIDE = 224
# Chips per block on a CPU: 8 at 224 px, where more are not faster, and up to 16 at smaller sizes.
_BLOCK_PIXELS = 8 * 224 * 224
_BLOCK_BOUNDS = (8, 16)
_STATISTICS_BLOCK = 256
_CPU_READ_SIZE = 256


class NetworkEncoder:
    """An encoder around a network that takes three normalised bands.

    Masked pixels are set to the mean of the normalisation, which maps them to 0, so that they are
    neither bright nor dark. Chips are resized to a multiple of the network's step, see
    `input_side`.

    On a CPU each core computes blocks of chips in float32, and a chip's embedding depends only on
    its block. On a CUDA device uint8 pixels are transferred in their native dtype, the network runs
    in half precision unless the settings demand full precision, and the results stay on the device
    until the end.

    Parameters
    ----------
    network : callable
        Maps normalised pixels (n, 3, side, side) to embeddings (n, dim).
    module : nn.Module
        The torch module that `network` runs; it is moved to the device and frozen.
    step : int
        The side length of the network's input must be a multiple of this number.
    channels_last : bool
        Whether the network is faster if the bands of a pixel are adjacent in memory.
    dense : callable, optional
        Maps normalised pixels to features of squares of `step` pixels, (n, dim, side / step,
        side / step), for `encode_tokens`.
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
        dense: "Callable[[Tensor], Tensor] | None" = None,
    ) -> None:
        import torch

        if settings.input_size % step:
            lower = step * max(1, settings.input_size // step)
            raise SettingsError(
                f"{settings.input_size} is not a multiple of {step}, which {card.name} needs",
                where="input_size",
                remedy=f"Set it to {lower} or {lower + step}, for example.",
            )
        self.card = card
        self.weights = weights
        self.step = step
        self.identity: Identity = weights_identity(card, settings, weights)
        self._network, self._dense = network, dense
        self._settings = settings
        on_cuda = torch.cuda.is_available()
        self._device = torch.device("cuda" if on_cuda else "cpu")
        self._layout = torch.channels_last if channels_last else torch.contiguous_format
        module.to(self._device).eval().requires_grad_(False)
        module.to(memory_format=self._layout)  # type: ignore[call-overload]
        half = on_cuda and settings.precision == "auto"
        self._half = devices.half_precision(self._device) if half else None
        self._batch = devices.BatchSize(wait=torch.cuda.synchronize) if on_cuda else None
        self.read_size = devices.MAX_BATCH if on_cuda else _CPU_READ_SIZE

    def input_side(self, native: int) -> int:
        """Return the side length in pixels to which chips of `native` pixels are resized.

        This is the `input_size` setting if it is not 0, or that of the card. Otherwise it is the
        native side, rounded to a multiple of the step and at most 224, so that small chips are not
        enlarged.
        """
        if side := self._settings.input_size or self.card.input_size:
            return side
        rounded = self.step * max(1, int(native / self.step + 0.5))
        return min(rounded, _MAX_DEFAULT_SIDE // self.step * self.step)

    def notes(self, n_bands: int, names: Sequence[str]) -> tuple[str, ...]:
        """Return notes for the user on how the bands are used, and on device and precision."""
        _, bands = choose_band_triples(n_bands, names, self._settings.bands_rule)
        device = f"computed on {self._device} in {self._half}" if self._half else ""
        return tuple(f"{self.card.name}: {note}" for note in (bands, device) if note)

    def fit(self, sample: ChipBatch) -> Fitted:
        """Return `band_statistics`, (3 x triples of bands,) each, if the settings request them.

        If the card's statistics are used instead, the mapping is empty. Raises BandError if the
        bands rule yields no triple for the sample's bands.
        """
        triples = self._triples(sample)
        for note in self.notes(sample.pixels.shape[1], sample.bands):
            _log.info("%s", note)
        if self._settings.statistics == "card":
            return {}
        return band_statistics(sample, [band for triple in triples for band in triple])

    def encode(self, batch: ChipBatch, fitted: Fitted) -> FloatArray:
        """Embed chips: float32 array, (n, dim x triples of bands).

        Raises BandError if the bands rule yields no triple for the batch's bands, SettingsError if
        a single chip does not fit into the device's memory, and WeightsError if the embeddings are
        not finite.
        """
        side = self.input_side(batch.pixels.shape[-1])
        return self.encode_view(batch, fitted, ChipView(side, side))

    def encode_view(self, batch: ChipBatch, fitted: Fitted, view: ChipView) -> FloatArray:
        """Embed chips like `encode`, but resized and cropped to the given view."""
        return self._run_network(batch, fitted, view, self._network, self.card.dim)

    def encode_tokens(self, batch: ChipBatch, fitted: Fitted) -> FloatArray:
        """Describe each square of `step` x `step` pixels of chips at their native resolution.

        Returns float32 (n, side / step, side / step, dim x triples of bands). Raises SettingsError
        if the side of the chips is not a multiple of `step`, or the network has no features of
        squares; other errors are those of `encode`.
        """
        side = batch.pixels.shape[-1]
        if self._dense is None or side % self.step or not side:
            raise SettingsError(
                f"{self.card.name} cannot describe the squares of chips of {side} px",
                where="tokens",
                remedy=f"Choose a multiple of {self.step} px.",
            )
        dense, n_side = self._dense, side // self.step

        def flat_features(pixels: "Tensor") -> "Tensor":
            return dense(pixels).flatten(1)

        view, dim = ChipView(side, side), self.card.dim
        flat = self._run_network(batch, fitted, view, flat_features, dim * n_side**2)
        grids = flat.reshape(len(batch), -1, n_side, n_side)
        return np.ascontiguousarray(np.moveaxis(grids, 1, -1))

    def _run_network(
        self,
        batch: ChipBatch,
        fitted: Fitted,
        view: ChipView,
        network: "Callable[[Tensor], Tensor]",
        dim: int,
    ) -> FloatArray:
        """Return the outputs of a network, (n, dim x triples of bands)."""
        import torch

        triples = self._triples(batch)
        # The card's mean and standard deviation apply to every triple.
        mean, std = (
            torch.from_numpy(np.resize(np.asarray(values, np.float32), (len(triples), 3, 1, 1)))
            for values in (fitted.get("mean", self.card.mean), fitted.get("std", self.card.std))
        )
        mean, std = mean.to(self._device), std.to(self._device)
        half = self._half
        shape = (len(batch), len(triples) * dim)
        out = torch.empty(shape, dtype=torch.float32, device=self._device)

        def embed(block: slice) -> None:
            chips = batch.select(block)
            # Inference mode applies to one thread only, and each block may run in another.
            with torch.inference_mode():
                unit = move_to_device(chips, self._device)
                mask = _transfer(torch.from_numpy(chips.mask), self._device)[:, None]
                for i, triple in enumerate(triples):
                    pixels = torch.where(mask, mean[i], unit[:, list(triple)])
                    pixels = (apply_view(pixels, view) - mean[i]) / std[i]
                    pixels = pixels.contiguous(memory_format=self._layout)
                    with torch.autocast(pixels.device.type, half, enabled=half is not None):
                        out[block, i * dim : (i + 1) * dim] = network(pixels)

        if self._batch:
            self._batch.run(len(batch), embed)
        else:
            low, high = _BLOCK_BOUNDS
            size = min(max(_BLOCK_PIXELS // view.side**2, low), high)
            devices.run_on_all_cores(embed, list(_blocks(len(batch), size)))
        embeddings: FloatArray = out.cpu().numpy()
        if not np.isfinite(embeddings).all():
            raise WeightsError(
                "the weights produced embeddings that are not finite",
                where=str(self.weights.path),
                remedy="The file is damaged; download it again.",
            )
        return embeddings

    def _triples(self, batch: ChipBatch) -> list[Triple]:
        return choose_band_triples(batch.pixels.shape[1], batch.bands, self._settings.bands_rule)[0]


def move_to_device(chips: ChipBatch, device: "torch.device") -> "Tensor":
    """Return pixels in 0..1 on a device, float32; valid pixels equal those of `ChipBatch.unit`."""
    import torch

    if device.type == "cpu" or chips.pixels.dtype != np.uint8:
        return _transfer(torch.from_numpy(chips.unit()), device)
    return scale_on_device(chips, device)


def scale_on_device(chips: ChipBatch, device: "torch.device") -> "Tensor":
    """Return pixels in 0..1 that are transferred in their native dtype and scaled on the device.

    For uint8, this transfers a quarter of the bytes that float32 would need.
    """
    import torch

    low, high = (
        torch.tensor(ends, dtype=torch.float32).view(-1, 1, 1)
        for ends in (chips.scaling.low, chips.scaling.high)
    )
    span = torch.where(high > low, high - low, 1)
    scaled = _transfer(torch.from_numpy(chips.pixels), device).to(torch.float32)
    return scaled.sub_(low.to(device)).div_(span.to(device)).clamp_(0, 1)


def _transfer(values: "Tensor", device: "torch.device") -> "Tensor":
    """Copy values to a device; pinned memory lets a CUDA copy overlap with the computation."""
    pinned = values.pin_memory() if device.type == "cuda" else values
    return pinned.to(device, non_blocking=True)


def band_statistics(sample: ChipBatch, order: Sequence[int]) -> Fitted:
    """Return ``mean`` and ``std`` of each band in `order`, over valid pixels in 0..1, as float32.

    Raises DegenerateError if there is no valid pixel, or a band does not vary.
    """
    count, total, squares = 0, np.zeros(len(order)), np.zeros(len(order))
    for block in _blocks(len(sample), _STATISTICS_BLOCK):
        chips = sample.select(block)
        valid = chips.unit()[:, order].transpose(1, 0, 2, 3)[:, ~chips.mask].astype(np.float64)
        count += valid.shape[1]
        total += valid.sum(axis=1)
        squares += (valid**2).sum(axis=1)
    if not count:
        raise DegenerateError("the sample of chips has no valid pixel", where="statistics")
    mean = total / count
    std = np.sqrt(np.maximum(squares / count - mean**2, 0))
    # Half a step of 16-bit values: a smaller deviation is only rounding.
    if std.min() < 1 / 2**17:
        band = order[int(std.argmin())]
        name = sample.bands[band] if sample.bands else str(band + 1)
        raise DegenerateError(
            f"band {name} has the same value in all pixels of the sample",
            where="statistics",
            remedy='Use the normalisation of the encoder: statistics = "card".',
        )
    return {"mean": mean.astype(np.float32), "std": std.astype(np.float32)}


def _blocks(n: int, size: int) -> Iterator[slice]:
    return (slice(start, min(start + size, n)) for start in range(0, n, size))
