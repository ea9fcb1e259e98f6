"""How well the embeddings of an encoder separate the classes of an attribute."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from core.chips.spatial_blocks import ChipBlocks
from core.clusters.evaluation.agreement import encode_classes, vote_notes, vote_on_attribute
from core.clusters.evaluation.bootstrap import (
    MIN_GROUPS,
    N_DRAWS,
    Interval,
    accuracy_interval,
    count_groups,
)
from core.clusters.evaluation.held_out_votes import HeldOutVotes
from core.clusters.methods.density.hdbscan_tree import build_tree, cut_tree
from core.clusters.methods.gmm import fit_gmm
from core.reduction.pca import reduce_embeddings
from core.reduction_settings import ReductionSettings
from core.settings import RunSettings
from core.types import AnyArray, FloatArray, IntArray

# The silhouette needs n x n distances, so at most this many chips, evenly spaced, are used.
SILHOUETTE_SAMPLE = 4000
# A class in fewer scenes or blocks makes an interval uncertain: draws often miss most of them.
_MIN_GROUPS_OF_CLASS = 5
# What is held out of the vote, from the test that is easiest for an encoder to the fairest.
CHIPS, BLOCKS, SCENES = HELD_OUT = ("chips", "blocks", "scenes")


@dataclass(frozen=True)
class EncoderScores:
    """Scores of one encoder's embeddings against an attribute.

    Attributes
    ----------
    n, dim : int
        Number of chips that have the attribute, and length of an embedding.
    balanced_accuracy : float
        With 5-NN, leave-one-out; see `core.clusters.evaluation.agreement.AgreementScores`. This is
        the limit of many random folds, without the chance of drawing them.
    balanced_accuracy_across_blocks : float or None
        The same with neighbours from other blocks of ground only; None if no class occurs in two
        blocks.
    balanced_accuracy_across_scenes : float or None
        The same with neighbours from other scenes only; None if no class occurs in two scenes.
    balanced_accuracy_interval, balanced_accuracy_across_blocks_interval, \
