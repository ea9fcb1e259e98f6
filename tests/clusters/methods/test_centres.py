import numpy as np

from core.clusters.methods.centres import centre_margin


def test_centre_margin__by_hand():
    components = np.array([[0.0], [2], [10], [12]])
    # Centres 1 and 11: each chip is 1 from its own and 9 or 11 from the other.
    margin = centre_margin(components, np.array([0, 0, 1, 1]))
    np.testing.assert_allclose(margin, 1 - 1 / np.array([11, 9, 9, 11]), rtol=1e-6)
