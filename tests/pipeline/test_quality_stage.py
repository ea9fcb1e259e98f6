import dataclasses

import numpy as np
import pytest

from core.clusters.editing import edit_history, edits
from core.clusters.evaluation.stability import by_mixture
from core.pipeline import plan, quality_stage, saved_edits
from core.pipeline.run import run
from core.progress import silent

METHODS = ("gmm", "hdbscan", "kmeans", "ward")


def listen(_):
    return silent


def judged(workspace, settings):
    done = run(workspace, settings, until="clusters")
    return done, quality_stage.quality(done, listen)


@pytest.mark.parametrize("method", METHODS)
def test_quality__found_again_under_the_settings_that_made_it(workspace, settings, method):
    asked = settings(method=method, kmeans={"n_clusters": 3}, ward={"n_clusters": 3})
    done, made = judged(workspace, asked)
    ready = plan.plan(workspace, asked)
    found = quality_stage.find_quality(workspace, ready, done.chips, asked)
    assert found == quality_stage.open_quality(made)
    assert [one.size for one in found.card.clusters] == done.labelling.sizes().tolist()
    assert all(0 <= one.stability <= 1 for one in found.card.clusters)
    assert (found.n_resamples, found.n_drawn) == (20, 40)
    lives = [one.persistence for one in found.card.clusters]
    assert all(life is not None for life in lives) == (method == "hdbscan")


def test_quality__another_cut_has_none(workspace, settings):
    done, _ = judged(workspace, settings(method="hdbscan"))
    other = settings(method="hdbscan", cut={"min_cluster_size": 6})
    ready = plan.plan(workspace, other)
    assert quality_stage.find_quality(workspace, ready, done.chips, other) is None


def test_quality__second_time_computes_nothing(workspace, settings):
    assert not judged(workspace, settings())[1].cached
    assert judged(workspace, settings())[1].cached


def test_quality__is_the_same_twice(workspace, settings, data_files, tmp_path):
    judged(workspace, settings())
    first = data_files(tmp_path, "quality")
    made = judged(workspace, settings())[1]
    (made.folder / "manifest.json").unlink()
    judged(workspace, settings())
    assert data_files(tmp_path, "quality") == first


def test_quality__area_is_the_ground_of_the_footprints(workspace, settings):
    done, made = judged(workspace, settings())
    card = quality_stage.open_quality(made).card
    whole = sum(one.hectares for one in card.clusters)
    assert whole == pytest.approx(done.chips.facts["area"].sum() / 10_000)


def test_as_table__names_the_cluster_that_is_one_scene(workspace, settings):
    done, made = judged(workspace, settings())
    labels = np.arange(40, dtype=np.int32) // 20
    split = edits.start(labels)
    told = quality_stage.as_table(quality_stage.open_quality(made), done, split)
    assert told["names"] == ["", ""]
    assert told["alarms"][0].startswith("Cluster 0 is 100 % one scene, a, which holds 50 %")


def edited(workspace, done, *make):
    """Keep edits of what a run found."""
    reduced, labelling = done.artifacts["reduction"][0], done.labelling
    state, now = edits.start(labelling.labels), edit_history.History()
    for one in make:
        now = edit_history.add(now, one(state))
        state, _ = edits.replay(labelling.labels, now.done)
    family = saved_edits.family(reduced.key, labelling.method)
    saved_edits.save(workspace, family, saved_edits.Saved(now, labelling.labels))
    return state


def test_quality__is_of_the_clusters_as_edited(workspace, settings):
    asked = settings(method="kmeans", kmeans={"n_clusters": 3})
    done, own = judged(workspace, asked)
    gone = done.labelling.labels == 2
    seen = edited(
        workspace, done, lambda s: edits.merge(s, (0, 1)), lambda s: edits.exclude(gone),
    )  # fmt: skip
    _, made = judged(workspace, asked)
    assert made.key != own.key
    card = quality_stage.open_quality(made).card
    assert [one.size for one in card.clusters] == [int((~gone).sum())]
    assert card.n == int((~gone).sum())
    told = quality_stage.as_table(quality_stage.open_quality(made), done, seen)
    assert "as shown, after noise treatment and edits" in told["judged"]
    assert f"{gone.sum()} excluded chips are left out" in told["judged"]
    ready = plan.plan(workspace, asked)
    name = quality_stage.as_shown(done.labelling, seen, asked)
    assert quality_stage.find_quality(workspace, ready, done.chips, asked, name) is not None


def test_quality__a_name_is_no_other_partition(workspace, settings):
    done, own = judged(workspace, settings())
    edited(workspace, done, lambda s: edits.rename(s, 0, "boats"))
    assert judged(workspace, settings())[1].key == own.key


def test_quality__noise_is_treated_in_the_resamples_too(workspace, settings):
    asked = {"method": "hdbscan", "cut": {"min_cluster_size": 4, "selection": "leaf"}}
    done, kept = judged(workspace, settings(**asked))
    assert done.labelling.noise_fraction > 0.1
    _, near = judged(workspace, settings(**asked, noise={"method": "nearest"}))
    assert near.key != kept.key
    found = quality_stage.open_quality(near)
    assert found.card.noise_fraction == 0
    assert sum(one.size for one in found.card.clusters) == 40


def test_recluster__mixture_keeps_the_shape_it_settled(workspace, settings, monkeypatch):
    done = run(workspace, settings(), until="clusters")
    given = []
    monkeypatch.setattr(
        quality_stage.resampling, "by_mixture", lambda s: given.append(s) or by_mixture(s)
    )
    quality_stage.recluster(done.labelling, settings())
    assert given[0].covariance == done.labelling.facts["covariance"]
    assert given[0].n_dims == done.labelling.facts["n_dims"]


def test_appearance__one_row_a_chip_in_blocks(workspace, settings, monkeypatch):
    done = run(workspace, settings(), until="chips")
    assert quality_stage.find_appearance(workspace, done.chips) is None
    monkeypatch.setattr(quality_stage, "_BLOCK", 7)
    quality_stage.appearance(workspace, done.chips)
    found = quality_stage.find_appearance(workspace, done.chips)
    assert len(found) == 40
    assert {"brightness", "contrast", "sharpness"} <= set(found)
    assert found.notna().all().all()


def test_as_table__calls_clusters_as_export_and_app_do(workspace, settings):
    done, made = judged(workspace, settings())
    # The second scene's cluster, no larger than the first's, is shown as 9.
    shown = np.where(np.arange(40) < 20, 4, 9).astype(np.int32)
    told = quality_stage.as_table(quality_stage.open_quality(made), done, edits.start(shown))
    assert told["ids"] == [4, 9]
    scenes = [words for words in told["alarms"] if "one scene" in words]
    assert [words.split(" is ")[0] for words in scenes] == ["Cluster 4", "Cluster 9"]


def test_as_table__says_how_many_draws_were_lost(workspace, settings):
    done, made = judged(workspace, settings())
    found = dataclasses.replace(quality_stage.open_quality(made), n_failed=3)
    told = quality_stage.as_table(found, done, edits.start(done.labelling.labels))
    assert told["lost"].startswith("3 of 20 resamples could not be clustered")
    found = dataclasses.replace(found, n_failed=0)
    assert not quality_stage.as_table(found, done, edits.start(done.labelling.labels))["lost"]
