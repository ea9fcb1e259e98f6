import os
import shutil
import tomllib

import pytest

from core import __version__
from core.artifacts.formats import read_array
from core.clusters.labelling import NOISE
from core.errors import ArtifactError, Cancelled, SettingsError, TooFewError
from core.pipeline.run import Run, run_pipeline
from core.pipeline.run_results import collect_results
from core.pipeline.run_stages import STAGE_NAMES
from core.pipeline.workspace import Workspace
from core.settings import RunSettings
from core.tables import settings_from_table


def run_again(workspace, settings):
    """Open a workspace again and run the pipeline in it."""
    return run_pipeline(Workspace.at(workspace.root), settings)


def computed_stages(run):
    return [stage for stage, state in run.stages.items() if state == "computed"]


@pytest.mark.parametrize("method", ["gmm", "hdbscan"])
def test_run__second_run_computes_nothing(workspace, settings, data_files, method):
    first = run_pipeline(workspace, settings(method=method))
    before = data_files(workspace.root)
    second = run_again(workspace, settings(method=method))
    assert list(first.stages) == list(first.seconds) == list(STAGE_NAMES)
    assert computed_stages(first) == list(STAGE_NAMES)
    assert set(second.stages.values()) == {"cached"}
    assert data_files(workspace.root) == before
    summaries = first.summary(), second.summary()
    for summary in summaries:
        summary.pop("seconds"), summary.pop("stages")
    assert summaries[0] == summaries[1]


DOWNSTREAM = {
    "chips": STAGE_NAMES[1:],
    "embeddings": STAGE_NAMES[2:],
    "reduction": STAGE_NAMES[3:],
    "clusters": ["clusters"],
    "projection": ["projection"],
}
CHANGES = [
    ({"chips": {"margin": 0.5}}, "chips"),
    ({"chips": {"align": "long-axis"}}, "chips"),
    ({"chips": {"background": "mask"}}, "chips"),
    ({"chips": {"extent": 10}}, "chips"),
    ({"chips": {"bands": ["green", "red"]}}, "chips"),
    ({"embed": {"sample": 20}}, "embeddings"),
    ({"reduction": {"n_dims": 5}}, "reduction"),
    ({"reduction": {"width": 1}}, "reduction"),
    ({"gmm": {"n_components": 4}}, "clusters"),
    ({"gmm": {"seed": 1}}, "clusters"),
    ({"method": "hdbscan"}, "clusters"),
    ({"projection": {"perplexity": 5}}, "projection"),
    ({"projection": {"seed": 1}}, "projection"),
]


def test_run__a_changed_setting_recomputes_the_stages_after_it(workspace, settings):
    run_pipeline(workspace, settings())
    for tables, stage in CHANGES:
        run = run_again(workspace, settings(**tables))
        assert computed_stages(run) == list(DOWNSTREAM[stage]), tables
    assert computed_stages(run_again(workspace, settings())) == []


EQUIVALENT = [
    {"chips": {"size": 32.0}, "gmm": {"n_components": 3.0}},
    {"tree": {"min_samples": 9}, "cut": {"min_cluster_size": 9}},
    {"chips": {"bands": ["red", "green", "blue"]}},
]


def test_run__irrelevant_settings_recompute_nothing(workspace, settings):
    run_pipeline(workspace, settings())
    for tables in EQUIVALENT:
        assert computed_stages(run_again(workspace, settings(**tables))) == [], tables


def test_run__an_added_scene_reaches_the_projection(workspace, settings, add_scene):
    run_pipeline(workspace, settings())
    add_scene("c", seed=2, n=9)
    run = run_again(workspace, settings())
    assert computed_stages(run) == list(STAGE_NAMES)
    assert len(run.chips) == len(run.labelling) == len(collect_results(run).table()) == 49


def test_run__another_cut_of_the_same_tree(workspace, settings):
    first = run_pipeline(workspace, settings(method="hdbscan"))
    second = run_again(workspace, settings(method="hdbscan", cut={"min_cluster_size": 8}))
    assert computed_stages(second) == ["clusters"]
    assert [artifact.cached for artifact in second.view.artifacts["clusters"]] == [True, False]
    assert first.view.artifacts["clusters"][0].key == second.view.artifacts["clusters"][0].key


def test_run__stops_after_the_requested_stage(workspace, settings):
    run = run_pipeline(workspace, settings(), until="embeddings")
    assert list(run.stages) == list(STAGE_NAMES[:3])
    assert run.labelling is None
    assert run.summary()["n_clusters"] is None
    assert run.summary()["run"] is None
    assert not (workspace.results / "runs").exists()
    with pytest.raises(TooFewError, match="there are no clusters"):
        run.clustered()
    with pytest.raises(SettingsError, match="'tsne' is not one of scenes, chips"):
        run_pipeline(workspace, settings(), until="tsne")


def test_run__view_without_chips_has_no_results(workspace, settings, look_up):
    run = Run(look_up(workspace, settings()))
    for read in (lambda: run.chips, run.embeddings, run.clustered):
        with pytest.raises(TooFewError, match="there are no"):
            read()


def test_run__unknown_method_is_refused_before_anything_is_computed(workspace, settings):
    with pytest.raises(SettingsError, match=r"'kmeanz' is not one of gmm.*Did you mean 'kmeans'"):
        run_pipeline(workspace, settings(method="kmeanz"), until="chips")
    assert not workspace.artifacts.exists()


