"""Agreement of a labelling, and of the embeddings, with an attribute such as the class."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.clusters.evaluation.held_out_votes import HeldOutVotes, vote_with_groups_held_out
from core.errors import ArtifactError, DegenerateError, TooFewError
from core.types import AnyArray, BoolArray, FloatArray, IntArray


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
        Agreement of labelling and attribute; see `score_agreement`.
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
    scores = vars(score_embeddings(embeddings, truth, scenes, name))
    return AgreementScores(**(scores | score_agreement(labels, truth, name)))


def score_agreement(
    labels: IntArray, truth: Sequence[Any] | AnyArray, name: str = "attribute"
) -> dict[str, float]:
    """Return the agreement of a labelling, (n,) with -1 for noise, with an attribute, (n,).

    The keys are ``ari``, the adjusted Rand index (Hubert and Arabie, 1985), and ``nmi`` and
    ``ami``, the normalised and the adjusted mutual information (Vinh et al., 2010). 1 is full
    agreement; for `ari` and `ami`, 0 is chance. Noise counts as one more cluster, so labelling
    difficult chips as noise gains nothing. Chips without a value are left out. Raises
    ArtifactError if labels and attribute differ in length.
    """
    if len(labels) != len(truth):
        raise ArtifactError("labels and attribute differ in length", where=name)
    present, _, codes = encode_classes(truth)
    clusters = np.asarray(labels)[present]

    from sklearn import metrics

    return {
        "ari": float(metrics.adjusted_rand_score(codes, clusters)),
        "nmi": float(metrics.normalized_mutual_info_score(codes, clusters)),
        "ami": float(metrics.adjusted_mutual_info_score(codes, clusters)),
    }


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
    single, across = vote_on_attribute(embeddings, truth, [scenes], name)
    n_missing = len(truth) - len(single.codes)
    return NeighbourScores(
        n=len(single.codes),
        n_missing=n_missing,
        n_classes=int(single.codes.max()) + 1,
        balanced_accuracy=float(single.accuracy or 0.0),
        balanced_accuracy_across_scenes=across.accuracy,
        notes=tuple(vote_notes(name, n_missing, single, across)),
    )


def vote_on_attribute(
    embeddings: FloatArray,
    truth: Sequence[Any] | AnyArray,
    groupings: Sequence[Sequence[Any] | AnyArray],
    name: str = "attribute",
) -> list[HeldOutVotes]:
    """Return the votes of the nearest chips on an attribute, for chips that have a value.

    The first votes leave out only the chip itself. The others leave out all chips of the chip's
    group, one for each of the `groupings`, (n,) each. At least one chip of the first votes is
    counted. The other arguments and the errors are those of `score_embeddings`.
    """
    lengths = {len(embeddings), len(truth), *map(len, groupings)}
    if len(lengths) > 1:
        raise ArtifactError("embeddings and attribute differ in length", where=name)
    present, classes, codes = encode_classes(truth)
    require_two_classes(present, classes, name)
    vectors = np.asarray(embeddings, np.float32)
    vectors = vectors if present.all() else vectors[present]
    if not np.isfinite(vectors).all():
        raise DegenerateError("embeddings are not finite", where=name)
    groups = [_encode(grouping, present)[1] for grouping in groupings]
    single = np.arange(len(codes), dtype=np.int32)
    votes = vote_with_groups_held_out(vectors, codes, [single, *groups])
    if not votes[0].counted.any():
        raise TooFewError(
            f"each of the {len(codes)} chips has a different value",
            where=name,
            remedy="Choose an attribute that groups the chips into classes.",
        )
    return votes


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


def require_two_classes(present: BoolArray, classes: Sequence[str], name: str) -> None:
    """Raise TooFewError if an attribute, as returned by `encode_classes`, has no two classes."""
    if len(classes) < 2:
        counts = f"{int(present.sum())} of {len(present)} chips have a value"
        values = f", always {classes[0]!r}" if classes else ""
        raise TooFewError(
            f"{counts}{values}, so there is nothing to compare",
            where=name,
            remedy="Choose an attribute with at least two classes.",
        )


def _encode(values: Sequence[Any] | AnyArray, present: BoolArray) -> tuple[list[str], IntArray]:
    """Return the distinct present values as text, sorted, and the position of each value."""
    texts = [str(value) for value, keep in zip(values, present, strict=True) if keep]
    classes = sorted(set(texts))
    codes = {text: code for code, text in enumerate(classes)}
    return classes, np.array([codes[text] for text in texts], np.int32)


def vote_notes(
    name: str, n_missing: int, single: HeldOutVotes, across_scenes: HeldOutVotes
) -> Iterator[str]:
    """Yield notes for the user on the chips that the accuracies leave out."""
    if n_missing:
        total = len(single.codes) + n_missing
        yield f"{n_missing} of {total} chips have no {name} and were left out."
    if single.n_sampled:
        yield (
            f"The accuracies are estimated from {single.n_sampled} of {len(single.codes)} chips, "
            "drawn at random; the neighbours are exact."
        )
    if single.n_left_out:
        yield (
            "Chips left out of the balanced accuracy because no other chip has their class: "
            f"{single.n_left_out}."
        )
    if across_scenes.accuracy is None:
        yield "No class occurs in two scenes, so there is no accuracy across scenes."
    elif across_scenes.n_left_out:
        yield (
            "Chips left out of the accuracy across scenes because their class occurs in one scene "
            f"only: {across_scenes.n_left_out}."
        )
