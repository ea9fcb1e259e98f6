import json

import numpy as np
import pytest

from core.clusters.editing import edit_history, edited_labelling, edits
from core.clusters.label_matching import renumber_labels
from core.clusters.labelling import make_labelling
from core.errors import ArtifactError
from core.pipeline.results.curation import (
    Curation,
    Numbering,
    curation_from_document,
    curation_to_document,
    last_ids,
    number_clusters,
    with_labelling,
)

CHIPS = list("abcdef")


def make(*labels):
    return make_labelling(np.array(labels), np.ones(len(labels)), "hdbscan", {"n_dims": 2})


def numbered(*ids, chips=None):
    """A numbering in which the chips were last displayed under these ids."""
    labelling, (names, first) = make(*ids), np.unique(ids, return_index=True)
    by_label = {
        int(labelling.labels[row]): int(name)
        for name, row in zip(names, first, strict=True)
        if name >= 0
    }
    key = "former"
    by_labelling = {key: tuple(by_label[i] for i in range(len(by_label)))}
    chips = CHIPS[: len(ids)] if chips is None else chips
    return with_labelling(Numbering(by_labelling), labelling, key, chips)


def ids_of(labelling, numbering, chips=None, key="new"):
    chips = CHIPS[: len(labelling)] if chips is None else chips
    ids = number_clusters(labelling, key, numbering, chips)
    return renumber_labels(labelling.labels, ids).tolist()


def test_number_clusters__chips_keep_their_ids_when_sizes_swap():
    # By size the labels would be 1 for the first chip and 0 for the others.
    labelling = make(0, 1, 1, 1, 1)
    assert labelling.labels.tolist() == [1, 0, 0, 0, 0]
    assert ids_of(labelling, numbered(0, 0, 0, 1, 1)) == [0, 1, 1, 1, 1]


def test_number_clusters__new_cluster_gets_an_unused_id():
    ids = ids_of(make(0, 0, 1, 2, 2), numbered(0, 0, 0, 3, 3))
    assert ids[:2] == [0, 0]
    assert ids[3:] == [3, 3]
    assert ids[2] not in (0, 3)


def test_number_clusters__noise_stays_noise():
    assert ids_of(make(-1, 0, 0), numbered(0, 0, 0)) == [-1, 0, 0]


def test_number_clusters__first_labelling_keeps_its_labels():
    labelling = make(0, 0, 1)
    assert ids_of(labelling, Numbering()) == labelling.labels.tolist()


def test_number_clusters__other_chips_are_not_matched():
    assert ids_of(make(0, 0, 1), numbered(5, 5, chips=["x", "y"])) == [0, 0, 1]


def test_number_clusters__added_and_removed_chips():
    numbering = numbered(7, 7, 7, 3, 3)
    chips = ["new", "b", "c", "d", "e", "other"]
    assert ids_of(make(1, 1, 1, 0, 0, 0), numbering, chips) == [7, 7, 7, 3, 3, 3]


def test_number_clusters__a_labelling_that_was_displayed_before_keeps_its_ids():
    first, second = make(0, 0, 0, 1, 1), make(0, 1, 1, 1, 1)
    numbering = with_labelling(numbered(7, 7, 7, 3, 3), first, "first", CHIPS[:5])
    before = ids_of(first, numbering, key="first")
    numbering = with_labelling(numbering, second, "second", CHIPS[:5])
    assert ids_of(first, numbering, key="first") == before == [7, 7, 7, 3, 3]


def test_last_ids__damaged():
    numbering = numbered(0, 0, 1)
    with pytest.raises(ArtifactError):
        last_ids(Numbering({}, numbering.chips, "%%%"), CHIPS[:3])
    with pytest.raises(ArtifactError):
        last_ids(Numbering({}, numbered(0, 1).chips, numbering.ids), CHIPS[:3])


def test_curation__round_trip_through_json():
    ids = np.array([4, 4, 9, 9, -1], np.int32)
    state = edited_labelling.unedited_clusters(ids)
    edit = edits.rename_cluster(state, 9, "ferries")
    history = edit_history.add_edit(edit_history.History(), edit, CHIPS[:5])
    curation = Curation(edit_history.undo_edit(history), numbered(4, 4, 9, 9, -1))
    text = json.dumps(curation_to_document(curation))
    assert curation_from_document(json.loads(text)) == curation


@pytest.mark.parametrize(
    "document", ["", {}, {"history": 1, "numbers": {}}, [], {"numbers": 1}, None]
)
def test_curation_from_document__damaged(document):
    with pytest.raises(ArtifactError):
        curation_from_document(document)
