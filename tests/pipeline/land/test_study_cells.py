import dataclasses
import json
import shutil

import numpy as np
import pytest
from typer.testing import CliRunner

from core.demo.land_cover.patches import write_land_cover
from core.errors import ChangedInputError, SettingsError
from core.land.data.file_discovery import discover_dataset
from core.land.data.patch_reading import RequiredData, read_patch
from core.land.data.pixel_sampling import SampleSettings, sample_pixels
from core.land.data.sentinel import SentinelSettings
from core.land.evaluation.confusion import count_confusion, mean_iou
from core.land.models.classifier_table import fit_classifier
from core.land.models.classifiers import MethodSettings
from core.land.models.features import FeatureSpec, build_features, fit_scaler
from core.land.models.prediction import required_data
from core.pipeline.land.run_titles import run_title
from core.pipeline.land.study import Study, StudySettings, spec_inputs
from core.pipeline.land.study_cells import CELLS, StudyRun
from core.pipeline.land.study_results import finished_runs
from core.pipeline.workspace import Workspace

KNN = MethodSettings()
HDBSCAN = MethodSettings(method="hdbscan")
PLAIN, ROBUST = FeatureSpec(), FeatureSpec(fusion=True, robust=True)


@pytest.fixture
def study(workspace):
    return Study(workspace, StudySettings())


def evaluate(study, method, spec):
    return CELLS.open(StudyRun(study, method, spec).make(CELLS))


def run_key(workspace, settings, method=KNN, spec=PLAIN):
    return StudyRun(Study(workspace, settings), method, spec).key


def test_run__equals_the_steps_by_hand(study):
    result = evaluate(study, KNN, ROBUST)
    counts = []
    needs = required_data(ROBUST, RequiredData())
    for train, held_out in ((1, 0), (0, 1)):
        table = sample_pixels(study.dataset, [train], study.settings.sample, needs)
        scaler = fit_scaler(table, ROBUST)
        model = fit_classifier(build_features(table, ROBUST, scaler), table.labels, KNN).model
        patch = read_patch(study.dataset, held_out, needs)
        predicted = model.predict(build_features(patch, ROBUST, scaler), 1).classes
        counts.append(count_confusion(patch.labels, predicted))
    assert set(result.patches) == {"IMG_000001", "IMG_000002"}
    assert (result.counts.sum(axis=0) == sum(counts)).all()
    assert result.scores.miou == float(mean_iou(sum(counts)))
    assert result.interval is None


def test_run__is_stored_and_found(workspace):
    first, second = (evaluate(Study(workspace, StudySettings()), KNN, PLAIN) for _ in range(2))
    assert second.artifact.cached
    assert second.artifact.key == first.artifact.key
    assert (second.counts == first.counts).all()
    assert second.seconds == first.seconds


def test_key__depends_on_protocol_sample_method_and_features(workspace):
    keys = {
        run_key(workspace, StudySettings(protocol=protocol, sample=sample), method, spec)
        for protocol in ("domains", "patches")
        for sample in (SampleSettings(), SampleSettings(other=True))
        for method in (KNN, MethodSettings(k=1))
        for spec in (PLAIN, FeatureSpec(normalised=True))
    }
    assert len(keys) == 16


@pytest.mark.parametrize(
    ("settings", "spec", "method"),
    [
        (StudySettings(dates=SentinelSettings(probability=30)), FeatureSpec(fusion=True), KNN),
        (StudySettings(dates=SentinelSettings(cover=0.2)), FeatureSpec(fusion=True), KNN),
        (StudySettings(sample=SampleSettings(draw="random", seed=1)), PLAIN, KNN),
        (StudySettings(sample=SampleSettings(draw="random")), PLAIN, KNN),
        (StudySettings(), PLAIN, MethodSettings(seed=1)),
    ],
)
def test_key__depends_on_dates_draw_and_seed(workspace, settings, spec, method):
    default = run_key(workspace, StudySettings(), KNN, spec)
    assert run_key(workspace, settings, method, spec) != default


