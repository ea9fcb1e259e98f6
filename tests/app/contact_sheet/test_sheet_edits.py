from pathlib import Path

import numpy as np
import pytest

from app.contact_sheet.sheet_edits import add_sheet_edits, latest_names
from app.session.displayed_clusters import Clusters
from core.clusters.editing import edits
from core.clusters.editing.edit_history import History, add_edit
from core.clusters.editing.edited_labelling import unedited_clusters
from core.clusters.labelling import make_labelling
from core.clusters.noise_treatment import treat_noise
from core.pipeline.results.displayed_result import replay_history
from core.pipeline.scene_survey import Survey
from core.pipeline.view import View
from core.pipeline.workspace import Workspace
from core.settings import NoiseSettings, RunSettings

LABELS = np.array([0] * 4 + [1] * 3 + [-1], np.int32)
CHIPS = list("abcdefgh")


@pytest.fixture
def clusters():
    view = View(Workspace.at(Path("nowhere")), RunSettings(), Survey((), 0.0))
    labelling = make_labelling(LABELS, np.ones(8), "hdbscan", {})
    treated = treat_noise(labelling, np.zeros((8, 2), np.float32), NoiseSettings())
    return Clusters(view, labelling, LABELS, LABELS, treated, unedited_clusters(LABELS), CHIPS)


def replay(history, clusters):
    edited, problems = replay_history(clusters.treated, {0: 0, 1: 1}, history, CHIPS)
    assert problems == []
    return edited


def test_add_sheet_edits__every_key_is_one_edit(clusters):
    events = [
        {"kind": "name", "ids": ["a", "h"], "text": " boats "},
        {"kind": "name", "ids": ["b"], "text": "boats"},
        {"kind": "approve", "ids": ["a", "e"]},
        {"kind": "exclude", "ids": ["c", "d"]},
        {"kind": "include", "ids": ["d"]},
        {"kind": "name", "ids": ["f"], "text": "Cluster 0"},
    ]
    history, problems = add_sheet_edits(History(), clusters, events)
    assert problems == []
    assert len(history.edits) == 6
    edited = replay(history, clusters)
    assert edited.ids.tolist() == [1000, 1000, 0, 0, 1, 0, 1, 1000]
    assert edited.names == {1000: "boats"}
    assert edited.approved_chips.tolist() == [True, True] + [False] * 2 + [True, False, False, True]
    assert np.flatnonzero(edited.excluded).tolist() == [2]


def test_add_sheet_edits__undo_reverts_the_last_edit(clusters):
    events = [
        {"kind": "name", "ids": ["a"], "text": "boats"},
        {"kind": "name", "ids": ["b"], "text": "boats"},
        {"kind": "undo"},
        {"kind": "approve", "ids": ["b"]},
    ]
    history, _ = add_sheet_edits(History(), clusters, events)
    edited = replay(history, clusters)
    assert edited.ids.tolist() == [1000, *LABELS[1:]]
    assert edited.approved_chips.tolist() == [True, True] + [False] * 6
    history, _ = add_sheet_edits(history, clusters, [{"kind": "undo"}] * 5)
    assert history.edits == ()


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"kind": "burn", "ids": ["a"]},
        {"kind": "page", "number": 3},
        {"kind": "name", "ids": ["a"], "text": " "},
        {"kind": "name", "ids": ["nowhere"], "text": "x"},
        {"kind": "approve", "ids": ["h"]},
        {"kind": "exclude", "ids": None},
    ],
)
def test_add_sheet_edits__what_cannot_be_done_changes_nothing(clusters, event):
    history, problems = add_sheet_edits(History(), clusters, [event])
    assert history == History()
    assert len(problems) == (event.get("kind") in ("name", "approve", "exclude"))


def test_latest_names__keep_their_digits(clusters):
    state, history = unedited_clusters(LABELS), History()
    for i in range(12):
        name = edits.name_chips(np.arange(8) == i % 8, f"name {i % 4}" if i < 6 else f"name {i}")
        history = add_edit(history, name, CHIPS)
    state = replay(history, clusters)
    names = latest_names(history, state)
    assert set(names) <= set(state.names.values())
    assert len(names) == len(set(state.names.values()))
    # A name that is used again keeps its place.
    again = add_edit(history, edits.name_chips(np.arange(8) == 7, names[0]), CHIPS)
    assert latest_names(again, replay(again, clusters))[0] == names[0]


def test_latest_names__the_ten_used_last():
    state = unedited_clusters(np.arange(14, dtype=np.int32))
    history = History()
    for cluster in range(14):
        history = add_edit(history, edits.rename_cluster(state, cluster, f"n{cluster}"))
    history = add_edit(history, edits.rename_cluster(state, 1, "n1"))
    state = unedited_clusters(np.arange(14, dtype=np.int32))
    named = {cluster: f"n{cluster}" for cluster in range(14)}
    names = latest_names(history, type(state)(state.ids, state.excluded, state.excluded, named))
    assert names == ["n1", "n5", "n6", "n7", "n8", "n9", "n10", "n11", "n12", "n13"]
