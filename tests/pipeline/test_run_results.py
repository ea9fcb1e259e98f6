import numpy as np
import pytest

from core.errors import SettingsError, TooFewError
from core.pipeline.run import run_pipeline
from core.pipeline.run_results import collect_results, score_chips, score_run


def test_collect_results__rows_belong_together(workspace, settings):
    results = collect_results(run_pipeline(workspace, settings()))
    table = results.table()
    assert len(table) == len(results.footprints) == 40
    centres = np.array([(f.centroid.x, f.centroid.y) for f in results.footprints])
    assert np.allclose(centres, table[["longitude", "latitude"]], atol=1e-6)
    assert np.array_equal(table["cluster"], results.labelling.labels)
    assert np.array_equal(table["pca_1d"], results.reduction.points[:, 0])


def test_collect_results__needs_the_last_stage(workspace, settings):
    run = run_pipeline(workspace, settings(), until="clusters")
    with pytest.raises(TooFewError, match="stopped before its last stage"):
        collect_results(run)


def test_score_chips__against_an_attribute(workspace, settings):
    run = run_pipeline(workspace, settings(), until="clusters")
    chips, embeddings, labelling = run.clustered()
    scores = score_chips(chips, embeddings, labelling.labels, "class")
    assert scores["property"] == "class"
    assert scores["n"] == 40
    assert scores["balanced_accuracy"] > 0.9
    assert score_run(run, "class") == scores
    with pytest.raises(SettingsError, match="no annotation has an attribute 'kind'") as caught:
        score_chips(chips, embeddings, labelling.labels, "kind")
    assert "class, number" in str(caught.value)


def test_score_run__noise_is_treated_as_the_settings_say(workspace, settings):
    dense = {
        "method": "hdbscan",
        "tree": {"n_dims": 15, "min_samples": 5},
        "cut": {"min_cluster_size": 4, "selection": "leaf"},
    }
    run = run_pipeline(workspace, settings(**dense), until="clusters")
    assert run.labelling.noise_fraction > 0
    nearest = settings(**dense, noise={"method": "nearest"})
    treated = score_run(run_pipeline(workspace, nearest, until="clusters"), "class")
    assert treated["ami"] != score_run(run, "class")["ami"]
    assert treated["balanced_accuracy"] == score_run(run, "class")["balanced_accuracy"]
