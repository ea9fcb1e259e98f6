"""The changes between two scenes of a view: their chips and counterparts, ranked by a score."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from core.artifacts.store import Artifact
from core.change.change_scores import LIKELY_CHANGE, score_changes
from core.change.scene_pairs import find_scene_pairs, match_footprints, place_on_scene
from core.chips.chip_set import SceneChips
from core.errors import SettingsError, TooFewError
from core.pipeline.change.counterparts import COUNTERPARTS, ChipsElsewhere, Counterparts
from core.pipeline.chip_stages import CHIPS, usable_artifacts
from core.pipeline.embedding_stages import EMBEDDINGS
from core.pipeline.encoders.scene_footprints import scene_footprints
from core.pipeline.scene_search.scan_stages import require_pixel_encoder
from core.pipeline.scene_survey import SurveyedScene
from core.pipeline.view import View
from core.progress import Progress, silent
from core.raster.scene import Scene, read_scene
from core.types import AnyArray, BoolArray, FloatArray, Geometries

# Chips with a smaller fraction of valid pixels on either date are not compared.
LEAST_VALID = 0.5
# The kind of a change, by the scenes whose annotations include the object. The squares of a grid
# are no objects, so they are neither gone nor new.
KINDS = {"first": "gone", "second": "new", "both": "changed", "grid": "changed"}
UNCHANGED = "unchanged"


@dataclass(frozen=True)
class ScenePair:
    """Two scenes of a view that overlap, by their positions among its scenes with chips.

    The first one is the earlier date: the one that the user names first, or that comes first in
    the order of the names, since files have no reliable date.
    """

    view: View
    first: int
    second: int

    @property
    def names(self) -> tuple[str, str]:
        """The names of the two scenes."""
        artifacts = usable_artifacts(self.view.artifacts["chips"])
        first, second = (str(artifacts[n].counts["scene"]) for n in (self.first, self.second))
        return first, second

    @property
    def scenes(self) -> tuple[SurveyedScene, SurveyedScene]:
        """The two scenes."""
        scenes = _scenes(self.view)
        return scenes[self.first], scenes[self.second]


@dataclass(frozen=True)
class SceneChanges:
    """The compared footprints of a pair of scenes, the highest change score first.

    Attributes
    ----------
    table : DataFrame
        One row per footprint: chip_id, scene, partner (chip_id of the same object in the other
        scene, or empty), annotated ("both", "first" or "second": the scenes whose annotations
        include the object; "grid" for a square of a grid), score, changed, kind ("gone", "new" or
        "changed", see `KINDS`, or "unchanged"), longitude, latitude, and row and counterpart, the
        rows of the chip in its scene and among the counterparts.
    left_out : int
        Number of footprints on both scenes that lack valid pixels on one of them.
    threshold : float
        The score from which on a footprint counts as changed.
    """

    pair: ScenePair
    table: pd.DataFrame
    left_out: int
    sides: tuple["_Side", "_Side"]
    threshold: float = LIKELY_CHANGE

    def with_threshold(self, threshold: float) -> "SceneChanges":
        """Return the same scores with another threshold."""
        is_changed = self.table["score"] >= threshold
        kinds = self.table["annotated"].map(KINDS).where(is_changed, UNCHANGED)
        table = self.table.assign(changed=is_changed, kind=kinds)
        return dataclasses.replace(self, table=table, threshold=threshold)

    @cached_property
    def footprints(self) -> Geometries:
        """The footprints in longitude and latitude, in the order of the table, (n,)."""
        footprints = np.full(len(self.table), None, object)
        for side in self.sides:
            rows = np.flatnonzero(self.table["scene"] == side.chips.scene)
            numbers = self.table["row"].to_numpy()[rows]
            footprints[rows] = scene_footprints(self.pair.view.survey, side.chips)[numbers]
        return footprints

    def chips_of(self, row: int) -> tuple[tuple[SceneChips, int], tuple[SceneChips, int]]:
        """Return the chips of a row of the table in the first and in the second scene.

        Each is given by the chips that hold it and its number in these.
        """
        item = self.table.iloc[row]
        side = self.sides[0] if item["scene"] == self.pair.names[0] else self.sides[1]
        chip = (side.chips, int(item["row"]))
        counterpart = (side.counterparts.chips, int(item["counterpart"]))
        return (chip, counterpart) if side is self.sides[0] else (counterpart, chip)

    @property
    def counts(self) -> dict[str, int]:
        """Numbers of compared, changed and left-out footprints."""
        changed = int(self.table["changed"].sum())
        return {"compared": len(self.table), "changed": changed, "left_out": self.left_out}

    @property
    def kind_counts(self) -> dict[str, int]:
        """Numbers of footprints of each kind."""
        kinds = dict.fromkeys([*KINDS.values(), UNCHANGED])
        return {kind: int((self.table["kind"] == kind).sum()) for kind in kinds}


@dataclass(frozen=True)
class _Side:
    """The chips of one scene of a pair, with their embeddings and counterparts."""

    chips: SceneChips
    embeddings: AnyArray
    counterparts: Counterparts
    grid: bool

    @property
    def rows(self) -> AnyArray:
        return self.counterparts.rows

    def is_valid(self) -> BoolArray:
        """Return True for pairs with enough valid pixels on both dates."""
        fractions = self.chips.facts["valid_fraction"].to_numpy(float)[self.rows]
        return np.asarray(np.minimum(fractions, self.counterparts.valid_fraction) >= LEAST_VALID)


def find_pairs(view: View) -> list[ScenePair]:
    """Return the pairs of scenes of a view with embeddings that cover the same ground.

    Scenes of a stored result that have been moved away from raw/ are left out.
    """
    scenes = _scenes(view)
    numbers = [number for number, scene in enumerate(scenes) if scene.present]
    pairs = find_scene_pairs([read_scene(scenes[number].path) for number in numbers])
    return [ScenePair(view, numbers[first], numbers[second]) for first, second in pairs]


def choose_pair(view: View, names: Sequence[str] = ()) -> ScenePair:
    """Return the pair of two named scenes, in this order, or the only pair of a view.

    Raises SettingsError if the scenes do not overlap or the choice is not clear, and TooFewError if
    no scenes overlap.
    """
    pairs = find_pairs(view)
    if not pairs:
        raise TooFewError(
            "no two scenes with annotations cover the same ground",
            where="changes",
            remedy="Put scenes of two dates into raw/. Both need a CRS and annotations.",
        )
    listing = "; ".join(", ".join(pair.names) for pair in pairs)
    if not names:
        if len(pairs) > 1:
            raise SettingsError(
                "several pairs of scenes cover the same ground",
                where="--scenes",
                remedy=f"Choose one of: {listing}.",
            )
        return pairs[0]
    for pair in pairs:
        if tuple(names) == pair.names:
            return pair
        if tuple(names) == pair.names[::-1]:
            return ScenePair(view, pair.second, pair.first)
    known = {scene.report.name for scene in view.survey.usable}
    unknown = [name for name in names if name not in known]
    if unknown:
        problem = f"there is no usable scene {unknown[0]!r}"
    elif len(names) != 2:
        problem = f"two names are needed, as in A,B, not {len(names)}"
    else:
        problem = f"{' and '.join(names)} do not cover the same ground"
    raise SettingsError(problem, where="--scenes", remedy=f"Choose two of: {listing}.")


def compare_scenes(pair: ScenePair, report: Progress = silent) -> None:
    """Cut and embed the counterparts of both scenes, unless that has been done before."""
    require_pixel_encoder(pair.view.settings.embed.encoder)
    store = pair.view.workspace.store
    with store.in_use():
        for subject in _subjects(pair):
            COUNTERPARTS.make(store, subject, report)


def find_changes(pair: ScenePair) -> SceneChanges | None:
    """Rank the footprints of a pair by their change; computes no embedding.

    Returns None if the scenes have not been compared. Raises TooFewError if too few footprints lie
    on both scenes.
    """
    view = pair.view
    store = view.workspace.store
    sides, artifacts = [], usable_artifacts(view.artifacts["chips"])
    for number, subject in zip((pair.first, pair.second), _subjects(pair), strict=True):
        counterparts = COUNTERPARTS.read(store, subject)
        if counterparts is None:
            return None
        embeddings = EMBEDDINGS.open(view.artifacts["embeddings"][1 + number])
        chips = CHIPS.open(artifacts[number])
        sides.append(_Side(chips, embeddings, counterparts, subject.grid))
    first, second = sides
    partners = _partners(view, read_scene(pair.scenes[0].path), first, second)
    tables = [_table_of(first, partners, "first"), _table_of(second, partners, "second")]
    # An object that both scenes annotate is listed once, with the chip of the first.
    listed = np.concatenate([first.is_valid(), second.is_valid()])
    n_both = int((~listed).sum())
    repeated = np.zeros(len(listed), bool)
    repeated[len(first.rows) :] = (tables[1]["partner"] != "").to_numpy()
    before, after = _embeddings(first, second)
    table = pd.concat(tables, ignore_index=True)[listed & ~repeated]
    scores = score_changes(before[listed & ~repeated], after[listed & ~repeated])
    table = table.assign(score=scores)
    table = table.sort_values("score", ascending=False, kind="stable", ignore_index=True)
    changes = SceneChanges(pair, table, n_both, (first, second))
    return changes.with_threshold(LIKELY_CHANGE)


def comparison_keys(pair: ScenePair) -> list[str]:
    """Return keys that change with the changes between two scenes."""
    embeddings = [artifact.key for artifact in pair.view.artifacts["embeddings"]]
    return [*(COUNTERPARTS.step(subject).key for subject in _subjects(pair)), *embeddings]


def _scenes(view: View) -> list[SurveyedScene]:
    """Return the scenes of a view that chips could be cut from, in the order of its artifacts."""
    by_name = {scene.report.name: scene for scene in view.survey.usable}
    artifacts = usable_artifacts(view.artifacts["chips"])
    return [by_name[str(artifact.counts["scene"])] for artifact in artifacts]


def _subjects(pair: ScenePair) -> tuple[ChipsElsewhere, ChipsElsewhere]:
    artifacts: tuple[Artifact, ...] = usable_artifacts(pair.view.artifacts["chips"])
    scenes = _scenes(pair.view)

    def subject(source: int, target: int) -> ChipsElsewhere:
        grid = scenes[source].report.grid
        return ChipsElsewhere(pair.view, artifacts[source], grid, scenes[target])

    return subject(pair.first, pair.second), subject(pair.second, pair.first)


def _partners(view: View, scene: Scene, first: _Side, second: _Side) -> Mapping[str, str]:
    """Return the chips of the same object in the other scene, by chip id, in both directions."""
    shapes, rows = place_on_scene(scene, scene_footprints(view.survey, first.chips))
    other, numbers = place_on_scene(scene, scene_footprints(view.survey, second.chips))
    matches = match_footprints(shapes, other)
    ids = [side.chips.facts["chip_id"].to_numpy() for side in (first, second)]
    pairs = [
        (str(ids[0][rows[match]]), str(ids[1][number]))
        for match, number in zip(matches, numbers, strict=True)
        if match >= 0
    ]
    listed = [set(side.counterparts.chips.facts["chip_id"]) for side in (first, second)]
    both = [(a, b) for a, b in pairs if a in listed[0] and b in listed[1]]
    return dict(both) | {b: a for a, b in both}


def _table_of(side: _Side, partners: Mapping[str, str], name: str) -> pd.DataFrame:
    facts = side.chips.facts.iloc[side.rows]
    partner = [partners.get(str(chip_id), "") for chip_id in facts["chip_id"]]
    columns: dict[str, Any] = {n: facts[n].to_numpy() for n in ("chip_id", "scene")}
    annotated = ["grid" if side.grid else "both" if p else name for p in partner]
    columns |= {"partner": partner, "annotated": annotated}
    columns |= {n: facts[n].to_numpy() for n in ("longitude", "latitude")}
    columns |= {"row": side.rows, "counterpart": np.arange(len(side.rows))}
    return pd.DataFrame(columns)


def _embeddings(first: _Side, second: _Side) -> tuple[FloatArray, FloatArray]:
    """Return the embeddings of all pairs on the first and on the second date, (n, dim) each."""
    width = first.embeddings.shape[1]
    before = [first.embeddings[first.rows], second.counterparts.embeddings.reshape(-1, width)]
    after = [first.counterparts.embeddings.reshape(-1, width), second.embeddings[second.rows]]
    return np.concatenate(before), np.concatenate(after)
