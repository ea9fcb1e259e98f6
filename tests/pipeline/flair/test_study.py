import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from core.demo.land_cover.patches import write_land_cover
from core.errors import TooFewError
from core.flair.data.dataset import Dataset
from core.flair.data.file_discovery import discover
from core.flair.data.patch_reading import Needs, read_patch
from core.flair.data.pixel_sampling import SampleSettings, sample
from core.flair.data.sentinel import SentinelSettings
from core.flair.evaluation.confusion import count, miou
from core.flair.models.classifiers import MethodSettings, fit
from core.flair.models.features import FeatureSpec, build, fit_scaler
from core.flair.models.prediction import needs_of
from core.pipeline.flair.study import Study, StudySettings
from core.pipeline.flair.study_cells import by_area, gap
from core.pipeline.workspace import Workspace

KNN = MethodSettings()
HDBSCAN = MethodSettings(method="hdbscan")
OTHER = 13
SPEC = FeatureSpec(fusion=True, robust=True)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    root = tmp_path_factory.mktemp("land")
    write_land_cover(root / "flair", patches=3)
    return Workspace.at(root)


@pytest.fixture
def study(workspace):
    return Study(workspace, StudySettings())


def test_cell__equals_the_steps_by_hand(study):
    result = study.cell(KNN, SPEC)
    counts = []
    for train, judged in ((1, 0), (0, 1)):
        table = sample(study.dataset, [train], study.settings.sample, needs_of(SPEC, Needs()))
        scaler = fit_scaler(table, SPEC)
        model = fit(build(table, SPEC, scaler), table.labels, KNN).model
        whole = read_patch(study.dataset, judged, needs_of(SPEC, Needs()))
        counts.append(count(whole.labels, model.predict(build(whole, SPEC, scaler), 1).classes))
    assert set(result.patches) == {"IMG_000001", "IMG_000002"}
    assert (result.counts.sum(axis=0) == sum(counts)).all()
    assert result.scores.miou == float(miou(sum(counts)))
    assert result.interval is not None
    assert result.interval.n_units == 2


def test_cell__is_kept_and_found_again(workspace):
    first = Study(workspace, StudySettings()).cell(KNN, FeatureSpec())
    again = Study(workspace, StudySettings()).cell(KNN, FeatureSpec())
    assert again.artifact.cached
    assert again.artifact.key == first.artifact.key
    assert (again.counts == first.counts).all()
    assert again.seconds == first.seconds


def test_step__the_key_knows_what_matters(workspace):
    keys = {
        Study(workspace, StudySettings(protocol=protocol, sample=drawn)).step(method, spec).key
        for protocol in ("domains", "patches")
        for drawn in (SampleSettings(), SampleSettings(other=True))
        for method in (KNN, MethodSettings(k=1))
        for spec in (FeatureSpec(), FeatureSpec(normalised=True))
    }
    assert len(keys) == 16


@pytest.mark.parametrize(
    ("other", "spec", "method"),
    [
        (StudySettings(dates=SentinelSettings(probability=30)), FeatureSpec(fusion=True), KNN),
        (StudySettings(dates=SentinelSettings(cover=0.2)), FeatureSpec(fusion=True), KNN),
        (StudySettings(sample=SampleSettings(draw="random", seed=1)), FeatureSpec(), KNN),
        (StudySettings(sample=SampleSettings(draw="random")), FeatureSpec(), KNN),
        (StudySettings(), FeatureSpec(), MethodSettings(seed=1)),
    ],
)
def test_step__the_key_knows_dates_draw_and_seed(workspace, other, spec, method):
    usual = Study(workspace, StudySettings()).step(KNN, spec).key
    assert Study(workspace, other).step(method, spec).key != usual


def test_step__the_key_knows_every_setting_of_the_method(workspace):
    changed = {"method": "gmm", "k": 4, "min_cluster_size": 11, "min_samples": 8,
               "selection": "leaf", "epsilon": 0.5, "n_clusters": 51, "seed": 1}  # fmt: skip
    assert changed.keys() == {field.name for field in dataclasses.fields(MethodSettings)}
    study = Study(workspace, StudySettings())
    methods = (KNN, *(dataclasses.replace(KNN, **{n: v}) for n, v in changed.items()))
    assert len({study.step(one, FeatureSpec()).key for one in methods}) == len(changed) + 1


def test_step__the_key_knows_the_folds(workspace, tmp_path):
    write_land_cover(tmp_path / "flair", patches=4)
    dataset = discover(tmp_path / "flair")
    three = dataclasses.replace(dataset.patches[0], domain="D999_2020")
    split = dataclasses.replace(dataset, patches=(three, *dataset.patches[1:]))
    assert len({split.patches[i].domain for i in split.of("train")}) == 3
    place = Workspace.at(tmp_path)
    keys = {Study(place, StudySettings(n_folds=n), split).step(KNN, FeatureSpec()).key
            for n in (2, 3)}  # fmt: skip
    assert len(keys) == 2


