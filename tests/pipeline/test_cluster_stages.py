import shutil
from dataclasses import replace

import numpy as np
import pytest

from core.clusters.evaluation.component_sweep import sweep_components
from core.clusters.methods.method_table import METHODS
from core.pipeline.chip_stages import open_chips
from core.pipeline.cluster_stages import (
    COMPONENT_SWEEP,
    ComponentCounts,
    find_component_sweep,
    find_labelling,
    find_tree,
    open_projection,
    open_reduction,
)
from core.pipeline.embedding_stages import open_embeddings
from core.pipeline.run import run_pipeline
from core.pipeline.run_stages import with_settings
from core.settings import CutSettings, GmmSettings


@pytest.mark.parametrize("method", ["gmm", "hdbscan"])
def test_view__opens_what_the_run_computed(workspace, settings, method, look_up):
    run = run_pipeline(workspace, settings(method=method))
    view = look_up(workspace, settings(method=method))
    assert np.array_equal(open_embeddings(view), run.embeddings())
    assert len(open_chips(view)) == 40
    assert np.array_equal(find_labelling(view).labels, run.labelling.labels)
    assert open_projection(view).kl_divergence == run.kl_divergence
    assert open_reduction(view).points.shape == (40, 39)
    # Another cut of an existing tree runs no stage.
    recut = find_labelling(with_settings(view, method="hdbscan", cut=CutSettings(5, epsilon=9)))
    assert (recut is None) == (method == "gmm")


@pytest.mark.parametrize("method", ["hdbscan", "ward"])
def test_find_labelling__reads_the_labelling_of_a_run(
    workspace, settings, method, look_up, monkeypatch
):
    tables = settings(method=method, ward={"n_clusters": 3})
    run = run_pipeline(workspace, tables, until="clusters")
    view, cuts = look_up(workspace, tables), []
    hierarchy = METHODS[method].hierarchy
    cut = lambda *values: cuts.append(values) or hierarchy.cut(*values)  # noqa: E731
    counting = replace(METHODS[method], hierarchy=replace(hierarchy, cut=cut))
    monkeypatch.setitem(METHODS, method, counting)
    stored = find_labelling(view)
    assert not cuts
    shutil.rmtree(run.view.artifacts["clusters"][1].folder)
    fresh = find_labelling(view)
    assert len(cuts) == 1
    np.testing.assert_array_equal(stored.labels, fresh.labels)
    np.testing.assert_array_equal(stored.confidence, fresh.confidence)
    assert (stored.facts, stored.notes) == (fresh.facts, fresh.notes)
    # A tree that is open already is not read again.
    tree = find_tree(view)
    find_labelling(view, tree)
    assert cuts[-1][0] is tree


@pytest.mark.parametrize(
    ("method", "has_tree"), [("gmm", False), ("hdbscan", True), ("ward", True)]
)
def test_find_tree__of_the_methods_that_have_one(workspace, settings, method, has_tree, look_up):
    tables = settings(method=method, ward={"n_clusters": 3})
    assert find_tree(look_up(workspace, tables)) is None
    run = run_pipeline(workspace, tables, until="clusters")
    assert (find_tree(run.view) is not None) == has_tree
    assert len(run.view.artifacts["clusters"]) == 1 + has_tree


def test_component_sweep__does_not_depend_on_the_slider(workspace, settings, look_up):
    view = run_pipeline(workspace, settings(), until="reduction").view
    artifact = COMPONENT_SWEEP.make(workspace.store, ComponentCounts(view, range(2, 5)))
    sweep = COMPONENT_SWEEP.open(artifact)
    points = open_reduction(look_up(workspace, settings())).points
    expected = sweep_components(points, settings().gmm, range(2, 5))
    assert np.array_equal(sweep.bics, expected.bics)
    assert sweep.covariance == expected.covariance
    assert sweep.n_dims.tolist() == expected.n_dims.tolist()
    assert sweep.agreement == expected.agreement


def test_find_component_sweep__any_number_of_components_but_no_other_seed(
    workspace, settings, monkeypatch, look_up
):
    monkeypatch.setattr(ComponentCounts.__init__, "__defaults__", ((2, 3),))
    view = run_pipeline(workspace, settings(), until="reduction").view
    COMPONENT_SWEEP.make(workspace.store, ComponentCounts(view, (2, 3)))
    view = look_up(workspace, settings())
    other = with_settings(view, gmm=GmmSettings(n_components=7, n_init=2))
    assert find_component_sweep(other) is not None
    seed = with_settings(view, gmm=GmmSettings(n_init=2, seed=1))
    assert find_component_sweep(seed) is None


def test_find_component_sweep__no_reduction(workspace, settings, look_up):
    run_pipeline(workspace, settings(), until="chips")
    assert find_component_sweep(look_up(workspace, settings())) is None


def test_mixture__responsibilities_are_not_stored(workspace, settings):
    run = run_pipeline(workspace, settings(), until="clusters")
    (artifact,) = run.view.artifacts["clusters"]
    names = {path.name for path in artifact.folder.iterdir()}
    assert names == {"labels.npy", "confidence.npy", "labelling.json", "manifest.json"}
