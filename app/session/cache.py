"""Cached results, shared read-only by all sessions; the only module that uses st.cache_*.

Keys come from a `View`, so that a result is reused as long as nothing that it depends on changes.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar, cast

import pandas as pd
import streamlit as st

from app.session.job_board import Board
from app.session.views import requested_display, requested_view
from core.chips.chip_set import ChipSet
from core.clusters.evaluation.agreement import score_agreement
from core.clusters.evaluation.centring_losses import centring_warnings
from core.clusters.evaluation.corrections import harmful_corrections
from core.clusters.labelling import Labelling
from core.embeddings import registry
from core.embeddings.encoder import EncoderCard
from core.input_settings import DisplaySettings
from core.mapping import chip_thumbnails
from core.pipeline import chip_images
from core.pipeline.chip_stages import attribute_values, find_flags, open_chips
from core.pipeline.cluster_stages import (
    find_labelling,
    find_tree,
    labelling_inputs,
    open_projection,
    open_reduction,
    tree_inputs,
)
from core.pipeline.embedding_stages import join_embeddings
from core.pipeline.labels.label_file import labels_stamp
from core.pipeline.run_results import score_chips
from core.pipeline.scene_survey import SurveyedScene
from core.pipeline.view import View
from core.pipeline.workspace import Workspace
from core.raster.rendering import Rendering
from core.reduction.pca import Reduction
from core.reduction.tsne import Projection
from core.types import ByteArray

T = TypeVar("T")
_WORKER = ThreadPoolExecutor(1, "survey")


class _NotYetError(Exception):
    """Raised inside a cached function, so that the absence of a result is not cached."""


@st.cache_resource(show_spinner=False)
def job_board() -> Board:
    """Return the jobs of this server process."""
    return Board()


@st.cache_resource(show_spinner=False)
def encoder_card_list() -> list[EncoderCard]:
    """Return the cards of all encoders."""
    return list(registry.encoder_cards())


@st.cache_resource(max_entries=256, show_spinner=False)
def _results(key: str, _read: Callable[[], Any]) -> Any:  # noqa: ARG001
    result = _read()
    if result is None:
        raise _NotYetError
    return result


# An image may take a megabyte, so fewer images than results are kept.
@st.cache_resource(max_entries=32, show_spinner=False)
def _images(key: str, _draw: Callable[[], Any]) -> Any:  # noqa: ARG001
    return _draw()


@st.cache_resource(max_entries=64, show_spinner=False)
def _futures(key: str, _work: Callable[[], T]) -> "Future[T]":  # noqa: ARG001
    return _WORKER.submit(_work)


def cached_result(key: str, read: Callable[[], T | None]) -> T | None:
    """Return the result of `read`, which is cached unless it is None."""
    with suppress(_NotYetError):
        return cast(T, _results(key, read))
    return None


def cached_image(key: str, draw: Callable[[], T]) -> T:
    """Return an image, or another large result; only the most recent results stay cached."""
    return cast(T, _images(key, draw))


def run_in_background(key: str, work: Callable[[], T]) -> "Future[T]":
    """Start work of a second or two in a thread, once per key, and return its future."""
    return cast("Future[T]", _futures(key, work))


def stage_result(
    view: View, stage: str, name: str, read: Callable[[], T | None], **values: Any
) -> T | None:
    """Return a result that belongs to a stage of a view; None if either is not computed.

    `values` are the inputs of the result other than the stage.
    """
    return cached_result(view.key(stage, name=name, **values), read) if view.has(stage) else None


def chips(view: View) -> ChipSet | None:
    """Return the chips; None if they have not been cut."""
    # Bands that the user chose are used even if they are constant, with the same artifacts.
    bands = view.settings.chips.bands
    values = {"bands": bands, "labels": labels_stamp(view.workspace)}
    return stage_result(view, "chips", "chips", lambda: open_chips(view), **values)


def chip_id_list(view: View, chip_set: ChipSet) -> list[str]:
    """Return the ids of the chips, row by row."""
    return stage_result(view, "chips", "ids", chip_set.facts["chip_id"].tolist) or []


def centring_losses(view: View, chip_set: ChipSet) -> list[str]:
    """Return a sentence for each attribute whose differences centring by scene removes."""

    def read() -> list[str]:
        return centring_warnings(chip_set.properties, chip_set.facts["scene"].to_numpy())

    return stage_result(view, "chips", "centring", read) or []


def harmful_names(view: View, chip_set: ChipSet) -> list[str]:
    """Return the names of the corrections that would remove all differences in an attribute."""
    scenes, settings = chip_set.facts["scene"].to_numpy(), view.settings

    def read() -> list[str]:
        return harmful_corrections(chip_set.properties, scenes, settings)

    table = settings.reduction
    return stage_result(view, "chips", "harmful", read, harmonisation=table.harmonisation) or []


def reduction(view: View) -> Reduction | None:
    """Return the principal components."""
    return stage_result(view, "reduction", "reduction", lambda: open_reduction(view))


def projection(view: View) -> Projection | None:
    """Return the two-dimensional projection."""
    return stage_result(view, "projection", "projection", lambda: open_projection(view))


def tree(view: View) -> Any:
    """Return the tree that the sliders of the requested method cut; None if it is not built."""
    inputs = tree_inputs(view)
    return stage_result(view, "reduction", "tree", lambda: find_tree(view), tree=inputs)


def labelling(view: View) -> Labelling | None:
    """Return the clusters: a saved fit, or a fresh cut of a saved tree."""
    return labelling_result(view, "labelling", lambda: find_labelling(view, tree(view)))


def labelling_result(
    view: View, name: str, read: Callable[[], T | None], **values: Any
) -> T | None:
    """Return a result that belongs to the labelling of a view; see `stage_result`."""
    return stage_result(view, "reduction", name, read, **labelling_inputs(view), **values)


def labelling_key(view: View, name: str, *tables: str, **values: Any) -> str:
    """Return the key of a result that belongs to the labelling of a view; see `View.key`."""
    return view.key("reduction", *tables, name=name, **labelling_inputs(view), **values)


def is_ready(view: View, stage: str) -> bool:
    """Return True if a stage has been computed; for clusters, also if a saved tree can be cut."""
    return view.has(stage) or (stage == "clusters" and labelling(view) is not None)


def scores(view: View, attribute: str) -> "Future[dict[str, Any]] | None":
    """Return the future of the scores of the embeddings, and of any clusters, by an attribute."""
    chip_set, clusters = chips(view), labelling(view)
    if chip_set is None or not view.has("embeddings"):
        return None
    values = {"attribute": attribute, "labels": labels_stamp(view.workspace)}

    def score() -> dict[str, Any]:
        return score_chips(
            chip_set, join_embeddings(view.artifacts["embeddings"][1:]), None, attribute
        )

    # The votes of the neighbours are slow and do not depend on the clusters.
    votes = run_in_background(view.key("embeddings", name="scores", **values), score)
    if clusters is None:
        return votes

    def add_agreement() -> dict[str, Any]:
        truth = attribute_values(chip_set, attribute)
        return votes.result() | score_agreement(clusters.labels, truth, attribute)

    return run_in_background(labelling_key(view, "scores", **values), add_agreement)


def shared_rendering(
    workspace: Workspace, dtype: str, bands: tuple[str, ...], display: DisplaySettings | None = None
) -> Rendering:
    """Return how scenes and chips with these dtype and bands are displayed on every page."""
    display, survey = display or requested_display(workspace), requested_view(workspace).survey
    keys = [scene.artifact.key for scene in survey.scenes]

    def fit() -> Rendering:
        return chip_images.find_rendering(workspace, survey, dtype, bands, display)

    return cast(Rendering, cached_result(f"rendering {keys} {dtype} {bands} {display}", fit))


def thumbnails(workspace: Workspace, chip_set: ChipSet, rows: Sequence[int]) -> ByteArray:
    """Return images of chips in the requested bands and stretch; not cached, as reading is fast."""
    return thumbnail_reader(workspace, chip_set)(rows)


def thumbnail_reader(workspace: Workspace, chip_set: ChipSet) -> "partial[ByteArray]":
    """Return the function of rows that reads `thumbnails`; it also works outside of a session."""
    display, survey = requested_display(workspace), requested_view(workspace).survey
    keys = [scene.artifact.key for scene in survey.scenes]

    def fit() -> dict[str, Rendering]:
        return chip_images.find_chip_renderings(workspace, survey, chip_set, display)

    renderings = cached_result(f"renderings {keys} {chip_set.keys} {display}", fit)
    return partial(chip_thumbnails, chip_set, renderings=renderings)


def flags(view: View) -> pd.DataFrame | None:
    """Return the screening flags of all chips; None if they were not screened."""
    return stage_result(view, "chips", "flags", lambda: find_flags(view))


def scene_attributes(scene: SurveyedScene) -> list[str]:
    """Return the names of the attributes of a scene's annotations."""

    def read() -> list[str]:
        return [str(name) for name in scene.properties().columns]

    return cached_result(f"attributes {scene.artifact.folder}", read) or []
