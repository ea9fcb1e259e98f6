"""The layout of a t-SNE that is running, for other processes to display; removed when it ends."""

import time
from pathlib import Path
from types import TracebackType

import numpy as np

from core.artifacts.formats import read_array, write_array, write_atomically
from core.artifacts.store import Store
from core.errors import ArtifactError
from core.types import FloatArray

NAME = "layout.npy"
SECONDS_PER_LAYOUT = 1.0
MOST_CHIPS = 20_000
"""Of more chips, an evenly spaced sample is written."""


class LayoutWriter:
    """Writes the layout of the current iteration into the folder of an unfinished projection.

    As a context manager, it removes the layout at the end, also after an error or a cancellation.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self._last_time = 0.0

    def __enter__(self) -> "LayoutWriter":
        # An earlier process may have been killed.
        self._path.unlink(missing_ok=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._path.unlink(missing_ok=True)

    def write(self, coordinates: FloatArray) -> None:
        """Write coordinates, float32 (n, 2), unless the last ones are less than a second old."""
        started = time.monotonic()
        if started - self._last_time < SECONDS_PER_LAYOUT:
            return
        self._last_time = started
        rows = np.linspace(0, len(coordinates) - 1, min(len(coordinates), MOST_CHIPS)).astype(int)
        write_atomically(
            self._path, lambda path: write_array(path, coordinates[rows]), durable=False
        )


# A job that was killed leaves its last layout, which is written about once a second.
_STALE_SECONDS = 60


def read_live_layout(store: Store) -> FloatArray | None:
    """Return the latest layout of a t-SNE that is running, float32 (n, 2); None if there is none.

    Only a sample of the chips is included if there are many.
    """
    layouts = []
    for path in (store.root / ".partial").glob(f"projections-*/{NAME}"):
        try:
            written = path.stat().st_mtime
            if time.time() - written < _STALE_SECONDS:
                layouts.append((written, read_array(path)))
        except (OSError, ArtifactError):
            # The projection has just been finished.
            continue
    return max(layouts, key=lambda layout: layout[0])[1] if layouts else None