def test_step__dates_do_not_matter_without_sentinel(workspace):
    other = StudySettings(dates=SentinelSettings(cover=0.2))
    keys = {Study(workspace, s).step(KNN, FeatureSpec()).key for s in (StudySettings(), other)}
    assert len(keys) == 1


@pytest.mark.parametrize("draw", ["notebook", "random", "stratified"])
def test_judges__of_the_notebooks_protocol_are_other_pixels_without_other(workspace, draw):
    drawn = SampleSettings(draw=draw, n_per_patch=2500)
    study = Study(workspace, StudySettings(protocol="patches", sample=drawn))
    (fold,) = study.folds
    taught, judges = study.sampled(fold.train, FeatureSpec()), study.judges(fold, FeatureSpec())
    places = [set(zip(t.patch, t.row, t.column, strict=True)) for t in (taught, judges)]
    assert not places[0] & places[1]
    assert len(judges) > 0.9 * 2500 * len(fold.judged)
    assert (judges.labels != OTHER).all()


def test_judges__of_domains_hold_other_and_come_again(study):
    fold = study.folds[0]
    first, again = (study.judges(fold, FeatureSpec()) for _ in range(2))
    assert (first.labels == OTHER).any()
    assert set(first.patch) == set(fold.judged)
    assert (first.row == again.row).all()


def test_step__the_key_knows_the_files(workspace, tmp_path):
    shutil.copytree(workspace.root / "flair", tmp_path / "flair")
    copied = Workspace.at(tmp_path)
    plain, fused = FeatureSpec(), FeatureSpec(fusion=True)
    before = [Study(copied, StudySettings()).step(KNN, spec).key for spec in (plain, fused)]
    assert before[0] == Study(workspace, StudySettings()).step(KNN, plain).key
    area = Study(copied, StudySettings()).dataset.patches[0].super_area.products
    area.write_text(area.read_text().replace("S2B", "S2A"))
    after = [Study(copied, StudySettings()).step(KNN, spec).key for spec in (plain, fused)]
    assert after[0] == before[0]
    assert after[1] != before[1]


def test_cell__the_tree_is_kept_and_cut_again(study):
    study.cell(HDBSCAN, SPEC)
    trees = study.workspace.store.all("flair-trees")
    result = study.cell(MethodSettings(method="hdbscan", min_cluster_size=25), SPEC)
    assert len(study.workspace.store.all("flair-trees")) == len(trees)
    assert not result.artifact.cached
    part = result.about["folds"][0]
    assert 0 < part["reliability"] <= 1
    assert 0 < part["weighted_reliability_after_knn"] <= 1
    # A tree that was kept costs its time all the same.
    assert result.seconds > sum(t.manifest["seconds"] for t in trees[:1])


def test_gap__training_patches_flatter(workspace):
    results = {
        name: Study(workspace, StudySettings(protocol=name)).cell(KNN, FeatureSpec())
        for name in ("patches", "domains")
    }
    found = gap(results)
    assert found is not None
    assert found > 0.05
    assert gap({"patches": results["patches"]}) is None
    assert results["patches"].scores.support[12] == 0
    # Counted all the same, so that the other protocols can be read from the cell.
    assert results["patches"].counts[:, 12].sum() > 0


def test_cell__official_test_is_one_area(workspace):
    result = Study(workspace, StudySettings(protocol="test")).cell(KNN, FeatureSpec())
    assert result.patches == ("IMG_000003",)
    assert result.interval is None


def test_by_area__sums():
    counts = np.ones((3, 13, 13), np.int64)
    assert by_area(counts, ("b", "a", "b"))[:, 0, 0].tolist() == [1, 2]


def test_study__no_patches(tmp_path):
    nothing = Dataset(Path(), (), ())
    with pytest.raises(TooFewError):
        Study(Workspace.at(tmp_path), StudySettings(), nothing)


def test_command__run_writes_maps_and_one_line(workspace, tmp_path):
    from core.cli.stage_commands import app

    where = ["--workspace", str(workspace.root), "--json"]
    asked = ["flair", "run", *where, "--protocol", "test", "--maps", str(tmp_path / "maps")]
    done = CliRunner().invoke(app, asked)
    assert done.exit_code == 0, done.output
    (line,) = done.stdout.splitlines()
    assert 0 < json.loads(line)["protocols"]["test"]["miou"] < 1
    assert (tmp_path / "maps" / "test" / "IMG_000003.tif").is_file()

    asked = ["flair", "score", *where, "--predictions", str(tmp_path / "maps" / "test")]
    judged = json.loads(CliRunner().invoke(app, asked).stdout)
    assert judged["miou"] == pytest.approx(json.loads(line)["protocols"]["test"]["miou"])
    assert judged["first"] == 1
