"""Fit an encoder to a chip set, and embed chips while the next batch is read from disk."""

from collections.abc import Callable, Collection, Iterator, Mapping

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from core.chips.chip_set import ChipSet, SceneChips
from core.chips.scaling import Scaling
from core.compute.work_streams import read_ahead
from core.embeddings.encoder import (
    ChipBatch,
    ChipFootprints,
    Encoder,
    Fitted,
    SampleEncoder,
    bands_notes,
    needs_footprints,
)
from core.errors import DegenerateError
from core.types import AnyArray, FloatArray, Geometries

# Chips per batch, unless the encoder has a `read_size`.
_READ_SIZE = 128
# Number of chips of an added scene that are checked against the existing scaling, and the largest
# accepted share of values outside the scaling's range. In the scenes to which the scaling was
# fitted, 0.2 % of the values are outside.
_SCALING_SAMPLE = 100
_MOST_OUTSIDE = 0.2


def fit_encoder(
    encoder: Encoder, chips: ChipSet, scalings: Mapping[str, Scaling], sample: int
) -> tuple[Fitted, FloatArray | None]:
    """Fit an encoder to at most `sample` chips, spread evenly over all scenes.

    `scalings` maps the name of each dtype to its scaling. Also returns the embeddings of all chips,
    (n, dim), if the sample contains them all and the encoder has a `fit_encode`; otherwise None.
    """
    rows = chips.sample_rows(sample)
    if len(chips.dtypes) == 1:
        pixels, mask = chips.read(rows)
        scaling = scalings[chips.dtypes[0]]
    else:
        # Chips of different dtypes are comparable only after scaling each dtype to 0..1.
        pixels, mask = chips.read_scaled(rows, scalings), chips.read_masks(rows)
        scaling = unit_scaling(len(chips.bands))
    # One BLAS thread, for the same reason as in `encode_rows`.
    with threadpool_limits(1, user_api="blas"):
        batch = ChipBatch(pixels, mask, scaling, chips.bands)
        if len(rows) == len(chips) and isinstance(encoder, SampleEncoder):
            fitted, embeddings = encoder.fit_encode(batch)
            _require_finite(encoder, embeddings, chips.facts["chip_id"])
            return fitted, embeddings
        return encoder.fit(batch), None


def encoder_notes(
    encoder: Encoder, chips: ChipSet, scalings: Mapping[str, Scaling]
) -> tuple[str, ...]:
    """Return notes for the user on how the encoder embeds the chips."""
    rules = [scaling.rule for dtype, scaling in scalings.items() if dtype != "uint8"]
    return (
        *bands_notes(encoder, len(chips.bands), chips.bands),
        *(f"pixels scaled to 0..1: {rule}" for rule in rules),
    )


def unit_scaling(n_bands: int) -> Scaling:
    """Return the scaling for pixels that are already in 0..1."""
    return Scaling((0.0,) * n_bands, (1.0,) * n_bands, "already in 0..1")


def encode_rows(
    encoder: Encoder,
    part: SceneChips,
    bands: tuple[str, ...],
    scaling: Scaling,
    fitted: Fitted,
    rows: slice,
    footprints: Geometries | None = None,
) -> FloatArray:
    """Embed a range of one scene's chips; raises DegenerateError if an embedding is not finite.

    `footprints` are those of all chips of the scene, for encoders that need them; see
    `core.embeddings.encoder.ChipFootprints`. Such an encoder may return NaN.
    """
    # The matrices of one chip are so small that several BLAS threads are slower than one, up to ten
    # times slower if other programs run. Networks use their own thread pool, which is not limited.
    with threadpool_limits(1, user_api="blas"):
        size = int(getattr(encoder, "read_size", _READ_SIZE))
        batches = _read_batches(part, bands, scaling, rows, size, footprints)
        embeddings = np.concatenate([encoder.encode(batch, fitted) for batch in batches])
    embeddings = embeddings.astype(np.float32, copy=False)
    _require_finite(encoder, embeddings, part.facts["chip_id"].iloc[rows])
    return embeddings


def require_covered(
    scalings: Mapping[str, Scaling], fitted_keys: Collection[str], chips: ChipSet
) -> None:
    """Check that existing scalings do not clip too many values of an added scene.

    `fitted_keys` are those of the scenes to which the scalings were fitted. Raises DegenerateError
    if more than 20 % of another scene's valid values lie outside the range of its scaling.
    """
    for part in chips.parts:
        if part.key in fitted_keys:
            continue
        scene_chips = ChipSet((part,), chips.bands)
        pixels, mask = scene_chips.read(scene_chips.sample_rows(_SCALING_SAMPLE))
        outside = scalings[part.pixels.dtype.name].clipped_fraction(pixels, mask)
        if outside > _MOST_OUTSIDE:
            raise DegenerateError(
                f"{outside:.0%} of its values lie outside the range that the scaling was fitted "
                "to, so its chips would all look the same",
                where=part.scene,
                remedy="Fit the encoder to all scenes: use --refit, or Fit again on the "
                "Embeddings page.",
            )


def encode_chips(
    chips: ChipSet,
    rows: AnyArray,
    scalings: Mapping[str, Scaling],
    encode: Callable[[ChipBatch], FloatArray],
) -> FloatArray:
    """Embed any rows of a chip set, in the given order, with a function that embeds a batch."""
    scaling = unit_scaling(len(chips.bands))
    embeddings = []
    for start in range(0, len(rows), _READ_SIZE):
        selected = rows[start : start + _READ_SIZE]
        pixels, mask = chips.read_scaled(selected, scalings), chips.read_masks(selected)
        embeddings.append(encode(ChipBatch(pixels, mask, scaling, chips.bands)))
    return np.concatenate(embeddings)


def _require_finite(encoder: Encoder, embeddings: FloatArray, chip_ids: pd.Series) -> None:
    is_valid = np.isfinite(embeddings)
    if needs_footprints(encoder):
        is_valid |= np.isnan(embeddings)
    invalid = np.flatnonzero(~is_valid.all(axis=1))
    if len(invalid):
        raise DegenerateError(
            f"the encoder {encoder.card.name} produced values that are not finite",
            where=str(chip_ids.iloc[int(invalid[0])]),
            remedy="Check the weights, or choose another encoder.",
        )


def _read_batches(
    part: SceneChips,
    bands: tuple[str, ...],
    scaling: Scaling,
    rows: slice,
    size: int,
    footprints: Geometries | None,
) -> Iterator[ChipBatch]:
    """Yield batches in order; the next one is read while the caller works on the current one."""
    starts = range(rows.start, rows.stop, size)

    def read(start: int) -> ChipBatch:
        stop = min(start + size, rows.stop)
        mask = np.asarray(part.mask[start:stop]) != 0
        located = None
        if footprints is not None:
            located = ChipFootprints(footprints, slice(start, stop))
        return ChipBatch(np.array(part.pixels[start:stop]), mask, scaling, bands, located)

    for batch in read_ahead(read, starts):
        yield batch.result()
