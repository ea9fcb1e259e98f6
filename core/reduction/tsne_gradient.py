"""The gradient of t-SNE, for the optimiser of openTSNE.

Repulsion is a convolution of the points with 1 / (1 + distance^2). It is computed on a mesh by fast
Fourier transforms, as in FIt-SNE (Linderman et al., Nature Methods 2019), but with the splines of
the smooth particle mesh Ewald method (Essmann et al., Journal of Chemical Physics 1995): the forces
are the gradient of the interpolated potential, so a single convolution is enough.

Everything runs in one thread. The loops are short, and threads would wait for each other in each
of them on a machine that is busy. Results do not depend on the number of threads.
"""

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from openTSNE.tsne import kl_divergence_bh
from scipy import fft
from scipy.sparse import csr_matrix

from core.errors import DegenerateError
from core.types import AnyArray, DoubleArray

# Up to this number of points, the sum over all pairs takes no longer than a mesh.
EXACT_POINTS = 1000
# With this spacing, the error of the repulsion is 0.4 % if the points are as far apart as in large
# projections; that of openTSNE's methods, with their defaults, is 1 to 3 %.
SPACING = 0.4
# At the start, all points are close together, and the mesh must be finer than the points' spread.
_LEAST_INTERVALS = 32
_LEAST_SPACING = 1e-6
# Barnes-Hut takes as long as a mesh with 500 cells per point, and needs no memory for empty space.
_CELLS_PER_POINT = 500
_MOST_CELLS = 2**24
_THETA = 0.5
# Meshes grow in steps, so that most iterations use the transformed kernel of the previous one.
_STEP = 32

# A spline of degree 5 covers 6 nodes. Row k: factors of u^k in the 6 weights, for a point at
# u = 0..1 between the third and the fourth node.
_NODES = 6
_SPLINE = (
    np.array(
        [
            [1, 26, 66, 26, 1, 0],
            [-5, -50, 0, 50, 5, 0],
            [10, 20, -60, 20, 10, 0],
            [-10, 20, 0, -20, 10, 0],
            [5, -20, 30, -20, 5, 0],
            [-1, 5, -10, 10, -5, 1],
        ]
    )
    / 120
)

# Compiles a loop on its first call, cached on disk; sums may be reordered for vector instructions.
_compiled: Callable[[Callable[..., Any]], Any] = numba.njit(cache=True, nogil=True, fastmath=True)


