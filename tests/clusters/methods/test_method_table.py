"""The table of methods, and a fifth method that is added to it as a single record."""

import json
import sys

import numpy as np
import pytest
import tomli_w
from shapely.geometry import box

from core import cli
from core.clusters.labelling import make_labelling
from core.clusters.methods.centres import centre_facts, centre_margin, checked_components
from core.clusters.methods.method import ClusteringMethod
from core.clusters.methods.method_table import METHODS, find_method, method_of
from core.errors import SettingsError
from core.pipeline.cluster_stages import find_labelling, find_tree
from core.pipeline.quality_stage import find_quality, judge_run
from core.pipeline.run import run_pipeline
from core.pipeline.run_stages import STAGE_NAMES
from core.pipeline.workspace import Workspace
from core.progress import silent
from core.settings import KMeansSettings, RunSettings
from core.tables import settings_from_table

QUICK = {"chips": {"size": 32}, "kmeans": {"n_clusters": 3}, "projection": {"n_iter": 50}}


def cluster_bisecting(points, settings):
    """Bisecting k-means with the settings of k-means."""
    from sklearn.cluster import BisectingKMeans

    components = checked_components(points, settings.n_dims, settings.n_clusters, "bisecting")
    model = BisectingKMeans(settings.n_clusters, random_state=settings.seed).fit(components)
    facts = centre_facts(settings.n_clusters, components, float(model.inertia_))
    confidence = centre_margin(components, model.labels_)
    return make_labelling(model.labels_, confidence, "bisecting", facts)


BISECTING = ClusteringMethod(
    name="bisecting",
    title="Bisecting k-means",
    plural="Bisecting k-means",
    settings=KMeansSettings,
    table="kmeans",
    stage="bisecting",
    version=1,
    fit=lambda points, settings, _: cluster_bisecting(points, settings.kmeans),
    recluster=lambda _, settings: (
        lambda points, _share: cluster_bisecting(points, settings.kmeans).labels
    ),
    confidence="how much nearer the chip is to its own centre than to the next one",
    count="n_clusters",
)


@pytest.fixture
def workspace(make_scene, make_annotations, to_ground, tmp_path):
    """A scene of forty squares, rough on the left and smooth on the right."""
    rng = np.random.default_rng(0)
    rough = rng.normal(128, 60, (3, 160, 256)).clip(1, 254)
    raster = make_scene("a.tif", np.where(np.arange(256) < 128, rough, rough / 4 + 90))
    corners = [(x, y) for x in range(2, 250, 32) for y in range(2, 150, 30)]
    squares = [to_ground(box(x, y, x + 22, y + 22)) for x, y in corners]
    classes = [{"class": "rough" if x < 120 else "smooth"} for x, _ in corners]
    make_annotations(raster, squares, classes)
    return Workspace.at(tmp_path)


@pytest.fixture
def settings(monkeypatch):
    """Settings of a run by a method that is added to the table."""
    monkeypatch.setitem(METHODS, "bisecting", BISECTING)
    return settings_from_table(RunSettings, QUICK | {"method": "bisecting"})


@pytest.fixture
def call(workspace, tmp_path, monkeypatch, capsys):
    """Call the command line in this process and return the JSON that it prints."""
    file = tmp_path / "quick.toml"
    file.write_text(tomli_w.dumps(QUICK))

    def run(command, *options):
        shared = ("--workspace", str(workspace.root), "--settings", str(file), "--json")
        monkeypatch.setattr(sys, "argv", ["chipscape", command, *shared, *options])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        out, err = capsys.readouterr()
        assert not caught.value.code, err
        return json.loads(out)

    return run


@pytest.mark.parametrize("name", METHODS)
def test_method__is_found_by_its_name(name):
    method = find_method(name)
    assert method.name == name
    assert method_of(RunSettings(method=name)) is method
    assert isinstance(method.settings_in(RunSettings()), method.settings)
    if method.count:
        assert method.n_clusters(method.with_n_clusters(RunSettings(), 5)) == 5
    else:
        assert method.n_clusters(RunSettings()) == 0


def test_method__stages_are_distinct():
    stages = [method.stage for method in METHODS.values()]
    stages += [method.hierarchy.stage for method in METHODS.values() if method.hierarchy]
    assert len(set(stages)) == len(stages)


def test_find_method__unknown_name():
    with pytest.raises(SettingsError, match=r"'kmeanz' is not one of gmm, hdbscan.*'kmeans'\?"):
        find_method("kmeanz")
    with pytest.raises(SettingsError, match="'nothing' is not one of gmm, hdbscan") as caught:
        method_of(RunSettings(method="nothing"))
    assert caught.value.where == "method"


def test_fifth_method__run_to_the_last_stage(workspace, settings, look_up):
    first = run_pipeline(workspace, settings)
    assert list(first.stages) == list(STAGE_NAMES)
    assert (first.labelling.method, first.labelling.n_clusters) == ("bisecting", 3)
    assert first.view.artifacts["clusters"][0].stage == "bisecting"
    second = run_pipeline(Workspace.at(workspace.root), settings)
    assert set(second.stages.values()) == {"cached"}
    view = look_up(workspace, settings)
    assert np.array_equal(find_labelling(view).labels, first.labelling.labels)
    assert find_tree(view) is None


def test_fifth_method__quality(workspace, settings, look_up):
    run = run_pipeline(workspace, settings, until="clusters")
    quality, edited, problems = judge_run(run, lambda _: silent)
    assert quality.card.n_clusters == 3
    assert all(0 <= cluster.stability <= 1 for cluster in quality.card.clusters)
    assert quality.n_failed == 0
    assert (edited.ids.tolist(), problems) == (run.labelling.labels.tolist(), [])
    assert find_quality(look_up(workspace, settings), run.chips, run.labelling) == quality


@pytest.mark.usefixtures("settings")
def test_fifth_method__command_line(workspace, call):
    result = call("cluster", "--method", "bisecting", "--sweep", "2:3")
    assert result["n_clusters"] == 3
    assert len(list((workspace.artifacts / "bisecting").glob("*/manifest.json"))) == 2
    result = call("cluster", "--method", "bisecting", "--n-clusters", "2")
    assert (result["n_clusters"], result["stages"]["clusters"]) == (2, "cached")
    scores = call("score", "--method", "bisecting", "--property", "class")
    assert (scores["property"], scores["n"]) == ("class", 40)
    assert call("quality", "--method", "bisecting")["method"] == "bisecting"
