"""Class maps of runs, stored with the first fold's model for classifying single pixels."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from core.artifacts.formats import read_array, read_arrays, read_json, write_arrays, write_json
from core.artifacts.store import Artifact
from core.land.models.boosted_trees import BoostedTrees, extract_trees
from core.land.models.classifier_table import CLASSIFIERS, cluster_pixels
from core.land.models.features import Scaler
from core.land.models.predictors import BoostingPredictor, NeighbourPredictor
from core.pipeline.land.study_cells import StudyRun
from core.pipeline.stage import Stage
from core.progress import Progress


@dataclass(frozen=True)
class StoredModel:
    """A stored model, either boosted trees or voting pixels, and the domains it was trained on.

    `matrix` holds the features of the voting pixels, float32 (n, f), and `classes` the class that
    each of them votes for, uint8 (n,).
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
    """Write the model of the first fold; chance baselines have none, as they use no features."""
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
    load=lambda artifact: artifact.folder,
    sources=StudyRun.file_states,
)


def open_model(artifact: Artifact) -> StoredModel | None:
    """Open the model stored with class maps; None for a chance baseline."""
    artifact.require_intact()
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
