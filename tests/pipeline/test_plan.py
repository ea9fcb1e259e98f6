import numpy as np
import pytest

from core.errors import SettingsError
from core.pipeline import cluster_stages, plan
from core.pipeline.run import STAGES, run


@pytest.mark.parametrize("until", STAGES)
def test_plan__what_is_there(workspace, settings, until):
    run(workspace, settings(), until=until)
    ready = plan.plan(workspace, settings())
    there = STAGES[: STAGES.index(until) + 1]
    assert ready.ready == {stage: stage in there for stage in STAGES}
    assert ready.reason == ""


def test_plan__computes_nothing_but_reports(workspace, settings):
    ready = plan.plan(workspace, settings())
    assert [stage for stage, there in ready.ready.items() if there] == ["scenes"]
    assert sorted(p.name for p in workspace.artifacts.iterdir() if p.is_dir()) == [
        ".partial",
        "scenes",
    ]
    openers = (plan.chips, plan.embeddings, plan.reduction, plan.projection)
    assert [opener(ready) for opener in openers] == [None] * 4
    assert plan.labelling(workspace, ready, settings()) is None


def test_plan__says_why_it_cannot_go_on(workspace, settings):
    run(workspace, settings())
    ready = plan.plan(workspace, settings(embed={"encoder": "textur"}))
    assert "Did you mean 'texture'?" in ready.reason
    assert ready.ready["chips"]
    assert not ready.ready["embeddings"]


def test_plan__keys_change_with_the_settings(workspace, settings):
    run(workspace, settings())
    before = plan.plan(workspace, settings()).keys
    run(workspace, settings(projection={"seed": 4}))
    after = plan.plan(workspace, settings(projection={"seed": 4})).keys
    assert {stage for stage in STAGES if before[stage] != after[stage]} == {"projection"}


@pytest.mark.parametrize("method", ["gmm", "hdbscan"])
def test_views__show_what_the_run_found(workspace, settings, method):
    done = run(workspace, settings(method=method))
    ready = plan.plan(workspace, settings(method=method))
    assert np.array_equal(plan.embeddings(ready), done.embeddings())
    assert len(plan.chips(ready)) == 40
    shown = plan.labelling(workspace, ready, settings(method=method))
    assert np.array_equal(shown.labels, done.labelling.labels)
    assert plan.projection(ready).kl_divergence == done.kl_divergence
    assert plan.reduction(ready).points.shape == (40, 39)
    # Another cut of a tree that is there needs no stage.
    recut = plan.labelling(workspace, ready, settings(method="hdbscan", cut={"epsilon": 9}))
    assert (recut is None) == (method == "gmm")


def test_mixtures__those_already_fitted(workspace, settings):
    done = run(workspace, settings())
    reduced = done.artifacts["reduction"][0]
    cluster_stages.mixture(workspace, reduced, settings(gmm={"n_components": 5}).gmm)
    found = plan.mixtures(workspace, plan.plan(workspace, settings()), settings().gmm)
    assert sorted(found) == [3, 5]
    assert found[5]["n_components"] == 5


def test_score__against_a_property(workspace, settings):
    chip_set, matrix, labels = run(workspace, settings()).clustered()
    result = plan.score(chip_set, matrix, labels, "class")
    assert result["property"] == "class"
    assert result["n"] == 40
    assert result["balanced_accuracy"] > 0.9
    with pytest.raises(SettingsError, match="no annotation has a property 'kind'") as caught:
        plan.score(chip_set, matrix, labels, "kind")
    assert "class, number" in str(caught.value)


def test_surroundings__show_the_chip(workspace, settings):
    run(workspace, settings())
    ready = plan.plan(workspace, settings())
    chip_set = plan.chips(ready)
    picture = plan.surroundings(ready, chip_set, 21, 100)
    facts = chip_set.facts.iloc[21]
    assert facts["scene"] == "b"
    centre = np.array([facts["column"] - picture.left, facts["row"] - picture.top]) / picture.step
    assert picture.squares[0].mean(axis=0) == pytest.approx(centre)
    ring = picture.footprints[0][0]
    assert ring.mean(axis=0) == pytest.approx(centre, abs=4)
    assert plan.native_chip(ready, chip_set, 21).shape[2] == 4


def test_overview__the_whole_scene(workspace, settings):
    ready = plan.plan(workspace, settings())
    picture = plan.overview(ready, "a")
    assert picture.image.shape[:2] == (256, 256)
    assert len(picture.footprints) == 20
