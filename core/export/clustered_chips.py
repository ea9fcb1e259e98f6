"""The chips of a finished run with all results for them, as they are exported."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pandas as pd

from core.chips.chip_set import ChipSet
from core.clusters.editing.edited_labelling import EditedLabelling, displayed_confidence
from core.clusters.labelling import Labelling
from core.reduction.pca import Reduction
from core.reduction.tsne import Projection
from core.types import AnyArray, Geometries

# GeoPackage's own columns; its column names are not case-sensitive.
RESERVED = ("geometry", "geom", "fid")


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
    """

    chips: ChipSet
    footprints: Geometries
    embeddings: AnyArray
    reduction: Reduction
    labelling: Labelling
    projection: Projection
    edited: EditedLabelling | None = None

    @property
    def clusters(self) -> AnyArray:
        """The cluster of each chip after noise treatment and edits, (n,); -1 for noise."""
        return self.labelling.labels if self.edited is None else self.edited.ids

    @property
    def colours(self) -> Mapping[int, str]:
        """The colours that the user gave to clusters, such as ``{0: "#0072b2"}``."""
        return {} if self.edited is None else self.edited.colours

    def table(self) -> pd.DataFrame:
        """Return one row per chip: facts, attributes, cluster, confidence and coordinates.

        `cluster` is -1 for noise, and `cluster_raw` the cluster before noise treatment and edits.
        `cluster_colour` is the user's colour, or None. `confidence` is the membership strength in
        `cluster`, 0..1; it is empty for noise that is displayed in its nearest cluster.
        Attributes whose name is already used, ignoring case, get the prefix ``property_``.
        """
        clusters, colours = self.clusters.tolist(), self.colours
        names = {} if self.edited is None else self.edited.names
        confidence = self.labelling.confidence
        if self.edited is not None:
            confidence = displayed_confidence(self.labelling, self.edited)
        results = {
            "cluster": self.clusters,
            "cluster_name": [names.get(c, "Noise" if c < 0 else f"Cluster {c}") for c in clusters],
            "cluster_colour": pd.Series([colours.get(c) for c in clusters], dtype=object),
            "cluster_raw": self.labelling.labels,
            "confidence": confidence,
            "pca_1d": self.reduction.pca_1d,
            "tsne_x": self.projection.coordinates[:, 0],
            "tsne_y": self.projection.coordinates[:, 1],
        }
        facts, properties = self.chips.facts, self.chips.properties
        columns = _unique_names(map(str, properties), {*map(str, facts), *results, *RESERVED})
        parts = [facts, properties.set_axis(columns, axis=1), pd.DataFrame(results)]
        return pd.concat(parts, axis=1)


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
