"""The amounts of work of the stages, in the units of their laws; see `cost_laws`.

Each amount is computed in the same way for a step that is still to come, and for an artifact whose
manifest says what it was computed from.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from core.artifacts.formats import read_json
from core.artifacts.store import Artifact, Store
from core.clusters.methods.mixture import MAX_FITTED
from core.pipeline.embedding_stages import BLOCK
from core.settings import GmmSettings, KMeansSettings

SAMPLING_ENCODERS = ("texture",)
"""Encoders that embed the sample while they are fitted to it; see `SampleEncoder`."""
_EARLY_ITERATIONS, _ITERATIONS = 250, 750
# The part of a scene that is decoded for a chip, beyond its window: part of a tile on each side.
_DECODED_MARGIN = 256
_MILLION = 1e6


@dataclass(frozen=True)
class Work:
    """An amount of work, and the name of the law that its cost follows.

    `resident` is the part of the amount that is in memory at the same time; None for all of it.
    """

    law: str
    amount: float
    resident: float | None = None


@dataclass(frozen=True)
class SceneSize:
    """The size of a scene in pixels, and the mean side of the boxes of its annotations."""

    n: int
    width: int
    height: int
    bands: int
    gsd: float
    box: float
    grid: bool


def cutting_work(scene: SceneSize, settings: Mapping[str, Any], n_bands: int) -> Work:
    """Return the work of cutting the chips of a scene: values written, and values decoded."""
    side = settings["extent"] or scene.box * (1 + 2 * settings["margin"])
    window = side / scene.gsd + _DECODED_MARGIN
    decoded = min(scene.width * scene.height, scene.n * window**2) * scene.bands
    written = scene.n * settings["size"] ** 2 * n_bands
    return Work("chips", (written + decoded) / _MILLION)


def fitting_work(encoder: str, n: int, values: float) -> Work:
    """Return the work of fitting an encoder to n chips of some values each, and encoding them."""
    return Work(encoder, n * values / _MILLION)


def encoding_work(encoder: str, n: int, values: float) -> Work:
    """Return the work of encoding n chips of some values each, block by block."""
    return Work(encoder, n * values / _MILLION, min(n, BLOCK) * values / _MILLION)


def screening_work(n: int, values: float) -> Work:
    """Return the work of flagging n chips of some values each."""
    return Work("screen", n * values / _MILLION)


def reduction_work(n: int, dim: int) -> Work:
    """Return the work of the principal components of n embeddings of length dim."""
    smaller, larger = sorted((n, dim))
    # The products of the covariance matrix, and about as many as its eigenvectors take.
    return Work("reduction", (larger * smaller**2 + 8 * smaller**3) / 1e9)


def mixture_work(n: int, settings: GmmSettings, n_dims: int = 0) -> Work:
    """Return the work of fitting a mixture to n chips, once for each initialisation."""
    dims = (settings.n_dims or n_dims or 12) / 12
    return Work(
        "mixtures",
        min(n, MAX_FITTED) / 1000 * settings.n_components / 8 * settings.n_init / 5 * dims,
    )


def kmeans_work(n: int, settings: KMeansSettings) -> Work:
    """Return the work of clustering n chips by k-means."""
    return Work("kmeans", n / 1000 * settings.n_clusters / 8 * settings.n_init / 10)


def tree_work(n: int, n_dims: int) -> Work:
    """Return the work of HDBSCAN's tree of n chips; with `n_dims` 0, of their neighbour graph."""
    return Work("trees", n / 1000) if n_dims == 0 else Work("spanning trees", n * n_dims / 5000)


def ward_work(n: int) -> Work:
    """Return the work of Ward's hierarchy of n chips."""
    return Work("ward_trees", n * n / _MILLION)


def projection_work(n: int, n_iter: int) -> Work:
    """Return the work of t-SNE of n chips."""
    return Work("projections", n / 1000 * (_EARLY_ITERATIONS + n_iter) / _ITERATIONS)


def scoring_work(n: int) -> Work:
    """Return the work of scoring an encoder's embeddings of n chips."""
    return Work("comparisons", n / 1000)


def overview_work(width: int, height: int, n_bands: int) -> Work:
    """Return the work of building the overviews of some bands of a scene."""
    return Work("overviews", width * height * n_bands / _MILLION)


@lru_cache(maxsize=1024)
def read_scene_size(folder: Path) -> SceneSize:
    """Return the size of a scene from the folder of its artifact."""
    report = read_json(folder / "report.json")
    file = folder / "footprints.parquet"
    box = np.zeros(1)
    if file.is_file():
        table = pd.read_parquet(file, columns=["width", "height"])
        box = table.max(axis=1).to_numpy(np.float64)
    known = box[np.isfinite(box) & (box > 0)]
    # Without a CRS, boxes are not measured, and points have no box.
    side = float(known.mean()) if len(known) else 64.0
    return SceneSize(
        n=int(report["annotations"]),
        width=int(report["width"]),
        height=int(report["height"]),
        bands=len(report["bands"]),
        gsd=float(report["gsd"] or 1.0),
        box=side,
        grid=bool(report.get("grid")),
    )


