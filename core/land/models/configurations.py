"""The 24 configurations that the original notebook compares (see docs/land_cover.md)."""

from dataclasses import dataclass
from functools import partial
from typing import Any

from core.land.models.classifier_table import CLASSIFIERS
from core.land.models.classifiers import Classifier
from core.land.models.features import FeatureSpec, SentinelScaling
from core.land.season.plane_sampling import Interpolation
from core.land.season.season_columns import Season

# Columns of the original notebook's table of times: robust, normalised, intensity.
_SCALINGS = (
    (False, False, False),
    (True, False, False),
    (False, True, False),
    (True, True, False),
    (False, True, True),
    (True, True, True),
)
NOTEBOOK_PATCHES = 200
"""The number of patches, as far as is known, that the original notebook's times are for."""
# Minutes by method and fusion, on 8 cores of a Ryzen 7 1700. Source: the original notebook.
_MINUTES: dict[tuple[Classifier, bool], tuple[float, ...]] = {
    ("knn", False): (10.2, 10.3, 10.1, 10.3, 10.5, 11.1),
    ("hdbscan", False): (11.2, 11.1, 11.0, 11.1, 11.2, 11.7),
    ("knn", True): (12.7, 12.1, 11.4, 13.9, 555.0, 559.0),
    ("hdbscan", True): (13.3, 13.2, 12.9, 15.1, 265.0, 297.0),
}


@dataclass(frozen=True)
class GridCell:
    """One configuration of the grid, and the original notebook's time for about 200 patches."""

    method: Classifier
    spec: FeatureSpec
    notebook_minutes: float

    @property
    def name(self) -> str:
        """Name as in the original notebook, such as "HDBSCAN + kNN, aerial + Sentinel, R+N+I"."""
        return f"{CLASSIFIERS[self.method].title}, {self.spec.title}"


def grid_configurations(
    *,
    preset_notebook: bool = False,
    sentinel_scaling: SentinelScaling = "reflectance",
    extras: tuple[str, ...] = (),
    season: Season = "mean",
    interpolation: Interpolation = "blocks",
) -> list[GridCell]:
    """Return the 24 configurations in the order of the original notebook's table of times.

    With `preset_notebook`, the configurations use its arithmetic, for comparison only. `extras` are
    features that are added to all of them; `season` and `interpolation` apply to those with
    Sentinel.
    """
    specify = partial(
        FeatureSpec,
        preset_notebook=preset_notebook,
        sentinel_scaling=sentinel_scaling,
        extras=extras,
    )
    series: dict[str, Any] = {"season": season, "interpolation": interpolation}
    return [
        GridCell(method, specify(fusion, *scaling, **(series if fusion else {})), minutes)
        for (method, fusion), times in _MINUTES.items()
        for scaling, minutes in zip(_SCALINGS, times, strict=True)
    ]
