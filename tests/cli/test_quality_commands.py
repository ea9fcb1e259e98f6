"""`chipscape quality`, `landscape`, `cluster` and `export` with options for clusters."""

import json
import re
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from shapely.geometry import box

from core import cli
from core.cli import quality_commands
from core.clusters.methods import ward
from core.errors import SettingsError
from core.pipeline.results.curation import Curation, Numbering
from core.pipeline.results.current_result import numbers_key, update_current
from core.pipeline.workspace import Workspace
from core.settings import RunSettings
from core.tables import read_toml, settings_from_table

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
    """Run a command on forty squares of two kinds; return its JSON, its text or its error."""

    rng = np.random.default_rng(0)
    rough = rng.normal(128, 60, (3, 160, 256)).clip(1, 254)
    raster = make_scene("a.tif", np.where(np.arange(256) < 128, rough, rough / 4 + 90))
    corners = [(x, y) for x in range(2, 250, 32) for y in range(2, 150, 30)]
    squares = [to_ground(box(x, y, x + 22, y + 22)) for x, y in corners]
    kinds = [{"class": "rough" if x < 120 else "smooth", "same": "x"} for x, _ in corners]
    make_annotations(raster, squares, kinds)
    settings = tmp_path / "quick.toml"
    settings.write_text(QUICK)

    def run(command, *options, as_json=True):
        shared = ("--workspace", str(tmp_path), "--settings", str(settings))
        shared += ("--json",) if as_json else ()
        monkeypatch.setattr(sys, "argv", ["chipscape", command, *shared, *options])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        printed = capsys.readouterr()
        if caught.value.code:
            return printed.err
        return json.loads(printed.out) if as_json else printed.out

    return run


@pytest.mark.parametrize("method", ["gmm", "hdbscan", "kmeans", "ward"])
def test_quality__measures_of_each_cluster(call, method):
    result = call("quality", "--method", method, "--n-clusters", "2", "--property", "class")
    assert result["method"] == method
    clusters = result["card"]["clusters"]
    assert [row["label"] for row in clusters] == list(range(result["card"]["n_clusters"]))
    assert all(0 <= row["stability"] <= 1 for row in clusters)
    assert result["n_resamples"] == 20
    assert {row["name"] for row in result["associations"]} <= {
        "scene",
        "cut_by_edge",
        "valid_fraction",
        "area",
        "side",
        "sharpness",
        "brightness",
        "heading",
        "place",
    }
    table = result["against"]["table"]
    assert sum(map(sum, table)) == 40
    assert len(table) == result["card"]["n_clusters"] + 1


def test_quality__unknown_attribute_is_named(call):
    assert "no annotation has an attribute 'colour'" in call("quality", "--property", "colour")


def test_landscape__cluster_sizes_of_the_tree(call):
    result = call("landscape", "--method", "hdbscan")
    assert result["sizes"][0] == 2
    assert len(result["sizes"]) == len(result["n_clusters"]) == len(result["validity"])
    assert all(suggestion["reason"] for suggestion in result["suggestions"])


def test_landscape__components(call):
    result = call("landscape", "--components", "2:4")
    assert result["n_components"] == [2, 3, 4]
    assert [suggestion["name"] for suggestion in result["suggestions"]] == ["suggested"]
    assert 0 < result["agreement"] <= 1
    assert result["interval"][0] <= result["interval"][1]


@pytest.mark.parametrize("method", ["kmeans", "ward"])
def test_landscape__number_of_clusters_for_other_methods(call, method):
    result = call("landscape", "--components", "2:4", "--method", method)
    assert result["suggestions"] == call("landscape", "--components", "2:4")["suggestions"]


def test_quality__an_attribute_with_one_value_is_refused(call):
    assert "nothing to compare" in call("quality", "--property", "same")


def test_cluster__sweep_of_k_means_is_stored_for_the_slider(call, tmp_path):
    call("cluster", "--method", "kmeans", "--sweep", "2:4")
    assert len(list((tmp_path / "artifacts" / "kmeans").glob("*/manifest.json"))) == 4


def test_cluster__sweep_of_ward_cuts_one_tree(call, tmp_path):
    call("cluster", "--method", "ward", "--sweep", "2:4")
    artifacts = tmp_path / "artifacts"
    assert len(list((artifacts / "ward_trees").glob("*/manifest.json"))) == 1
    assert len(list((artifacts / "ward").glob("*/manifest.json"))) == 4


def test_cluster__ward_of_too_many_chips_is_a_clear_error(call, monkeypatch):
    monkeypatch.setattr(ward, "WARD_LIMIT", 20)
    error = call("cluster", "--method", "ward")
    assert "the limit is 20 chips" in error
    assert "Use k-means, HDBSCAN or a Gaussian mixture" in error


def test_export__treated_noise_next_to_the_original(call, tmp_path):
    options = ("--method", "hdbscan", "--min-cluster-size", "4", "--format", "csv")
    call("export", *options, "--out", str(tmp_path / "keep"))
    call("export", *options, "--noise", "nearest", "--out", str(tmp_path / "nearest"))
    keep, nearest = (pd.read_csv(tmp_path / name / "chips.csv") for name in ("keep", "nearest"))
    assert keep["cluster"].tolist() == keep["cluster_raw"].tolist()
    assert nearest["cluster_raw"].tolist() == keep["cluster_raw"].tolist()
    assert (nearest["cluster"] >= 0).all()


