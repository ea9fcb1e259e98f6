"""Land cover on real worker processes: the same results as here, also if workers are killed."""

import json
import os
import shutil
import signal
import time
from contextlib import contextmanager

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from core.compute import dask_cluster, work_streams
from core.compute.dask_cluster import active_client, connect_scheduler, disconnect
from core.errors import Cancelled
from core.land.data import data_summary, pixel_sampling
from core.land.data.data_summary import count_class_pixels
from core.land.data.patch_reading import read_patch
from core.land.data.pixel_sampling import SampleSettings
from core.land.models import prediction, scene_maps
from core.land.models.classifiers import MethodSettings
from core.land.models.features import FeatureSpec, build_features
from core.land.models.prediction import judge_patches
from core.land.models.predictors import BoostingPredictor, Chance, uniform_chance
from core.land.models.regularisation import RegularisationSettings
from core.pipeline.land.class_maps import CLASS_MAPS
from core.pipeline.land.image_prediction import predict_images
from core.pipeline.land.land_workspace import open_dataset
from core.pipeline.land.study import Study, StudySettings
from core.pipeline.land.study_cells import CELLS, StudyRun
from core.progress import silent

KNN = MethodSettings()
PLAIN, ROBUST = FeatureSpec(), FeatureSpec(fusion=True, robust=True)
FEW_PIXELS = SampleSettings(draw="random", n_per_patch=60)
SMOOTH = RegularisationSettings(regularisation="majority")
# The functions that read and predict patches; none of them may run in this process.
WORK = (
    (prediction, "_judge"),
    (scene_maps, "_classify"),
    (pixel_sampling, "_sample_patch"),
    (data_summary, "_inspect_patch"),
)


class SlowChance(Chance):
    """Takes so long that a worker can be killed in the meantime."""

    def predict(self, features, patch):
        time.sleep(0.5)
        return super().predict(features, patch)


@pytest.fixture(scope="module", autouse=True)
def client():
    connected = connect_scheduler("local:2")
    yield connected
    disconnect(connected)


@pytest.fixture
def in_threads(monkeypatch):
    """Return a context in which the cluster is not used."""

    @contextmanager
    def context():
        with monkeypatch.context() as patch:
            for module in (work_streams, dask_cluster):
                patch.setattr(module, "active_client", lambda: None)
            yield

    return context


@pytest.fixture(autouse=True)
def _worked_elsewhere(monkeypatch):
    """Work in this process, not on a worker, fails the test."""

    def guard(function):
        def refuse(*arguments, **options):
            assert work_streams.active_client() is None, "this ran in the process of the test"
            return function(*arguments, **options)

        # Pickled by reference, so that workers run the function itself.
        for name in ("__module__", "__name__", "__qualname__"):
            setattr(refuse, name, getattr(function, name))
        return refuse

    for module, name in WORK:
        monkeypatch.setattr(module, name, guard(getattr(module, name)))


def run_of(workspace, spec=PLAIN):
    return StudyRun(Study(workspace, StudySettings(sample=FEW_PIXELS)), KNN, spec, SMOOTH)


def files_of(artifact):
    """Return the bytes of an artifact's files, without its manifest and times."""
    files = {p.name: p.read_bytes() for p in artifact.folder.rglob("*") if p.is_file()}
    del files["manifest.json"]
    if "cell.json" in files:
        table = json.loads(files["cell.json"])
        for fold in table["folds"]:
            del fold["seconds"]
        files["cell.json"] = table
    return files


def compute_and_delete(run, stage):
    """Return the files of an artifact, which is then deleted."""
    artifact = run.make(stage)
    files = files_of(artifact)
    shutil.rmtree(artifact.folder)
    return files


def test_cells__equal_to_threads(workspace, in_threads):
    with in_threads():
        expected = compute_and_delete(run_of(workspace, ROBUST), CELLS)
    reports = []
    computed = run_of(workspace, ROBUST).make(CELLS, lambda *step: bool(reports.append(step)))
    assert not computed.cached
    assert files_of(computed) == expected
    assert len(reports) == 2


