"""Class maps of runs, stored with the model of the first fold, which classifies typed pixels."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from core.artifacts.formats import read_array, read_arrays, read_json, write_arrays, write_json
from core.artifacts.store import Artifact
from core.flair.models.boosted_trees import BoostedTrees, extract_trees
from core.flair.models.classifier_table import CLASSIFIERS, cluster_pixels
from core.flair.models.features import Scaler
from core.flair.models.predictors import BoostingPredictor, NeighbourPredictor
from core.pipeline.flair.study_cells import StudyRun
from core.pipeline.stage import Stage
from core.progress import Progress


@dataclass(frozen=True)
class StoredModel:
    """A stored model: either pixels that vote, or boosted trees.

    Attributes
    ----------
    scaler : Scaler or None
    domains : tuple of str
        Domains of its training pixels.
    matrix : float32 array, (n, f), or None
        Features of the voting pixels.
    classes : uint8 array, (n,), or None
        The class that each of them votes for.
    trees : BoostedTrees or None
    """

    scaler: Scaler | None
    domains: tuple[str, ...]
    matrix: Any = None
    classes: Any = None
    trees: BoostedTrees | None = None


def _write_maps(run: StudyRun, folder: Path, report: Progress) -> dict[str, Any]:
    run.write_maps(folder, report)
    _write_model(run, folder)
    return {"maps": len(list(folder.glob("*.tif")))}


def _write_model(run: StudyRun, folder: Path) -> None:
    """Write the model of the first fold; a chance baseline has none, as it looks at no value."""
    if run.is_chance:
        return
    fold = run.study.folds[0]
    model = run.fit(fold)
    predictor = model.fitted.model
    arrays = dict(vars(model.scaler)) if model.scaler else {}
    if isinstance(predictor, BoostingPredictor):
        write_arrays(folder / "boosted", extract_trees(predictor.estimator).arrays())
    elif isinstance(predictor, NeighbourPredictor):
        features, _, _ = run.training_data(fold)
        if CLASSIFIERS[run.method.method].has_noise:
            tree = partial(run.read_tree, fold, features)
            clusters, _ = cluster_pixels(features, run.method, tree)
            features = features.take(clusters >= 0)
        arrays |= {"taught": features.matrix, "taught-classes": predictor.classes}
    write_arrays(folder, arrays)
    domains = {run.study.dataset.patches[i].domain for i in fold.train}
    write_json(folder / "taught.json", sorted(domains))


CLASS_MAPS: Stage[StudyRun, Path] = Stage(
    name="flair-maps",
    version=2,
    inputs=lambda run: {"cell": run.key},
    compute=_write_maps,
    open=lambda artifact: artifact.folder,
)


def open_model(artifact: Artifact) -> StoredModel | None:
    """Open the model stored with class maps; None for a chance baseline."""
    folder = artifact.folder
    if not (folder / "taught.json").is_file():
        return None
    scaler = None
    if (folder / "median.npy").is_file():
        scaler = Scaler(read_array(folder / "median.npy"), read_array(folder / "iqr.npy"))
    domains = tuple(read_json(folder / "taught.json"))
    if (folder / "boosted").is_dir():
        return StoredModel(scaler, domains, trees=BoostedTrees(**read_arrays(folder / "boosted")))
    matrix = read_array(folder / "taught.npy", mapped=True)
    return StoredModel(scaler, domains, matrix, read_array(folder / "taught-classes.npy"))
