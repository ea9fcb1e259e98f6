"""How well a labelling and the embeddings agree with a property, such as the annotated class."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.errors import ArtifactError, DegenerateError, TooFewError
from core.types import AnyArray, BoolArray, FloatArray, IntArray

NEIGHBOURS = 5
# Queries at a time: 512 x 20,000 distances are 40 MB.
_BLOCK = 512


@dataclass(frozen=True, kw_only=True)
class Votes:
    """How well the nearest embeddings tell a property.

    Attributes
    ----------
    n : int
        Chips with a value of the property.
    n_missing : int
        Chips without one, left out of all scores.
    n_classes : int
    balanced_accuracy : float
        Mean recall over the classes of a vote of the 5 nearest other chips by embedding, 0..1.
        Chips that lie next to each other in a scene flatter it.
    balanced_accuracy_across_scenes : float or None
        The same where only chips of other scenes vote; None where no class lies in two scenes.
    notes : tuple of str
        What was left out.
    """

    n: int
    n_missing: int
    n_classes: int
    balanced_accuracy: float
    balanced_accuracy_across_scenes: float | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Scores(Votes):
    """Agreement of embeddings and of a labelling with a property.

    Attributes
    ----------
    ari, nmi, ami : float
        Labelling against property: adjusted Rand index (Hubert and Arabie, 1985), normalised and
        adjusted mutual information (Vinh et al., 2010). 1 is agreement, 0 (of `ari` and `ami`) is
        chance. Noise counts as one more cluster, so that leaving out what is hard gains nothing.
    """

    ari: float
    nmi: float
    ami: float


def score(
    labels: IntArray,
    embeddings: FloatArray,
    truth: Sequence[Any] | AnyArray,
    scenes: Sequence[Any] | AnyArray,
    name: str = "property",
) -> Scores:
    """Score a labelling and the embeddings against a property.

    Parameters
    ----------
    labels : int array, (n,), -1 for noise
    embeddings, truth, scenes, name
        As of `vote`, whose errors are raised too.

    Raises
    ------
    ArtifactError
        If the arguments are of different chips.
    """
    if len(labels) != len(truth):
        raise ArtifactError("labels and property differ in length", where=name)
    votes = vote(embeddings, truth, scenes, name)
    there, _, codes = coded(truth)
    clusters = np.asarray(labels)[there]

    from sklearn import metrics

    return Scores(
        **vars(votes),
        ari=float(metrics.adjusted_rand_score(codes, clusters)),
        nmi=float(metrics.normalized_mutual_info_score(codes, clusters)),
        ami=float(metrics.adjusted_mutual_info_score(codes, clusters)),
    )


def vote(
    embeddings: FloatArray,
    truth: Sequence[Any] | AnyArray,
    scenes: Sequence[Any] | AnyArray,
    name: str = "property",
) -> Votes:
    """Let the nearest embeddings tell a property.

    A chip whose class no voting chip has (the only one of its class, or of a class that lies in
    one scene) cannot be told from the others: it is left out of that accuracy and counted in the
    notes. Ties go to the class of the nearest chip.

    Parameters
    ----------
    embeddings : float32 array, (n, d)
    truth : sequence, (n,)
        Values of the property; None, NaN and empty text are missing.
    scenes : sequence, (n,)
        The scene of each chip.
    name : str
        The property's name, for messages.

    Raises
    ------
    TooFewError
        For fewer than two classes, or classes of one chip each.
    DegenerateError
        For embeddings that are not finite.
    ArtifactError
        If the arguments are of different chips.
    """
    if not len(embeddings) == len(truth) == len(scenes):
        raise ArtifactError("embeddings and property differ in length", where=name)
    there, classes, codes = coded(truth)
    if len(classes) < 2:
        found = f"one class, {classes[0]!r}," if classes else "no value"
        raise TooFewError(
            f"{found} on {int(there.sum())} of {len(there)} chips leaves nothing to compare",
            where=name,
            remedy="Choose a property with two classes or more.",
        )
    vectors = np.asarray(embeddings, np.float32)[there]
    if not np.isfinite(vectors).all():
        raise DegenerateError("embeddings are not finite", where=name)
    own = np.arange(len(codes), dtype=np.int32)
    one_out, alone = _accuracy(vectors, codes, own)
    if one_out is None:
        raise TooFewError(
            f"each of the {len(codes)} chips has a value of its own",
            where=name,
            remedy="Choose a property that sorts the chips into classes.",
        )
    across, unseen = _accuracy(vectors, codes, _codes(scenes, there)[1])
    return Votes(
        n=len(codes),
        n_missing=int((~there).sum()),
        n_classes=len(classes),
        balanced_accuracy=one_out,
        balanced_accuracy_across_scenes=across,
        notes=tuple(_notes(name, there, alone, unseen, across)),
    )


def coded(values: Sequence[Any] | AnyArray) -> tuple[BoolArray, list[str], IntArray]:
    """A property as classes.

    Parameters
    ----------
    values : sequence, (n,)
        None, NaN and empty text are missing.

    Returns
    -------
    there : bool array, (n,)
        True where there is a value.
    classes : list of str
        The distinct values as text, sorted.
    codes : int32 array, (number of values there are,)
        The number of each one's class.
    """
    there: BoolArray = ~_missing(values)
    return (there, *_codes(values, there))


def _missing(values: Sequence[Any] | AnyArray) -> BoolArray:
    """True where a value is None, NaN, NaT or empty text."""
    import pandas as pd

    boxed = np.empty(len(values), object)
    boxed[:] = list(values)
    blank = np.array([isinstance(value, str) and not value.strip() for value in boxed], np.bool_)
    absent: BoolArray = pd.isna(boxed) | blank
    return absent


def _codes(values: Sequence[Any] | AnyArray, there: BoolArray) -> tuple[list[str], IntArray]:
    """Distinct values as text, sorted, and the number of each chip's value among them."""
    texts = [str(value) for value, present in zip(values, there, strict=True) if present]
    names = sorted(set(texts))
    number = {text: code for code, text in enumerate(names)}
    return names, np.array([number[text] for text in texts], np.int32)


