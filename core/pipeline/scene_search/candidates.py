"""The search of scenes for objects like some chips: scans, scores, and the best candidates."""

import math
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
from core.pipeline.scene_search.window_ranking import fit_windows, nearest_windows, score_windows
from core.pipeline.scene_survey import SurveyedScene
from core.progress import Progress, shifted, silent
from core.raster.annotations.added_footprints import find_annotated
from core.raster.scene import read_scene
from core.search.peaks import find_peaks, suppress_neighbours
from core.search.scene_scan import pixel_sides
from core.types import DoubleArray

# Neighbouring candidates are at least this fraction of the objects' side apart.
SPACING = 0.4
# Candidates with lower scores are of no use: they are less like the examples than the mean window.
LEAST_SCORE = 0.0
# The score of an object on other ground is about 1. On the demo, the best threshold lies near this.
DEFAULT_THRESHOLD = 0.4
LEAST_REVIEW = 30
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
        """The score that is suggested as the lowest one of candidates.

        With a few examples, few places reach `DEFAULT_THRESHOLD`; it is then the highest hundredth
        that gives a review of `LEAST_REVIEW` candidates, if there are so many.
        """
        scores = self.table["score"][self.table["state"] != "annotated"]
        best = float(scores.head(LEAST_REVIEW).min()) if len(scores) else DEFAULT_THRESHOLD
        return min(DEFAULT_THRESHOLD, max(0.0, math.floor(100 * best) / 100))

    def above(self, threshold: float) -> pd.DataFrame:
        """Return the candidates at or above a score that are not annotated, and decided ones."""
        table = self._listed(threshold)
        return table[table["state"] != "annotated"]

    def _listed(self, threshold: float) -> pd.DataFrame:
        is_decided = self.table["state"].isin(("confirmed", "rejected"))
        return self.table[is_decided | (self.table["score"] >= threshold)]

    def counts(self, threshold: float) -> dict[str, int]:
        """Return the numbers of candidates in all and by state, as in `above`."""
        table = self._listed(threshold)
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
        scans, _ = plan_scans(query)
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
    scans, refused = plan_scans(query)
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
    decided = [_decided_windows(query, scan.scene) for scan, _ in scanned]
    pairs = [(result, windows) for (_, result), windows in zip(scanned, decided, strict=True)]
    ranker = fit_windows(examples, pairs)
    maps, tables = [], []
    for (scan, result), windows in zip(scanned, decided, strict=True):
        sides = pixel_sides(read_scene(scan.scene.path), query.object_side)
        scores = score_windows(ranker, result, min(sides))
        maps.append(ScoreMap(scan.scene, result, scores.reshape(result.grid.shape)))
        tables.append(_candidates_of(query, maps[-1], windows))
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
    kind = WindowKind(query.view, query.side, query.fit)
    return [SceneScan(kind, scene, query.step_on(scene)) for scene in query.scenes]


def plan_scans(query: SearchQuery) -> tuple[list[tuple[SceneScan, int]], dict[str, str]]:
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
    kind = WindowKind(query.view, query.side, query.fit)
    facts, sides = chips.facts, query.object_side
    return ExampleWindows(kind, query.chip_ids, facts, sides, query.counter_ids)


def squares_of(table: pd.DataFrame) -> list[CandidateSquare]:
    """Return the candidates in rows of `SearchResult.table`."""
    columns = ["id", "column", "row", "width", "height"]
    return [CandidateSquare(*row) for row in table[columns].itertuples(index=False)]


def _decided_windows(query: SearchQuery, scene: SurveyedScene) -> list[DecidedWindow]:
    """Return the windows of a scene that were confirmed or rejected in searches for the target."""
    workspace, target = query.view.workspace, target_name(query.attributes)
    existing = confirmed_ids(workspace, scene.path)
    return [
        window
        for window in read_decisions(workspace)
        if (window.scene, window.target) == (scene.report.name, target)
        and (window.decision == "rejected" or window.id in existing)
    ]


def _candidates_of(
    query: SearchQuery, score_map: ScoreMap, decided: Sequence[DecidedWindow]
) -> pd.DataFrame:
    """Return the table of the candidates of one scene; see `SearchResult.table`.

    Windows that were decided on remain candidates, whatever their score is now, and no other place
    next to them becomes one.
    """
    from scipy.spatial import cKDTree

    scene, scan = read_scene(score_map.scene.path), score_map.scan
    # In units of the object's side, so that pixels need not be square.
    sides, scores = pixel_sides(scene, query.object_side), score_map.scores.ravel()
    peaks = find_peaks(scores, scan.grid.shape)
    peaks = peaks[scores[peaks] > LEAST_SCORE]
    if decided:
        points = np.array([(window.column, window.row) for window in decided])
        distances, _ = cKDTree(points / sides).query(scan.grid.centres()[peaks] / sides)
        peaks = peaks[distances > SPACING]
    centres = scan.grid.centres()[peaks]
    best = suppress_neighbours(centres / sides, scores[peaks], SPACING)[:MOST_CANDIDATES]
    squares = [CandidateSquare("", float(x), float(y), *sides) for x, y in centres[best]]
    ids = list(chip_ids(scene.name, square_outlines(squares)))
    squares += [CandidateSquare("", w.column, w.row, *sides) for w in decided]
    table = pd.DataFrame(squares, columns=["id", "column", "row", "width", "height"])
    numbers = np.concatenate([peaks[best], nearest_windows(scan, decided)])
    table = table.assign(id=[*ids, *(w.id for w in decided)], scene=scene.name, state="open")
    return table.assign(score=np.nan_to_num(scores[numbers]))


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