def _read_cutting(store: Store, artifact: Artifact) -> Work | None:
    inputs = artifact.manifest["inputs"]
    scene = store.get("scenes", str(inputs.get("scene", "")))
    if scene is None:
        return None
    settings = inputs["settings"]
    return cutting_work(read_scene_size(scene.folder), settings, len(settings["bands"]))


def _read_screening(store: Store, artifact: Artifact) -> Work | None:
    values = _chip_values(store, artifact.manifest["inputs"]["chips"][0])
    return screening_work(int(artifact.counts["chips"]), values) if values else None


def _read_fit(_: Store, artifact: Artifact) -> Work | None:
    inputs = artifact.manifest["inputs"]
    values = len(inputs["bands"]) * int(inputs["size"]) ** 2
    n = min(int(artifact.counts["chips"]), int(inputs["sample"]))
    name = str(inputs["encoder"].get("name", ""))
    return fitting_work(name, n, values) if name in SAMPLING_ENCODERS else None


def _read_encoding(store: Store, artifact: Artifact) -> Work | None:
    inputs = artifact.manifest["inputs"]
    fit = store.get("encoders", str(inputs["encoder"]))
    if fit is None:
        return None
    of_fit = fit.manifest["inputs"]
    name, n = str(of_fit["encoder"].get("name", "")), int(artifact.counts["chips"])
    if name in SAMPLING_ENCODERS and int(fit.counts["chips"]) <= int(of_fit["sample"]):
        # These embeddings were computed during the fit.
        return None
    return encoding_work(name, n, len(of_fit["bands"]) * int(of_fit["size"]) ** 2)


def _read_reduction(store: Store, artifact: Artifact) -> Work | None:
    parts = [store.get("embeddings", key) for key in artifact.manifest["inputs"]["embeddings"]]
    present = [part for part in parts if part is not None]
    if not parts or len(present) < len(parts):
        return None
    n = sum(int(part.counts["chips"]) for part in present)
    return reduction_work(n, embedding_length(present[0]))


def embedding_length(artifact: Artifact) -> int:
    """Return the length of one embedding, from the size of the file."""
    n_bytes = (artifact.folder / "embeddings.npy").stat().st_size
    return max(1, round(n_bytes / 4 / max(1, int(artifact.counts["chips"]))))


def _read_mixture(store: Store, artifact: Artifact) -> Work | None:
    n = _reduced_chips(store, artifact)
    return mixture_work(n, GmmSettings(**artifact.manifest["inputs"]["settings"])) if n else None


def _read_kmeans(store: Store, artifact: Artifact) -> Work | None:
    n = _reduced_chips(store, artifact)
    return kmeans_work(n, KMeansSettings(**artifact.manifest["inputs"]["settings"])) if n else None


def _read_scoring(store: Store, artifact: Artifact) -> Work | None:
    parts = [store.get("embeddings", key) for key in artifact.manifest["inputs"]["embeddings"]]
    return scoring_work(sum(int(part.counts["chips"]) for part in parts if part))


def _read_overviews(store: Store, artifact: Artifact) -> Work | None:
    inputs = artifact.manifest["inputs"]
    scene = store.get("scenes", str(inputs["scene"]))
    if scene is None:
        return None
    size = read_scene_size(scene.folder)
    return overview_work(size.width, size.height, len(inputs["bands"]))


def _read_projection(store: Store, artifact: Artifact) -> Work | None:
    n = _reduced_chips(store, artifact)
    n_iter = int(artifact.manifest["inputs"]["settings"]["n_iter"])
    return projection_work(n, n_iter) if n else None


def _reduced_chips(store: Store, artifact: Artifact) -> int | None:
    """Return the number of chips of an artifact that was computed from a reduction."""
    reduction = store.get("reduction", str(artifact.manifest["inputs"]["after"]))
    keys = reduction.manifest["inputs"]["embeddings"] if reduction else []
    parts = [store.get("embeddings", key) for key in keys]
    return sum(int(part.counts["chips"]) for part in parts if part) or None


def _chip_values(store: Store, key: str) -> int:
    """Return the number of values of one chip; 0 if the chips were deleted."""
    chips = store.get("chips", key)
    return len(chips.counts["bands"]) * int(chips.counts["size"]) ** 2 if chips else 0


WorkReader = Callable[[Store, Artifact], Work | None]
CHIP_READERS: Mapping[str, WorkReader] = {
    "chips": _read_cutting,
    "screen": _read_screening,
    "encoders": _read_fit,
    "embeddings": _read_encoding,
    "reduction": _read_reduction,
    "mixtures": _read_mixture,
    "kmeans": _read_kmeans,
    "trees": lambda _, artifact: tree_work(
        int(artifact.counts["n"]), int(artifact.manifest["inputs"]["settings"]["n_dims"])
    ),
    "ward_trees": lambda _, artifact: ward_work(int(artifact.counts["n"])),
    "projections": _read_projection,
    "comparisons": _read_scoring,
    "overviews": _read_overviews,
}
"""Functions that read the work of an artifact from manifests, by the name of its stage."""
