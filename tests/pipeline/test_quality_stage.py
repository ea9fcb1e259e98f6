import dataclasses

import numpy as np
import pytest

from core.clusters.editing import edit_history, edit_replay, edited_labelling, edits
from core.clusters.methods import method_table
from core.clusters.methods.method_table import METHODS, method_of, recluster_by_mixture
from core.pipeline import chip_images, quality_stage
from core.pipeline.chip_images import APPEARANCE
from core.pipeline.quality_stage import find_quality, judge_run, quality_table
from core.pipeline.results.current_result import change_edits
from core.pipeline.run import run_pipeline
from core.progress import silent


def listen(_):
    return silent


def judge(workspace, settings):
    """Evaluate a labelling; return the run and the artifact of its report card."""
    run = run_pipeline(workspace, settings, until="clusters")
    earlier = {artifact.key for artifact in workspace.store.all("quality")}
    judge_run(run, listen)
    artifacts = {artifact.key: artifact for artifact in workspace.store.all("quality")}
    new = [artifact for key, artifact in artifacts.items() if key not in earlier]
    return run, new[0] if new else None


def quality_of(run):
    return judge_run(run, listen)[0]


@pytest.mark.parametrize("method", METHODS)
def test_quality__is_found_under_its_settings(workspace, settings, method, look_up):
    tables = settings(method=method, kmeans={"n_clusters": 3}, ward={"n_clusters": 3})
    run = run_pipeline(workspace, tables, until="clusters")
    computed, edited, problems = judge_run(run, listen)
    view = look_up(workspace, tables)
    quality = find_quality(view, run.chips, run.labelling)
    assert quality == computed
    assert (edited.ids.tolist(), problems) == (run.labelling.labels.tolist(), [])
    assert [card.size for card in quality.card.clusters] == run.labelling.sizes().tolist()
    assert all(0 <= card.stability <= 1 for card in quality.card.clusters)
    assert (quality.n_resamples, quality.n_drawn) == (20, 40)
    persistence = [card.persistence for card in quality.card.clusters]
    assert all(value is not None for value in persistence) == (method == "hdbscan")


def test_quality__of_another_cut_is_not_found(workspace, settings, look_up):
    run, _ = judge(workspace, settings(method="hdbscan"))
    view = look_up(workspace, settings(method="hdbscan", cut={"min_cluster_size": 6}))
    assert find_quality(view, run.chips, run.labelling) is None


def test_find_quality__no_reduction(workspace, settings, look_up):
    run = run_pipeline(workspace, settings(), until="clusters")
    view = look_up(workspace, settings(reduction={"n_dims": 5}))
    assert find_quality(view, run.chips, run.labelling) is None


def test_quality__second_call_computes_nothing(workspace, settings):
    assert judge(workspace, settings())[1] is not None
    assert judge(workspace, settings())[1] is None


def test_quality__is_the_same_twice(workspace, settings, data_files, tmp_path):
    _, artifact = judge(workspace, settings())
    first = data_files(tmp_path, "quality")
    (artifact.folder / "manifest.json").unlink()
    assert judge(workspace, settings())[1] is not None
    assert data_files(tmp_path, "quality") == first


def test_quality__area_of_the_footprints_on_the_ground(workspace, settings):
    run = run_pipeline(workspace, settings(), until="clusters")
    hectares = sum(card.hectares for card in quality_of(run).card.clusters)
    assert hectares == pytest.approx(run.chips.facts["area"].sum() / 10_000)


def test_quality_table__names_the_cluster_of_a_single_scene(workspace, settings):
    run = run_pipeline(workspace, settings(), until="clusters")
    labels = np.arange(40, dtype=np.int32) // 20
    table = quality_table(quality_of(run), run, edited_labelling.unedited_clusters(labels))
    assert table["names"] == ["", ""]
    assert table["alarms"][0].startswith(
        "Cluster 0: 100% of its chips are from one scene, a, which holds 50%"
    )


def save_history(run, *make_edits):
    """Save edits of a run's labelling; return its edited form."""
    labels = run.labelling.labels
    state, history = edited_labelling.unedited_clusters(labels), edit_history.History()
    for make_edit in make_edits:
        history = edit_history.add_edit(history, make_edit(state), run.chip_ids)
        state, _ = edit_replay.replay_edits(labels, history.edits)
    change_edits(run.view, run.labelling, run.chip_ids, lambda _: history)
    return state


