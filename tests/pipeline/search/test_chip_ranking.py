from dataclasses import replace

import numpy as np
import pytest

from core.embeddings.networks import siglip2
from core.errors import SettingsError, TooFewError
from core.pipeline.run import run_pipeline
from core.pipeline.search.chip_examples import ExampleSet
from core.pipeline.search.chip_ranking import rank_by_words, rank_chips, take_rows
from core.search.ranking import fit_ranker
from core.settings import EmbedSettings
from tests.siglip_hub import write_siglip_hub


@pytest.fixture
def run(workspace, settings):
    """The embeddings of forty chips of two scenes, of three classes in turn."""
    return run_pipeline(workspace, settings(), until="embeddings")


def test_rank_chips__finds_the_class_of_the_example_in_both_scenes(run):
    ids, classes = run.chip_ids, run.chips.properties["class"].to_numpy()
    ranking = rank_chips(run.view, ids, ExampleSet().mark_for(ids[:1]))
    best = ranking.best_chips(12)
    assert 0 not in best.rows
    assert (classes[best.rows] == classes[0]).mean() > 0.9
    assert {int(row) // 20 for row in best.rows} == {0, 1}
    assert np.all(np.diff(best.scores) <= 0)


@pytest.mark.parametrize("method", ["classifier", "mean"])
def test_rank_chips__as_the_ranker_itself(run, method):
    ids, matrix = run.chip_ids, np.asarray(run.embeddings())
    marks = ExampleSet().mark_for([ids[3], ids[25]]).mark_against([ids[4]])
    ranking = rank_chips(run.view, ids, marks, method)
    background = np.delete(matrix, [3, 25, 4], axis=0)
    expected = fit_ranker(matrix[[3, 25]], matrix[[4]], background, method)
    assert np.allclose(ranking.scores, expected.scores(matrix))


def test_best_chips__leaves_out_examples_low_scores_and_excluded_chips(run):
    ids = run.chip_ids
    ranking = rank_chips(run.view, ids, ExampleSet().mark_for(ids[:2]).mark_against(ids[2:3]))
    everything = ranking.best_chips(100)
    assert sorted(everything.rows) == list(range(3, 40))
    limit = float(everything.scores[9])
    assert len(ranking.best_chips(100, threshold=limit).rows) == 10
    left_out = np.zeros(40, bool)
    left_out[everything.rows[:5]] = True
    assert ranking.best_chips(3, left_out=left_out).rows.tolist() == everything.rows[5:8].tolist()


def test_rank_chips__examples_that_no_longer_exist_are_listed(run):
    ids = run.chip_ids
    ranking = rank_chips(run.view, ids, ExampleSet((ids[0], "gone"), ("lost",)))
    assert ranking.missing == ("gone", "lost")
    with pytest.raises(TooFewError, match="gone is not among the chips"):
        rank_chips(run.view, ids, ExampleSet(("gone",)))
    with pytest.raises(TooFewError, match="or give --like"):
        rank_chips(run.view, ids, ExampleSet())


def test_rank_by_words__is_the_cosine_of_pictures_and_words(workspace, settings):
    hub = write_siglip_hub(workspace.weights / "siglip2", siglip2.CARD.dim, 32)
    embed = EmbedSettings(encoder="siglip2", input_size=32)
    run = run_pipeline(workspace, replace(settings(), embed=embed), until="embeddings")
    ranking = rank_by_words(run.view, "a boat")
    matrix = np.asarray(run.embeddings(), np.float64)
    words = siglip2.embed_words("a boat", EmbedSettings(weights=str(hub)), workspace.weights)
    expected = matrix @ words / np.linalg.norm(matrix, axis=1)
    assert np.allclose(ranking.scores, expected, atol=1e-6)
    best = ranking.best_chips(5)
    assert best.rows[0] == expected.argmax()
    assert len(ranking.example_rows) == 0


def test_rank_by_words__needs_an_encoder_that_knows_words(run):
    with pytest.raises(SettingsError, match="texture cannot be compared with words") as caught:
        rank_by_words(run.view, "boat")
    assert "siglip2" in str(caught.value)


def test_take_rows__of_several_parts():
    matrix = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    parts = [matrix[:5], matrix[5:5], matrix[5:12], matrix[12:]]
    rows = np.array([19, 0, 5, 4, 12, 11, 5])
    assert np.array_equal(take_rows(parts, rows), matrix[rows])
