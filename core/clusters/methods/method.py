"""The record that describes a clustering method; all of them are in `method_table`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from core.clusters.labelling import Labelling
from core.progress import Progress
from core.settings import RunSettings
from core.types import AnyArray, DoubleArray, FloatArray, IntArray

Recluster = Callable[[FloatArray, float], IntArray]
"""Cluster resampled points, given their share of all chips: labels, -1 for noise."""


@dataclass(frozen=True)
class Hierarchy:
    """A tree that a method builds once, and that every setting of its slider only cuts.

    Attributes
    ----------
    stage : str
        Name of the tree's artifacts.
    version : int
        Raised whenever the same points and settings give another tree.
    inputs : callable
        The settings that change the tree, as plain values for its key.
    arrays, counts, restore : callable
        The tree as named arrays, and as numbers for its manifest; and the tree from both.
    cut : callable
        A labelling from the tree and the points it was built from, in milliseconds.
    title : str
        The tree's name in sentences.
    persistence : callable or None
        How long each cluster of a cut persists in the tree, (n_clusters,), 0..1.
    membership : callable or None
        Soft membership of each point in each cluster of a cut, (n, n_clusters).
    """

    stage: str
    version: int
    inputs: Callable[[RunSettings], Mapping[str, Any]]
    build: Callable[[FloatArray, RunSettings], Any]
    arrays: Callable[[Any], Mapping[str, AnyArray]]
    counts: Callable[[Any], Mapping[str, int]]
    restore: Callable[[Mapping[str, AnyArray], Mapping[str, Any]], Any]
    cut: Callable[[Any, FloatArray, RunSettings], Labelling]
    title: str
    persistence: Callable[[Any, RunSettings], DoubleArray] | None = None
    membership: Callable[[Any, RunSettings, FloatArray], FloatArray] | None = None


@dataclass(frozen=True)
class ClusteringMethod:
    """A clustering method: how it is set, fitted, stored and described.

    Attributes
    ----------
    name : str
        Its name in settings and on the command line.
    title, plural : str
        Its name in sentences, of one fit and of several.
    settings, table : type, str
        The settings that its slider changes, and the field of `RunSettings` that holds them.
    stage : str
        Name of the artifacts of its labellings.
    version : int
        Raised whenever the same points and settings give another labelling.
    recluster : callable
        The same method for resampled points; what it chose by itself, as recorded in the
        labelling's facts, is kept.
    confidence : str
        What `Labelling.confidence` measures.
    count : str
        The setting that is the number of clusters; empty where the data decide.
    has_noise : bool
        True if chips may belong to no cluster.
    certain : bool
        True if the confidence is a probability or a membership, and not merely a margin.
    """

    name: str
    title: str
    plural: str
    settings: type
    table: str
    stage: str
    version: int
    fit: Callable[[FloatArray, RunSettings, Progress], Labelling]
    recluster: Callable[[Labelling, RunSettings], Recluster]
    confidence: str
    count: str = ""
    hierarchy: Hierarchy | None = None
    has_noise: bool = False
    certain: bool = False

    def settings_in(self, settings: RunSettings) -> Any:
        """The method's own settings among those of a run."""
        return getattr(settings, self.table)

    def n_clusters(self, settings: RunSettings) -> int:
        """The number of clusters asked for; 0 where the data decide."""
        return int(getattr(self.settings_in(settings), self.count)) if self.count else 0

    def with_n_clusters(self, settings: RunSettings, n: int) -> RunSettings:
        """The settings with another number of clusters, for methods that have a `count`."""
        own_settings = replace(self.settings_in(settings), **{self.count: n})
        return replace(settings, **{self.table: own_settings})
