import numpy as np
import pytest

from core.clusters.editing import edit_history, edits
from core.clusters.labelling import labelled
from core.errors import ArtifactError
from core.pipeline import saved_edits
from core.pipeline.run import landscape_of, run
from core.pipeline.saved_edits import Saved
from core.pipeline.workspace import Workspace
from core.settings import NoiseSettings, RunSettings

IDS = np.array([4, 4, 4, 9, 9, -1], np.int32)


def found(*raw, method="hdbscan"):
    return labelled(np.array(raw), np.ones(len(raw)), method, {"n_dims": 2})


@pytest.fixture
def place(tmp_path):
    return Workspace.at(tmp_path)


def renamed(ids, cluster, name):
    state = edits.start(ids)
    return edit_history.add(edit_history.History(), edits.rename(state, cluster, name))


def test_save__what_is_loaded_is_what_was_saved(place):
    saved = Saved(edit_history.undo(renamed(IDS, 9, "ferries")), IDS)
    path = saved_edits.save(place, "family", saved)
    loaded = saved_edits.load(place, "family")
    assert loaded.history == saved.history
    assert loaded.ids.tolist() == IDS.tolist()
    assert [p.name for p in path.parent.iterdir()] == ["family.json"]


def test_load__nothing_where_nothing_was_saved(place):
    assert saved_edits.load(place, "family") == Saved()


@pytest.mark.parametrize("text", ["", "{}", '{"history": 1, "ids": null}', '{"ids": "%%%"}', "[]"])
def test_load__damaged_file_is_named_with_its_remedy(place, text):
    path = saved_edits.save(place, "family", Saved())
    path.write_text(text)
    with pytest.raises(ArtifactError) as refused:
        saved_edits.load(place, "family")
    assert refused.value.where == str(path)
    assert "Move the file away" in refused.value.remedy


def test_family__reduction_and_method_set_it_apart():
    names = {saved_edits.family(r, m) for r in ("a", "b") for m in ("gmm", "hdbscan")}
    assert len(names) == 4


def test_first_ids__those_of_the_last_edit():
    again = found(1, 1, 1, 0, 0, -1)
    assert saved_edits.first_ids(again, Saved(ids=IDS)) == {0: 4, 1: 9}
    assert saved_edits.first_ids(again, Saved()) == {0: 0, 1: 1}
    assert saved_edits.first_ids(found(0, 0), Saved(ids=IDS)) == {0: 0}


def test_edited__name_goes_with_the_chips():
    points = np.zeros((6, 3), np.float32)
    treated = saved_edits.treated(found(0, 0, 0, 1, 1, -1), points, RunSettings(), None)
    after, problems = saved_edits.edited(treated, {0: 9, 1: 4}, renamed(IDS, 9, "ferries"))
    assert after.names == {4: "ferries"}
    assert after.ids.tolist() == [9, 9, 9, 4, 4, -1]
    assert problems == []


def test_treated__only_hdbscan_has_noise_to_treat():
    points = np.arange(12, dtype=np.float32).reshape(6, 2)
    soft = RunSettings(noise=NoiseSettings("soft"))
    mixture = found(0, 0, 0, 1, 1, 1, method="gmm")
    assert saved_edits.treated(mixture, points, soft, None).labels.tolist() == [0, 0, 0, 1, 1, 1]
    near = RunSettings(noise=NoiseSettings("nearest"))
    treated = saved_edits.treated(found(0, 0, 0, 1, 1, -1), points, near, None)
    assert treated.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert treated.original.tolist()[-1] == -1


def test_landscape_of__noise_is_treated_and_edits_are_replayed(workspace, settings):
    asked = settings(
        method="hdbscan",
        noise={"method": "nearest"},
        cut={"min_cluster_size": 3, "selection": "leaf"},
    )
    done = run(workspace, asked)
    labels = done.labelling.labels
    assert (labels == -1).any()
    name = saved_edits.family(done.artifacts["reduction"][0].key, "hdbscan")
    saved_edits.save(workspace, name, Saved(renamed(labels, 0, "striped"), labels))
    after = landscape_of(done)
    assert (after.clusters >= 0).all()
    table = after.table()
    assert set(table["cluster_name"][table["cluster"] == 0]) == {"striped"}
    assert table["cluster_raw"].tolist() == labels.tolist()
    # What is in a cluster by nearness alone has no membership.
    moved = labels == -1
    assert table["confidence"][moved].isna().all()
    np.testing.assert_array_equal(table["confidence"][~moved], done.labelling.confidence[~moved])
