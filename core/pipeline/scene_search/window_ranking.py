"""The ranking of windows by their similarity to examples and to what the user has decided."""

from collections.abc import Sequence

import numpy as np

from core.errors import TooFewError
from core.pipeline.scene_search.decisions import DecidedWindow
from core.pipeline.scene_search.scan_stages import ScannedScene
from core.search.peaks import subtract_surroundings
from core.search.ranking import Ranker, fit_ranker
from core.types import AnyArray, DoubleArray, FloatArray

# Windows of the scenes that the ranker compares the examples with.
BACKGROUND = 4000
# Inverse strength of the classifier's penalty. Windows are more, and more alike, than chips; with a
# weaker penalty than that of the search among chips, more objects are found (docs/decisions/0037).
INVERSE_PENALTY = 30.0
# Share of the mean score of the windows within one side of the object that is subtracted from each
# score: ground that is like the examples everywhere, such as a forest, is no object by itself.
SURROUNDINGS_SHARE = 0.75


def fit_windows(
    windows_of_examples: tuple[FloatArray, FloatArray],
    scanned: Sequence[tuple[ScannedScene, Sequence[DecidedWindow]]],
) -> Ranker:
    """Fit the ranker to examples and confirmed windows, against all others.

    The windows next to the examples, the chips that were marked as examples against, and the
    windows that were rejected are examples against; the background is a sample of all windows. Each
    scene comes with the decisions on its windows. Raises TooFewError if there is no example.
    """
    examples, against = windows_of_examples
    if not len(examples):
        raise TooFewError(
            "no example has enough valid pixels", where="scan", remedy="Choose other examples."
        )
    total = sum(int(scan.usable.sum()) for scan, _ in scanned)
    confirmed, rejected, background = [examples], [against], []
    for scan, windows in scanned:
        usable = np.flatnonzero(scan.usable)
        n_sampled = round(BACKGROUND * len(usable) / max(total, 1))
        spaced = np.linspace(0, len(usable) - 1, min(n_sampled, len(usable))).astype(np.int64)
        background.append(np.asarray(scan.embeddings[usable[spaced]]))
        for decision, parts in (("confirmed", confirmed), ("rejected", rejected)):
            numbers = nearest_windows(scan, [w for w in windows if w.decision == decision])
            parts.append(np.asarray(scan.embeddings[numbers[scan.usable[numbers]]]))
    positive, negative, sample = (
        _joined(parts, examples) for parts in (confirmed, rejected, background)
    )
    return fit_ranker(positive, negative, sample, inverse_penalty=INVERSE_PENALTY)


def _joined(parts: Sequence[FloatArray], examples: FloatArray) -> FloatArray:
    """Return the rows of all parts; none, with the columns of the examples, if there are none."""
    return np.concatenate([part for part in parts if part.size] or [examples[:0]])


def nearest_windows(scan: ScannedScene, windows: Sequence[DecidedWindow]) -> AnyArray:
    """Return the numbers of the windows of a scan that are nearest to others, (n,)."""
    grid = scan.grid
    numbers = [
        int(np.abs(grid.rows - window.row).argmin()) * len(grid.columns)
        + int(np.abs(grid.columns - window.column).argmin())
        for window in (windows if len(grid) else ())
    ]
    return np.asarray(numbers, np.int64)


def score_windows(ranker: Ranker, scan: ScannedScene, object_side: float) -> DoubleArray:
    """Return the score of each window, (n,); NaN for windows that are not usable.

    A share of the mean score around each window is subtracted; see `SURROUNDINGS_SHARE`. The side
    of the objects is in scene pixels.
    """
    if not scan.usable.any():
        return np.full(len(scan.grid), np.nan)
    scores = ranker.scores(scan.embeddings)
    scores[~scan.usable] = np.nan
    reach = max(1, round(object_side / scan.grid.step))
    return subtract_surroundings(scores, scan.grid.shape, reach, SURROUNDINGS_SHARE)
