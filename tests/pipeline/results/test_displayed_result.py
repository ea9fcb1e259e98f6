import numpy as np

from core.clusters.editing import edit_history, edited_labelling, edits
from core.clusters.labelling import make_labelling
from core.pipeline.results.current_result import change_edits
from core.pipeline.results.displayed_result import replay_history, treat_labelling
from core.pipeline.run import run_pipeline
from core.pipeline.run_results import collect_results
from core.settings import NoiseSettings, RunSettings

IDS = np.array([4, 4, 4, 9, 9, -1], np.int32)
CHIPS = list("abcdef")


def make(*labels, method="hdbscan"):
    return make_labelling(np.array(labels), np.ones(len(labels)), method, {"n_dims": 2})


def rename(ids, cluster, name, chips):
    """A history of one edit, which renames a cluster."""
    edit = edits.rename_cluster(edited_labelling.unedited_clusters(ids), cluster, name)
    return edit_history.add_edit(edit_history.History(), edit, chips)


def test_replay_history__a_name_follows_its_chips():
    points = np.zeros((6, 3), np.float32)
    treated = treat_labelling(make(0, 0, 0, 1, 1, -1), points, RunSettings(), None)
    history = rename(IDS, 9, "ferries", CHIPS)
    edited, problems = replay_history(treated, {0: 9, 1: 4}, history, CHIPS)
    assert edited.names == {4: "ferries"}
    assert edited.ids.tolist() == [9, 9, 9, 4, 4, -1]
    assert problems == []


def test_replay_history__a_name_outlasts_added_and_removed_scenes():
    points = np.zeros((9, 3), np.float32)
    chips = ["n0", "n1", "b", "c", "d", "e", "n2", "n3", "n4"]
    # Clusters {b, c, new chips} and {d, e, new chips}; chip a is gone.
    labelling = make(0, 0, 0, 0, 1, 1, 1, 1, 1)
    treated = treat_labelling(labelling, points, RunSettings(), None)
    history = rename(IDS, 9, "ferries", CHIPS)
    ids = {0: 0, 1: 1}
    edited, problems = replay_history(treated, ids, history, chips)
    (named,) = edited.names
    assert edited.ids[4] == named
    assert edited.ids[2] != named
    assert problems == []


def test_replay_history__an_edit_whose_chips_are_gone_is_listed():
    treated = treat_labelling(make(0, 0, 1), np.zeros((3, 3), np.float32), RunSettings(), None)
    history = rename(IDS, 9, "ferries", CHIPS)
    edited, problems = replay_history(treated, {0: 0, 1: 1}, history, ["x", "y", "z"])
    assert edited.names == {}
    (problem,) = problems
    assert problem.startswith("Edit 1 (rename 'ferries') was not applied: ")


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
    history = rename(labels, 0, "striped", run.chip_ids)
    change_edits(run.view, run.labelling, run.chip_ids, lambda _: history)
    results = collect_results(run)
    assert (results.clusters >= 0).all()
    table = results.table()
    assert set(table["cluster_name"][table["cluster"] == 0]) == {"striped"}
    assert table["cluster_raw"].tolist() == labels.tolist()
    # A chip that is only nearest to a cluster has no membership.
    moved = labels == -1
    assert table["confidence"][moved].isna().all()
    np.testing.assert_array_equal(table["confidence"][~moved], run.labelling.confidence[~moved])
