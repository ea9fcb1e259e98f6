import os
import shutil
import tomllib
from pathlib import Path

import numpy as np
import pytest

from core import __version__
from core.artifacts.formats import read_array
from core.clusters.labelling import NOISE
from core.errors import ArtifactError, Cancelled, SettingsError
from core.pipeline import cluster_stages
from core.pipeline.run import STAGES, landscape_of, run, write_record
from core.pipeline.workspace import Workspace
from core.settings import RunSettings
from core.tables import from_table


def again(workspace, settings):
    """A run in a workspace opened anew."""
    return run(Workspace.at(workspace.root), settings)


def computed(done):
    return [stage for stage, state in done.stages.items() if state == "computed"]


@pytest.mark.parametrize("method", ["gmm", "hdbscan"])
def test_run__twice_computes_nothing(workspace, settings, data_files, method):
    first = run(workspace, settings(method=method))
    before = data_files(workspace.root)
    second = again(workspace, settings(method=method))
    assert list(first.stages) == list(first.seconds) == list(STAGES)
    assert computed(first) == list(STAGES)
    assert set(second.stages.values()) == {"cached"}
    assert data_files(workspace.root) == before
    one, two = first.summary(), second.summary()
    for changing in ("seconds", "stages"):
        one.pop(changing), two.pop(changing)
    assert one == two


