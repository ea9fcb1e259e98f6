"""The notebook's grid of 24 configurations."""

from dataclasses import dataclass

from core.flair.models.classifier_table import CLASSIFIERS
from core.flair.models.classifiers import Classifier
from core.flair.models.features import FeatureSpec, SentinelScaling

_METHODS: tuple[Classifier, ...] = ("knn", "hdbscan")
# Columns of the notebook's table of times: robust, normalised, intensity.
_SCALINGS = (
    (False, False, False),
    (True, False, False),
    (False, True, False),
    (True, True, False),
    (False, True, True),
    (True, True, True),
)
# Minutes on 8 cores of a Ryzen 7 1700 by method and fusion. Source: the seed notebook's cells.
_MINUTES = {
    ("knn", False): (10.2, 10.3, 10.1, 10.3, 10.5, 11.1),
    ("hdbscan", False): (11.2, 11.1, 11.0, 11.1, 11.2, 11.7),
    ("knn", True): (12.7, 12.1, 11.4, 13.9, 555.0, 559.0),
    ("hdbscan", True): (13.3, 13.2, 12.9, 15.1, 265.0, 297.0),
}


@dataclass(frozen=True)
class GridCell:
    """One configuration of the grid.

    Attributes
    ----------
    method : {"knn", "hdbscan"}
    spec : FeatureSpec
    notebook_minutes : float
        The notebook's time for about 200 patches.
    """

    method: Classifier
    spec: FeatureSpec
    notebook_minutes: float

    @property
    def name(self) -> str:
        """The notebook's name, such as "HDBSCAN + kNN, aerial + Sentinel, R+N+I"."""
        return f"{CLASSIFIERS[self.method].title}, {self.spec.title}"


def grid_configurations(
    *, preset_notebook: bool = False, sentinel_scaling: SentinelScaling = "reflectance"
) -> list[GridCell]:
    """Return the 24 configurations in the order of the notebook's table of times.

    Parameters
    ----------
    preset_notebook : bool
        Whether to use the notebook's arithmetic, for comparison only.
    sentinel_scaling : {"reflectance", "intensity"}
    """
    cells = []
    for fusion in (False, True):
        for method in _METHODS:
            for scaling, minutes in zip(_SCALINGS, _MINUTES[method, fusion], strict=True):
                spec = FeatureSpec(
                    fusion,
                    *scaling,
                    preset_notebook=preset_notebook,
                    sentinel_scaling=sentinel_scaling,
                )
                cells.append(GridCell(method, spec, minutes))
    return cells
