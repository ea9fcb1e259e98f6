"""Boosted trees as arrays, compared with the scikit-learn model that they were copied from."""

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from core.errors import ArtifactError
from core.land.models.boosted_trees import BoostedTrees, extract_trees


@pytest.mark.parametrize("n_classes", [2, 5])
def test_probabilities__equal_scikit_learn(n_classes):
    random = np.random.default_rng(n_classes)
    pixels = random.normal(size=(900, 6)).astype(np.float32)
    score = pixels[:, 0] + pixels[:, 1] * pixels[:, 2]
    labels = np.digitize(score, np.quantile(score, np.linspace(0, 1, n_classes + 1)[1:-1])) * 3 + 1
    model = HistGradientBoostingClassifier(max_iter=30, random_state=0).fit(pixels, labels)
    queries = random.normal(size=(400, 6)).astype(np.float32) * 2
    trees = extract_trees(model)
    np.testing.assert_allclose(
        trees.probabilities(queries), model.predict_proba(queries), rtol=0, atol=1e-12
    )
    assert trees.classes.tolist() == model.classes_.tolist()
    assert BoostedTrees(**trees.arrays()).probabilities(queries[:1]).shape == (1, n_classes)


def test_trees__scores_must_match_the_classes():
    node = np.zeros(1)
    with pytest.raises(ArtifactError, match="2 scores for 3 classes"):
        BoostedTrees(np.arange(3, dtype=np.uint8), np.zeros(2), node, node, node, node, node, node)