def _accuracy(vectors: FloatArray, codes: IntArray, groups: IntArray) -> tuple[float | None, int]:
    """Balanced accuracy of a vote outside each chip's own group, and the chips left out.

    None where no chip has a voter of its class.
    """
    n_classes = int(codes.max()) + 1
    table = np.zeros((n_classes, int(groups.max()) + 1), np.int64)
    np.add.at(table, (codes, groups), 1)
    judged = table.sum(axis=1)[codes] > table[codes, groups]
    if not judged.any():
        return None, len(codes)
    votes = _votes(vectors, codes, groups)
    right = np.bincount(codes[judged], votes[judged] == codes[judged], n_classes)
    counts = np.bincount(codes[judged], minlength=n_classes)
    return float((right[counts > 0] / counts[counts > 0]).mean()), int((~judged).sum())


def _votes(vectors: FloatArray, codes: IntArray, groups: IntArray) -> IntArray:
    """Class by vote of the nearest chips outside each chip's own group, (n,)."""
    # Centred: float32 loses the difference of long vectors that point the same way.
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
        # One vote each, and less than one vote more for the nearest class of a tie.
        weights = np.where(np.isfinite(near), 1 + 2.0 ** -np.arange(1, k + 1) / k, 0.0)
        tally = np.zeros((len(ranked), n_classes))
        np.add.at(tally, (np.arange(len(ranked))[:, None], ranked), weights)
        votes[rows] = tally.argmax(axis=1)
    return votes


def _notes(
    name: str, there: BoolArray, alone: int, unseen: int, across: float | None
) -> Iterator[str]:
    missing = int((~there).sum())
    if missing:
        yield f"{missing} of {len(there)} chips have no {name} and were left out."
    if alone:
        yield f"{alone} chips are the only one of their class: not in the balanced accuracy."
    if across is None:
        yield "No class lies in two scenes: no accuracy across scenes."
    elif unseen:
        yield f"{unseen} chips are of a class that lies in one scene: not judged across scenes."