def test_key__depends_on_every_setting_of_the_method(study):
    changes = {
        "method": "gmm",
        "k": 4,
        "min_cluster_size": 11,
        "min_samples": 8,
        "selection": "leaf",
        "epsilon": 0.5,
        "n_clusters": 51,
        "seed": 1,
    }
    assert changes.keys() == {field.name for field in dataclasses.fields(MethodSettings)}
    methods = (KNN, *(dataclasses.replace(KNN, **{n: v}) for n, v in changes.items()))
    assert len({StudyRun(study, method, PLAIN).key for method in methods}) == len(changes) + 1


def test_key__depends_on_the_folds(tmp_path):
    write_land_cover(tmp_path / "flair", patches=4)
    dataset = discover_dataset(tmp_path / "flair")
    moved = dataclasses.replace(dataset.patches[0], domain="D999_2020")
    dataset = dataclasses.replace(dataset, patches=(moved, *dataset.patches[1:]))
    assert len({dataset.patches[i].domain for i in dataset.split_indexes("train")}) == 3
    workspace = Workspace.at(tmp_path)
    keys = {
        StudyRun(Study(workspace, StudySettings(n_folds=n), dataset), KNN, PLAIN).key
        for n in (2, 3)
    }
    assert len(keys) == 2


def test_key__does_not_depend_on_dates_without_sentinel(workspace):
    dates = StudySettings(dates=SentinelSettings(cover=0.2))
    assert run_key(workspace, StudySettings()) == run_key(workspace, dates)


def test_key__does_not_depend_on_the_draws_of_a_label_economy(workspace):
    keys = {run_key(workspace, StudySettings(draws=n), KNN, ROBUST) for n in (3, 5)}
    assert len(keys) == 1


def test_key__depends_on_the_files(workspace, tmp_path):
    shutil.copytree(workspace.root / "flair", tmp_path / "flair")
    copied, default = Workspace.at(tmp_path), StudySettings()
    specs = (PLAIN, FeatureSpec(fusion=True))
    before = [run_key(copied, default, KNN, spec) for spec in specs]
    assert before[0] == run_key(workspace, default)
    products = Study(copied, default).dataset.patches[0].super_area.products
    products.write_text(products.read_text().replace("S2B", "S2A"))
    after = [run_key(copied, default, KNN, spec) for spec in specs]
    assert after[0] == before[0]
    assert after[1] != before[1]


def test_tree__is_stored_and_cut_again(study):
    evaluate(study, HDBSCAN, ROBUST)
    trees = study.workspace.store.all("flair-trees")
    result = evaluate(study, dataclasses.replace(HDBSCAN, min_cluster_size=25), ROBUST)
    assert len(study.workspace.store.all("flair-trees")) == len(trees)
    assert not result.artifact.cached
    fold = result.about["folds"][0]
    assert 0 < fold["reliability"] <= 1
    assert 0 < fold["weighted_reliability_after_knn"] <= 1
    # A stored tree counts with its time.
    assert result.seconds > sum(tree.manifest["seconds"] for tree in trees[:1])


def test_fit__a_run_is_fitted_once_per_fold(study, monkeypatch):
    calls = []
    monkeypatch.setattr(
        "core.pipeline.land.study_cells.fit_classifier",
        lambda *arguments: calls.append(arguments) or fit_classifier(*arguments),
    )
    run, fold = StudyRun(study, KNN, ROBUST), study.folds[0]
    first = run.fit(fold)
    assert run.fit(fold) is first
    run.fit(study.folds[1])
    assert run.fit(fold) is first
    StudyRun(study, KNN, PLAIN).fit(fold)
    # A model stays in memory with its run only.
    assert StudyRun(study, KNN, ROBUST).fit(fold) is not first
    assert len(calls) == 4


def test_result__patches_protocol_does_not_score_other(workspace):
    result = evaluate(Study(workspace, StudySettings(protocol="patches")), KNN, PLAIN)
    assert result.scores.support[12] == 0
    # "Other" is counted nevertheless, so that other protocols can be scored from the counts.
    assert result.counts[:, 12].sum() > 0


def test_result__warns_of_fewer_clusters_than_classes(workspace):
    study = Study(workspace, StudySettings())
    collapsed = evaluate(study, MethodSettings("kmeans", n_clusters=2), PLAIN)
    assert collapsed.n_clusters == [2, 2]
    (first, second) = [note for note in collapsed.notes if "2 clusters" in note]
    assert first.startswith("fold 1 of 2: warning: there are only 2 clusters for ")
    assert "cannot be predicted" in second
    assert not any("clusters" in n for n in evaluate(study, MethodSettings("kmeans"), PLAIN).notes)