class TsneGradient:
    """The objective function of openTSNE's optimiser: KL divergence and gradient.

    Attraction acts along the pairs of the upper triangle of the affinities only, each in both
    directions, since the affinities are symmetric.

    Parameters
    ----------
    before_each : callable
        Called before each evaluation, without arguments; it may raise an exception to stop.
    """

    def __init__(self, before_each: Callable[[], None] = lambda: None) -> None:
        self._before_each = before_each
        self._kernel_key: tuple[float, ...] = ()
        self._kernel: DoubleArray = np.empty((0, 0))

    def __call__(
        self, embedding: AnyArray, affinities: Any, *, should_eval_error: bool = False, **_: Any
    ) -> tuple[float, DoubleArray]:
        """Return the KL divergence in nats, 0 unless it is requested, and the gradient, (n, 2).

        The affinities are the upper triangle of a symmetric matrix, (n, n) in CSR format; openTSNE
        has multiplied them by the exaggeration.
        """
        self._before_each()
        positions = np.asarray(embedding, np.float64)
        forces, total = self.repulsion(positions)
        gradient = forces / -total
        edges = affinities.indptr, affinities.indices, affinities.data
        _add_attraction(*edges, positions, gradient)
        if not should_eval_error:
            return 0.0, gradient
        return float(_divergence(*edges, positions, np.log(total))), gradient

    def repulsion(self, positions: DoubleArray) -> tuple[DoubleArray, float]:
        """Return the repulsion of each point, (n, 2), and its normalisation, for positions (n, 2).

        With q = 1 / (1 + distance^2), the repulsion of a point is the sum of q^2 times the
        difference of positions over all other points; the normalisation is the sum of q over all
        pairs of points, each counted twice.
        """
        n, low = len(positions), positions.min(axis=0)
        spans = positions.max(axis=0) - low
        if not np.isfinite(spans).all():
            raise DegenerateError("the positions are not finite", where="projection")
        forces = np.empty_like(positions)
        if n <= EXACT_POINTS:
            return forces, float(_sum_pairs(positions[:, 0].copy(), positions[:, 1].copy(), forces))
        spacing = min(SPACING, max(float(spans.max()) / _LEAST_INTERVALS, _LEAST_SPACING))
        nodes = [int(span / spacing) + _NODES for span in spans.tolist()]
        # Twice the size, so that the ends of the mesh, which is periodic, do not meet.
        step = _STEP if spacing == SPACING else 2
        sizes = [fft.next_fast_len(-(-2 * count // step) * step, real=True) for count in nodes]
        if sizes[0] * sizes[1] > min(_CELLS_PER_POINT * n, _MOST_CELLS):
            return _barnes_hut_repulsion(positions)
        mesh = np.zeros(nodes)
        _spread(positions, low, spacing, mesh)
        potential = self._convolve(mesh, spacing, sizes)
        # The potential includes that of each point at its own position, which is 1.
        total = _gather(positions, low, spacing, potential, forces) - n
        return forces, float(total)

    def _convolve(self, mesh: DoubleArray, spacing: float, sizes: list[int]) -> DoubleArray:
        key = (spacing, *sizes)
        if key != self._kernel_key:
            self._kernel_key, self._kernel = key, _transform_kernel(spacing, sizes)
        # One axis at a time, so that empty rows are not transformed.
        spectrum = fft.fft(fft.rfft(mesh, sizes[1], axis=1), sizes[0], axis=0, overwrite_x=True)
        spectrum *= self._kernel
        rows = fft.ifft(spectrum, axis=0, overwrite_x=True)[: len(mesh)]
        potential: DoubleArray = fft.irfft(rows, sizes[1], axis=1)
        return potential


def compile_tsne() -> None:
    """Compile the loops, or load them from disk if they were compiled before."""
    random = np.random.default_rng(0)
    for n in (2, EXACT_POINTS + 1):
        pair = csr_matrix(([0.5], ([0], [1])), (n, n))
        TsneGradient()(random.normal(size=(n, 2)), pair, should_eval_error=True)


def _transform_kernel(spacing: float, sizes: list[int]) -> DoubleArray:
    """Return the transform of the kernel on a periodic mesh, corrected for the splines.

    Splines are applied twice, to spread the points and to gather the potential; without the
    correction, they would blur the kernel.
    """
    distances = [np.minimum(np.arange(size), size - np.arange(size)) * spacing for size in sizes]
    kernel = 1 / (1 + distances[0][:, None] ** 2 + distances[1] ** 2)
    blurs = []
    for size in sizes:
        spline = np.zeros(size)
        spline[np.arange(-2, 4)] = _SPLINE[0]
        blurs.append(fft.fft(spline).real ** 2)
    transformed: DoubleArray = fft.rfft2(kernel).real
    transformed /= blurs[0][:, None] * blurs[1][: transformed.shape[1]]
    return transformed


def _barnes_hut_repulsion(positions: DoubleArray) -> tuple[DoubleArray, float]:
    """Return repulsion and normalisation from the quadtree of openTSNE."""
    # With the affinity of a point to itself, attraction is 0 and the divergence log(total).
    self_affinity = csr_matrix(([1.0], ([0], [0])), (len(positions), len(positions)))
    options = {"dof": 1, "bh_params": {"theta": _THETA}, "should_eval_error": True}
    divergence, gradient = kl_divergence_bh(positions, self_affinity, **options)
    total = float(np.exp(divergence))
    return gradient * -total, total


@_compiled
def _sum_pairs(x: DoubleArray, y: DoubleArray, forces: DoubleArray) -> float:
    """Write the exact repulsion of each point, and return its normalisation."""
    total = 0.0
    for i in range(len(x)):
        sum_x, sum_y = 0.0, 0.0
        for j in range(len(x)):
            dx, dy = x[i] - x[j], y[i] - y[j]
            q = 1 / (1 + dx * dx + dy * dy)
            total += q
            sum_x += q * q * dx
            sum_y += q * q * dy
        forces[i, 0], forces[i, 1] = sum_x, sum_y
    return total - len(x)


@_compiled
def _spread(positions: DoubleArray, low: DoubleArray, spacing: float, mesh: DoubleArray) -> None:
    """Add the splines of the points to the mesh."""
    across = np.empty(_NODES)
    for i in range(len(positions)):
        x, y = (positions[i, 0] - low[0]) / spacing, (positions[i, 1] - low[1]) / spacing
        row, column = int(x), int(y)
        u, v = x - row, y - column
        for c in range(_NODES):
            across[c] = _SPLINE[5, c]
            for k in range(4, -1, -1):
                across[c] = across[c] * v + _SPLINE[k, c]
        for r in range(_NODES):
            weight = _SPLINE[5, r]
            for k in range(4, -1, -1):
                weight = weight * u + _SPLINE[k, r]
            for c in range(_NODES):
                mesh[row + r, column + c] += weight * across[c]


@_compiled
def _gather(
    positions: DoubleArray,
    low: DoubleArray,
    spacing: float,
    potential: DoubleArray,
    forces: DoubleArray,
) -> float:
    """Write minus half the gradient of the potential, and return the sum of the potential."""
    across, slopes = np.empty(_NODES), np.empty(_NODES)
    total = 0.0
    for i in range(len(positions)):
        x, y = (positions[i, 0] - low[0]) / spacing, (positions[i, 1] - low[1]) / spacing
        row, column = int(x), int(y)
        u, v = x - row, y - column
        for c in range(_NODES):
            across[c], slopes[c] = _SPLINE[5, c], 0.0
            for k in range(4, -1, -1):
                slopes[c] = slopes[c] * v + across[c]
                across[c] = across[c] * v + _SPLINE[k, c]
        along_x, along_y = 0.0, 0.0
        for r in range(_NODES):
            weight, slope = _SPLINE[5, r], 0.0
            for k in range(4, -1, -1):
                slope = slope * u + weight
                weight = weight * u + _SPLINE[k, r]
            value, change = 0.0, 0.0
            for c in range(_NODES):
                node = potential[row + r, column + c]
                value += across[c] * node
                change += slopes[c] * node
            total += weight * value
            along_x += slope * value
            along_y += weight * change
        forces[i, 0], forces[i, 1] = -along_x / (2 * spacing), -along_y / (2 * spacing)
    return total


@_compiled
def _add_attraction(
    starts: AnyArray,
    columns: AnyArray,
    affinities: DoubleArray,
    positions: DoubleArray,
    gradient: DoubleArray,
) -> None:
    for i in range(len(positions)):
        x, y = positions[i]
        sum_x, sum_y = 0.0, 0.0
        for pair in range(starts[i], starts[i + 1]):
            j = columns[pair]
            dx, dy = x - positions[j, 0], y - positions[j, 1]
            weight = affinities[pair] / (1 + dx * dx + dy * dy)
            sum_x += weight * dx
            sum_y += weight * dy
            gradient[j, 0] -= weight * dx
            gradient[j, 1] -= weight * dy
        gradient[i, 0] += sum_x
        gradient[i, 1] += sum_y


@_compiled
def _divergence(
    starts: AnyArray,
    columns: AnyArray,
    affinities: DoubleArray,
    positions: DoubleArray,
    log_total: float,
) -> float:
    """Return the KL divergence; pairs without affinity contribute nothing."""
    divergence = 0.0
    for i in range(len(positions)):
        x, y = positions[i]
        for pair in range(starts[i], starts[i + 1]):
            j, p = columns[pair], affinities[pair]
            if p > 0:
                dx, dy = x - positions[j, 0], y - positions[j, 1]
                divergence += p * (np.log(p * (1 + dx * dx + dy * dy)) + log_total)
    return 2 * divergence
