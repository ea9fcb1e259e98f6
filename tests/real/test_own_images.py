"""Real images with labels: a satellite scene with polygons, and aerial images with buildings."""

import os
from pathlib import Path

import numpy as np
import pytest

from core.land.data.pixel_sampling import SampleSettings
from core.land.images.image_import import ImportSettings
from core.land.models.classifiers import MethodSettings
from core.land.models.features import FeatureSpec
from core.pipeline.land.image_prediction import predict_images
from core.pipeline.land.land_workspace import import_folder, open_dataset
from core.pipeline.land.study import Study, StudySettings
from core.pipeline.land.study_cells import CELLS, StudyRun
from core.pipeline.workspace import Workspace
from core.progress import silent

DATA = Path(os.environ.get("CHIPSCAPE_TEST_DATA", ""))
SATELLITE, BUILDINGS = DATA / "landsat7_landcover", DATA / "kampala_buildings"
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(
        "CHIPSCAPE_TEST_DATA" not in os.environ or not SATELLITE.is_dir() or not BUILDINGS.is_dir(),
        reason="CHIPSCAPE_TEST_DATA names no folder with landsat7_landcover and kampala_buildings",
    ),
]


def run_knn(workspace, **sample):
    settings = StudySettings(sample=SampleSettings(draw="random", **sample))
    study = Study(workspace, settings)
    run = StudyRun(study, MethodSettings("knn"), FeatureSpec(robust=True))
    return run, CELLS.open(run.make(CELLS))


def test_satellite__polygons_and_their_raster_agree(tmp_path):
    vector, raster = Workspace(tmp_path / "vector"), Workspace(tmp_path / "raster")
    import_folder(vector, SATELLITE / "raw", ImportSettings())
    labels = SATELLITE / "training_labels.tif"
    import_folder(raster, SATELLITE / "raw", ImportSettings(), labels)
    datasets = [open_dataset(workspace) for workspace in (vector, raster)]
    names = [cover.name for cover in datasets[0].layout.legend.classes]
    assert names == ["barren", "forest", "herbaceous", "urban", "water"]
    assert [len(dataset.patches) for dataset in datasets] == [15, 15]
    results = [run_knn(workspace)[1] for workspace in (vector, raster)]
    totals = [np.sort(result.counts.sum(axis=(0, 2))).tolist() for result in results]
    # Another program rasterised them, so single pixels at the edges have another class.
    np.testing.assert_allclose(totals[0], totals[1], atol=5)
    assert sum(totals[0]) == sum(totals[1]) == 718
    assert results[0].scores.miou == pytest.approx(results[1].scores.miou, abs=0.05)
    assert 0.3 < results[0].scores.miou < 0.8


def test_buildings__against_the_rest_and_as_a_map(tmp_path):
    workspace = Workspace(tmp_path)
    import_folder(workspace, BUILDINGS / "raw", ImportSettings(background="not building"))
    run, result = run_knn(workspace, n_per_patch=500)
    assert result.counts.sum() == 3072 * 2048 + 1024 * 1024
    # Chance reaches about 0.4; colours alone do not separate roofs from streets.
    assert 0.5 < result.scores.miou < 0.8
    image = BUILDINGS / "raw" / "kampala_dense.tif"
    (scene_map,) = predict_images(run, [image], tmp_path / "maps", lambda _: silent).maps
    assert scene_map.counts.sum() == 1024 * 1024
    assert scene_map.counts[1:3].min() > 100_000