def test_judge__boosted_trees_equal_to_threads(workspace, in_threads):
    dataset = open_dataset(workspace)
    table = read_patch(dataset, 0).take(np.arange(0, 512 * 512, 997))
    features = build_features(table, PLAIN, None)
    trees = HistGradientBoostingClassifier(max_iter=3).fit(features.matrix, table.labels)
    model = BoostingPredictor(trees)
    with in_threads():
        expected = judge_patches(model, dataset, [1, 2], PLAIN, None)
    assert np.array_equal(
        judge_patches(model, dataset, [1, 2], PLAIN, None).counts, expected.counts
    )


@pytest.mark.parametrize("exchange", [False, True])
def test_class_maps__equal_to_threads(workspace, in_threads, monkeypatch, tmp_path, exchange):
    with in_threads():
        expected = compute_and_delete(run_of(workspace), CLASS_MAPS)
    if exchange:
        monkeypatch.setattr(dask_cluster, "_exchange", f"file://{tmp_path}")
    assert compute_and_delete(run_of(workspace), CLASS_MAPS) == expected
    assert sum(name.endswith(".tif") for name in expected) == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("exchange", [False, True])
def test_images__equal_to_threads(
    workspace, in_threads, make_scene, monkeypatch, tmp_path, exchange
):
    noise = np.random.default_rng(0).integers(0, 256, (5, 150, 160)).repeat(7, 1).repeat(7, 2)
    image = make_scene("photo.tif", noise, tiled=True)
    with in_threads():
        predict_images(run_of(workspace), [image], tmp_path / "here", lambda _: silent)
    if exchange:
        monkeypatch.setattr(dask_cluster, "_exchange", f"file://{tmp_path}/exchange")
        (tmp_path / "exchange").mkdir()
    there = predict_images(run_of(workspace), [image], tmp_path / "there", lambda _: silent)
    assert there.maps[0].n_blocks == 9
    assert there.maps[0].n_resumed == 0
    names = sorted(path.name for path in (tmp_path / "there").iterdir())
    assert names == ["photo.qml", "photo.tif"]
    for name in names:
        there_bytes = (tmp_path / "there" / name).read_bytes()
        assert there_bytes == (tmp_path / "here" / name).read_bytes()


def test_images__continued_by_workers(workspace, in_threads, make_scene, tmp_path):
    image = make_scene("photo.tif", np.full((5, 1100, 300), 90))

    def stop(_):
        return lambda completed, *_: completed == 1

    run = run_of(workspace)
    with pytest.raises(Cancelled):
        predict_images(run, [image], tmp_path / "maps", stop)
    result = predict_images(run, [image], tmp_path / "maps", lambda _: silent)
    assert (result.maps[0].n_blocks, result.maps[0].n_resumed) == (3, 1)
    with in_threads():
        predict_images(run, [image], tmp_path / "here", lambda _: silent)
    maps = [(tmp_path / folder / "photo.tif").read_bytes() for folder in ("maps", "here")]
    assert maps[0] == maps[1]


def test_judge__a_worker_is_killed_while_it_predicts(client, workspace, in_threads):
    dataset, killed = open_dataset(workspace), []
    chance = uniform_chance()
    with in_threads():
        expected = judge_patches(chance, dataset, [0, 1, 2], PLAIN, None)

    def kill(*_):
        if not killed:
            killed.extend(client.run(os.getpid).values())
            for process in killed:
                os.kill(process, signal.SIGKILL)
        return False

    model = SlowChance(chance.shares)
    result = judge_patches(model, dataset, [0, 1, 2], PLAIN, None, report=kill)
    assert result.patches == (0, 1, 2)
    assert np.array_equal(result.counts, expected.counts)
    assert len(killed) == 2
    assert not set(killed) & set(client.run(os.getpid).values())


def test_count_class_pixels__equal_to_threads(workspace, in_threads):
    dataset = open_dataset(workspace)
    with in_threads():
        expected, problems = count_class_pixels(dataset)
    counts, problems_there = count_class_pixels(dataset)
    assert active_client() is not None
    assert np.array_equal(counts, expected)
    assert problems_there == problems


def test_judge__a_patch_that_cannot_be_read_is_reported(workspace):
    dataset = open_dataset(workspace)
    image = dataset.patches[1].image
    content = image.read_bytes()
    image.write_bytes(content[:1000])
    try:
        result = judge_patches(uniform_chance(), dataset, [0, 1, 2], PLAIN, None)
    finally:
        image.write_bytes(content)
    assert result.patches == (0, 2)
    assert [problem.name for problem in result.problems] == [dataset.patches[1].name]
