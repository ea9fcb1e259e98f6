import numpy as np

from app.session.cluster_ids import changed, finished, summary, translated, with_ids
from app.session.shown_clusters import Clusters
from app.widgets.palette import Look
from core.clusters.editing import edit_history, edits
from core.clusters.labelling import Labelling, labelled
from core.clusters.noise_treatment import treat
from core.pipeline.saved_edits import Saved
from core.settings import NoiseSettings, RunSettings


def labelling(*values: int) -> Labelling:
    raw = np.array(values, np.int32)
    return labelled(raw, np.ones(len(raw)), "hdbscan", {})


def shown(*ids: int) -> Clusters:
    made = labelling(*ids)
    return Clusters(made, np.array(ids, np.int32), RunSettings())


def test_with_ids__chips_keep_their_ids_when_sizes_swap():
    # By size the labels would be 1 for the first chip and 0 for the others.
    found = labelling(0, 1, 1, 1, 1)
    assert found.labels.tolist() == [1, 0, 0, 0, 0]
    assert with_ids(found, shown(0, 0, 0, 1, 1)).tolist() == [0, 1, 1, 1, 1]


def test_with_ids__new_cluster_takes_no_id_of_before():
    ids = with_ids(labelling(0, 0, 1, 2, 2), shown(0, 0, 0, 3, 3))
    assert ids.tolist()[:2] == [0, 0]
    assert ids.tolist()[3:] == [3, 3]
    assert ids[2] not in (0, 3)


def test_with_ids__noise_stays_noise():
    assert with_ids(labelling(-1, 0, 0), shown(0, 0, 0)).tolist() == [-1, 0, 0]


def test_with_ids__first_labelling_keeps_its_own():
    found = labelling(0, 0, 1)
    assert with_ids(found, None) is found.labels


def test_with_ids__other_chips_are_not_matched():
    assert with_ids(labelling(0, 0, 1), shown(5, 5)).tolist() == [0, 0, 1]


def test_translated__all_noise():
    assert translated(np.array([-1, -1], np.int32), {}).tolist() == [-1, -1]


def test_with_ids__new_session_takes_those_of_the_last_edit():
    saved = Saved(ids=np.array([7, 7, 7, 3, 3], np.int32))
    assert with_ids(labelling(0, 0, 0, 1, 1), None, saved).tolist() == [7, 7, 7, 3, 3]


def test_finished__names_noise_and_excluded_chips():
    found = labelling(0, 0, 0, 1, 1, -1)
    own = np.array([4, 4, 4, 9, 9, -1], np.int32)
    start = edits.start(own)
    done = edit_history.add(edit_history.History(), edits.rename(start, 9, "ferries"))
    done = edit_history.add(done, edits.exclude(np.arange(6) == 0))
    points = np.zeros((6, 2), np.float32)
    treated = treat(found, points, NoiseSettings())
    made = finished(found, own, treated, RunSettings(), "family", Saved(done))
    assert made.ids.tolist() == [-2, 4, 4, 9, 9, -1]
    assert made.own.tolist() == own.tolist()
    assert [made.look.name(c) for c in (9, 4, -1, -2)] == [
        "ferries", "Cluster 4", "Noise", "Excluded"
    ]  # fmt: skip
    assert summary(made) == "2 clusters, 20% noise, one chip excluded"


def test_changed__sentences_with_the_names_that_there_are():
    before, now = np.array([0, 0, 0, 0], np.int32), np.array([0, 0, 5, 5], np.int32)
    told = changed(before, now, Look({5: "ferries"}))
    assert told == ("Cluster 0 split into 0 and 5.", "By name: 5 is ferries.")
    assert changed(before, before, Look({5: "ferries"})) == ()
    assert changed(before, now[:2], Look()) == ()
