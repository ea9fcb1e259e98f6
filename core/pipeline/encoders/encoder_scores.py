"""How well the embeddings of an encoder separate the classes of an attribute."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.clusters.evaluation.agreement import encode_classes, score_labelling
from core.clusters.methods.gmm import fit_gmm
from core.clusters.methods.hdbscan_tree import build_tree, cut_tree
from core.reduction.pca import reduce_embeddings
from core.settings import ReductionSettings, RunSettings
from core.types import AnyArray, FloatArray, IntArray

# The silhouette needs n x n distances, so at most this many chips, evenly spaced, are used.
SILHOUETTE_SAMPLE = 4000


@dataclass(frozen=True)
class EncoderScores:
    """Scores of one encoder's embeddings against an attribute.

    Attributes
    ----------
    n, dim : int
        Number of chips that have the attribute, and length of an embedding.
    balanced_accuracy : float
        With 5-NN, leave-one-out; see `core.clusters.evaluation.agreement.AgreementScores`.
    balanced_accuracy_across_scenes : float or None
        The same with neighbours from other scenes only; None if no class occurs in two scenes.
    nmi_gmm, nmi_hdbscan : float
        Normalised mutual information of each clustering with the attribute; HDBSCAN's noise counts
        as one more cluster.
    noise_fraction : float
        Share of the chips that HDBSCAN labels as noise.
    silhouette : float or None
        Silhouette of the classes in the space of the principal components, -1..1 (Rousseeuw, 1987);
        None if every class has a single chip.
    notes : tuple of str
        Notes for the user from scoring and from both clusterings.
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


def score_encoder(
    embeddings: FloatArray,
    truth: Sequence[Any] | AnyArray,
    scenes: Sequence[Any] | AnyArray,
    attribute: str,
    settings: RunSettings,
) -> EncoderScores:
    """Score the embeddings of one encoder against an attribute.

    Clusters are found as in a run: on standardised principal components, by a Gaussian mixture and
    by HDBSCAN. Nearest neighbours are found among the embeddings, (n, d), without reduction.
    `truth` is the attribute's value for each chip (None, NaN and empty text are missing), and
    `scenes` the scene of each chip. `attribute` is the name of the attribute, for messages.

    Raises TooFewError if there are fewer than two classes, or fewer chips than the clusterings
    need, and DegenerateError if embeddings are not finite, or all the same.
    """
    # Of the reduction settings, only the number of components is used, because location and size
    # are not part of an embedding.
    points = reduce_embeddings(embeddings, {}, ReductionSettings(settings.reduction.n_dims)).points
    mixture = fit_gmm(points, settings.gmm)
    labelling = cut_tree(build_tree(points, settings.tree), settings.cut)
    by_gmm = score_labelling(mixture.labels, embeddings, truth, scenes, attribute)
    has_value, _, codes = encode_classes(truth)

    from sklearn.metrics import normalized_mutual_info_score

    return EncoderScores(
        n=by_gmm.n,
        dim=int(embeddings.shape[1]),
        balanced_accuracy=by_gmm.balanced_accuracy,
        balanced_accuracy_across_scenes=by_gmm.balanced_accuracy_across_scenes,
        nmi_gmm=by_gmm.nmi,
        nmi_hdbscan=float(normalized_mutual_info_score(codes, labelling.labels[has_value])),
        noise_fraction=labelling.noise_fraction,
        silhouette=_silhouette(points[has_value], codes),
        notes=(*by_gmm.notes, *mixture.notes, *labelling.notes),
    )


def _silhouette(points: FloatArray, codes: IntArray) -> float | None:
    """Return the mean silhouette of the classes, from evenly spaced chips if there are many."""
    from sklearn.metrics import silhouette_score

    n = len(codes)
    rows = np.unique(np.linspace(0, n - 1, min(n, SILHOUETTE_SAMPLE)).round().astype(np.int64))
    n_classes = len(np.unique(codes[rows]))
    if not 2 <= n_classes < len(rows):
        return None
    return float(silhouette_score(points[rows], codes[rows]))
