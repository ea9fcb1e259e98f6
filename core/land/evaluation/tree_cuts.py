"""Cuts of HDBSCAN's tree of training pixels: named clusters, scored on held-out pixels."""

from dataclasses import dataclass

from core.clusters.methods.density.hdbscan_tree import SpanningTree
from core.land.evaluation.confusion import ConfusionScores, count_confusion, score_confusion
from core.land.evaluation.label_economy import Bench
from core.land.models.classifiers import (
    MethodSettings,
    cut_pixel_tree,
    describe_collapse,
    fit_named_clusters,
)
from core.land.models.cluster_names import Naming, count_cluster_classes
from core.types import AnyArray


@dataclass(frozen=True)
class BenchCut:
    """One cut of a tree: the named clusters, and their results on held-out pixels.

    Attributes
    ----------
    naming : Naming
        The clusters named by all training labels.
    after : Naming
        The same names, with counts of the held-out pixels that kNN assigns to each cluster.
    counts : int64 array, (n, n)
        Confusion matrix of the held-out pixels; rows are the truth.
    """

    naming: Naming
    after: Naming
    noise_fraction: float
    counts: AnyArray

    @property
    def notes(self) -> list[str]:
        """A warning if there are fewer clusters than classes in the training pixels."""
        n_classes = int((self.naming.counts.sum(axis=0) > 0).sum())
        facts = {"n_clusters": len(self.naming.classes), "n_classes": n_classes}
        return describe_collapse([facts])

    @property
    def scores(self) -> ConfusionScores:
        """The scores on the held-out pixels."""
        return score_confusion(self.counts)


def recut_bench(bench: Bench, tree: SpanningTree, method: MethodSettings) -> BenchCut:
    """Cut a tree, name the clusters, and predict the held-out pixels.

    Raises TooFewError if all pixels are noise.
    """
    clusters, notes = cut_pixel_tree(tree, method)
    fitted = fit_named_clusters(
        bench.train, bench.train_labels, clusters, method, notes, bench.legend
    )
    assert fitted.naming is not None
    prediction = fitted.model.predict(bench.held_out, 0)
    assert prediction.clusters is not None
    counts = count_cluster_classes(
        prediction.clusters, bench.held_out_labels, fitted.n_clusters, bench.legend.other
    )
    return BenchCut(
        fitted.naming,
        Naming(fitted.naming.classes, counts),
        float((clusters < 0).mean()),
        count_confusion(bench.held_out_labels, prediction.classes, bench.legend.other),
    )
