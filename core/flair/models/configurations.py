"""The notebook's 24 configurations, as a plain list."""

from dataclasses import dataclass
from typing import Literal

from core.flair.models.classifiers import Classifier
from core.flair.models.features import FeatureSpec, SentinelScaling

GridMethod = Literal["knn", "hdbscan"]
# Columns of the notebook's table of times: robust, normalised, intensity.
_ORDER = (
    (False, False, False),
    (True, False, False),
    (False, True, False),
    (True, True, False),
    (False, True, True),
    (True, True, True),
)
# Minutes on 8 cores of a Ryzen 7 1700, as the seed notebook's cells say, by method and fusion.
_MINUTES = {
    ("knn", False): (10.2, 10.3, 10.1, 10.3, 10.5, 11.1),
    ("hdbscan", False): (11.2, 11.1, 11.0, 11.1, 11.2, 11.7),
    ("knn", True): (12.7, 12.1, 11.4, 13.9, 555.0, 559.0),
    ("hdbscan", True): (13.3, 13.2, 12.9, 15.1, 265.0, 297.0),
}


@dataclass(frozen=True)
class Cell:
    """One configuration.

    Attributes
    ----------
    method : {"knn", "hdbscan"}
    spec : FeatureSpec
    notebook_minutes : float
        What the notebook took on about 200 patches.
    """

    method: Classifier
    spec: FeatureSpec
    notebook_minutes: float

    @property
    def name(self) -> str:
        """As the notebook names it, such as "HDBSCAN + kNN, aerial + Sentinel, R+N+I"."""
        method = "kNN" if self.method == "knn" else "HDBSCAN + kNN"
        return f"{method}, {self.spec.title}"


def cells(
    *, preset_notebook: bool = False, sentinel_scaling: SentinelScaling = "reflectance"
) -> list[Cell]:
    """The 24 configurations, in the order of the notebook's table of times.

    Parameters
    ----------
    preset_notebook : bool
        The notebook's arithmetic, for comparison only.
    sentinel_scaling : {"reflectance", "intensity"}
    """
    methods: tuple[GridMethod, ...] = ("knn", "hdbscan")
    made = []
    for fusion in (False, True):
        for method in methods:
            for at, (robust, normalised, intensity) in enumerate(_ORDER):
                spec = FeatureSpec(
                    fusion=fusion,
                    robust=robust,
                    normalised=normalised,
                    intensity=intensity,
                    preset_notebook=preset_notebook,
                    sentinel_scaling=sentinel_scaling,
                )
                made.append(Cell(method, spec, _MINUTES[method, fusion][at]))
    return made