def test_run__two_workspaces_have_the_same_bytes(
    workspace, add_scene, settings, data_files, tmp_path
):
    other = tmp_path / "other"
    for seed, name in enumerate("ab"):
        add_scene(name, seed=seed, folder=other / "raw")
    for method in ("gmm", "hdbscan"):
        run_pipeline(workspace, settings(method=method))
        run_pipeline(Workspace.at(other), settings(method=method))
    first, second = data_files(workspace.root), data_files(other)
    assert len(first) > 30
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name]] == []


def test_run__summary(workspace, settings):
    run = run_pipeline(workspace, settings(method="hdbscan"))
    summary = run.summary()
    assert (summary["scenes"], summary["chips"], summary["encoder"]) == (2, 40, "texture")
    noise = float((run.labelling.labels == NOISE).mean())
    assert summary["noise_fraction"] == noise
    assert summary["n_clusters"] == len(set(run.labelling.labels.tolist()) - {NOISE})
    assert summary["kl_divergence"] > 0
    assert list(summary["artifacts"]) == list(STAGE_NAMES)
    assert "39 of 50 components were kept: there are 40 chips" in summary["notes"]


def test_run__clusters_follow_the_textures(workspace, settings):
    run = run_pipeline(workspace, settings())
    classes = run.chips.properties["class"]
    plain = run.labelling.labels[classes == "plain"]
    assert len(set(plain.tolist())) == 1
    assert not set(plain.tolist()) & set(run.labelling.labels[classes == "striped"].tolist())


def test_run__record_names_every_key(workspace, settings):
    run = run_pipeline(workspace, settings())
    (path,) = (workspace.results / "runs").iterdir()
    record = tomllib.loads(path.read_text())
    assert path.suffix == ".toml"
    keys = {stage: [a.key for a in artifacts] for stage, artifacts in run.view.artifacts.items()}
    assert record["keys"] == keys
    assert settings_from_table(RunSettings, record["settings"]) == settings()
    assert record["scenes"] == {"a.tif": 20, "b.tif": 20}
    assert record["chipscape"] == __version__


def test_run__twice_gives_one_record(workspace, settings):
    first, second = (run_pipeline(workspace, settings()) for _ in range(2))
    assert first.record == second.record
    assert [path.name for path in (workspace.results / "runs").iterdir()] == [
        first.record.path.name
    ]


def test_run__stages_report_and_can_be_cancelled(workspace, settings):
    reports, listeners = [], []

    def reporter(stage):
        def listen(completed, total, note):
            reports.append((stage, completed, total))
            return stage == "projection" and completed > 100

        listeners.append(stage)
        return listen

    with pytest.raises(Cancelled):
        run_pipeline(workspace, settings(), reporter)
    assert listeners == list(STAGE_NAMES)
    stages = {stage for stage, *_ in reports}
    assert stages == {"scenes", "chips", "embeddings", "clusters", "projection"}
    assert all(0 <= completed <= total for _, completed, total in reports)
    assert [n for stage, n, _ in reports if stage == "embeddings"] == [20, 40]
    assert computed_stages(run_again(workspace, settings())) == ["projection"]


def test_run__finds_a_change_with_equal_size_and_time(workspace, settings):
    file = workspace.raw / "a.geojson"
    status = file.stat()
    run_pipeline(workspace, settings())
    file.write_text(file.read_text().replace("plain", "plane"))
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    again = run_again(workspace, settings())
    assert "scenes" in computed_stages(again)
    assert "plane" in set(again.chips.properties["class"])


DAMAGES = [
    ("chips", "chips.npy"),
    ("chips", "facts.parquet"),
    ("scenes", "report.json"),
    ("embeddings", "embeddings.npy"),
    ("mixtures", "labels.npy"),
    ("mixtures", "labelling.json"),
    ("projections", "manifest.json"),
    ("encoders", "manifest.json"),
]


def test_run__damaged_artifact(workspace, settings):
    run_pipeline(workspace, settings())
    for stage, name in DAMAGES:
        path = sorted((workspace.artifacts / stage).glob(f"*/{name}"))[0]
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])
        # Only a reduction that has not been computed reads the embeddings.
        tables = {"reduction": {"n_dims": 9}} if stage == "embeddings" else {}
        with pytest.raises(ArtifactError, match="Delete its folder") as caught:
            run_again(workspace, settings(**tables))
        assert caught.value.where == str(path)
        path.write_bytes(content)
    assert computed_stages(run_again(workspace, settings())) == []


def test_run__a_deleted_folder_is_computed_again(workspace, settings, data_files):
    run_pipeline(workspace, settings())
    before = data_files(workspace.root)
    for stage in ("chips", "mixtures"):
        shutil.rmtree(workspace.artifacts / stage)
    assert computed_stages(run_again(workspace, settings())) == ["chips", "clusters"]
    assert data_files(workspace.root) == before


def test_run__scenes_of_different_dtypes(workspace, add_scene, settings):
    names = ("red", "green", "blue")
    add_scene("c", seed=2, dtype="uint16", descriptions=names)
    run = run_pipeline(workspace, settings())
    assert run.chips.dtypes == ("uint16", "uint8")
    assert any("the scenes have different dtypes" in note for note in run.notes())
    assert computed_stages(run_again(workspace, settings())) == []


SEED = {"reduction": {"longitude": 1, "latitude": 1, "width": 1, "height": 1}}


def test_run__preset_of_the_seed(workspace):
    settings = settings_from_table(RunSettings, {**SEED, "gmm": {"n_components": 2}})
    run = run_pipeline(workspace, settings)
    notes = " ".join(run.notes())
    for name in ("longitude", "latitude", "width", "height"):
        assert f"{name} was mixed in with weight 1" in notes
    (artifact,) = run.view.artifacts["reduction"]
    assert read_array(artifact.folder / "mean.npy").shape[0] == run.embeddings().shape[1] + 4
