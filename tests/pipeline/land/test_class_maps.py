import numpy as np
import pytest
import rasterio

from core.land.data.dataset import SIDE
from core.land.data.nomenclature import FLAIR
from core.land.data.patch_reading import RequiredData, read_mask, read_pixels
from core.land.evaluation.confusion import count_confusion
from core.land.models.classifiers import MethodSettings
from core.land.models.features import FeatureSpec, build_features
from core.pipeline.land.class_maps import CLASS_MAPS, open_model
from core.pipeline.land.study import Study, StudySettings
from core.pipeline.land.study_cells import CELLS, StudyRun

KNN = MethodSettings()
ROBUST = FeatureSpec(fusion=True, robust=True)


@pytest.fixture(scope="module")
def study(workspace):
    return Study(workspace, StudySettings())


def class_maps(study, method=KNN, spec=ROBUST):
    return StudyRun(study, method, spec).make(CLASS_MAPS)


def read_classes(path):
    with rasterio.open(path) as source:
        return source.read(1)


def random_pixels(study, maps, scaler):
    """Features and mapped classes of 60 pixels that the first fold's model had not seen."""
    index = study.folds[0].test[0]
    patch = study.dataset.patches[index]
    pixels = np.random.default_rng(0).choice(SIDE * SIDE, 60, replace=False)
    table = read_pixels(patch, index, pixels, RequiredData(sentinel=True))
    classes = read_classes(maps.folder / f"{patch.name}.tif").ravel()[pixels]
    return build_features(table, ROBUST, scaler).matrix, classes


def test_maps__agree_with_the_counts_of_the_run(study):
    result = CELLS.open(StudyRun(study, KNN, ROBUST).make(CELLS))
    class_maps(study)
    maps = class_maps(study)
    assert maps.cached
    by_name = {patch.name: patch for patch in study.dataset.patches}
    for name, counts in zip(result.patches, result.counts, strict=True):
        truth = FLAIR.reduce_labels(read_mask(by_name[name])[0])
        classes = read_classes(maps.folder / f"{name}.tif")
        assert count_confusion(truth, classes).tolist() == counts.tolist()


def test_maps__credit_names_synthetic_data(study):
    path = class_maps(study).folder / f"{study.dataset.patches[0].name}.tif"
    with rasterio.open(path) as source:
        credit = source.tags()["TIFFTAG_COPYRIGHT"]
    assert "synthetic data set" in credit
    assert "Etalab" in credit


@pytest.mark.parametrize("method", [KNN, MethodSettings("hdbscan", min_cluster_size=30)])
def test_model__votes_agree_with_the_map(study, method):
    maps = class_maps(study, method)
    model = open_model(maps)
    assert model is not None
    matrix, classes = random_pixels(study, maps, model.scaler)
    queries = matrix.astype(np.float64)
    squared = ((queries[:, None] - np.asarray(model.matrix, np.float64)) ** 2).sum(axis=2)
    nearest = np.argsort(squared, axis=1, kind="stable")[:, : method.k]
    votes = [np.bincount(model.classes[rows]).argmax() for rows in nearest]
    # Three classes that tie may be decided either way.
    ties = [len(set(model.classes[rows])) == method.k for rows in nearest]
    agree = np.array(votes) == classes
    assert (agree | np.array(ties)).all()
    assert agree.mean() > 0.8


def test_model__boosted_trees_agree_with_the_map(study, monkeypatch):
    monkeypatch.setattr("core.land.models.classifier_table._ROUNDS", 10)
    maps = class_maps(study, MethodSettings("boosting"))
    model = open_model(maps)
    assert model is not None
    assert model.matrix is None
    matrix, classes = random_pixels(study, maps, model.scaler)
    probabilities = model.trees.probabilities(matrix)
    assert probabilities.sum(axis=1) == pytest.approx(1)
    assert model.trees.classes[probabilities.argmax(axis=1)].tolist() == classes.tolist()


def test_model__none_for_a_chance_baseline(study):
    maps = class_maps(study, MethodSettings("prevalence"), FeatureSpec())
    assert open_model(maps) is None
    assert maps.counts == {"maps": 2}
