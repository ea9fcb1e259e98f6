from types import SimpleNamespace

import numpy as np
import pytest

from core.clusters.editing import edit_history, edited_labelling, edits
from core.clusters.labelling import make_labelling
from core.errors import ArtifactError
from core.pipeline.run import run_pipeline
from core.pipeline.run_results import collect_results
from core.pipeline.saved_edits import (
    SavedEdits,
    edit_family,
    load_edits,
    replay_history,
    save_edits,
    starting_ids,
    treat_labelling,
)
from core.pipeline.view import View
from core.pipeline.workspace import Workspace
from core.settings import NoiseSettings, RunSettings

IDS = np.array([4, 4, 4, 9, 9, -1], np.int32)


def make(*labels, method="hdbscan"):
    return make_labelling(np.array(labels), np.ones(len(labels)), method, {"n_dims": 2})


@pytest.fixture
def empty(tmp_path):
    return Workspace.at(tmp_path)


def rename(ids, cluster, name):
    """A history of one edit, which renames a cluster."""
    state = edited_labelling.unedited_clusters(ids)
    return edit_history.add_edit(edit_history.History(), edits.rename_cluster(state, cluster, name))


def test_save_edits__round_trip(empty):
    saved = SavedEdits(edit_history.undo_edit(rename(IDS, 9, "ferries")), IDS)
    path = save_edits(empty, "family", saved)
    loaded = load_edits(empty, "family")
    assert loaded.history == saved.history
    assert loaded.ids.tolist() == IDS.tolist()
    assert [p.name for p in path.parent.iterdir()] == ["family.json"]


def test_load_edits__nothing_saved(empty):
    assert load_edits(empty, "family") == SavedEdits()


@pytest.mark.parametrize("text", ["", "{}", '{"history": 1, "ids": null}', '{"ids": "%%%"}', "[]"])
def test_load_edits__damaged_file_is_named_with_its_remedy(empty, text):
    path = save_edits(empty, "family", SavedEdits())
    path.write_text(text)
    with pytest.raises(ArtifactError) as caught:
        load_edits(empty, "family")
    assert caught.value.where == str(path)
    assert "Move the file away" in caught.value.remedy


def test_edit_family__one_for_each_reduction_and_method(empty):
    def view(reduction, method):
        artifacts = {"reduction": (SimpleNamespace(key=reduction),)}
        return View(empty, RunSettings(method=method), None, artifacts)

    families = {edit_family(view(r, m)) for r in ("a", "b") for m in ("gmm", "hdbscan")}
    assert len(families) == 4


def test_starting_ids__as_at_the_last_edit():
    labelling = make(1, 1, 1, 0, 0, -1)
    assert starting_ids(labelling, SavedEdits(ids=IDS)) == {0: 4, 1: 9}
    assert starting_ids(labelling, SavedEdits()) == {0: 0, 1: 1}
    assert starting_ids(make(0, 0), SavedEdits(ids=IDS)) == {0: 0}


def test_replay_history__a_name_follows_its_chips():
    points = np.zeros((6, 3), np.float32)
    treated = treat_labelling(make(0, 0, 0, 1, 1, -1), points, RunSettings(), None)
    edited, problems = replay_history(treated, {0: 9, 1: 4}, rename(IDS, 9, "ferries"))
    assert edited.names == {4: "ferries"}
    assert edited.ids.tolist() == [9, 9, 9, 4, 4, -1]
    assert problems == []


def test_treat_labelling__only_hdbscan_has_noise():
    points = np.arange(12, dtype=np.float32).reshape(6, 2)
    soft = RunSettings(noise=NoiseSettings("soft"))
    mixture = make(0, 0, 0, 1, 1, 1, method="gmm")
    assert treat_labelling(mixture, points, soft, None).labels.tolist() == [0, 0, 0, 1, 1, 1]
    nearest = RunSettings(noise=NoiseSettings("nearest"))
    treated = treat_labelling(make(0, 0, 0, 1, 1, -1), points, nearest, None)
    assert treated.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert treated.original.tolist()[-1] == -1


def test_collect_results__noise_is_treated_and_edits_are_replayed(workspace, settings):
    run = run_pipeline(
        workspace,
        settings(
            method="hdbscan",
            noise={"method": "nearest"},
            # In these dimensions, some of the chips are noise.
            tree={"n_dims": 15, "min_samples": 5},
            cut={"min_cluster_size": 4, "selection": "leaf"},
        ),
    )
    labels = run.labelling.labels
    assert (labels == -1).any()
    saved = SavedEdits(rename(labels, 0, "striped"), labels)
    save_edits(workspace, edit_family(run.view), saved)
    results = collect_results(run)
    assert (results.clusters >= 0).all()
    table = results.table()
    assert set(table["cluster_name"][table["cluster"] == 0]) == {"striped"}
    assert table["cluster_raw"].tolist() == labels.tolist()
    # A chip that is only nearest to a cluster has no membership.
    moved = labels == -1
    assert table["confidence"][moved].isna().all()
    np.testing.assert_array_equal(table["confidence"][~moved], run.labelling.confidence[~moved])
