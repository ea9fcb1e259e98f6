"""`chipscape quality` and `chipscape landscape`, and the options beside them."""

import json
import sys

import numpy as np
import pandas as pd
import pytest
from shapely.geometry import box

from core import cli
from core.cli import cluster_commands
from core.clusters.methods import kmeans_ward
from core.errors import SettingsError
from core.pipeline import saved_edits
from core.pipeline.saved_edits import Saved
from core.pipeline.workspace import Workspace

QUICK = """
[chips]
size = 32
[gmm]
n_components = 3
n_init = 2
[cut]
min_cluster_size = 5
[projection]
n_iter = 50
"""


@pytest.fixture
def call(make_scene, make_annotations, to_ground, tmp_path, monkeypatch, capsys):
    """Run one command on forty squares of two kinds; its JSON or words, or why it failed."""

    rng = np.random.default_rng(0)
    rough = rng.normal(128, 60, (3, 160, 256)).clip(1, 254)
    raster = make_scene("a.tif", np.where(np.arange(256) < 128, rough, rough / 4 + 90))
    corners = [(x, y) for x in range(2, 250, 32) for y in range(2, 150, 30)]
    squares = [to_ground(box(x, y, x + 22, y + 22)) for x, y in corners]
    kinds = [{"class": "rough" if x < 120 else "smooth"} for x, _ in corners]
    make_annotations(raster, squares, kinds)
    settings = tmp_path / "quick.toml"
    settings.write_text(QUICK)

    def run(command, *words, as_json=True):
        where = ("--workspace", str(tmp_path), "--settings", str(settings))
        where += ("--json",) if as_json else ()
        monkeypatch.setattr(sys, "argv", ["chipscape", command, *where, *words])
        with pytest.raises(SystemExit) as leaving:
            cli.main()
        said = capsys.readouterr()
        if leaving.value.code:
            return said.err
        return json.loads(said.out) if as_json else said.out

    return run


@pytest.mark.parametrize("method", ["gmm", "hdbscan", "kmeans", "ward"])
def test_quality__marks_of_each_cluster(call, method):
    found = call("quality", "--method", method, "--n-clusters", "2", "--property", "class")
    assert found["method"] == method
    cards = found["card"]["clusters"]
    assert [one["label"] for one in cards] == list(range(found["card"]["n_clusters"]))
    assert all(0 <= one["stability"] <= 1 for one in cards)
    assert found["n_resamples"] == 20
    assert {one["name"] for one in found["associations"]} <= {
        "scene", "cut_by_edge", "valid_fraction", "area", "side", "sharpness", "place"
    }  # fmt: skip
    table = found["against"]["table"]
    assert sum(map(sum, table)) == 40
    assert len(table) == found["card"]["n_clusters"] + 1


def test_quality__unknown_property_is_named(call):
    assert "no annotation has a property 'colour'" in call("quality", "--property", "colour")


def test_landscape__sizes_of_the_tree(call):
    found = call("landscape", "--method", "hdbscan")
    assert found["sizes"][0] == 2
    assert len(found["sizes"]) == len(found["n_clusters"]) == len(found["validity"])
    assert all(one["reason"] for one in found["suggestions"])


def test_landscape__components(call):
    found = call("landscape", "--components", "2:4")
    assert found["n_components"] == [2, 3, 4]
    assert [one["name"] for one in found["suggestions"]] == ["BIC", "held out"]
    assert 0 < found["agreement"] <= 1


def test_landscape__k_means_has_none(call):
    assert "k-means has no landscape" in call("landscape", "--method", "kmeans")


def test_cluster__sweep_of_k_means_is_there_for_the_slider(call, tmp_path):
    call("cluster", "--method", "kmeans", "--sweep", "2:4")
    assert len(list((tmp_path / "artifacts" / "kmeans").glob("*/manifest.json"))) == 4


def test_landscape__ward_has_none(call):
    assert "Ward's hierarchy has no landscape" in call("landscape", "--method", "ward")


def test_cluster__sweep_of_ward_cuts_one_tree(call, tmp_path):
    call("cluster", "--method", "ward", "--sweep", "2:4")
    artifacts = tmp_path / "artifacts"
    assert len(list((artifacts / "ward_trees").glob("*/manifest.json"))) == 1
    assert len(list((artifacts / "ward").glob("*/manifest.json"))) == 4


