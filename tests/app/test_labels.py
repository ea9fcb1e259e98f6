import numpy as np

from app.labels import Clusters, translated, with_ids
from core.clusters.labelling import Labelling, labelled
from core.settings import RunSettings


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
