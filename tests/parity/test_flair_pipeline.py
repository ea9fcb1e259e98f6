"""Class maps and counts compared with a plain, slow computation from the same files."""

import json
from functools import cache

import numpy as np
import pytest
import rasterio
from sklearn.metrics import confusion_matrix
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import RobustScaler

from core.land.data.file_discovery import discover_dataset
from core.land.models.classifiers import MethodSettings
from core.land.models.features import FeatureSpec
from core.pipeline.land.class_maps import CLASS_MAPS
from core.pipeline.land.land_workspace import ensure_land_cover, flair_folder
from core.pipeline.land.study import Study, StudySettings
from core.pipeline.land.study_cells import CELLS, StudyRun
from core.pipeline.workspace import Workspace

QUERIES = 400
SPECS = (
    FeatureSpec(robust=True, normalised=True),
    FeatureSpec(fusion=True, robust=True),
    FeatureSpec(fusion=True, robust=True, normalised=True, intensity=True),
)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    workspace = Workspace(tmp_path_factory.mktemp("land"))
    ensure_land_cover(workspace, 3)
    return Study(workspace, StudySettings(), discover_dataset(flair_folder(workspace)))


@cache
def read_bands(path):
    with rasterio.open(path) as source:
        return source.read()


@cache
def mean_year(root, domain, area, name):
    """Read the mean reflectance of a super area, and the row and column of a patch in it."""
    centroids = json.loads((root / "flair-2_centroids_sp_to_patch.json").read_text())
    row, column = centroids[f"{name}.tif"]
    folder = root / "flair_sen_train" / domain / area / "sen"
    stem = f"SEN2_sp_{domain}-{area}"
    data, masks = (np.load(folder / f"{stem}_{part}.npy") for part in ("data", "masks"))
    days = [line[11:19] for line in (folder / f"{stem}_products.txt").read_text().split()]
    by_month = {}
    for t, day in enumerate(days):
        covered = 0
        for r in range(row - 20, row + 20):
            for c in range(column - 20, column + 20):
                covered += bool(masks[t, 0, r, c] >= 60 or masks[t, 1, r, c] >= 60)
        if covered / 1600 < 0.5:
            by_month.setdefault(day[4:6], []).append(data[t].astype(float))
    mean = np.mean([np.mean(images, axis=0) for images in by_month.values()], axis=0) / 10_000
    return mean, row, column


def pixel(patch, root, row, column):
    """Read the aerial bands (0..1), Sentinel reflectance and class of one pixel."""
    aerial = read_bands(patch.image)[:, row, column] / 255
    value = int(read_bands(patch.mask)[0, row, column])
    mean, north, west = mean_year(root, patch.domain, patch.area, patch.name)
    sentinel = mean[:, north + (row - 256) // 50, west + (column - 256) // 50]
    return aerial, sentinel, min(value, 13)


def feature_row(aerial, sentinel, spec):
    """Compute the features of one pixel before robust scaling."""
    intensity = aerial[0] + aerial[1] + aerial[2]
    if spec.normalised:
        spectrum = [*(aerial[:4] / intensity), aerial[4]] + [intensity] * spec.intensity
        return spectrum + list(sentinel / sentinel[:3].sum()) * spec.fusion
    return [*aerial] + [intensity] * spec.intensity + list(sentinel) * spec.fusion


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.title)
def test_class_maps__equal_a_plain_reading(study, spec):
    root = flair_folder(study.workspace)
    fold = study.folds[0]
    rows, labels = [], []
    for index in fold.train:
        for r in range(11, 502, 10):
            for c in range(11, 502, 10):
                aerial, sentinel, label = pixel(study.dataset.patches[index], root, r, c)
                if label < 13:
                    rows.append(feature_row(aerial, sentinel, spec))
                    labels.append(label)
    scaler = RobustScaler().fit(rows)
    reference = KNeighborsClassifier(3).fit(scaler.transform(rows), labels)
    patch = study.dataset.patches[fold.test[0]]
    positions = np.random.default_rng(0).integers(0, 512, (QUERIES, 2))
    queries = scaler.transform(
        [feature_row(*pixel(patch, root, r, c)[:2], spec) for r, c in positions]
    )
    distances, neighbours = reference.kneighbors(queries, 4)
    artifact = StudyRun(study, MethodSettings(), spec).make(CLASS_MAPS)
    class_map = read_bands(artifact.folder / f"{patch.name}.tif")[0]
    votes = np.array(labels)[neighbours[:, :3]]
    no_tie = (distances[:, 3] - distances[:, 2] > 1e-5) & [len(set(v)) < 3 for v in votes]
    predicted = np.array([class_map[r, c] for r, c in positions])
    assert no_tie.mean() > 0.5
    assert (predicted == reference.predict(queries))[no_tie].all()


def test_counts__equal_scikit_learn(study):
    spec = SPECS[0]
    run = StudyRun(study, MethodSettings(), spec)
    result, artifact = CELLS.open(run.make(CELLS)), run.make(CLASS_MAPS)
    by_name = {patch.name: patch for patch in study.dataset.patches}
    for name, counts in zip(result.patches, result.counts, strict=True):
        truth = np.minimum(read_bands(by_name[name].mask)[0], 13).ravel()
        predicted = read_bands(artifact.folder / f"{name}.tif")[0].ravel()
        expected = confusion_matrix(truth, predicted, labels=range(1, 14))
        assert counts.tolist() == expected.tolist()
