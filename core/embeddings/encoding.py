"""The one loop that runs encoders over chips: batches read ahead by one thread."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from threadpoolctl import threadpool_limits

from core.chips.chip_set import ChipSet, SceneChips
from core.chips.scaling import Scaling
from core.embeddings.encoder import ChipBatch, Encoder, Fitted
from core.errors import DegenerateError
from core.types import AnyArray, FloatArray

# Chips read at a time, unless the encoder has a `read_size` of its own.
BATCH = 128


def fit_encoder(
    encoder: Encoder, chips: ChipSet, scalings: Mapping[str, Scaling], sample: int
) -> Fitted:
    """Fit an encoder on chips evenly spread over all scenes.

    Parameters
    ----------
    encoder : Encoder
    chips : ChipSet
    scalings : mapping of dtype to Scaling
    sample : int
        Chips at most.
    """
    rows = chips.spread(sample)
    if len(chips.dtypes) == 1:
        pixels, mask = chips.read(rows)
        scaling = scalings[chips.dtypes[0]]
    else:
        # Chips of several dtypes meet in 0..1, the scale that each one's rule leads to.
        pixels, mask = chips.unit(rows, scalings), chips.masked(rows)
        scaling = unit_scaling(len(chips.bands))
    # As for encoding, see there.
    with threadpool_limits(1, user_api="blas"):
        return encoder.fit(ChipBatch(pixels, mask, scaling, chips.bands))


def encoder_notes(
    encoder: Encoder, chips: ChipSet, scalings: Mapping[str, Scaling]
) -> tuple[str, ...]:
    """What the user should know of how these chips are embedded, in words.

    An encoder may say something of the bands by a method ``notes(n_bands, names)``.
    """
    say: Callable[[int, Sequence[str]], tuple[str, ...]] | None = getattr(encoder, "notes", None)
    told = say(len(chips.bands), chips.bands) if say else ()
    rules = [scaling.rule for dtype, scaling in scalings.items() if dtype != "uint8"]
    return (*told, *(f"pixels scaled to 0..1: {rule}" for rule in rules))


def unit_scaling(n_bands: int) -> Scaling:
    """The scaling of pixels that lie in 0..1 already."""
    return Scaling((0.0,) * n_bands, (1.0,) * n_bands, "already 0 to 1")


def encode_rows(
    encoder: Encoder,
    part: SceneChips,
    bands: tuple[str, ...],
    scaling: Scaling,
    fitted: Fitted,
    rows: slice,
) -> FloatArray:
    """Embed some rows of one scene's chips.

    Raises
    ------
    DegenerateError
        If the encoder gives a value that is not finite, naming the chip.
    """
    batches = []
    # The matrices of one chip are small: BLAS threads cost more than they give, up to tenfold
    # where other work runs. Networks have a pool of their own, which this leaves alone.
    with threadpool_limits(1, user_api="blas"):
        size = int(getattr(encoder, "read_size", BATCH))
        for batch in _read_ahead(part, bands, scaling, rows, size):
            batches.append(encoder.encode(batch, fitted))
    embedded = np.concatenate(batches).astype(np.float32, copy=False)
    bad = np.flatnonzero(~np.isfinite(embedded).all(axis=1))
    if len(bad):
        raise DegenerateError(
            f"the encoder {encoder.card.name} gives values that are not finite",
            where=str(part.facts["chip_id"].iloc[rows.start + int(bad[0])]),
            remedy="Check the weights, or choose another encoder.",
        )
    return embedded


def encode_chips(
    chips: ChipSet,
    rows: AnyArray,
    scalings: Mapping[str, Scaling],
    encode: Callable[[ChipBatch], FloatArray],
) -> FloatArray:
    """Embed any rows of all scenes, in their order, by a call that embeds a batch."""
    parts = []
    for start in range(0, len(rows), BATCH):
        some = rows[start : start + BATCH]
        scaling = unit_scaling(len(chips.bands))
        pixels = chips.unit(some, scalings)
        parts.append(encode(ChipBatch(pixels, chips.masked(some), scaling, chips.bands)))
    return np.concatenate(parts)


def _read_ahead(
    part: SceneChips, bands: tuple[str, ...], scaling: Scaling, rows: slice, size: int
) -> Iterator[ChipBatch]:
    """Batches in order, the next one read from disk while the caller works on this one."""
    starts = range(rows.start, rows.stop, size)

    def read(start: int) -> ChipBatch:
        stop = min(start + size, rows.stop)
        mask = np.asarray(part.mask[start:stop]) != 0
        return ChipBatch(np.array(part.pixels[start:stop]), mask, scaling, bands)

    with ThreadPoolExecutor(1) as pool:
        ahead = pool.submit(read, starts[0])
        for following in [*starts[1:], None]:
            batch = ahead.result()
            if following is not None:
                ahead = pool.submit(read, following)
            yield batch
