"""Several encoders whose embeddings are concatenated, for example "texture+satdino-small-16"."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from core.embeddings.encoder import (
    ChipBatch,
    Encoder,
    EncoderCard,
    Fitted,
    Identity,
    bands_notes,
    encoder_input_side,
    needs_footprints,
    unit_length,
)
from core.embeddings.raster_encoder import RASTER_PREFIX, is_raster_encoder
from core.errors import SettingsError
from core.types import FloatArray

SEPARATOR = "+"
_VERSION = 1
_MERGED_FIELDS = ("licence", "source", "paper", "hub_id", "revision", "weights_file")


class JoinedEncoder:
    """Several encoders used as one; their embeddings are scaled to length 1, then joined."""

    def __init__(self, encoders: Sequence[Encoder]) -> None:
        self._encoders = tuple(encoders)
        if read_size := max(getattr(encoder, "read_size", 0) for encoder in encoders):
            self.read_size = read_size
        self.needs_footprints = any(map(needs_footprints, encoders))
        self.card = joined_card([encoder.card for encoder in encoders])

    @property
    def identity(self) -> Identity:
        """The identities of all encoders."""
        return joined_identity([encoder.identity for encoder in self._encoders])

    def notes(self, n_bands: int, names: Sequence[str]) -> tuple[str, ...]:
        """Return the notes of all encoders."""
        return tuple(
            note for encoder in self._encoders for note in bands_notes(encoder, n_bands, names)
        )

    def input_side(self, native: int) -> int:
        """Return the largest of the sides at which the encoders read chips."""
        return max(encoder_input_side(encoder, native) for encoder in self._encoders)

    def fit(self, sample: ChipBatch) -> Fitted:
        """Fit each encoder; the names of its arrays begin with the encoder's position and "-"."""
        return {
            f"{position}-{name}": values
            for position, encoder in enumerate(self._encoders)
            for name, values in encoder.fit(sample).items()
        }

    def encode(self, batch: ChipBatch, fitted: Fitted) -> FloatArray:
        """Embed chips: float32 array, (n, sum of the encoders' dims)."""
        embeddings = []
        for position, encoder in enumerate(self._encoders):
            prefix = f"{position}-"
            arrays = {k.removeprefix(prefix): v for k, v in fitted.items() if k.startswith(prefix)}
            embeddings.append(unit_length(encoder.encode(batch, arrays)))
        return np.concatenate(embeddings, axis=1)


def part_names(name: str) -> list[str]:
    """Return the names of the encoders in a joined name, or a list with the plain name itself.

    The path of a raster may contain the separator, so rasters come last in a joined name. Raises
    SettingsError if a part of a joined name is empty or occurs twice.
    """
    parts: list[str] = []
    for piece in re.split(rf"\{SEPARATOR}(?={RASTER_PREFIX.pattern})", name):
        is_raster = RASTER_PREFIX.match(piece)
        parts += [piece] if is_raster else [part.strip() for part in piece.split(SEPARATOR)]
    if len(parts) > 1 and (not all(parts) or len(set(parts)) < len(parts)):
        raise SettingsError(
            f"the joined name {name!r} contains an empty or a repeated encoder name",
            where="encoder",
            remedy="Name each encoder once, for example texture+resnet50.",
        )
    return parts


def lacks_raster_path(name: str) -> bool:
    """Return True if an encoder, alone or joined, reads a raster whose path is still empty."""
    parts = filter(is_raster_encoder, part_names(name))
    return any(not part.partition(":")[2].strip() for part in parts)


def require_weights_folder(weights: str, cards: Sequence[EncoderCard]) -> None:
    """Raise a SettingsError if a single weight file is set for several encoders that need one."""
    names = [card.name for card in cards if card.needs_weights]
    if weights and len(names) > 1 and not Path(weights).expanduser().is_dir():
        raise single_file_error(names)


def single_file_error(names: Sequence[str]) -> SettingsError:
    """Return the error for a single weight file that is set for several encoders."""
    return SettingsError(
        f"one file cannot be the weights of {' and '.join(names)}",
        where="weights",
        remedy="Set a folder that contains one subfolder per encoder, named after the encoder.",
    )


def joined_card(cards: Sequence[EncoderCard]) -> EncoderCard:
    """Return one card that describes several joined encoders."""

    def merged(field: str, separator: str = "; ") -> str:
        values = (getattr(card, field) for card in cards)
        return separator.join(dict.fromkeys(value for value in values if value))

    dims = [card.dim for card in cards]
    texts: dict[str, Any] = {field: merged(field) for field in _MERGED_FIELDS}
    return EncoderCard(
        name=SEPARATOR.join(card.name for card in cards),
        title=" + ".join(card.title for card in cards),
        summary=f"Joins the embeddings of {merged('title', ' and ')}, each scaled to length 1.",
        dim=sum(dims) if all(dims) else 0,
        bands=max(card.bands for card in cards),
        learns=any(card.learns for card in cards),
        version=_VERSION,
        tags=("joined",),
        **texts,
    )


def joined_identity(identities: Sequence[Identity]) -> Identity:
    """Return one identity of several encoders; keys begin with the encoder's position and "-"."""
    return {
        "name": SEPARATOR.join(str(identity["name"]) for identity in identities),
        "version": _VERSION,
        **{
            f"{position}-{key}": value
            for position, identity in enumerate(identities)
            for key, value in identity.items()
        },
    }