def test_export__unknown_noise_treatment_is_refused(call):
    assert "noise.method" in call("export", "--noise", "hide")


@pytest.mark.parametrize("text", ["", "2", "5:2", "0:3", "a:b", "2:x"])
def test_parse_range__invalid_range(text):
    with pytest.raises(SettingsError, match="is not a range"):
        quality_commands.parse_range(text, "--components")


def test_parse_range__includes_both_ends():
    assert quality_commands.parse_range("2:4", "") == [2, 3, 4]


def test_cluster__sweep_of_hdbscan_is_refused(call, tmp_path):
    error = call("cluster", "--method", "hdbscan", "--sweep", "2:3")
    assert "needs no fits in advance" in error
    assert not (tmp_path / "artifacts" / "mixtures").exists()


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ("gmm", "Gaussian mixtures with 2 to 3 clusters fitted in advance"),
        ("kmeans", "k-means with 2 to 3 clusters fitted in advance"),
        ("ward", "Ward's hierarchy with 2 to 3 clusters fitted in advance"),
    ],
)
def test_cluster__sweep_reports_the_fitted_numbers(call, method, message):
    assert message in call("cluster", "--method", method, "--sweep", "2:3", as_json=False)


def test_cluster__sweep_that_stops_early_reports_the_number(call):
    text = call("cluster", "--method", "kmeans", "--sweep", "40:45", as_json=False)
    assert "k-means with 40 clusters fitted in advance" in text
    text = call("cluster", "--method", "kmeans", "--sweep", "41:45", as_json=False)
    assert "k-means: nothing fitted in advance" in text


@pytest.mark.parametrize("command", ["cluster", "run"])
def test_summary__noise_as_displayed(call, tmp_path, command):
    leaf = 'min_cluster_size = 2\nselection = "leaf"\n[tree]\nmin_samples = 1'
    (tmp_path / "quick.toml").write_text(QUICK.replace("min_cluster_size = 5", leaf))
    options = ("--method", "hdbscan")
    keep = call(command, *options, as_json=False).splitlines()[-1]
    assert re.search(r", [1-9]\d*% noise \(min_cluster_size 2, min_samples 1\)$", keep)
    nearest = call(command, *options, "--noise", "nearest", as_json=False).splitlines()[-1]
    assert ", 0% noise as displayed: " in nearest
    assert "noise chips are assigned to their nearest cluster" in nearest
    soft = call(command, *options, "--noise", "soft", as_json=False).splitlines()[-1]
    assert "noise chips are assigned to their most likely cluster" in soft


def test_quality__clusters_by_the_ids_of_the_edits(call, tmp_path, look_up):
    # By size the two clusters are 0 and 1; at the last edit they were 5 and 8.
    options = ("--method", "kmeans", "--n-clusters", "2")
    call("export", *options, "--format", "csv")
    clusters = pd.read_csv(tmp_path / "results" / "chips.csv")["cluster"].to_numpy()
    kmeans = {"method": "kmeans", "kmeans": {"n_clusters": 2}}
    table = read_toml(tmp_path / "quick.toml") | kmeans
    view = look_up(Workspace(tmp_path), settings_from_table(RunSettings, table))
    assert set(clusters) == {0, 1}
    numbering = Numbering({numbers_key(view): (5, 8)})
    curation = Curation(numbering=numbering)
    update_current(view.workspace, lambda current: replace(current, curation=curation))
    text = call("quality", *options, as_json=False)
    assert "cluster 5: " in text
    assert "cluster 8: " in text
    assert "cluster 0" not in text


def test_quality__corrections_before_and_after(call):
    options = ("--method", "kmeans", "--n-clusters", "2", "--property", "class", "--corrections")
    comparison = call("quality", *options)["corrections"]
    # There is one scene, so nothing can be centred.
    names = [effect["name"] for effect in comparison["effects"]]
    assert names == ["current", "brightness", "sharpness"]
    assert all(-1 <= effect["ari"] <= 1 for effect in comparison["effects"])
    text = call("quality", *options, as_json=False)
    assert "correction " in text
    assert "Removing sharpness" in text
    assert "lower is better" in text
    assert comparison["best"]["sentence"] in text
    assert "agreement with 'class'" in comparison["best"]["sentence"]
    assert "note: Masking the background was not compared" in text


def test_quality__remedies_name_the_options(call):
    # Rough and smooth squares differ in sharpness alone.
    options = ("--method", "kmeans", "--n-clusters", "2")
    remedies = call("quality", *options)["remedies"]
    assert any("--nuisance sharpness" in remedy for remedy in remedies)
    corrected = call("quality", *options, "--nuisance", "sharpness")["remedies"]
    assert not any("--nuisance sharpness" in remedy for remedy in corrected)


def test_cluster__corrections_as_options(call):
    notes = call("cluster", "--harmonisation", "centre", "--nuisance", "brightness")["notes"]
    assert any("there is only one scene" in note for note in notes)
    assert any("linear effect of brightness" in note for note in notes)
    assert "not one of none, centre" in call("cluster", "--harmonisation", "combat")
