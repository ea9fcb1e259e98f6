"""Comparison of two runs, each with its own edits."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from core.clusters.editing import edit_history, edits
from core.clusters.labelling_comparison import ABSENT
from core.errors import ArtifactError
from core.pipeline.results.curation import Curation
from core.pipeline.results.current_result import change_edits
from core.pipeline.results.displayed_result import apply_saved_edits
from core.pipeline.results.run_comparison import compare_runs, open_run
from core.pipeline.results.run_records import create_record, find_run_record
from core.pipeline.results.stored_view import list_keys
from core.pipeline.run import keep_run, run_pipeline


@pytest.fixture
def compute(workspace, settings):
    """A function that computes a run and makes it the current result."""

    def run(**tables):
        result = run_pipeline(workspace, settings(method="kmeans", **tables))
        keep_run(result)
        return result

    return run


def make_edit(run, make):
    edited, _ = apply_saved_edits(run.view, run.labelling, run.chip_ids)
    edit = make(edited)
    ids = run.chip_ids
    change_edits(run.view, run.labelling, ids, lambda h: edit_history.add_edit(h, edit, ids))


def reopened(run, workspace):
    return open_run(workspace, find_run_record(run.record.run_id, workspace))


def test_open_run__clusters_are_those_of_the_run(compute, workspace):
    run = compute(kmeans={"n_clusters": 3})
    stored = reopened(run, workspace)
    assert adjusted_rand_score(stored.ids, run.labelling.labels) == 1
    assert list(stored.chip_ids) == run.chip_ids


def test_open_run__edits_are_those_of_the_run(compute, workspace):
    first = compute(kmeans={"n_clusters": 3})
    make_edit(first, lambda state: edits.rename_cluster(state, 0, "ferries"))
    make_edit(first, lambda state: edits.merge_clusters(state, (0, 1)))
    second = compute(embed={"encoder": "colour"}, kmeans={"n_clusters": 4})
    make_edit(second, lambda state: edits.exclude_chips(np.arange(len(state.ids)) < 2))
    assert reopened(first, workspace).edited.names == {0: "ferries"}
    assert len(np.unique(reopened(first, workspace).ids)) == 2
    assert (reopened(second, workspace).ids == -2).sum() == 2
    assert not (reopened(first, workspace).ids == -2).any()


def test_compare__run_with_itself(compute, workspace):
    stored = reopened(compute(), workspace)
    comparison = compare_runs(stored, stored)
    assert comparison.ari == 1
    assert comparison.n_moved == 0


def test_compare__scores_the_displayed_clusters(compute, workspace):
    first, second = compute(), compute(embed={"encoder": "colour"})
    runs = [reopened(run, workspace) for run in (first, second)]
    comparison = compare_runs(*runs)
    assert comparison.ari == adjusted_rand_score(runs[0].ids, runs[1].ids)
    assert comparison.n_shared == 40


def test_compare__run_with_fewer_scenes(compute, workspace):
    first = compute()
    (workspace.raw / "b.tif").unlink()
    second = compute()
    comparison = compare_runs(reopened(first, workspace), reopened(second, workspace))
    assert comparison.n_shared == 20
    assert (comparison.second == ABSENT).sum() == 20
    assert not (comparison.first == ABSENT).any()


def test_open_run__needs_no_scenes(compute, workspace):
    run = compute()
    shutil.rmtree(workspace.raw)
    assert len(reopened(run, workspace).ids) == 40


def test_open_run__deleted_results_are_named(compute, workspace):
    run = compute()
    shutil.rmtree(workspace.artifacts / "reduction")
    with pytest.raises(ArtifactError, match="have been deleted") as caught:
        reopened(run, workspace)
    assert f"chipscape replay {run.record.run_id}" in str(caught.value)


def test_open_run__without_clusters(workspace, settings):
    view = run_pipeline(workspace, settings(), until="embeddings").view
    # Earlier versions recorded such runs.
    record = create_record(workspace, view.settings, list_keys(view), {"chips": 40}, {})
    with pytest.raises(ArtifactError, match="has no clusters"):
        open_run(workspace, record)


def test_open_run__cut_that_is_not_stored(compute, workspace, settings):
    run = compute(cut={"min_cluster_size": 5})
    dense = run_pipeline(workspace, settings(method="hdbscan"))
    keys = {stage: k for stage, k in dense.record.keys.items() if stage != "clusters"}
    cut = replace(dense.view.settings.cut, min_cluster_size=4)
    cut_settings = replace(dense.view.settings, cut=cut)
    record = replace(dense.record, keys=keys, settings=cut_settings, curation=Curation())
    assert len(open_run(workspace, record).ids) == len(run.chip_ids)
