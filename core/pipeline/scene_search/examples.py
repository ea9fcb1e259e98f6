"""What a search looks for: the chips that are its examples, and their size on the ground."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from core.artifacts.store import Artifact
from core.chips.chip_set import ChipSet
from core.clusters.cluster_colours import Look
from core.errors import SettingsError, TooFewError, unknown_attribute_error
from core.pipeline.assignment.assigned_scenes import Reference
from core.pipeline.chip_stages import open_chips
from core.pipeline.results.stored_view import scene_keys
from core.pipeline.scene_search.decisions import ORIGIN
from core.pipeline.scene_search.scan_stages import SCENE_SCANS, raster_inputs, require_pixel_encoder
from core.pipeline.scene_survey import SCENES, Survey, SurveyedScene
from core.pipeline.search.chip_examples import ExampleSet
from core.pipeline.view import View
from core.raster.scene import read_scene
from core.search.scene_scan import pixel_sides, round_side

# Confirmed candidates get the class that at least this fraction of the examples has.
LEAST_AGREEMENT = 0.8
# The default step of the grid, as a fraction of the examples' size.
STEP_FRACTION = 1 / 3
UNNAMED = "found"


@dataclass(frozen=True)
class SearchQuery:
    """Examples, and the scenes that are searched for more objects like them.

    Attributes
    ----------
    view : View
        The complete view that the examples belong to.
    chip_ids : tuple of str
        The examples, sorted.
    attributes : mapping of str to str
        The attributes that confirmed candidates get.
    scenes : tuple of SurveyedScene
    step : int
        Step of the grid in scene pixels; 0 for a third of the examples' size.
    side, object_side : float
        Side of the windows, and of the objects without the margin of their chips, on the ground in
        metres (in pixels without a CRS).
    fit : Artifact
        The fit of the encoder that embeds the windows.
    counter_ids : tuple of str
        The examples against, sorted.
    """

    view: View
    chip_ids: tuple[str, ...]
    attributes: Mapping[str, str]
    scenes: tuple[SurveyedScene, ...]
    step: int
    side: float
    object_side: float
    fit: Artifact
    counter_ids: tuple[str, ...] = ()

    def step_on(self, scene: SurveyedScene) -> int:
        """Return the step of the grid on a scene, in scene pixels."""
        smallest = min(pixel_sides(read_scene(scene.path), self.object_side))
        return self.step or max(1, round(STEP_FRACTION * smallest))


@dataclass(frozen=True)
class Examples:
    """Chips, given by their rows in the chip set, and the attributes of what they show.

    `counter_rows` are the rows of the examples against.
    """

    rows: tuple[int, ...]
    attributes: Mapping[str, str]
    counter_rows: tuple[int, ...] = ()


def make_query(
    view: View, survey: Survey, examples: Examples, *, scenes: Sequence[str] = (), step: int = 0
) -> SearchQuery:
    """Return the query for examples among the chips of a view with embeddings.

    `scenes` are the names of the scenes to search, by default all scenes that can be read; they
    need not be part of the view. Raises SettingsError for an unknown scene, or if the encoder of
    the view does not read pixels.
    """
    require_pixel_encoder(view.settings.embed.encoder)
    if not 0 <= step <= 4096:
        raise SettingsError(f"{step} is not between 0 and 4096", where="step")
    readable = {s.report.name: s for s in survey.scenes if s.report.ok and s.present}
    if unknown := [name for name in scenes if name not in readable]:
        raise SettingsError(
            f"there is no scene {unknown[0]!r} that can be read",
            where="scene",
            remedy=f"Readable scenes: {', '.join(readable) or 'none'}.",
        )
    facts = _chips_of(view).facts
    side, object_side = measure_examples(facts.iloc[list(examples.rows)], view)
    ids, counter_ids = (
        tuple(sorted(facts["chip_id"].iloc[list(rows)]))
        for rows in (examples.rows, examples.counter_rows)
    )
    return SearchQuery(
        view=view,
        chip_ids=ids,
        attributes=dict(examples.attributes),
        scenes=tuple(readable[name] for name in dict.fromkeys(scenes or readable)),
        step=step,
        side=side,
        object_side=object_side,
        fit=_find_window_fit(view),
        counter_ids=counter_ids,
    )


def _find_window_fit(view: View) -> Artifact:
    """Return the fit of the encoder with which windows are embedded.

    Confirmed objects change the chips of a scene, and the next run fits the encoder again. If
    scenes were scanned with an earlier fit of the same encoder, made on scenes that still exist,
    the search uses that fit, so that no scene is scanned again.
    """
    current, store = view.artifacts["embeddings"][0], view.workspace.store
    scanned = {artifact.manifest["inputs"]["fit"] for artifact in store.all(SCENE_SCANS.name)}
    if current.key in scanned:
        return current
    inputs, surveyed = current.manifest["inputs"], {s.path.name: s for s in view.survey.scenes}
    names = ("encoder", "bands", "size", "sample", "dtypes")
    for fit in reversed(store.all(current.stage)):
        stored = fit.manifest["inputs"]
        if fit.key not in scanned or any(stored[name] != inputs[name] for name in names):
            continue
        keys = scene_keys(view.workspace, stored["chips"])
        scenes = [artifact for key in keys if (artifact := store.get(SCENES.name, key))]
        pairs = [(surveyed.get(a.manifest["inputs"]["scene"]), a) for a in scenes]
        if len(scenes) == len(stored["chips"]) and all(_is_same_raster(*pair) for pair in pairs):
            return fit
    return current


def _is_same_raster(scene: SurveyedScene | None, stored: Artifact) -> bool:
    """Return True if a scene has the raster that a stored artifact was made from."""
    return scene is not None and raster_inputs(scene) == raster_inputs(
        replace(scene, artifact=stored)
    )


def measure_examples(facts: pd.DataFrame, view: View) -> tuple[float, float]:
    """Return the side of the windows and that of the objects, from the chips of the examples.

    Both are medians on the ground in metres (in pixels without a CRS). The side of the windows is
    rounded, see `round_side`, unless all chips have the same extent.
    """
    settings, sides = view.settings.chips, facts["side"].to_numpy(float)
    if not settings.extent:
        side = round_side(float(np.median(sides)))
        return side, side / (1 + 2 * settings.margin)
    longest = facts[["width", "height"]].max(axis=1).to_numpy(float)
    longest = longest[longest > 0]
    object_side = min(float(np.median(longest)), settings.extent) if len(longest) else 0.0
    return settings.extent, object_side or settings.extent


def chips_like(
    view: View, chip_ids: Sequence[str], name: str = "", unlike: Sequence[str] = ()
) -> Examples:
    """Return some chips as examples, and others as examples against.

    Raises SettingsError for an unknown id, and for a chip that is in both groups.
    """
    chips = _chips_of(view)
    if unknown := [i for i in (*chip_ids, *unlike) if i not in chips.row_by_id]:
        raise SettingsError(
            f"there is no chip {unknown[0]!r} in the result",
            where="examples",
            remedy="Copy the id of a chip from the Explore page.",
        )
    if both := [chip_id for chip_id in chip_ids if chip_id in unlike]:
        raise SettingsError(
            f"the chip {both[0]!r} is an example both for and against",
            where="examples",
            remedy="Give it only once.",
        )
    rows, counter_rows = (
        tuple(chips.row_by_id[chip_id] for chip_id in dict.fromkeys(ids))
        for ids in (chip_ids, unlike)
    )
    return replace(_examples(view, chips, rows, {}, name), counter_rows=counter_rows)


def marked_chips(view: View, marks: ExampleSet, name: str = "") -> Examples:
    """Return the chips that are marked as examples for and against.

    Marked chips that the view lacks are left out. Raises TooFewError if no example for is left.
    """
    known = _chips_of(view).row_by_id
    groups = (marks.examples, marks.counterexamples)
    like, unlike = ([chip_id for chip_id in ids if chip_id in known] for ids in groups)
    if not like:
        raise TooFewError(
            "no chip is marked as an example",
            where="scan",
            remedy="Press “More like this” on the Explore page, or give --like, --cluster or "
            "--class.",
        )
    return chips_like(view, like, name, unlike)


def chips_of_cluster(reference: Reference, cluster: str, name: str = "") -> Examples:
    """Return the chips of a cluster, given by its number or its name, as examples.

    Excluded chips are left out. Raises SettingsError if there is no such cluster.
    """
    edited = reference.edited
    look = Look(edited.names, edited.colours)
    ids = [int(i) for i in np.unique(edited.ids[~edited.excluded]) if i >= 0]
    matches = [i for i in ids if cluster in (str(i), look.name(i))]
    if not matches:
        raise SettingsError(
            f"there is no cluster {cluster!r}",
            where="cluster",
            remedy=f"Clusters: {', '.join(look.name(i) for i in ids)}.",
        )
    rows = np.flatnonzero((edited.ids == matches[0]) & ~edited.excluded)
    attributes = {"name": look.name(matches[0])}
    chips = _chips_of(reference.view)
    return _examples(reference.view, chips, tuple(rows.tolist()), attributes, name)


def chips_of_class(view: View, value: str, name: str = "") -> Examples:
    """Return the chips with a value of the class attribute as examples.

    The value of another attribute is given as ATTRIBUTE=VALUE. Objects that were confirmed in a
    search are left out if there are others, because the decisions on them count anyway. Raises
    SettingsError if no chip has the value.
    """
    chips, attribute = _chips_of(view), view.survey.class_attribute
    if (parts := value.partition("="))[1] and parts[0] in chips.properties:
        attribute, _, value = parts
    if attribute not in chips.properties:
        raise unknown_attribute_error(attribute or "class", chips.properties.columns)
    values = chips.properties[attribute]
    rows = np.flatnonzero(values.notna() & (values.astype(str) == value))
    if not len(rows):
        known = sorted(set(values.dropna().astype(str)))
        raise SettingsError(
            f"no chip has the {attribute} {value!r}",
            where="class",
            remedy=f"Values: {', '.join(known[:20])}.",
        )
    if ORIGIN in chips.properties:
        annotated = rows[chips.properties[ORIGIN].iloc[rows].isna()]
        rows = annotated if len(annotated) else rows
    return _examples(view, chips, tuple(rows.tolist()), {attribute: value}, name)


def _examples(
    view: View, chips: ChipSet, rows: tuple[int, ...], attributes: Mapping[str, str], name: str
) -> Examples:
    """Return examples whose attributes include the class that most of them share.

    A name that the user gives takes the place of that class. Texts that all annotations have in
    common are attributes too, such as the label of a set with only one kind of object.
    """
    if not rows:
        raise TooFewError("there is no example", where="scan", remedy="Choose at least one chip.")
    attribute = view.survey.class_attribute
    shared: dict[str, Any] = {}
    if name:
        shared = {attribute or "class": name}
    elif attribute in chips.properties:
        counts = chips.properties[attribute].iloc[list(rows)].dropna().astype(str).value_counts()
        if len(counts) and counts.iloc[0] >= LEAST_AGREEMENT * len(rows):
            shared = {attribute: str(counts.index[0])}
    combined = {**attributes, **shared} or {attribute or "class": UNNAMED}
    common = {
        column: values.iloc[0]
        for column, values in chips.properties.items()
        if column not in (*combined, ORIGIN) and values.notna().all() and values.nunique() == 1
    }
    texts = {str(key): value for key, value in common.items() if isinstance(value, str)}
    return Examples(rows, combined | texts)


def _chips_of(view: View) -> ChipSet:
    chips = open_chips(view)
    if chips is None:
        raise TooFewError("the result has no chips", where="scan", remedy="Use `chipscape run`.")
    return chips