def test_cluster__ward_of_too_many_chips_is_a_clear_error(call, monkeypatch):
    monkeypatch.setattr(kmeans_ward, "WARD_LIMIT", 20)
    said = call("cluster", "--method", "ward")
    assert "20 are the most" in said
    assert "Take k-means, HDBSCAN or a mixture" in said


def test_export__noise_as_asked_and_the_original_beside(call, tmp_path):
    words = ("--method", "hdbscan", "--min-cluster-size", "4", "--format", "csv")
    call("export", *words, "--out", str(tmp_path / "kept"))
    call("export", *words, "--noise", "nearest", "--out", str(tmp_path / "near"))
    kept, near = (pd.read_csv(tmp_path / name / "chips.csv") for name in ("kept", "near"))
    assert kept["cluster"].tolist() == kept["cluster_raw"].tolist()
    assert near["cluster_raw"].tolist() == kept["cluster_raw"].tolist()
    assert (near["cluster"] >= 0).all()


def test_export__unknown_noise_is_refused(call):
    assert "noise.method" in call("export", "--noise", "hide")


@pytest.mark.parametrize("text", ["", "2", "5:2", "0:3", "a:b", "2:x"])
def test_span__refuses_what_is_no_range(text):
    with pytest.raises(SettingsError, match="is not a range"):
        cluster_commands.span(text, "--components")


def test_span__both_ends():
    assert cluster_commands.span("2:4", "") == [2, 3, 4]


def test_cluster__sweep_of_hdbscan_is_refused(call, tmp_path):
    said = call("cluster", "--method", "hdbscan", "--sweep", "2:3")
    assert "no number of clusters to prepare" in said
    assert not (tmp_path / "artifacts" / "mixtures").exists()


@pytest.mark.parametrize(
    ("method", "words"),
    [
        ("gmm", "Gaussian mixtures with 2 to 3 clusters prepared"),
        ("kmeans", "k-means with 2 to 3 clusters prepared"),
        ("ward", "Ward's hierarchy with 2 to 3 clusters prepared"),
    ],
)
def test_cluster__sweep_says_what_it_prepared(call, method, words):
    assert words in call("cluster", "--method", method, "--sweep", "2:3", as_json=False)


def test_cluster__sweep_that_ends_early_says_where(call):
    told = call("cluster", "--method", "kmeans", "--sweep", "40:45", as_json=False)
    assert "k-means with 40 clusters prepared" in told
    told = call("cluster", "--method", "kmeans", "--sweep", "41:45", as_json=False)
    assert "k-means: nothing prepared" in told


@pytest.mark.parametrize("command", ["cluster", "run"])
def test_summary__noise_as_shown(call, tmp_path, command):
    leaf = 'min_cluster_size = 2\nselection = "leaf"\n[tree]\nmin_samples = 1'
    (tmp_path / "quick.toml").write_text(QUICK.replace("min_cluster_size = 5", leaf))
    words = ("--method", "hdbscan")
    kept = call(command, *words, as_json=False).splitlines()[-1]
    share = kept.rpartition(", ")[2]
    assert share.endswith("% noise")
    assert share != "0% noise"
    near = call(command, *words, "--noise", "nearest", as_json=False).splitlines()[-1]
    assert ", 0% noise as shown: " in near
    assert "noise chips are shown in their nearest cluster" in near
    soft = call(command, *words, "--noise", "soft", as_json=False).splitlines()[-1]
    assert "noise chips are shown in their likeliest cluster" in soft


def test_quality__calls_clusters_by_the_ids_of_the_edits(call, tmp_path):
    # By size the two clusters are 0 and 1; at the last edit they were 5 and 8.
    words = ("--method", "kmeans", "--n-clusters", "2")
    call("export", *words, "--format", "csv")
    own = pd.read_csv(tmp_path / "results" / "chips.csv")["cluster"].to_numpy()
    reduced = next((tmp_path / "artifacts" / "reduction").glob("*/manifest.json")).parent.name
    name = saved_edits.family(reduced, "kmeans")
    ids = np.where(own == 0, 5, 8).astype(np.int32)
    saved_edits.save(Workspace(tmp_path), name, Saved(ids=ids))
    told = call("quality", *words, as_json=False)
    assert "cluster 5: " in told
    assert "cluster 8: " in told
    assert "cluster 0" not in told
