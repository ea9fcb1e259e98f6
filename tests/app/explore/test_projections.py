"""The projections on the Explore page: scores, other projections, and the growing layout."""

import numpy as np
import pytest

from app.explore.projections import draw_layout, label_projections
from core.pipeline.projections.kept_projections import KeptProjection
from core.reduction.projection_scores import ProjectionScores
from core.reduction_settings import ProjectionSettings
from tests.app.explore.test_explore_page import labelled, open_page, texts

SCORES = ProjectionScores(0.9876, 0.54, 15, 100, 100)


def kept(scores=SCORES, **settings):
    return KeptProjection("key", ProjectionSettings(**settings), 30.0, 0.71, scores)


def test_labels__name_the_settings_that_differ():
    labels = label_projections([kept(), kept(metric="cosine"), kept(scores=None, seed=4)])
    assert labels[1] == (
        "perplexity 30, distance: cosine, seed of the projection: 0, KL 0.71, "
        "trustworthiness 0.988, recall 54%"
    )
    assert labels[2].endswith("seed of the projection: 4, KL 0.71")
    assert "initial" not in " ".join(labels)


@pytest.mark.parametrize("n", [1, 2, 500])
def test_draw_layout__every_chip_is_in_the_picture(n):
    layout = np.random.default_rng(0).normal(size=(n, 2)).astype(np.float32)
    picture = draw_layout(layout)
    assert picture.shape == (320, 320, 3)
    assert picture.dtype == np.uint8
    background = (picture == picture[0, 0]).all(axis=2)
    assert 4 <= (~background).sum() <= 4 * n
    # North is up: the highest chip is in the upper half.
    rows = np.flatnonzero(~background.all(axis=1))
    assert rows[0] <= 160 <= rows[-1] + 2


def test_draw_layout__identical_positions():
    assert (draw_layout(np.zeros((5, 2), np.float32)) != 238).any()


def test_explore__states_trustworthiness_and_recall(home):
    app = open_page("explore")
    assert not app.exception
    assert "Trustworthiness" in texts(app)
    assert labelled(app.get("button_group"), "Distance").value == "euclidean"
