"""What a model had learnt, kept beside its class maps, for pixels that are typed by hand."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.artifacts.formats import (
    read_array,
    read_arrays,
    read_json,
    write_array,
    write_arrays,
    write_json,
)
from core.artifacts.store import Artifact
from core.flair.models import classifiers
from core.flair.models.boosted_trees import Trees, trees_of
from core.flair.models.classifiers import MethodSettings
from core.flair.models.features import FeatureSpec, Scaler, build
from core.flair.models.predictors import Boosted
from core.pipeline.flair.study import Study, open_tree


@dataclass(frozen=True)
class Taught:
    """What the model of a run's first fold had learnt; either voting pixels, or trees.

    Attributes
    ----------
    scaler : Scaler or None
    domains : tuple of str
        Where its training pixels lie.
    matrix : float32 array, (n, f), or None
        The voting pixels.
    classes : uint8 array, (n,), or None
        What they vote for.
    trees : Trees or None
        Of boosting.
    """

    scaler: Scaler | None
    domains: tuple[str, ...]
    matrix: Any = None
    classes: Any = None
    trees: Trees | None = None


def keep(study: Study, method: MethodSettings, spec: FeatureSpec, folder: Path) -> None:
    """Write what the first fold's model learnt; nothing for chance, which looks at no value."""
    if method.method not in ("knn", "boosting", *classifiers.CLUSTERING):
        return
    fold = study.folds[0]
    learnt = study.fit(fold, method, spec)
    if isinstance(learnt.fitted.model, Boosted):
        write_arrays(folder / "boosted", trees_of(learnt.fitted.model.estimator).arrays())
    else:
        table = study.sampled(fold.train, spec)
        features = build(table, spec, learnt.scaler)
        inside = np.ones(len(table), bool)
        if method.method == "hdbscan":
            tree = open_tree(study.tree(fold, method, spec, features))
            inside = classifiers.cut(tree, method)[0] >= 0
        write_array(folder / "taught.npy", features.matrix[inside])
        classes = learnt.fitted.model.classes  # type: ignore[attr-defined]
        write_array(folder / "taught-classes.npy", classes)
    if learnt.scaler is not None:
        write_array(folder / "median.npy", learnt.scaler.median)
        write_array(folder / "iqr.npy", learnt.scaler.iqr)
    domains = {study.dataset.patches[i].domain for i in fold.train}
    write_json(folder / "taught.json", sorted(domains))


def taught(artifact: Artifact) -> Taught | None:
    """What `keep` kept of a model; None for chance."""
    folder = artifact.folder
    if not (folder / "taught.json").is_file():
        return None
    scaler = None
    if (folder / "median.npy").is_file():
        scaler = Scaler(read_array(folder / "median.npy"), read_array(folder / "iqr.npy"))
    domains = tuple(read_json(folder / "taught.json"))
    if (folder / "boosted").is_dir():
        return Taught(scaler, domains, trees=Trees(**read_arrays(folder / "boosted")))
    return Taught(
        scaler,
        domains,
        read_array(folder / "taught.npy", mapped=True),
        read_array(folder / "taught-classes.npy"),
    )
