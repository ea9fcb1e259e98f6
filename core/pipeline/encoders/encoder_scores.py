"""Encoders side by side: how well each one's embeddings sort chips by a property."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.clusters.evaluation.agreement import coded, score
from core.clusters.methods.gmm import fit_gmm
from core.clusters.methods.hdbscan_tree import build_tree, cut_tree
from core.reduction.pca import reduce
from core.settings import ReductionSettings, RunSettings
from core.types import AnyArray, FloatArray, IntArray

# Chips that the silhouette is reckoned on at most, evenly spread: it takes n x n distances.
SILHOUETTE_SAMPLE = 4000


@dataclass(frozen=True)
class EncoderScores:
    """One encoder's embeddings against a property.

    Attributes
    ----------
    n, dim : int
        Chips with a value of the property, and the length of an embedding.
    balanced_accuracy : float
        5-NN, leave one out; see `core.clusters.evaluation.agreement.Scores`.
    balanced_accuracy_across_scenes : float or None
        5-NN among chips of other scenes; None where no class lies in two scenes.
    nmi_gmm, nmi_hdbscan : float
        Normalised mutual information of each clustering and the property; noise of HDBSCAN counts
        as one more cluster.
    noise_fraction : float
        Share of the chips that HDBSCAN leaves in noise.
    silhouette : float or None
        Of the property's classes among the principal components, -1..1 (Rousseeuw 1987); None
        where every class has one chip.
    notes : tuple of str
    """

    n: int
    dim: int
    balanced_accuracy: float
    balanced_accuracy_across_scenes: float | None
    nmi_gmm: float
    nmi_hdbscan: float
    noise_fraction: float
    silhouette: float | None
    notes: tuple[str, ...] = ()


def compare(
    embeddings: Mapping[str, FloatArray],
    truth: Sequence[Any] | AnyArray,
    scenes: Sequence[Any] | AnyArray,
    name: str = "property",
    settings: RunSettings | None = None,
) -> dict[str, EncoderScores]:
    """`scores_of` for each encoder, by its name.

    Parameters
    ----------
    embeddings : mapping of encoder to float32 array, (n, d)
        Of the same chips.
    truth, scenes : sequence, (n,)
    name : str
        The property's name, for messages.
    settings : RunSettings, optional
        Of reduction, mixture and tree; the same for all.
    """
    chosen = settings or RunSettings()
    return {
        encoder: scores_of(matrix, truth, scenes, name, chosen)
        for encoder, matrix in embeddings.items()
    }


def scores_of(
    embeddings: FloatArray,
    truth: Sequence[Any] | AnyArray,
    scenes: Sequence[Any] | AnyArray,
    name: str,
    settings: RunSettings,
) -> EncoderScores:
    """Score one encoder's embeddings against a property.

    Clusters are sought as in a run: standardised, reduced by PCA, by a Gaussian mixture and by
    HDBSCAN. The vote of the neighbours sees the embeddings as they are.

    Parameters
    ----------
    embeddings : float32 array, (n, d)
    truth : sequence, (n,)
        Values of the property; None, NaN and empty text are missing.
    scenes : sequence, (n,)
    name : str
    settings : RunSettings

    Raises
    ------
    TooFewError
        For fewer than two classes, or fewer chips than the clusterings need.
    DegenerateError
        For embeddings that are not finite, or all the same.
    """
    # Of the reduction only the number of components: properties are no part of an embedding.
    points = reduce(embeddings, {}, ReductionSettings(settings.reduction.n_dims)).points
    mixture = fit_gmm(points, settings.gmm)
    density = cut_tree(build_tree(points, settings.tree), settings.cut)
    by_gmm = score(mixture.labels, embeddings, truth, scenes, name)
    there, _, codes = coded(truth)

    from sklearn.metrics import normalized_mutual_info_score

    return EncoderScores(
        n=by_gmm.n,
        dim=int(embeddings.shape[1]),
        balanced_accuracy=by_gmm.balanced_accuracy,
        balanced_accuracy_across_scenes=by_gmm.balanced_accuracy_across_scenes,
        nmi_gmm=by_gmm.nmi,
        nmi_hdbscan=float(normalized_mutual_info_score(codes, density.labels[there])),
        noise_fraction=density.noise_fraction,
        silhouette=_silhouette(points[there], codes),
        notes=(*by_gmm.notes, *mixture.notes, *density.notes),
    )


def _silhouette(points: FloatArray, codes: IntArray) -> float | None:
    """Mean silhouette of the classes, on an even sample where there are many chips."""
    from sklearn.metrics import silhouette_score

    n = len(codes)
    rows = np.unique(np.linspace(0, n - 1, min(n, SILHOUETTE_SAMPLE)).round().astype(np.int64))
    n_classes = len(np.unique(codes[rows]))
    if not 2 <= n_classes < len(rows):
        return None
    return float(silhouette_score(points[rows], codes[rows]))