balanced_accuracy_across_scenes_interval : pair of float, or None
        95 % bootstrap intervals, from draws of chips, blocks and scenes; see
        `core.clusters.evaluation.bootstrap`.
    n_blocks, n_scenes : int
        Numbers of blocks and scenes whose chips are counted.
    block_side, block_unit : float and str
        Side of a block in metres ("m") or pixels ("px").
    nmi_gmm, nmi_hdbscan : float
        Normalised mutual information of each clustering with the attribute; HDBSCAN's noise counts
        as one more cluster.
    noise_fraction : float
        Share of the chips that HDBSCAN labels as noise.
    silhouette : float or None
        Silhouette of the classes in the space of the principal components, -1..1 (Rousseeuw, 1987);
        None if every class has a single chip.
    notes : tuple of str
        Notes for the user from scoring.
    cluster_notes : tuple of str
        Notes for the user from both clusterings; each starts with the method.
    votes : mapping of str to HeldOutVotes
        The votes behind the accuracies: "chips", "blocks" and "scenes" are held out.
    """

    n: int
    dim: int
    balanced_accuracy: float
    balanced_accuracy_across_blocks: float | None
    balanced_accuracy_across_scenes: float | None
    balanced_accuracy_interval: Interval | None
    balanced_accuracy_across_blocks_interval: Interval | None
    balanced_accuracy_across_scenes_interval: Interval | None
    n_blocks: int
    n_scenes: int
    block_side: float
    block_unit: str
    nmi_gmm: float
    nmi_hdbscan: float
    noise_fraction: float
    silhouette: float | None
    notes: tuple[str, ...] = ()
    cluster_notes: tuple[str, ...] = ()
    votes: Mapping[str, HeldOutVotes] = field(default_factory=dict, compare=False, repr=False)

    def accuracy(self, held_out: str) -> tuple[float | None, Interval | None]:
        """Return the balanced accuracy and its interval with chips, blocks or scenes held out."""
        name = "balanced_accuracy" + ("" if held_out == CHIPS else f"_across_{held_out}")
        return getattr(self, name), getattr(self, f"{name}_interval")


def score_encoder(
    embeddings: FloatArray,
    truth: Sequence[Any] | AnyArray,
    scenes: Sequence[Any] | AnyArray,
    blocks: ChipBlocks,
    attribute: str,
    settings: RunSettings,
) -> EncoderScores:
    """Score the embeddings of one encoder against an attribute.

    Clusters are found as in a run: on standardised principal components, by a Gaussian mixture and
    by HDBSCAN. Nearest neighbours are found among the embeddings, (n, d), without reduction.
    `truth` is the attribute's value for each chip (None, NaN and empty text are missing), `scenes`
    the scene and `blocks` the block of each chip. `attribute` is the name of the attribute, for
    messages.

    Raises TooFewError if there are fewer than two classes, or fewer chips than the clusterings
    need, and DegenerateError if embeddings are not finite, or all the same.
    """
    # Of the reduction settings, only the number of components is used, because location and size
    # are not part of an embedding.
    points = reduce_embeddings(embeddings, {}, ReductionSettings(settings.reduction.n_dims)).points
    mixture = fit_gmm(points, settings.gmm)
    labelling = cut_tree(build_tree(points, settings.tree), settings.cut)
    groupings = [blocks.codes, np.asarray(scenes, object)]
    by_chip, by_block, by_scene = vote_on_attribute(embeddings, truth, groupings, attribute)
    has_value, classes, codes = encode_classes(truth)
    n_missing = int((~has_value).sum())
    notes = (
        *vote_notes(attribute, n_missing, by_chip, by_scene),
        *_block_notes(blocks, by_block),
        *_interval_notes("blocks", by_block, classes),
        *_interval_notes("scenes", by_scene, classes),
    )

    from sklearn.metrics import normalized_mutual_info_score as score_nmi

    return EncoderScores(
        n=len(codes),
        dim=int(embeddings.shape[1]),
        balanced_accuracy=float(by_chip.accuracy or 0.0),
        balanced_accuracy_across_blocks=by_block.accuracy,
        balanced_accuracy_across_scenes=by_scene.accuracy,
        balanced_accuracy_interval=accuracy_interval(by_chip),
        balanced_accuracy_across_blocks_interval=accuracy_interval(by_block),
        balanced_accuracy_across_scenes_interval=accuracy_interval(by_scene),
        n_blocks=count_groups(by_block),
        n_scenes=count_groups(by_scene),
        block_side=blocks.side,
        block_unit=blocks.unit,
        nmi_gmm=float(score_nmi(codes, mixture.labels[has_value])),
        nmi_hdbscan=float(score_nmi(codes, labelling.labels[has_value])),
        noise_fraction=labelling.noise_fraction,
        silhouette=_silhouette(points[has_value], codes),
        notes=notes,
        cluster_notes=(
            *(f"Gaussian mixture: {note}" for note in mixture.notes),
            *(f"HDBSCAN: {note}" for note in labelling.notes),
        ),
        votes=dict(zip(HELD_OUT, (by_chip, by_block, by_scene), strict=True)),
    )


def _block_notes(blocks: ChipBlocks, by_block: HeldOutVotes) -> Iterator[str]:
    n_blocks = int(by_block.groups.max()) + 1
    if by_block.accuracy is None:
        reason = (
            f"All chips lie in one block of {blocks.describe_side()}"
            if n_blocks == 1
            else f"No class occurs in two of the {n_blocks} blocks of {blocks.describe_side()}"
        )
        yield f"{reason}, so there is no accuracy across blocks."
        return
    yield (
        f"The chips lie in {n_blocks} blocks of {blocks.describe_side()}. The 95 % intervals are "
        f"from {N_DRAWS} draws of whole chips, blocks or scenes."
    )
    if by_block.n_left_out:
        yield (
            "Chips left out of the accuracy across blocks because their class occurs in one block "
            f"only: {by_block.n_left_out}."
        )


def _interval_notes(held_out: str, votes: HeldOutVotes, classes: Sequence[str]) -> Iterator[str]:
    """Yield why there is no interval, or which classes make it uncertain."""
    n_groups = count_groups(votes)
    if 0 < n_groups < MIN_GROUPS:
        yield (
            f"There is no interval across {held_out}: there are {n_groups}, and an interval needs "
            f"at least {MIN_GROUPS}."
        )
    elif n_groups:
        n_of_class = (votes.count_by_group()[0] > 0).sum(axis=0).tolist()
        rare = [
            f"{name} ({n})"
            for name, n in zip(classes, n_of_class, strict=True)
            if 0 < n < _MIN_GROUPS_OF_CLASS
        ]
        if rare:
            yield (
                f"The interval across {held_out} is uncertain, because some classes occur in few "
                f"{held_out}: {', '.join(rare)}."
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
