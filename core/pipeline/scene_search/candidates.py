"""The search of scenes for objects like some chips: scans, scores, and the best candidates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from core.chips.chip_table import chip_ids
from core.errors import ChipscapeError, TooFewError
from core.pipeline.chip_stages import open_chips
from core.pipeline.scene_search.decisions import (
    CandidateSquare,
    DecidedWindow,
    confirmed_ids,
    read_decisions,
    square_outlines,
    target_name,
)
from core.pipeline.scene_search.examples import SearchQuery
from core.pipeline.scene_search.scan_stages import (
    EXAMPLE_WINDOWS,
    SCENE_SCANS,
    ExampleWindows,
    ScannedScene,
    SceneScan,
    WindowKind,
    count_windows,
)
from core.pipeline.scene_survey import SurveyedScene
from core.progress import Progress, shifted, silent
from core.raster.annotations.added_footprints import find_annotated
from core.raster.scene import read_scene
from core.search.peaks import find_peaks, suppress_neighbours
from core.search.ranking import Ranker, fit_ranker
from core.search.scene_scan import pixel_sides
from core.types import DoubleArray, FloatArray

# Windows of the scenes that the ranker compares the examples with.
BACKGROUND = 4000
# Neighbouring candidates are at least this fraction of the objects' side apart.
SPACING = 0.4
# Candidates with lower scores are of no use: the mean score of all windows is 0.
LEAST_SCORE = 0.0
# The mean score of the examples is 1. On the demo, the best threshold lies near this one.
DEFAULT_THRESHOLD = 0.6
# More candidates per scene make tables and pages slow, and nobody reviews them.
MOST_CANDIDATES = 5000


@dataclass(frozen=True)
class ScoreMap:
    """The score of each window of a scene, (rows, columns), NaN where there is none."""

    scene: SurveyedScene
    scan: ScannedScene
    scores: DoubleArray


@dataclass(frozen=True)
class SearchResult:
    """The candidates of a search.

    Attributes
    ----------
    query : SearchQuery
    table : DataFrame
        One row per candidate, the best first: id, scene, column and row of the centre, width and
        height (scene pixels), score, state ("open", "confirmed", "rejected", or "annotated" for an
        object that the scene's annotations contain).
    maps : tuple of ScoreMap
        The score maps of the scenes that were searched.
    refused : mapping of str to str
        The reason for each scene that could not be searched, by file name.
    """

    query: SearchQuery
    table: pd.DataFrame
    maps: tuple[ScoreMap, ...]
    refused: Mapping[str, str]

    @property
    def suggested_threshold(self) -> float:
        """The score that is suggested as the lowest one of candidates."""
        return DEFAULT_THRESHOLD

    def above(self, threshold: float) -> pd.DataFrame:
        """Return the candidates to be reviewed: not annotated, and at or above a score."""
        table = self.table
        return table[(table["state"] != "annotated") & (table["score"] >= threshold)]

    def counts(self, threshold: float) -> dict[str, int]:
        """Return the number of candidates at or above a score, in all and by state."""
        table = self.table[self.table["score"] >= threshold]
        states = table["state"].value_counts()
        names = ("open", "confirmed", "rejected", "annotated")
        return {"candidates": len(table)} | {name: int(states.get(name, 0)) for name in names}


def scan_scenes(query: SearchQuery, report: Progress = silent) -> None:
    """Embed the windows of all scenes of a query, and those of its examples.

    Existing results are not computed again, and an interrupted scan continues after its last
    finished block. Scenes that cannot be searched are left out; see `SearchResult.refused`.
    """
    store = query.view.workspace.store
    with store.in_use():
        EXAMPLE_WINDOWS.make(store, example_windows(query), report)
        scans, _ = _searchable(query)
        total, n_finished = sum(n for _, n in scans), 0
        for scan, n_windows in scans:
            listen = shifted(report, n_finished, total)
            SCENE_SCANS.make(store, scan, listen, retry_failed=True)
            n_finished += n_windows


def find_candidates(query: SearchQuery) -> SearchResult | None:
    """Rank the scanned windows of a query and return the candidates; computes no embedding.

    Returns None if the examples or a scene have not been scanned. Raises TooFewError if no scene
    can be searched.
    """
    store = query.view.workspace.store
    examples = EXAMPLE_WINDOWS.read(store, example_windows(query))
    scans, refused = _searchable(query)
    scanned = []
    for scan, _ in scans:
        artifact = SCENE_SCANS.find(store, scan)
        if artifact is None:
            return None
        if artifact.failed:
            refused[scan.scene.report.path] = str(artifact.counts["error"])
        else:
            scanned.append((scan, SCENE_SCANS.open(artifact)))
    if examples is None:
        return None
    if not scanned:
        reasons = " ".join(refused.values())
        raise TooFewError("no scene can be searched", where="scan", remedy=reasons)
    ranker = _fit(query, examples, scanned)
    maps, tables = [], []
    for scan, result in scanned:
        scores = _score_windows(ranker, result)
        maps.append(ScoreMap(scan.scene, result, scores.reshape(result.grid.shape)))
        tables.append(_candidates_of(query, scan, result, scores))
    table = pd.concat(tables, ignore_index=True)
    table = table.sort_values("score", ascending=False, kind="stable", ignore_index=True)
    return update_states(SearchResult(query, table, tuple(maps), refused), query)


def update_states(result: SearchResult, query: SearchQuery) -> SearchResult:
    """Return a result with the states that its candidates have now; the scores stay as they are.

    `query` is that of the result with the scenes as they are now.
    """
    workspace, target = query.view.workspace, target_name(query.attributes)
    decided = [w for w in read_decisions(workspace) if w.target == target]
    rejected = {w.id for w in decided if w.decision == "rejected"}
    states = np.full(len(result.table), "open", dtype=object)
    for scene in query.scenes:
        rows = np.flatnonzero(result.table["scene"] == scene.report.name)
        confirmed = confirmed_ids(workspace, scene.path)
        states[rows] = _states(scene, result.table.iloc[rows], confirmed, rejected)
    return replace(result, query=query, table=result.table.assign(state=states))


def scene_scans(query: SearchQuery) -> list[SceneScan]:
    """Return the scan of each scene of a query, with the query's step or the default one."""
    kind = WindowKind(query.view, query.side)
    return [SceneScan(kind, scene, query.step_on(scene)) for scene in query.scenes]


def _searchable(query: SearchQuery) -> tuple[list[tuple[SceneScan, int]], dict[str, str]]:
    """Return the scans that are possible, each with its number of windows, and refused scenes."""
    scans, refused = [], {}
    for scan in scene_scans(query):
        try:
            scans.append((scan, count_windows(scan)))
        except ChipscapeError as error:
            refused[scan.scene.report.path] = str(error)
    return scans, refused


def example_windows(query: SearchQuery) -> ExampleWindows:
    """Return the windows of the examples of a query."""
    chips = open_chips(query.view)
    assert chips is not None
    return ExampleWindows(
        WindowKind(query.view, query.side), query.chip_ids, chips.facts, query.object_side
    )


def squares_of(table: pd.DataFrame) -> list[CandidateSquare]:
    """Return the candidates in rows of `SearchResult.table`."""
    columns = ["id", "column", "row", "width", "height"]
    return [CandidateSquare(*row) for row in table[columns].itertuples(index=False)]


def _fit(
    query: SearchQuery,
    windows_of_examples: tuple[FloatArray, FloatArray],
    scanned: Sequence[tuple[SceneScan, ScannedScene]],
) -> Ranker:
    """Fit the ranker to examples and confirmed windows, against all others.

    The windows next to the examples, and those that were rejected, are examples against; the
    background is a sample of all windows.
    """
    examples, surroundings = windows_of_examples
    if not len(examples):
        raise TooFewError(
            "no example has enough valid pixels", where="scan", remedy="Choose other examples."
        )
    workspace, target = query.view.workspace, target_name(query.attributes)
    windows = [w for w in read_decisions(workspace) if w.target == target]
    total = sum(int(result.usable.sum()) for _, result in scanned)
    confirmed, rejected, background = [examples], [], []
    for scan, result in scanned:
        usable = np.flatnonzero(result.usable)
        n_sampled = round(BACKGROUND * len(usable) / max(total, 1))
        spaced = np.linspace(0, len(usable) - 1, min(n_sampled, len(usable))).astype(np.int64)
        background.append(np.asarray(result.embeddings[usable[spaced]]))
        on_scene = [w for w in windows if w.scene == scan.scene.report.name]
        existing = confirmed_ids(workspace, scan.scene.path)
        confirmed += _nearest_rows(result, [w for w in on_scene if w.id in existing])
        rejected += _nearest_rows(result, [w for w in on_scene if w.decision == "rejected"])
    against, sample = (
        _joined(parts, examples) for parts in ([surroundings, *rejected], background)
    )
    return fit_ranker(np.concatenate(confirmed), against, sample)


def _joined(parts: Sequence[FloatArray], examples: FloatArray) -> FloatArray:
    """Return the rows of all parts; none, with the columns of the examples, if there are none."""
    return np.concatenate([part for part in parts if part.size] or [examples[:0]])


def _nearest_rows(scan: ScannedScene, windows: Sequence[DecidedWindow]) -> list[FloatArray]:
    """Return the embeddings of the windows of a scan that are nearest to others."""
    rows = []
    for window in windows:
        across = int(np.abs(scan.grid.columns - window.column).argmin())
        down = int(np.abs(scan.grid.rows - window.row).argmin())
        number = down * len(scan.grid.columns) + across
        if scan.usable[number]:
            rows.append(np.asarray(scan.embeddings[number : number + 1]))
    return rows


def _score_windows(ranker: Ranker, scan: ScannedScene) -> DoubleArray:
    """Return the score of each window, (n,); NaN for windows that are not usable."""
    if not scan.usable.any():
        return np.full(len(scan.grid), np.nan)
    scores = ranker.scores(scan.embeddings)
    scores[~scan.usable] = np.nan
    return scores


def _candidates_of(
    query: SearchQuery, scan: SceneScan, result: ScannedScene, scores: DoubleArray
) -> pd.DataFrame:
    """Return the table of the candidates of one scene; see `SearchResult.table`."""
    scene, grid = read_scene(scan.scene.path), result.grid
    width, height = pixel_sides(scene, query.object_side)
    peaks = find_peaks(scores, grid.shape)
    peaks = peaks[scores[peaks] > LEAST_SCORE]
    centres = grid.centres()[peaks]
    # In units of the object's side, so that pixels need not be square.
    best = suppress_neighbours(centres / (width, height), scores[peaks], SPACING)[:MOST_CANDIDATES]
    centres, peaks = centres[best], peaks[best]
    squares = [CandidateSquare("", float(x), float(y), width, height) for x, y in centres]
    table = pd.DataFrame(squares, columns=["id", "column", "row", "width", "height"])
    ids = chip_ids(scene.name, square_outlines(squares))
    return table.assign(id=ids, scene=scene.name, score=scores[peaks], state="open")


def _states(
    scene: SurveyedScene, table: pd.DataFrame, confirmed: set[str], rejected: set[str]
) -> list[str]:
    """Return the state of each candidate of a scene."""
    annotated = np.zeros(len(table), bool)
    if scene.report.annotations and not scene.report.grid:
        outlines = square_outlines(squares_of(table))
        annotated = find_annotated(outlines, scene.footprints().pixels)
    states = []
    for name, is_annotated in zip(table["id"], annotated, strict=True):
        # A confirmed candidate is also an annotation, as soon as the scene has been read again.
        state = "confirmed" if name in confirmed else "rejected" if name in rejected else "open"
        states.append("annotated" if is_annotated and state == "open" else state)
    return states
