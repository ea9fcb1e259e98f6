"""The edges of HDBSCAN's exact tree, by the faster of two algorithms (decision record 6)."""

from typing import Literal

from core.types import DoubleArray, FloatArray

# Prim's algorithm is faster up to 60,000 points in 8 or more dimensions, and up to 10,000 in fewer.
_WIDE, _MAX_PRIM_WIDE, _MAX_PRIM_NARROW = 8, 60_000, 10_000


def build_edges(data: FloatArray, min_samples: int) -> tuple[DoubleArray, FloatArray]:
    """Return the edges, (n - 1, 3), and the core distances, (n,), of the tree of points, (n, d)."""
    by_prim = choose_tree_algorithm(*data.shape) == "prim"
    return (build_by_prim if by_prim else build_by_boruvka)(data, min_samples)


def choose_tree_algorithm(n: int, d: int) -> Literal["prim", "boruvka"]:
    """Return the faster exact algorithm for n points in d dimensions (decision record 6)."""
    return "prim" if n <= (_MAX_PRIM_WIDE if d >= _WIDE else _MAX_PRIM_NARROW) else "boruvka"


def build_by_prim(data: FloatArray, min_samples: int) -> tuple[DoubleArray, FloatArray]:
    """Return edges, (n - 1, 3), and core distances, (n,), by Prim's algorithm in one thread."""
    from core.clusters.methods.density.boruvka import core_distances
    from core.internals.hdbscan_internals import build_prim_tree

    distances = core_distances(data, min_samples)
    return build_prim_tree(data, distances), distances


def build_by_boruvka(data: FloatArray, min_samples: int) -> tuple[DoubleArray, FloatArray]:
    """Return edges and core distances by Boruvka's algorithm, which numba compiles on import."""
    from core.clusters.methods.density.boruvka import build_boruvka_tree

    return build_boruvka_tree(data, min_samples)
