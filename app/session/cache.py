"""The only place with st.cache_*: shared by all sessions, read-only, found by artifact keys."""

import dataclasses
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import streamlit as st

from app.session import state
from app.session.job_board import Board
from app.widgets.images import data_uri
from core.chips.chip_set import ChipSet
from core.clusters.labelling import Labelling
from core.clusters.methods.hdbscan_tree import Tree
from core.embeddings.encoder import EncoderCard
from core.embeddings.readiness import readiness
from core.embeddings.registry import cards
from core.mapping import Surroundings, native_step, thumbnail_ends
from core.mapping import thumbnails as thumbnails_of
from core.pipeline import plan as plans
from core.pipeline.plan import Plan
from core.pipeline.scene_survey import FoundScene
from core.pipeline.screening_stage import find_screening
from core.pipeline.workspace import Workspace
from core.raster.annotations.footprints import guess_class
from core.reduction.pca import Reduced
from core.reduction.tsne import Projection
from core.settings import EmbedSettings, GmmSettings, RunSettings
from core.types import AnyArray, ByteArray, DoubleArray, IntArray

T = TypeVar("T")


@dataclass(frozen=True)
class View:
    """A picture of a part of a scene, kept as the browser reads it.

    Attributes
    ----------
    uri : str
    width, height : int
        In the picture's pixels.
    footprints : list of list of float64 arrays, (k, 2)
    squares : float64 array, (n, 4, 2)
    gsd : float or None
        Metres on the ground to one pixel of the picture.
    """

    uri: str
    width: int
    height: int
    footprints: list[list[DoubleArray]]
    squares: DoubleArray
    gsd: float | None


def _view(part: Surroundings) -> View:
    height, width = part.image.shape[:2]
    uri = data_uri(part.image, lossy=True)
    return View(uri, width, height, part.footprints, part.squares, part.gsd)


class _NotYetError(Exception):
    """Raised through a cache so that what is not computed yet is asked for again."""


@st.cache_resource(show_spinner=False)
def board() -> Board:
    """The jobs of this server process."""
    return Board()


@st.cache_resource(show_spinner=False)
def encoder_cards() -> list[EncoderCard]:
    """What each encoder is."""
    return list(cards())


@st.cache_resource(max_entries=256, show_spinner=False)
def _results(key: str, _read: Callable[[], Any]) -> Any:  # noqa: ARG001
    found = _read()
    if found is None:
        raise _NotYetError
    return found


# Pictures weigh up to a megabyte each: fewer are kept.
@st.cache_resource(max_entries=32, show_spinner=False)
def _pictures(key: str, _draw: Callable[[], Any]) -> Any:  # noqa: ARG001
    return _draw()


def result(
    place: Workspace, what: str, ready: Plan, stage: str, read: Callable[[], T | None]
) -> T | None:
    """A result that belongs to a stage's key; what is not there yet is asked for again."""
    if stage not in ready.artifacts:
        return None
    try:
        found: T = _results(f"{place.root}|{what}|{ready.keys[stage]}", read)
    except _NotYetError:
        return None
    return found


def _picture(place: Workspace, what: str, key: str, draw: Callable[[], T]) -> T:
    drawn: T = _pictures(f"{place.root}|{what}|{key}", draw)
    return drawn


def kept(place: Workspace, key: str, read: Callable[[], T | None]) -> T | None:
    """Something small that was read once; what is not there yet is asked for again."""
    try:
        found: T = _results(f"{place.root}|{key}", read)
    except _NotYetError:
        return None
    return found


def drawn(place: Workspace, key: str, draw: Callable[[], T]) -> T:
    """Something as large as a picture, for as long as there is room."""
    return _picture(place, "drawn", key, draw)


@st.cache_resource(max_entries=64, show_spinner=False)
def soon(key: str, _work: Callable[[], T]) -> "Future[T]":  # noqa: ARG001
    """Work of a second or two beside the page: cuts of a tree that is there, nothing dearer."""
    return _worker().submit(_work)


@st.cache_resource(show_spinner=False)
def _worker() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, "survey")


def fresh() -> None:
    """Forget the plans of the script's last run; what lies in the workspace may have changed."""
    state.plans().clear()


def plan(place: Workspace, settings: RunSettings) -> Plan:
    """Which stages are there for these settings; looked up once in each run of the script.

    A plan never asks the hub: with an encoder whose weights are not on this machine it ends after
    the chips and says so.
    """
    plans: dict[Any, Plan] = state.plans()
    if (place.root, settings) not in plans:
        plans[place.root, settings] = _plan(place, settings)
    return plans[place.root, settings]


def _plan(place: Workspace, settings: RunSettings) -> Plan:
    chosen = readiness(settings.embed.encoder, settings.embed, place.weights)
    if chosen.ready:
        return plans.plan(place, settings)
    found = plans.plan(place, dataclasses.replace(settings, embed=EmbedSettings()))
    there = {k: v for k, v in found.artifacts.items() if k in ("scenes", "chips")}
    return Plan(found.found, there, f"{settings.embed.encoder} is not ready yet. {chosen.needs}")


