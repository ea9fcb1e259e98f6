"""The chips of a finished run with all results for them, as they are exported."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import shapely

from core.chips.chip_set import ChipSet
from core.clusters.cluster_colours import Look
from core.clusters.editing.edited_labelling import EditedLabelling, displayed_confidence
from core.clusters.labelling import NOISE, Labelling
from core.export.provenance import Provenance
from core.raster.rendering import Rendering
from core.reduction.pca import Reduction
from core.reduction.tsne import Projection
from core.types import AnyArray, BoolArray, FloatArray, Geometries

# GeoPackage's own columns; its column names are not case-sensitive.
RESERVED = ("geometry", "geom", "fid")


@dataclass(frozen=True)
class ExportedScene:
    """A scene whose chips are exported: its name in the chip table, its file, and its size.

    The width and height are in pixels, and `n_bands` is the number of bands of the file. `crs` is
    its short name, empty if the scene has no CRS.
    """

    name: str
    path: Path
    width: int
    height: int
    n_bands: int
    crs: str


@dataclass(frozen=True)
class ClusteredChips:
    """The chips of a finished run with their results, row by row.

    Attributes
    ----------
    chips : ChipSet
        n chips.
    footprints : object array, (n,)
        Geometries in longitude and latitude; None for a scene without a CRS.
    embeddings : array, (n, dim)
    labelling : Labelling
        The clusters as the method returned them.
    edited : EditedLabelling, optional
        The labelling after noise treatment and the user's edits.
    outlines : object array, (n,)
        The footprints in scene pixels: x = column and y = row, from the upper-left corner.
    space : array, (n, d), optional
        The principal components that were clustered; by default all.
    scenes : tuple of ExportedScene
        The scenes in the order of their chips.
    renderings : mapping of str to Rendering
        Bands and stretch of the chips of each scene, as the app displays them.
    quality : mapping, optional
        The report card as plain values, if it was computed; see
        `core.pipeline.quality_stage.quality_table`.
    problems : tuple of str
        Sentences on edits that cannot be applied to the labelling.
    """

    chips: ChipSet
    footprints: Geometries
    embeddings: AnyArray
    reduction: Reduction
    labelling: Labelling
    projection: Projection
    edited: EditedLabelling | None = None
    outlines: Geometries = field(default_factory=lambda: np.empty(0, object))
    space: FloatArray | None = None
    scenes: tuple[ExportedScene, ...] = ()
    provenance: Provenance = field(default_factory=Provenance)
    renderings: Mapping[str, Rendering] = field(default_factory=dict)
    quality: Mapping[str, Any] | None = None
    problems: tuple[str, ...] = ()

    @property
    def clusters(self) -> AnyArray:
        """The cluster of each chip after noise treatment and edits, (n,); -1 for noise."""
        return self.labelling.labels if self.edited is None else self.edited.ids

    @property
    def included(self) -> BoolArray:
        """True for the chips that the user has not excluded, (n,)."""
        return np.ones(len(self.chips), bool) if self.edited is None else ~self.edited.excluded

    @property
    def look(self) -> Look:
        """The names and colours of the clusters, as the app displays them."""
        return Look() if self.edited is None else Look(self.edited.names, self.edited.colours)

    def cluster_ids(self) -> list[int]:
        """Return the ids of the clusters with included chips in ascending order, noise last."""
        ids: list[int] = np.unique(self.clusters[self.included]).tolist()
        return sorted(ids, key=lambda cluster: (cluster == NOISE, cluster))

    def table(self) -> pd.DataFrame:
        """Return one row per chip: facts, attributes, cluster, confidence and coordinates.

        `cluster` is -1 for noise, and `cluster_raw` the cluster before noise treatment and edits.
        `cluster_name` and `cluster_colour` are those that the app displays. `confidence` is the
        membership strength in `cluster`, 0..1; it is empty for noise that is displayed in its
        nearest cluster. `approved` is True for chips that the user has approved or named by hand.
        `run_id` names the run's record. Attributes whose name is already used,
        ignoring case, get the prefix ``property_``.
        """
        clusters, look = self.clusters.tolist(), self.look
        confidence, approved = self.labelling.confidence, np.zeros(len(self.chips), np.bool_)
        if self.edited is not None:
            approved = self.edited.approved_chips
            confidence = displayed_confidence(self.labelling, self.edited)
        results = {
            "cluster": self.clusters,
            "cluster_name": [look.name(cluster) for cluster in clusters],
            "cluster_colour": [look.colour(cluster) for cluster in clusters],
            "cluster_raw": self.labelling.labels,
            "confidence": confidence,
            "approved": approved,
            "pca_1d": self.reduction.pca_1d,
            "tsne_x": self.projection.coordinates[:, 0],
            "tsne_y": self.projection.coordinates[:, 1],
            "run_id": self.provenance.run_id,
        }
        facts, properties = self.chips.facts, self.chips.properties
        columns = _unique_names(map(str, properties), {*map(str, facts), *results, *RESERVED})
        parts = [facts, properties.set_axis(columns, axis=1), pd.DataFrame(results)]
        return pd.concat(parts, axis=1)

    def notes(self) -> list[str]:
        """Return sentences on what the exported files lack."""
        notes = list(self.problems)
        names, missing = self.chips.facts["scene"].to_numpy(), shapely.is_missing(self.footprints)
        if unplaced := int((missing & self.included).sum()):
            scenes = sorted(set(names[missing]))
            listed = ", ".join(scenes[:3]) + (f" and {len(scenes) - 3} more" * (len(scenes) > 3))
            noun = "a scene" if len(scenes) == 1 else f"{len(scenes)} scenes"
            notes.append(
                f"{unplaced:,} chips of {noun} without a CRS ({listed}) have no geometry in "
                "GeoPackage, GeoParquet, GeoJSON and FlatGeobuf, and no area; COCO, YOLO, Pascal "
                "VOC and image folders contain them in pixels of the scene."
            )
        if excluded := int((~self.included).sum()):
            notes.append(f"Chips that you excluded are left out: {excluded:,}.")
        return notes


def _unique_names(names: Iterable[str], reserved: Iterable[str]) -> list[str]:
    """Prefix names with ``property_`` until all differ, ignoring case, and none is reserved."""
    used = {name.lower() for name in reserved}
    unique = []
    for name in names:
        while name.lower() in used:
            name = f"property_{name}"  # noqa: PLW2901
        used.add(name.lower())
        unique.append(name)
    return unique