def test_result__official_test_is_one_area(workspace):
    result = evaluate(Study(workspace, StudySettings(protocol="test")), KNN, PLAIN)
    assert result.patches == ("IMG_000003",)
    assert result.interval is None


def test_command__run_writes_maps_and_one_line(workspace, tmp_path):
    from core.cli.stage_commands import app

    options = ["--workspace", str(workspace.root), "--json"]
    folder = tmp_path / "maps" / "test"
    command = ["flair", "run", *options, "--protocol", "test", "--maps", str(tmp_path / "maps")]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    (line,) = result.stdout.splitlines()
    miou = json.loads(line)["protocols"]["test"]["miou"]
    assert 0 < miou < 1
    assert (folder / "IMG_000003.tif").is_file()

    command = ["flair", "score", *options, "--predictions", str(folder)]
    scores = json.loads(CliRunner().invoke(app, command).stdout)
    assert scores["miou"] == pytest.approx(miou)
    assert scores["first"] == 1


def test_bench__held_out_pixels_are_drawn_by_the_seed(study):
    fold = study.folds[0]
    benches = [StudyRun(study, MethodSettings(seed=s), PLAIN).bench(fold, 50) for s in (0, 0, 1)]
    first, second, third = (bench.held_out.matrix for bench in benches)
    assert first.shape == (50, 5)
    assert np.array_equal(first, second)
    assert not np.array_equal(first, third)


def test_cells__of_patches_that_change_are_not_kept(workspace, tmp_path, monkeypatch):
    shutil.copytree(workspace.root / "flair", tmp_path / "flair")
    study = Study(Workspace.at(tmp_path), StudySettings())
    fit = StudyRun.fit

    def fit_changed(run, fold):
        mask = study.dataset.patches[fold.train[0]].mask
        content = mask.read_bytes()
        mask.write_bytes(content[: len(content) // 2])
        mask.write_bytes(content)
        return fit(run, fold)

    monkeypatch.setattr(StudyRun, "fit", fit_changed)
    with pytest.raises(ChangedInputError, match="was changed"):
        StudyRun(study, KNN, PLAIN).make(CELLS)
    assert study.workspace.store.all(CELLS.name) == []


def test_key__defaults_of_the_season_leave_the_keys_of_earlier_versions(workspace):
    earlier = {
        "fusion": True,
        "robust": True,
        "normalised": False,
        "intensity": False,
        "extras": (),
        "preset_notebook": False,
        "sentinel_scaling": "reflectance",
    }
    assert spec_inputs(ROBUST) == earlier
    keys = {run_key(workspace, StudySettings(), spec=ROBUST)}
    for change in (
        {"season": "months"},
        {"season": "indices"},
        {"interpolation": "smooth"},
        {"season": "months", "interpolation": "smooth"},
    ):
        keys.add(run_key(workspace, StudySettings(), spec=dataclasses.replace(ROBUST, **change)))
    assert len(keys) == 5


def test_run__season_and_interpolation_are_stored_and_found(workspace):
    spec = FeatureSpec(fusion=True, season="indices", interpolation="smooth")
    study = Study(workspace, StudySettings())
    result = evaluate(study, KNN, spec)
    gaps = result.about["folds"][0]["filled_months"]
    # One patch, of which the series has 12 x 12 pixels in 12 months.
    assert gaps["training"]["of"] == gaps["held_out"]["of"] == 12 * 144
    assert 0 < gaps["training"]["filled"] < 12 * 144
    assert sum("have no clear observation" in note for note in result.notes) == 2
    runs = [run for run in finished_runs(workspace, study.dataset) if run.spec == spec]
    title = "kNN, aerial + Sentinel, O + mean and seasonal indices + Sentinel interpolated"
    assert [run_title(run) for run in runs] == [f"{title} · domains left out"]


@pytest.mark.parametrize("change", [{"season": "months"}, {"interpolation": "smooth"}])
def test_run__season_without_sentinel_is_an_error(study, change):
    with pytest.raises(SettingsError, match=r"Add the series \(--fusion, or fusion = true"):
        StudyRun(study, KNN, FeatureSpec(**change))
