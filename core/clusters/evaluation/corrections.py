"""Corrections of confounders: which of them may help, and their effect on the clusters."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from core.clusters.evaluation.agreement import encode_classes
from core.clusters.evaluation.centring_losses import nested_attributes
from core.clusters.evaluation.confounders import bin_values
from core.clusters.evaluation.report_card import EVALUATION_DIMS, score_silhouettes
from core.clusters.evaluation.stability import measure_stability
from core.clusters.labelling import NOISE, Labelling
from core.clusters.methods.method_table import method_of
from core.progress import Progress, silent
from core.settings import RunSettings
from core.types import AnyArray, FloatArray, IntArray

# Fewer resamples than on the report card, because every correction is measured.
N_RESAMPLES = 10


@dataclass(frozen=True)
class Correction:
    """A setting that may remove a confounder.

    Attributes
    ----------
    name, title : str
        Name on the command line and in results, and title in tables.
    table, field, value, neutral : str
        The field of `RunSettings`, the field of that table, and its values with and without the
        correction.
    option : str
        The option of the command line that sets it.
    causes : tuple of str
        The facts (`core.clusters.evaluation.confounders.FACTS`) whose effect it may remove.
    """

    name: str
    title: str
    table: str
    field: str
    value: str
    neutral: str
    option: str
    causes: tuple[str, ...]

    @property
    def needs_new_chips(self) -> bool:
        """True if the chips have to be cut and embedded again."""
        return self.table == "chips"

    def is_applied(self, settings: RunSettings) -> bool:
        """Return True if the settings contain the correction."""
        return bool(getattr(getattr(settings, self.table), self.field) == self.value)

    def toggle(self, settings: RunSettings) -> RunSettings:
        """Return the settings with the correction, or without it if they contain it."""
        value = self.neutral if self.is_applied(settings) else self.value
        table = replace(getattr(settings, self.table), **{self.field: value})
        return replace(settings, **{self.table: table})


CENTRING = Correction(
    "centre",
    "Centring by scene",
    "reduction",
    "harmonisation",
    "centre",
    "none",
    "--harmonisation centre",
    ("scene",),
)
CORRECTIONS: tuple[Correction, ...] = (
    CENTRING,
    Correction(
        "brightness",
        "Removing brightness",
        "reduction",
        "nuisance",
        "brightness",
        "none",
        "--nuisance brightness",
        ("brightness",),
    ),
    Correction(
        "sharpness",
        "Removing sharpness",
        "reduction",
        "nuisance",
        "sharpness",
        "none",
        "--nuisance sharpness",
        ("sharpness",),
    ),
    Correction(
        "mask",
        "Masking the background",
        "chips",
        "background",
        "mask",
        "keep",
        "--background mask",
        ("scene", "place"),
    ),
    Correction(
        "long-axis",
        "Turning the long axis up",
        "chips",
        "align",
        "long-axis",
        "north",
        "--align long-axis",
        ("heading",),
    ),
)


@dataclass(frozen=True)
class CorrectionEffect:
    """Measures of the clusters with one correction; None if a measure cannot be computed.

    Attributes
    ----------
    name, title : str
        Of the correction; "current" for the settings as they are.
    n_clusters, noise_fraction : int, float
        Clusters as the method returns them, before noise treatment and edits.
    scene, brightness, sharpness : float or None
        Adjusted mutual information of clusters and fact (0 is chance, 1 is identity); noise is left
        out.
    silhouette : float or None
        In the first `EVALUATION_DIMS` principal components of the correction, so that the values of
        two corrections are in different spaces.
    stability : float or None
        Mean over the clustered chips of the stability of their cluster.
    ari, ami : float or None
        Agreement with the class attribute; noise counts as one more cluster.
    """

    name: str
    title: str
    n_clusters: int
    noise_fraction: float
    scene: float | None
    brightness: float | None
    sharpness: float | None
    silhouette: float | None
    stability: float | None
    ari: float | None
    ami: float | None


def applicable_corrections(scenes: Sequence[Any] | AnyArray) -> list[Correction]:
    """Return the corrections that can change anything: with one scene, no centring by scene."""
    single = len(set(scenes)) < 2
    return [item for item in CORRECTIONS if not (single and item.name == "centre")]


def suggest_corrections(
    causes: Iterable[str], settings: RunSettings, harmful: Collection[str] = ()
) -> list[Correction]:
    """Return the corrections that may help against these facts and are not yet applied.

    `harmful` are the names of corrections that are left out; see `harmful_corrections`.
    """
    facts = set(causes)
    return [
        item
        for item in CORRECTIONS
        if facts & set(item.causes) and not item.is_applied(settings) and item.name not in harmful
    ]


def harmful_corrections(
    properties: pd.DataFrame, scenes: Sequence[Any] | AnyArray, settings: RunSettings
) -> list[str]:
    """Return the names of the corrections that would remove all differences in an attribute."""
    is_harmful = bool(nested_attributes(properties, scenes))
    return [CENTRING.name] if is_harmful and not CENTRING.is_applied(settings) else []


def measure_effect(
    correction: tuple[str, str],
    points: FloatArray,
    labelling: Labelling,
    facts: pd.DataFrame,
    classes: Sequence[Any] | None,
    settings: RunSettings,
    report: Progress = silent,
) -> CorrectionEffect:
    """Measure a labelling of corrected embeddings.

    Parameters
    ----------
    correction : tuple of str
        Name and title of the correction.
    points : float32 array, (n, d)
        All principal components; the silhouette is measured in the first `EVALUATION_DIMS`.
    facts : DataFrame, n rows
        With the columns "scene", "brightness" and "sharpness".
    classes : sequence, (n,), optional
        Values of the class attribute; None, NaN and empty text are missing.
    """
    labels = labelling.labels
    recluster = method_of(settings).recluster(labelling, settings)
    stability = measure_stability(points, labels, recluster, report, N_RESAMPLES)
    jaccard = stability.jaccard[labels[labels != NOISE]]
    ari, ami = _agreement(labels, classes)
    return CorrectionEffect(
        *correction,
        n_clusters=labelling.n_clusters,
        noise_fraction=labelling.noise_fraction,
        scene=_share(labels, facts["scene"]),
        brightness=_share(labels, facts["brightness"]),
        sharpness=_share(labels, facts["sharpness"]),
        silhouette=score_silhouettes(points[:, :EVALUATION_DIMS], labels, [])[0],
        stability=float(np.nanmean(jaccard)) if np.isfinite(jaccard).any() else None,
        ari=ari,
        ami=ami,
    )


def _share(labels: IntArray, values: "pd.Series[Any]") -> float | None:
    """Return the adjusted mutual information of clusters and a fact; None if it does not vary."""
    usable = (labels != NOISE) & values.notna().to_numpy()
    codes = bin_values(values[usable])
    if codes.max(initial=0) == 0 or len(np.unique(labels[usable])) < 2:
        return None

    from sklearn.metrics import adjusted_mutual_info_score

    return float(adjusted_mutual_info_score(codes, labels[usable]))


def _agreement(
    labels: IntArray, classes: Sequence[Any] | None
) -> tuple[float | None, float | None]:
    """Return ARI and AMI of a labelling and an attribute; None without two classes."""
    if classes is None:
        return None, None
    present, names, codes = encode_classes(classes)
    if len(names) < 2:
        return None, None

    from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score

    clusters = labels[present]
    return (
        float(adjusted_rand_score(codes, clusters)),
        float(adjusted_mutual_info_score(codes, clusters)),
    )