DOWNSTREAM = {
    "chips": STAGES[1:],
    "embeddings": STAGES[2:],
    "reduction": STAGES[3:],
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


def test_run__one_setting_recomputes_what_follows(workspace, settings):
    run(workspace, settings())
    for over, stage in CHANGES:
        assert computed(again(workspace, settings(**over))) == list(DOWNSTREAM[stage]), over
    assert computed(again(workspace, settings())) == []


SAME = [
    {"chips": {"size": 32.0}, "gmm": {"n_components": 3.0}},
    {"tree": {"min_samples": 9}, "cut": {"min_cluster_size": 9}},
    {"chips": {"bands": ["red", "green", "blue"]}},
]


def test_run__what_does_not_matter_recomputes_nothing(workspace, settings):
    run(workspace, settings())
    for over in SAME:
        assert computed(again(workspace, settings(**over))) == [], over


def test_run__an_added_scene_reaches_the_picture(workspace, settings, add_scene):
    run(workspace, settings())
    add_scene("c", seed=2, n=9)
    done = again(workspace, settings())
    assert computed(done) == list(STAGES)
    assert len(done.chips) == len(done.labelling) == len(landscape_of(done).table()) == 49


def test_run__a_cut_keeps_its_tree(workspace, settings):
    one = run(workspace, settings(method="hdbscan"))
    two = again(workspace, settings(method="hdbscan", cut={"min_cluster_size": 8}))
    assert computed(two) == ["clusters"]
    assert [a.cached for a in two.artifacts["clusters"]] == [True, False]
    assert one.artifacts["clusters"][0].key == two.artifacts["clusters"][0].key


def test_run__until(workspace, settings):
    done = run(workspace, settings(), until="embeddings")
    assert list(done.stages) == list(STAGES[:3])
    assert done.labelling is None
    assert done.summary()["n_clusters"] is None
    with pytest.raises(SettingsError, match="'tsne' is not one of scenes, chips"):
        run(workspace, settings(), until="tsne")


def test_run__two_workspaces_same_bytes(workspace, add_scene, settings, data_files, tmp_path):
    other = tmp_path / "other"
    for seed, name in enumerate("ab"):
        add_scene(name, seed=seed, folder=other / "raw")
    for method in ("gmm", "hdbscan"):
        run(workspace, settings(method=method))
        run(Workspace.at(other), settings(method=method))
    one, two = data_files(workspace.root), data_files(other)
    assert len(one) > 30
    assert one.keys() == two.keys()
    assert [name for name in one if one[name] != two[name]] == []


def test_run__summary(workspace, settings):
    done = run(workspace, settings(method="hdbscan"))
    summary = done.summary()
    assert (summary["scenes"], summary["chips"], summary["encoder"]) == (2, 40, "texture")
    noise = float((done.labelling.labels == NOISE).mean())
    assert summary["noise_fraction"] == noise
    assert summary["n_clusters"] == len(set(done.labelling.labels.tolist()) - {NOISE})
    assert summary["kl_divergence"] > 0
    assert list(summary["artifacts"]) == list(STAGES)
    assert "50 components asked, 39 kept: 40 chips" in summary["notes"]


def test_run__textures_are_told_apart(workspace, settings):
    done = run(workspace, settings())
    kinds = done.chips.properties["class"]
    plain = done.labelling.labels[kinds == "plain"]
    assert len(set(plain.tolist())) == 1
    assert not set(plain.tolist()) & set(done.labelling.labels[kinds == "striped"].tolist())


def test_run__record_names_every_key(workspace, settings):
    done = run(workspace, settings())
    (path,) = (workspace.results / "runs").iterdir()
    record = tomllib.loads(path.read_text())
    assert path.suffix == ".toml"
    assert record["keys"] == {n: [a.key for a in made] for n, made in done.artifacts.items()}
    assert from_table(RunSettings, record["settings"]) == settings()
    assert record["scenes"] == {"a.tif": 20, "b.tif": 20}
    assert record["chipscape"] == __version__


def test_write_record__twice_within_a_second(workspace, settings):
    done = run(workspace, settings(), until="scenes")
    assert write_record(done).is_file()
    assert write_record(done).is_file()
    assert not list((workspace.results / "runs").glob("*.part"))


def test_write_record__two_processes_at_once(workspace, settings, monkeypatch):
    done = run(workspace, settings(), until="scenes")
    replace = Path.replace

    def interleaved(self, target):
        monkeypatch.setattr(Path, "replace", replace)
        write_record(done)
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", interleaved)
    assert write_record(done).is_file()


def test_run__stages_report_and_may_be_cancelled(workspace, settings):
    heard = []

    def reporter(stage):
        def listen(done, total, note):
            heard.append((stage, done, total))
            return stage == "projection" and done > 100

        return listen

    with pytest.raises(Cancelled):
        run(workspace, settings(), reporter)
    assert {"scenes", "chips", "embeddings", "clusters", "projection"} == {s for s, *_ in heard}
    assert all(0 <= done <= total for _, done, total in heard)
    assert [d for s, d, _ in heard if s == "embeddings"] == [20, 40]
    assert computed(again(workspace, settings())) == ["projection"]


def test_run__verify_sees_a_change_that_kept_size_and_time(workspace, settings):
    raster = workspace.raw / "a.geojson"
    status = raster.stat()
    run(workspace, settings())
    raster.write_text(raster.read_text().replace("plain", "plane"))
    os.utime(raster, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert computed(again(workspace, settings())) == []
    verified = run(Workspace.at(workspace.root, verify=True), settings())
    assert "scenes" in computed(verified)
    assert "plane" in set(verified.chips.properties["class"])


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
    run(workspace, settings())
    for stage, name in DAMAGES:
        path = sorted((workspace.artifacts / stage).glob(f"*/{name}"))[0]
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        # Only a reduction that is not there yet has to read the embeddings.
        over = {"reduction": {"n_dims": 9}} if stage == "embeddings" else {}
        with pytest.raises(ArtifactError, match="Delete its folder") as caught:
            again(workspace, settings(**over))
        assert caught.value.where == str(path)
        path.write_bytes(whole)
    assert computed(again(workspace, settings())) == []


def test_run__a_deleted_folder_is_computed_again(workspace, settings, data_files):
    run(workspace, settings())
    before = data_files(workspace.root)
    for stage in ("chips", "mixtures"):
        shutil.rmtree(workspace.artifacts / stage)
    assert computed(again(workspace, settings())) == ["chips", "clusters"]
    assert data_files(workspace.root) == before


def test_landscape_of__rows_belong_together(workspace, settings):
    landscape = landscape_of(run(workspace, settings()))
    table = landscape.table()
    assert len(table) == len(landscape.footprints) == 40
    centres = np.array([(g.centroid.x, g.centroid.y) for g in landscape.footprints])
    assert np.allclose(centres, table[["longitude", "latitude"]], atol=1e-6)
    assert np.array_equal(table["cluster"], landscape.labelling.labels)
    assert np.array_equal(table["pca_1d"], landscape.reduced.points[:, 0])


def test_run__mixed_dtypes_are_brought_together(workspace, add_scene, settings):
    names = ("red", "green", "blue")
    add_scene("c", seed=2, dtype="uint16", descriptions=names)
    done = run(workspace, settings())
    assert done.chips.dtypes == ("uint16", "uint8")
    assert any("the scenes' dtypes differ" in note for note in done.notes())
    assert computed(again(workspace, settings())) == []


def test_run__preset_of_the_seed(workspace):
    done = run(workspace, from_table(RunSettings, {**SEED, "gmm": {"n_components": 2}}))
    notes = " ".join(done.notes())
    for name in ("longitude", "latitude", "width", "height"):
        assert f"{name} mixed in with weight 1" in notes
    made = done.artifacts["reduction"][0]
    assert read_array(made.folder / "mean.npy").shape[0] == done.embeddings().shape[1] + 4


SEED = {"reduction": {"longitude": 1, "latitude": 1, "width": 1, "height": 1}}


def test_mixture__responsibilities_stand_beside_the_labelling(workspace, settings, monkeypatch):
    done = run(workspace, settings(), until="clusters")
    made = done.artifacts["clusters"][0]
    found = cluster_stages.open_responsibilities(made)
    assert found.dtype == np.float16
    assert found.shape == (40, settings().gmm.n_components)
    np.testing.assert_allclose(found.sum(axis=1, dtype=np.float64), 1, atol=2e-3)
    assert found.argmax(axis=1).tolist() == done.labelling.labels.tolist()
    np.testing.assert_allclose(found.max(axis=1), done.labelling.confidence, atol=1e-3)
    # Too many are not kept; k-means has none.
    monkeypatch.setattr(cluster_stages, "MOST_RESPONSIBILITIES", 10)
    (made.folder / "responsibilities.npy").unlink()
    (made.folder / "manifest.json").unlink()
    again = run(workspace, settings(), until="clusters").artifacts["clusters"][0]
    assert cluster_stages.open_responsibilities(again) is None
    other = run(workspace, settings(method="kmeans", kmeans={"n_clusters": 2}), until="clusters")
    assert cluster_stages.open_responsibilities(other.artifacts["clusters"][0]) is None
