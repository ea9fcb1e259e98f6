"""The record that describes a clustering method; all of them are in `method_table`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from core.clusters.labelling import Labelling
from core.progress import Progress
from core.settings import RunSettings
from core.types import AnyArray, DoubleArray, FloatArray, IntArray

Recluster = Callable[[FloatArray, float], IntArray]
"""Clusters a resample; takes its points, (m, d), and the fraction of all chips that it contains,
and returns labels, (m,), -1 for noise."""


@dataclass(frozen=True)
class Hierarchy:
    """A tree that a method builds once; each setting of its slider is a cut of this tree.

    Attributes
    ----------
    stage, version : str, int
        Name of the tree's artifacts, and a number that is raised whenever the same points and
        settings give another tree.
    inputs : callable
        Returns the settings that affect the tree, as plain values for its cache key.
    arrays, counts, restore : callable
        `arrays` returns the arrays of the tree by name, `counts` the plain values for its manifest,
        and `restore` rebuilds the tree from both.
    cut : callable
        Cuts the tree, in milliseconds. Takes the tree, the points from which it was built, and the
        settings; returns a labelling.
    table : str
        Field of `RunSettings` with settings of the tree beyond those of its method; empty if none.
    persistence : callable or None
        Returns the persistence of each cluster of a cut, (n_clusters,), 0..1.
    membership : callable or None
        Returns the soft membership of each point in each cluster of a cut, (n, n_clusters).
    """

    stage: str
    version: int
    inputs: Callable[[RunSettings], Mapping[str, Any]]
    build: Callable[[FloatArray, RunSettings], Any]
    arrays: Callable[[Any], Mapping[str, AnyArray]]
    counts: Callable[[Any], Mapping[str, Any]]
    restore: Callable[[Mapping[str, AnyArray], Mapping[str, Any]], Any]
    cut: Callable[[Any, FloatArray, RunSettings], Labelling]
    table: str = ""
    persistence: Callable[[Any, RunSettings], DoubleArray] | None = None
    membership: Callable[[Any, RunSettings, FloatArray], FloatArray] | None = None


@dataclass(frozen=True)
class ClusteringMethod:
    """A clustering method: its settings, fitting, storage and description.

    Attributes
    ----------
    name, title, plural : str
        Name of the method in settings and on the command line, in sentences about one fit, and in
        sentences about several fits.
    settings, table : type, str
        Class of the settings that the method's slider changes, and the field of `RunSettings` that
        holds them.
    stage, version : str, int
        Name of the artifacts of the method's labellings, and a number that is raised whenever the
        same points and settings give another labelling.
    recluster : callable
        Returns a function that applies the method to resampled points. Values that the first fit
        chose automatically are taken from the labelling's facts.
    confidence : str
        Phrase that says what `Labelling.confidence` measures.
    count : str
        Name of the setting that is the number of clusters; empty if the data determine the number.
    has_noise : bool
        True if chips may belong to no cluster.
    certain : bool
        True if the confidence is a probability or a membership, not merely a ratio of distances.
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
        """Return the settings of this method from those of a run."""
        return getattr(settings, self.table)

    def n_clusters(self, settings: RunSettings) -> int:
        """Return the requested number of clusters; 0 if the data determine the number."""
        return int(getattr(self.settings_in(settings), self.count)) if self.count else 0

    def with_n_clusters(self, settings: RunSettings, n: int) -> RunSettings:
        """Return the settings with another number of clusters, for methods that have a `count`."""
        own_settings = replace(self.settings_in(settings), **{self.count: n})
        return replace(settings, **{self.table: own_settings})