def test_quality__of_the_edited_clusters(workspace, settings, look_up):
    tables = settings(method="kmeans", kmeans={"n_clusters": 3})
    run, unedited = judge(workspace, tables)
    excluded = run.labelling.labels == 2
    state = save_history(
        run, lambda s: edits.merge_clusters(s, (0, 1)), lambda s: edits.exclude_chips(excluded)
    )
    run, artifact = judge(workspace, tables)
    assert artifact.key != unedited.key
    quality, edited, problems = judge_run(run, listen)
    assert (edited.ids.tolist(), problems) == (state.ids.tolist(), [])
    assert [card.size for card in quality.card.clusters] == [int((~excluded).sum())]
    assert quality.card.n == int((~excluded).sum())
    table = quality_table(quality, run, state)
    assert "as displayed, after noise treatment and edits" in table["judged"]
    assert f"{excluded.sum()} excluded chips are left out" in table["judged"]
    view = look_up(workspace, tables)
    assert find_quality(view, run.chips, run.labelling, state) == quality


def test_quality__a_name_changes_no_cluster(workspace, settings):
    run, artifact = judge(workspace, settings())
    save_history(run, lambda s: edits.rename_cluster(s, 0, "boats"))
    assert judge(workspace, settings())[1] is None
    assert [a.key for a in workspace.store.all("quality")] == [artifact.key]


def test_quality__noise_is_treated_in_the_resamples_too(workspace, settings):
    tables = {
        "method": "hdbscan",
        "tree": {"n_dims": 10, "min_samples": 5},
        "cut": {"min_cluster_size": 4, "selection": "leaf"},
    }
    run, noise_kept = judge(workspace, settings(**tables))
    assert run.labelling.noise_fraction > 0.1
    run, noise_assigned = judge(workspace, settings(**tables, noise={"method": "nearest"}))
    assert noise_assigned.key != noise_kept.key
    card = quality_of(run).card
    assert card.noise_fraction == 0
    assert sum(cluster.size for cluster in card.clusters) == 40


def test_recluster__mixture_of_the_shape_that_was_fitted(workspace, settings, monkeypatch):
    run = run_pipeline(workspace, settings(), until="clusters")
    shapes = []

    def record(gmm):
        shapes.append(gmm)
        return recluster_by_mixture(gmm)

    monkeypatch.setattr(method_table, "recluster_by_mixture", record)
    method_of(settings()).recluster(run.labelling, settings())
    assert shapes[0].covariance == run.labelling.facts["covariance"]
    assert shapes[0].n_dims == run.labelling.facts["n_dims"]


def test_appearance__a_row_per_chip_in_blocks(workspace, settings, monkeypatch):
    chips = run_pipeline(workspace, settings(), until="chips").chips
    assert APPEARANCE.read(workspace.store, chips) is None
    monkeypatch.setattr(chip_images, "_BLOCK", 7)
    APPEARANCE.make(workspace.store, chips)
    table = APPEARANCE.read(workspace.store, chips)
    assert len(table) == 40
    assert {"brightness", "contrast", "sharpness"} <= set(table)
    assert table.notna().all().all()


def test_quality_table__ids_as_in_export_and_app(workspace, settings):
    run = run_pipeline(workspace, settings(), until="clusters")
    # The second scene's cluster, no larger than the first's, is displayed as 9.
    displayed = np.where(np.arange(40) < 20, 4, 9).astype(np.int32)
    table = quality_table(quality_of(run), run, edited_labelling.unedited_clusters(displayed))
    assert table["ids"] == [4, 9]
    alarms = [alarm for alarm in table["alarms"] if "one scene" in alarm]
    assert [alarm.split(": ")[0] for alarm in alarms] == ["Cluster 4", "Cluster 9"]


def test_quality_table__how_many_resamples_failed(workspace, settings):
    run = run_pipeline(workspace, settings(), until="clusters")
    unedited = edited_labelling.unedited_clusters(run.labelling.labels)
    quality = dataclasses.replace(quality_of(run), n_failed=3)
    table = quality_table(quality, run, unedited)
    assert table["lost"].startswith("3 of 20 resamples could not be clustered")
    quality = dataclasses.replace(quality, n_failed=0)
    assert not quality_table(quality, run, unedited)["lost"]


def test_quality_table__no_remedy_that_removes_an_attribute(workspace, settings, monkeypatch):
    run = run_pipeline(workspace, settings(method="kmeans"), until="clusters")
    quality, edited, _ = judge_run(run, listen)
    monkeypatch.setattr(quality_stage, "alarming_facts", lambda *_, **__: ["scene"])
    remedies = quality_table(quality, run, edited)["remedies"]
    assert remedies[0].startswith("May help: --harmonisation centre, --background mask.")
    sites = run.chips.facts["scene"].tolist()
    monkeypatch.setitem(run.chips.properties, "site", sites)
    first, second = quality_table(quality, run, edited)["remedies"]
    assert first.startswith("May help: --background mask.")
    assert second.startswith("Each scene has only one value of 'site'")
