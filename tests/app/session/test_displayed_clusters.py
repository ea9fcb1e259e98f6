from pathlib import Path

import numpy as np

from app.session.displayed_clusters import Clusters, apply_edits, list_changes
from app.widgets.palette import Look
from app.widgets.sliders.cluster_sliders import describe_clusters
from core.clusters.editing import edit_history, edited_labelling, edits
from core.clusters.label_matching import renumber_labels
from core.clusters.labelling import Labelling, make_labelling
from core.clusters.noise_treatment import treat_noise
from core.pipeline.results.curation import Curation
from core.pipeline.scene_survey import Survey
from core.pipeline.view import View
from core.pipeline.workspace import Workspace
from core.settings import NoiseSettings, RunSettings


def label(*values: int) -> Labelling:
    labels = np.array(values, np.int32)
    return make_labelling(labels, np.ones(len(labels)), "hdbscan", {})


def display(
    labelling: Labelling, ids: list[int], history: edit_history.History | None = None
) -> Clusters:
    """Display a labelling under some ids, with edits."""
    view = View(Workspace.at(Path("nowhere")), RunSettings(), Survey((), 0.0))
    points = np.zeros((len(labelling), 2), np.float32)
    treated = treat_noise(labelling, points, NoiseSettings())
    curation = Curation(history or edit_history.History())
    method_ids = np.array(ids, np.int32)
    edited = edited_labelling.unedited_clusters(method_ids)
    clusters = Clusters(view, labelling, method_ids, method_ids, treated, edited)
    return apply_edits(clusters, curation)


def display_ids(*ids: int) -> Clusters:
    return display(label(*ids), list(ids))


def test_renumber_labels__all_noise():
    assert renumber_labels(np.array([-1, -1], np.int32), {}).tolist() == [-1, -1]


def test_apply_edits__names_noise_and_excluded_chips():
    ids = [4, 4, 4, 9, 9, -1]
    unedited = edited_labelling.unedited_clusters(np.array(ids, np.int32))
    history = edit_history.add_edit(
        edit_history.History(), edits.rename_cluster(unedited, 9, "ferries")
    )
    history = edit_history.add_edit(history, edits.exclude_chips(np.arange(6) == 0))
    clusters = display(label(0, 0, 0, 1, 1, -1), ids, history)
    assert clusters.ids.tolist() == [-2, 4, 4, 9, 9, -1]
    assert clusters.method_ids.tolist() == ids
    names = [clusters.look.name(cluster) for cluster in (9, 4, -1, -2)]
    assert names == ["ferries", "Cluster 4", "Noise", "Excluded"]
    assert describe_clusters(clusters) == "2 clusters, 20% noise, 1 chip excluded"


def test_list_changes__sentences_with_the_users_names():
    before, after = np.array([0, 0, 0, 0], np.int32), np.array([0, 0, 5, 5], np.int32)
    sentences = list_changes(before, after, Look({5: "ferries"}))
    assert sentences == ("Cluster 0 split into 0 and 5.", "By name: 5 is ferries.")
    assert list_changes(before, before, Look({5: "ferries"})) == ()
    assert list_changes(before, after[:2], Look()) == ()
