"""A wrapper around another package's encoder that turns its faults into clear errors."""

import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from core.embeddings.encoder import (
    ChipBatch,
    Encoder,
    EncoderCard,
    Fitted,
    Identity,
    bands_notes,
    encoder_input_side,
)
from core.errors import ChipscapeError, DegenerateError, SettingsError
from core.types import FloatArray

Result = TypeVar("Result")


class GuardedEncoder:
    """Another package's encoder, with its exceptions converted and its embeddings checked.

    Any exception that the encoder raises, while it is loaded or later, becomes a SettingsError.
    """

    def __init__(self, card: EncoderCard, load: Callable[[], Encoder]) -> None:
        self.card = card
        self._encoder: Encoder = self._call("loading", load)
        self.identity: Identity = self._call("reading the identity", lambda: self._encoder.identity)
        if size := getattr(self._encoder, "read_size", None):
            self.read_size = int(size)

    def notes(self, n_bands: int, names: Sequence[str]) -> tuple[str, ...]:
        """Return the encoder's notes on how it uses the bands."""
        task = "describing the bands"
        return self._call(task, lambda: bands_notes(self._encoder, n_bands, names))

    def input_side(self, native: int) -> int:
        """Return the side in pixels at which the encoder reads chips of `native` pixels."""
        task = "reading the input side"
        return self._call(task, lambda: encoder_input_side(self._encoder, native))

    def fit(self, sample: ChipBatch) -> Fitted:
        """Return the parameters that the encoder fits to a sample."""
        return self._call("fitting", lambda: self._encoder.fit(sample))

    def encode(self, batch: ChipBatch, fitted: Fitted) -> FloatArray:
        """Return the embeddings as float32.

        Raises DegenerateError if the embeddings are not a numeric matrix with one row per chip, or
        if the rows do not have the length stated on the card.
        """
        matrix = np.asarray(self._call("encoding", lambda: self._encoder.encode(batch, fitted)))
        width = matrix.shape[1] if matrix.ndim == 2 else 0
        fits = width > 0 and self.card.dim in (0, width) and len(matrix) == len(batch)
        if not fits or matrix.dtype.kind not in "fiu":
            row = f"a row of {self.card.dim} numbers" if self.card.dim else "a row of numbers"
            raise DegenerateError(
                f"encoding returned {matrix.dtype} values of shape {matrix.shape} for "
                f"{len(batch)} chips instead of {row} per chip",
                where=f"encoder {self.card.name}",
                remedy="Fix the package that provides it.",
            )
        return matrix.astype(np.float32, copy=False)

    def _call(self, task: str, function: Callable[[], Result]) -> Result:
        try:
            return function()
        except ChipscapeError:
            raise
        except Exception as error:  # another package's code may raise anything
            frame = traceback.extract_tb(error.__traceback__)[-1]
            raise SettingsError(
                f"{task} failed ({type(error).__name__}: {error}; {Path(frame.filename).name}, "
                f"line {frame.lineno})",
                where=f"encoder {self.card.name}",
                remedy="Fix the package that provides it, or choose another encoder.",
            ) from error
