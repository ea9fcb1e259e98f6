"""An encoder of another package, watched: what it does wrongly is told as its own fault."""

import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from core.embeddings.encoder import ChipBatch, Encoder, EncoderCard, Fitted, Identity
from core.errors import ChipscapeError, DegenerateError, SettingsError
from core.types import FloatArray

Result = TypeVar("Result")


class Guarded:
    """An encoder whose exceptions and shapes are checked.

    Parameters
    ----------
    card : EncoderCard
    load : callable
        Gives the encoder.

    Raises
    ------
    SettingsError
        If loading it fails.
    """

    def __init__(self, card: EncoderCard, load: Callable[[], Encoder]) -> None:
        self.card = card
        self._encoder: Encoder = self._watched("be loaded", load)
        self.identity: Identity = self._watched("be named", lambda: self._encoder.identity)
        size = getattr(self._encoder, "read_size", None)
        if size:
            self.read_size = int(size)

    def notes(self, n_bands: int, names: Sequence[str]) -> tuple[str, ...]:
        """What it says of the bands."""
        say = getattr(self._encoder, "notes", None)
        return tuple(self._watched("say its notes", lambda: say(n_bands, names))) if say else ()

    def fit(self, sample: ChipBatch) -> Fitted:
        """What it learns from a sample."""
        return self._watched("learn from the chips", lambda: self._encoder.fit(sample))

    def encode(self, batch: ChipBatch, fitted: Fitted) -> FloatArray:
        """Its embeddings.

        Raises
        ------
        DegenerateError
            If they are no float matrix of one row a chip, or not as long as the card says.
        """
        given = self._watched("embed", lambda: self._encoder.encode(batch, fitted))
        found = np.asarray(given)
        wide = found.ndim == 2 and found.shape[1] > 0 and self.card.dim in (0, found.shape[1])
        if not wide or len(found) != len(batch) or found.dtype.kind not in "fiu":
            length = self.card.dim or "any length"
            raise DegenerateError(
                f"gives {found.dtype} of shape {found.shape} for {len(batch)} chips, not one row "
                f"of {length} a chip",
                where=f"encoder {self.card.name}",
                remedy="Mend the package that brings it.",
            )
        return found.astype(np.float32, copy=False)

    def _watched(self, what: str, call: Callable[[], Result]) -> Result:
        try:
            return call()
        except ChipscapeError:
            raise
        except Exception as error:  # another package's code may raise anything
            at = traceback.extract_tb(error.__traceback__)[-1]
            raise SettingsError(
                f"cannot {what} ({type(error).__name__}: {error}; {Path(at.filename).name}, line "
                f"{at.lineno})",
                where=f"encoder {self.card.name}",
                remedy="Mend the package that brings it, or choose another encoder.",
            ) from error
