"""Agreement of a labelling, and of the embeddings, with an attribute such as the class."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.errors import ArtifactError, DegenerateError, TooFewError
from core.types import AnyArray, BoolArray, FloatArray, IntArray

NEIGHBOURS = 5
# Chips per block: 512 x 20,000 distances take 40 MB.
_BLOCK = 512


@dataclass(frozen=True, kw_only=True)
class NeighbourScores:
    """How well an attribute can be predicted from the nearest embeddings.

    Attributes
    ----------
    n, n_missing : int
        Chips with a value of the attribute, and chips without one, which all scores leave out.
    balanced_accuracy : float
        Mean recall over the classes, 0..1, if each chip is classified by a vote of its 5 nearest
        neighbours. Overlapping or adjacent chips of the same scene inflate this accuracy.
    balanced_accuracy_across_scenes : float or None
        The same if only chips of other scenes vote; None if no class occurs in two scenes.
    """

    n: int
    n_missing: int
    n_classes: int
    balanced_accuracy: float
    balanced_accuracy_across_scenes: float | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class AgreementScores(NeighbourScores):
    """Agreement of the embeddings and of a labelling with an attribute.

    Attributes
    ----------
    ari, nmi, ami : float
        Agreement of labelling and attribute: adjusted Rand index (Hubert and Arabie, 1985),
        normalised and adjusted mutual information (Vinh et al., 2010). 1 is full agreement; for
        `ari` and `ami`, 0 is chance. Noise counts as one more cluster, so labelling
        difficult chips as noise gains nothing.
    """

    ari: float
    nmi: float
    ami: float


def score_labelling(
    labels: IntArray,
    embeddings: FloatArray,
    truth: Sequence[Any] | AnyArray,
    scenes: Sequence[Any] | AnyArray,
    name: str = "attribute",
) -> AgreementScores:
    """Score a labelling, (n,) with -1 for noise, and the embeddings against an attribute.

    The other arguments and the errors are those of `score_embeddings`.
    """
    if len(labels) != len(truth):
        raise ArtifactError("labels and attribute differ in length", where=name)
    scores = score_embeddings(embeddings, truth, scenes, name)
    present, _, codes = encode_classes(truth)
    clusters = np.asarray(labels)[present]

    from sklearn import metrics

    return AgreementScores(
        **vars(scores),
        ari=float(metrics.adjusted_rand_score(codes, clusters)),
        nmi=float(metrics.normalized_mutual_info_score(codes, clusters)),
        ami=float(metrics.adjusted_mutual_info_score(codes, clusters)),
    )


def score_embeddings(
    embeddings: FloatArray,
    truth: Sequence[Any] | AnyArray,
    scenes: Sequence[Any] | AnyArray,
    name: str = "attribute",
) -> NeighbourScores:
    """Score how well the nearest embeddings predict an attribute.

    A chip cannot be predicted if no voting chip has its class, because it is the only chip of its
    class or because its class occurs in only one scene. Such chips are left out of the accuracy
    concerned and counted in the notes. Ties go to the class of the nearest chip.

    Parameters
    ----------
    embeddings : float32 array, (n, d)
    truth : sequence, (n,)
        Values of the attribute; None, NaN and empty text are missing.
    scenes : sequence, (n,)
        The scene of each chip.
    name : str
        The attribute's name, for messages.

    Raises
    ------
    TooFewError
        If there are fewer than two classes, or each class has only one chip.
    DegenerateError, ArtifactError
        If embeddings are not finite, or the arguments are of different chips.
    """
    if not len(embeddings) == len(truth) == len(scenes):
        raise ArtifactError("embeddings and attribute differ in length", where=name)
    present, classes, codes = encode_classes(truth)
    if len(classes) < 2:
        counts = f"{int(present.sum())} of {len(present)} chips have a value"
        values = f", always {classes[0]!r}" if classes else ""
        raise TooFewError(
            f"{counts}{values}, so there is nothing to compare",
            where=name,
            remedy="Choose an attribute with at least two classes.",
        )
    vectors = np.asarray(embeddings, np.float32)[present]
    if not np.isfinite(vectors).all():
        raise DegenerateError("embeddings are not finite", where=name)
    accuracy, n_alone = _vote_accuracy(vectors, codes, np.arange(len(codes), dtype=np.int32))
    if accuracy is None:
        raise TooFewError(
            f"each of the {len(codes)} chips has a different value",
            where=name,
            remedy="Choose an attribute that groups the chips into classes.",
        )
    scene_codes = _encode(scenes, present)[1]
    accuracy_across, n_one_scene = _vote_accuracy(vectors, codes, scene_codes)
    notes = _notes(name, present, n_alone, n_one_scene, accuracy_across)
    return NeighbourScores(
        n=len(codes),
        n_missing=int((~present).sum()),
        n_classes=len(classes),
        balanced_accuracy=accuracy,
        balanced_accuracy_across_scenes=accuracy_across,
        notes=tuple(notes),
    )


def encode_classes(values: Sequence[Any] | AnyArray) -> tuple[BoolArray, list[str], IntArray]:
    """Encode the values of an attribute, (n,), as classes; None, NaN and empty text are missing.

    Returns a mask of the chips that have a value, (n,); the distinct values as text, sorted; and,
    for each chip with a value, the position of that value in the distinct values, (n_present,).
    """
    import pandas as pd

    boxed = np.empty(len(values), object)
    boxed[:] = list(values)
    blank = np.array([isinstance(value, str) and not value.strip() for value in boxed], np.bool_)
    present: BoolArray = ~(pd.isna(boxed) | blank)
    return (present, *_encode(values, present))


def _encode(values: Sequence[Any] | AnyArray, present: BoolArray) -> tuple[list[str], IntArray]:
    """Return the distinct present values as text, sorted, and the position of each value."""
    texts = [str(value) for value, keep in zip(values, present, strict=True) if keep]
    classes = sorted(set(texts))
    codes = {text: code for code, text in enumerate(classes)}
    return classes, np.array([codes[text] for text in texts], np.int32)


def _vote_accuracy(
    vectors: FloatArray, codes: IntArray, groups: IntArray
) -> tuple[float | None, int]:
    """Return the balanced accuracy if only chips of other groups vote on a chip.

    Also returns the number of chips that are left out because no voting chip has their class. The
    accuracy is None if all chips are left out.
    """
    n_classes = int(codes.max()) + 1
    table = np.zeros((n_classes, int(groups.max()) + 1), np.int64)
    np.add.at(table, (codes, groups), 1)
    counted = table.sum(axis=1)[codes] > table[codes, groups]
    if not counted.any():
        return None, len(codes)
    votes = _votes(vectors, codes, groups)
    n_correct = np.bincount(codes[counted], votes[counted] == codes[counted], n_classes)
    sizes = np.bincount(codes[counted], minlength=n_classes)
    recall = n_correct[sizes > 0] / sizes[sizes > 0]
    return float(recall.mean()), int((~counted).sum())


def _votes(vectors: FloatArray, codes: IntArray, groups: IntArray) -> IntArray:
    """Return, for each chip, the class that the nearest chips of other groups vote for, (n,)."""
    # Centred, because float32 loses the difference of long vectors with the same direction.
    centred = vectors - vectors.mean(axis=0)
    lengths = (centred**2).sum(axis=1)
    k = min(NEIGHBOURS, len(codes) - 1)
    n_classes = int(codes.max()) + 1
    votes = np.empty(len(codes), np.int32)
    for start in range(0, len(codes), _BLOCK):
        rows = slice(start, start + _BLOCK)
        distances = lengths - 2 * (centred[rows] @ centred.T)
        distances[groups[rows, None] == groups[None, :]] = np.inf
        nearest = np.argpartition(distances, k - 1, axis=1)[:, :k]
        near = np.take_along_axis(distances, nearest, axis=1)
        order = np.lexsort((nearest, near), axis=1)
        near = np.take_along_axis(near, order, axis=1)
        ranked = codes[np.take_along_axis(nearest, order, axis=1)]
        # One vote each, plus a bonus by rank (less than one vote in all) that decides ties.
        weights = np.where(np.isfinite(near), 1 + 2.0 ** -np.arange(1, k + 1) / k, 0.0)
        tally = np.zeros((len(ranked), n_classes))
        np.add.at(tally, (np.arange(len(ranked))[:, None], ranked), weights)
        votes[rows] = tally.argmax(axis=1)
    return votes


def _notes(
    name: str, present: BoolArray, n_alone: int, n_one_scene: int, accuracy_across: float | None
) -> Iterator[str]:
    n_missing = int((~present).sum())
    if n_missing:
        yield f"{n_missing} of {len(present)} chips have no {name} and were left out."
    if n_alone:
        yield (
            "Chips left out of the balanced accuracy because no other chip has their class: "
            f"{n_alone}."
        )
    if accuracy_across is None:
        yield "No class occurs in two scenes, so there is no accuracy across scenes."
    elif n_one_scene:
        yield (
            "Chips left out of the accuracy across scenes because their class occurs in one scene "
            f"only: {n_one_scene}."
        )
