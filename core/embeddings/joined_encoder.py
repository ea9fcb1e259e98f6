"""Two or more encoders side by side as one: "texture+satdino-small-16"."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from core.embeddings.encoder import ChipBatch, Encoder, EncoderCard, Fitted, Identity
from core.errors import SettingsError
from core.settings import EmbedSettings
from core.types import FloatArray

SIGN = "+"
_VERSION = 1


class Joined:
    """Encoders one after the other; each one's embeddings have length 1 (or 0), then are joined.

    Parameters
    ----------
    encoders : sequence of Encoder
        Two or more, in the order of the name.
    """

    def __init__(self, encoders: Sequence[Encoder]) -> None:
        self._encoders = tuple(encoders)
        sizes = [getattr(encoder, "read_size", 0) for encoder in encoders]
        if any(sizes):
            self.read_size = max(sizes)
        self.card = joined_card([encoder.card for encoder in encoders])
        self.identity = joined_identity([encoder.identity for encoder in encoders])

    def notes(self, n_bands: int, names: Sequence[str]) -> tuple[str, ...]:
        """What each of them says."""
        told: list[str] = []
        for encoder in self._encoders:
            say = getattr(encoder, "notes", None)
            told += say(n_bands, names) if say else ()
        return tuple(told)

    def fit(self, sample: ChipBatch) -> Fitted:
        """What each of them learns, its number before each name."""
        return {
            f"{at}-{name}": values
            for at, encoder in enumerate(self._encoders)
            for name, values in encoder.fit(sample).items()
        }

    def encode(self, batch: ChipBatch, fitted: Fitted) -> FloatArray:
        """Embed chips: float32 array, (n, sum of the encoders' dims)."""
        parts = []
        for at, encoder in enumerate(self._encoders):
            sign = f"{at}-"
            own = {k.removeprefix(sign): v for k, v in fitted.items() if k.startswith(sign)}
            parts.append(unit_length(encoder.encode(batch, own)))
        return np.concatenate(parts, axis=1)


def unit_length(vectors: FloatArray) -> FloatArray:
    """Vectors (n, d) divided by their lengths; zero vectors stay."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: FloatArray = (vectors / np.where(length > 0, length, 1)).astype(np.float32)
    return scaled


def part_names(name: str) -> list[str]:
    """The encoders that a joined name stands for; one for a plain name.

    Raises
    ------
    SettingsError
        For a name with an empty part, or twice the same.
    """
    parts = [part.strip() for part in name.split(SIGN)]
    if len(parts) > 1 and (not all(parts) or len(set(parts)) < len(parts)):
        raise SettingsError(
            f"{name!r} does not name encoders that differ",
            where="encoder",
            remedy="Write it as texture+resnet50.",
        )
    return parts


def part_settings(settings: EmbedSettings, cards: Sequence[EncoderCard]) -> EmbedSettings:
    """The settings for each part; a folder of weights serves several, a file serves one.

    Raises
    ------
    SettingsError
        If one file is named and more than one part needs weights.
    """
    needing = [card.name for card in cards if card.needs_weights]
    given = settings.weights
    if given and len(needing) > 1 and not Path(given).expanduser().is_dir():
        raise one_file(needing)
    return settings


def one_file(needing: Sequence[str]) -> SettingsError:
    """The error of one weight file for several encoders."""
    return SettingsError(
        f"one file cannot be the weights of {' and '.join(needing)}",
        where="weights",
        remedy="Name a folder that holds a folder for each encoder, by its name.",
    )


def joined_card(cards: Sequence[EncoderCard]) -> EncoderCard:
    """One card for several encoders."""

    def together(values: Sequence[str], between: str = "; ") -> str:
        return between.join(dict.fromkeys(value for value in values if value))

    dims = [card.dim for card in cards]
    return replace(
        cards[0],
        name=SIGN.join(card.name for card in cards),
        title=" + ".join(card.title for card in cards),
        summary="Side by side, each at length 1: "
        + together([card.title for card in cards], " and ")
        + ".",
        dim=sum(dims) if all(dims) else 0,
        input_size=0,
        bands=max(card.bands for card in cards),
        licence=together([card.licence for card in cards]),
        source=together([card.source for card in cards]),
        paper=together([card.paper for card in cards]),
        hub_id=together([card.hub_id for card in cards]),
        revision=together([card.revision for card in cards]),
        weights_file=together([card.weights_file for card in cards]),
        mean=(),
        std=(),
        learns=any(card.learns for card in cards),
        version=_VERSION,
        tags=("joined",),
    )


def joined_identity(identities: Sequence[Identity]) -> Identity:
    """What sets each of them apart, its number before each name."""
    names = [str(identity["name"]) for identity in identities]
    return {
        "name": SIGN.join(names),
        "version": _VERSION,
        **{f"{at}-{k}": v for at, one in enumerate(identities) for k, v in one.items()},
    }
