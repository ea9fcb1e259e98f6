"""The projections of a reduction are listed with their settings and scores."""

import json

import numpy as np
import pytest

from core.artifacts.store import MANIFEST
from core.pipeline.cluster_stages import PROJECTION, open_projection
from core.pipeline.projections.kept_projections import (
    describe_scores,
    list_projections,
    projection_scores,
)
from core.pipeline.projections.live_layout import NAME, LayoutWriter, read_live_layout
from core.pipeline.run import run_pipeline
from core.pipeline.workspace import Workspace
from core.reduction.projection_scores import ProjectionScores


def test_projection__defaults_keep_the_keys_of_earlier_versions(workspace, settings):
    view = run_pipeline(workspace, settings()).view
    inputs = PROJECTION.step(view).inputs
    assert set(inputs["settings"]) == {"perplexity", "n_iter", "exaggeration", "seed"}


def test_list_projections__all_of_this_reduction(workspace, settings):
    run_pipeline(workspace, settings())
    run_pipeline(workspace, settings(projection={"metric": "cosine", "perplexity": 5}))
    run_pipeline(workspace, settings(reduction={"n_dims": 4}))
    run = run_pipeline(workspace, settings(projection={"initialisation": "spectral"}))
    first, second, third = list_projections(run.view)
    assert (first.settings.metric, first.settings.initialisation) == ("euclidean", "pca")
    assert (second.settings.metric, second.perplexity) == ("cosine", 5)
    assert third.settings == run.view.settings.projection
    assert third.scores == run.scores == projection_scores(run.view)
    assert run.summary()["trustworthiness"] == third.scores.trustworthiness
    assert 0 < run.summary()["neighbour_recall"] <= 1


def test_scores__projections_of_earlier_versions(workspace, settings):
    view = run_pipeline(workspace, settings(projection={"metric": "cosine"})).view
    stored = projection_scores(view)
    path = view.artifacts["projection"][0].folder / MANIFEST
    manifest = json.loads(path.read_text())
    del manifest["counts"]["scores"]
    path.write_text(json.dumps(manifest))
    again = run_pipeline(Workspace.at(workspace.root), view.settings)
    assert again.scores is None
    assert again.summary()["trustworthiness"] is None
    assert list_projections(again.view)[0].scores is None
    assert projection_scores(again.view) == stored


def test_describe_scores__states_the_sample():
    scores = ProjectionScores(0.981, 0.5832, 15, 2000, 60_000)
    sentence = describe_scores(scores)
    assert "Trustworthiness 0.98 of 1; 58% of the 15 nearest" in sentence
    assert "random sample of 2,000 chips" in sentence


def test_live_layout__is_readable_and_leaves_nothing(workspace):
    folder = workspace.store.root / ".partial" / "projections-abc"
    folder.mkdir(parents=True)
    assert read_live_layout(workspace.store) is None
    with LayoutWriter(folder) as layout:
        layout.write(np.ones((9, 2), np.float32))
        assert read_live_layout(workspace.store).tolist() == [[1, 1]] * 9
        # The next one comes too soon.
        layout.write(np.zeros((9, 2), np.float32))
        assert read_live_layout(workspace.store).all()
    assert list(folder.iterdir()) == []
    assert read_live_layout(workspace.store) is None


def test_live_layout__is_removed_after_an_error_or_a_kill(workspace):
    folder = workspace.store.root / ".partial" / "projections-abc"
    folder.mkdir(parents=True)
    (folder / NAME).write_bytes(b"unfinished")
    assert read_live_layout(workspace.store) is None

    def interrupted():
        with LayoutWriter(folder) as layout:
            assert not (folder / NAME).exists()
            layout.write(np.ones((9, 2), np.float32))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(folder.iterdir()) == []


def test_live_layout__is_not_part_of_the_artifact(workspace, settings):
    view = run_pipeline(workspace, settings()).view
    names = {path.name for path in view.artifacts["projection"][0].folder.iterdir()}
    assert names == {"coordinates.npy", MANIFEST}
    assert open_projection(view) is not None


def test_live_layout__a_sample_of_many_chips(workspace, tmp_path):
    folder = workspace.store.root / ".partial" / "projections-abc"
    folder.mkdir(parents=True)
    with LayoutWriter(folder) as layout:
        layout.write(np.zeros((50_001, 2), np.float32))
        assert len(read_live_layout(workspace.store)) == 20_000
