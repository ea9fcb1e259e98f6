"""HDBSCAN's trees of training pixels, stored so that several runs share them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from core.artifacts.formats import read_arrays, write_arrays
from core.clusters.methods.density.hdbscan_tree import SpanningTree, build_tree
from core.clusters.methods.method import Hierarchy
from core.clusters.methods.method_table import METHODS
from core.pipeline.stage import Stage
from core.progress import Progress
from core.settings import TreeSettings
from core.types import FloatArray

_HIERARCHY = cast(Hierarchy, METHODS["hdbscan"].hierarchy)


@dataclass(frozen=True)
class TrainingPixels:
    """The training pixels of a fold, with the settings of their tree and the inputs of its key."""

    inputs: dict[str, Any]
    matrix: FloatArray
    settings: TreeSettings


def _build_tree(pixels: TrainingPixels, folder: Path, _: Progress) -> Mapping[str, Any]:
    tree = build_tree(pixels.matrix, pixels.settings)
    write_arrays(folder, _HIERARCHY.arrays(tree))
    return _HIERARCHY.counts(tree)


TREES: Stage[TrainingPixels, SpanningTree] = Stage(
    name="flair-trees",
    version=1,
    inputs=lambda pixels: pixels.inputs,
    compute=_build_tree,
    load=lambda artifact: _HIERARCHY.restore(read_arrays(artifact.folder), artifact.counts),
)
