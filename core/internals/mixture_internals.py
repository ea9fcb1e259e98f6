"""A mixture with given starts and shrunk covariances, from private steps of GaussianMixture."""
# ruff: noqa: ARG002, N803 - the names and arguments of the methods are those of scikit-learn

from typing import Any

import numpy as np
from sklearn.mixture import GaussianMixture
from sklearn.mixture._gaussian_mixture import (
    _compute_precision_cholesky,
    _estimate_gaussian_parameters,
)

from core.types import DoubleArray, IntArray


class StartedMixture(GaussianMixture):  # type: ignore[misc]
    """scikit-learn's mixture, started from the cluster of each chip, with optional shrinkage.

    With `prior_chips` above 0, which requires full covariances, each covariance is averaged in each
    M step with the pooled covariance within components. The pooled covariance counts as much as
    `prior_chips` chips (Friedman, Regularized discriminant analysis, JASA 1989). Its correlations
    are reduced by `diagonal_share`, 0..1 (Ledoit and Wolf, 2004, on standardised columns).
    """

    def __init__(
        self,
        n_components: int,
        *,
        start: IntArray,
        prior_chips: float = 0.0,
        diagonal_share: float = 0.0,
        **options: Any,
    ) -> None:
        super().__init__(n_components, **options)
        self.start = start
        self.prior_chips = prior_chips
        self.diagonal_share = diagonal_share

    def _initialize_parameters(self, X: DoubleArray, random_state: Any, xp: Any = None) -> None:
        in_component = self.start[:, None] == np.arange(self.n_components)
        with np.errstate(divide="ignore"):
            self._m_step(X, np.log(in_component.astype(np.float64)))

    def _m_step(self, X: DoubleArray, log_resp: DoubleArray, xp: Any = None) -> None:
        counts, self.means_, self.covariances_ = _estimate_gaussian_parameters(
            X, np.exp(log_resp), self.reg_covar, self.covariance_type
        )
        self.weights_ = counts / counts.sum()
        if self.prior_chips:
            self.own_shares_ = counts / (counts + self.prior_chips)
            self.covariances_ = self._shrink(self.covariances_)
        self.precisions_cholesky_ = _compute_precision_cholesky(
            self.covariances_, self.covariance_type
        )

    def _shrink(self, covariances: DoubleArray) -> DoubleArray:
        """Return the covariances, (k, d, d), averaged with the pooled covariance."""
        pooled = np.einsum("k,kij->ij", self.weights_, covariances)
        diagonal = np.diag(np.diag(pooled))
        pooled = (1 - self.diagonal_share) * pooled + self.diagonal_share * diagonal
        shares = self.own_shares_[:, None, None]
        return np.asarray(shares * covariances + (1 - shares) * pooled)

    def _n_parameters(self) -> float:
        """Number of free parameters; a shrunk covariance counts by the share that is its own."""
        if not self.prior_chips:
            return float(super()._n_parameters())
        k, d = self.means_.shape
        pooled = d + (1 - self.diagonal_share) * d * (d - 1) / 2
        from_own_chips = self.own_shares_.sum() * d * (d + 1) / 2
        return float((k - 1) + k * d + from_own_chips + (1 - self.own_shares_.mean()) * pooled)

    @property
    def n_parameters(self) -> float:
        """Number of free parameters of the fitted mixture."""
        return self._n_parameters()