def chips(place: Workspace, ready: Plan) -> ChipSet | None:
    """The chips, None where they have not been cut."""
    return result(place, "chips", ready, "chips", lambda: plans.chips(ready))


def reduction(place: Workspace, ready: Plan) -> Reduced | None:
    """The space in which clusters are sought."""
    return result(place, "reduction", ready, "reduction", lambda: plans.reduction(ready))


def projection(place: Workspace, ready: Plan) -> Projection | None:
    """The two-dimensional picture."""
    return result(place, "projection", ready, "projection", lambda: plans.projection(ready))


def tree(place: Workspace, ready: Plan, settings: RunSettings) -> Tree | None:
    """HDBSCAN's tree, which the sliders cut."""
    read = lambda: plans.tree(place, ready, settings)  # noqa: E731
    return result(place, f"tree {settings.tree}", ready, "reduction", read)


def labelling(place: Workspace, ready: Plan, settings: RunSettings) -> Labelling | None:
    """The clusters: a mixture that was fitted, or the tree cut anew."""
    read = lambda: plans.labelling(place, ready, settings)  # noqa: E731
    return result(place, labelling_name(settings), ready, "reduction", read)


def labelling_name(settings: RunSettings) -> str:
    """What sets a labelling apart from others of the same space."""
    dense = f"{settings.tree} {settings.cut}"
    return dense if settings.method == "hdbscan" else f"{getattr(settings, settings.method)}"


def mixtures(place: Workspace, ready: Plan, settings: GmmSettings) -> dict[int, dict[str, Any]]:
    """Facts of the fitted mixtures by number of components; not kept, since a job adds to them."""
    return plans.mixtures(place, ready, settings)


def score(place: Workspace, ready: Plan, settings: RunSettings, name: str) -> Any:
    """Agreement of embeddings, and clusters if any, with a property; None without embeddings."""
    found, chip_set = labelling(place, ready, settings), chips(place, ready)
    matrix = plans.embeddings(ready)
    if chip_set is None or matrix is None:
        return None
    what, stage = f"score {name}", "embeddings"
    if found is not None:
        what, stage = f"{what} {labelling_name(settings)}", "reduction"
    read = lambda: plans.score(chip_set, matrix, found, name)  # noqa: E731
    return result(place, what, ready, stage, read)


def surroundings(place: Workspace, ready: Plan, chip_set: ChipSet, row: int, side: int) -> View:
    """A chip's surroundings."""
    shown = state.display(place)
    draw = lambda: _view(plans.surroundings(ready, chip_set, row, side, shown))  # noqa: E731
    return _picture(place, f"around {row} {side} {shown}", ready.keys["chips"], draw)


def native_chip(
    place: Workspace, ready: Plan, chip_set: ChipSet, row: int
) -> tuple[ByteArray, int]:
    """A chip at the scene's own pixels, and how many of them one pixel of the image stands for."""
    shown = state.display(place)

    def draw() -> tuple[ByteArray, int]:
        about = {str(name): value for name, value in chip_set.facts.iloc[row].items()}
        return plans.native_chip(ready, chip_set, row, shown), native_step(about)

    return _picture(place, f"native {row} {shown}", ready.keys["chips"], draw)


def flags(place: Workspace, ready: Plan) -> pd.DataFrame | None:
    """What screening found in all chips; None where it was not done."""
    keys = [artifact.key for artifact in ready.artifacts.get("chips", ())]
    read = lambda: find_screening(place, keys)  # noqa: E731
    return result(place, "flags", ready, "chips", read)


def columns(place: Workspace, scene: FoundScene) -> tuple[list[str], str]:
    """The properties of a scene's annotations, and the one guessed to hold the class."""

    def read() -> tuple[list[str], str]:
        table = scene.properties()
        return [str(name) for name in table.columns], guess_class(table)

    return kept(place, f"columns {scene.artifact.key}", read) or ([], "")


def overview(place: Workspace, ready: Plan, scene: str) -> View:
    """A whole scene with its footprints."""
    shown = state.display(place)
    draw = lambda: _view(plans.overview(ready, scene, shown))  # noqa: E731
    return _picture(place, f"overview {scene} {shown}", ready.keys["scenes"], draw)


def thumbnails(chip_set: ChipSet, rows: Sequence[int]) -> ByteArray:
    """Chips in the bands and the stretch that the user chose; cheap, so not kept."""
    place = state.workspace()
    shown = state.display(place)
    ends = None
    if shown.stretch != "auto":
        key = f"{place.root}|ends {shown}|{'-'.join(chip_set.keys)}"
        ends = _results(key, lambda: thumbnail_ends(chip_set, shown))
    return thumbnails_of(chip_set, rows, shown, ends)


def nearest_to_centres(points: AnyArray, labels: IntArray, most: int) -> dict[int, list[int]]:
    """Rows of the `most` points nearest to the mean of each label."""
    rows: dict[int, list[int]] = {}
    for label in np.unique(labels[labels >= 0]):
        members = np.flatnonzero(labels == label)
        away = np.linalg.norm(points[members] - points[members].mean(axis=0), axis=1)
        rows[int(label)] = members[np.argsort(away, kind="stable")[:most]].tolist()
    return rows
