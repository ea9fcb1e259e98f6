"""Partial whitening: a linear map that reduces the weight of correlated statistics.

Statistics that rise and fall together, such as the gradients of several bands, count many times in
the distance between two chips. Whitening divides each principal axis by its standard deviation, so
that each counts once, but it amplifies noise. A power between 0 and 1 is a compromise.
"""

import numpy as np

from core.types import DoubleArray

# Power of the standard deviation by which each principal axis is divided: 0 changes nothing, 1 is
# full whitening. On labelled scenes and the demo, neighbours improved up to 0.5, and clusters
# became worse from there on.
POWER = 0.4

# Least share of the mean variance in the estimate of the variance along each axis. It limits the
# amplification of axes along which the sample does not vary.
_LEAST_SHRINKAGE = 0.01

_TINY = 1e-12


def fit_partial_whitening(scores: DoubleArray) -> DoubleArray:
    """Return the map, (d, d), for the scores of a sample of chips, (n, d), whose means are near 0.

    The covariance is shrunk towards a multiple of the identity (Ledoit and Wolf 2004), so that it
    can be estimated from fewer chips than columns. After the whitening, the map rotates the axes so
    that all columns have the same variance: the principal components of standardised embeddings
    are then those of the embeddings themselves. Returns the identity if all scores are 0.
    """
    n, d = scores.shape
    covariance = scores.T @ scores / max(n, 1)
    level = np.trace(covariance) / d
    if level < _TINY:
        return np.eye(d)
    shrinkage = max(estimate_shrinkage(scores, covariance), _LEAST_SHRINKAGE)
    shrunk = (1 - shrinkage) * covariance + shrinkage * level * np.eye(d)
    variances, axes = np.linalg.eigh(shrunk)
    whitening = axes * (variances / level) ** (-POWER / 2) @ axes.T
    rotation = equal_variance_rotation(whitening @ covariance @ whitening)
    whitened: DoubleArray = whitening @ rotation
    return whitened


def estimate_shrinkage(scores: DoubleArray, covariance: DoubleArray) -> float:
    """Return the weight of the identity, 0..1, in the shrunk covariance of scores (n, d) of mean 0.

    It minimises the expected squared error of the covariance, (d, d) (Ledoit and Wolf 2004); it is
    1 if the covariance is a multiple of the identity, or for a single chip.
    """
    n, d = scores.shape
    level = np.trace(covariance) / d
    squares = (covariance * covariance).sum()
    distance = squares - d * level * level
    error = (((scores * scores).sum(1) ** 2).mean() - squares) / n
    return float(min(error / distance, 1.0)) if n > 1 and distance > 0 else 1.0


def equal_variance_rotation(covariance: DoubleArray) -> DoubleArray:
    """Return an orthogonal matrix, (d, d), after which all columns have the same variance.

    Each step rotates the column with the largest variance and that with the smallest, so that the
    former obtains the mean variance (Bendel and Mickey 1978). The covariance, (d, d), is symmetric
    and positive semi-definite.
    """
    rotated, rotation = covariance.copy(), np.eye(len(covariance))
    mean = np.trace(covariance) / len(covariance)
    for _ in range(len(covariance) - 1):
        variances = np.diag(rotated)
        pair = [variances.argmax(), variances.argmin()]
        above, below = variances[pair] - mean
        if above - below <= _TINY * mean:
            break
        shared = rotated[pair[0], pair[1]]
        root = np.sqrt(shared * shared - above * below)
        tangent = (shared + np.copysign(root, shared)) / -below
        cosine = 1 / np.sqrt(1 + tangent * tangent)
        turn = np.array([[cosine, cosine * tangent], [-cosine * tangent, cosine]])
        rotated[pair] = turn @ rotated[pair]
        rotated[:, pair] = rotated[:, pair] @ turn.T
        rotation[:, pair] = rotation[:, pair] @ turn.T
    return rotation
