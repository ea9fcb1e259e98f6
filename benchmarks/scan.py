"""Find objects in a scene whose annotations are hidden: `python benchmarks/scan.py [--quick]`.

Twenty boats, then twenty buildings, of the demo's eastern scene are the examples. The western scene
is searched as if it had no annotations; these then tell which candidates are objects of that kind.
The alternative is template matching, which image tools offer for this purpose: the highest
normalised cross-correlation (Lewis, 1995, as in scikit-image's match_template) of any example with
each place, in grey, with the same suppression of neighbours. A second alternative uses our
embeddings of the same windows, but ranks them by cosine similarity to the mean of the examples.
"reviewed" is our search after the 30 best candidates were confirmed or rejected, as they are right
or wrong, and all were ranked again: confirmed ones come first, and rejected ones are left out.

A candidate, a square of the examples' median size, matches an object if it shares at least 0.3 of
the union with the square around the object's box; each object matches one candidate, the best
first. Precision and recall are those at the threshold with the best F1, so for every method the
threshold is the best one. Each figure is the mean of several draws of the examples, with the
standard deviation. `--quick` uses smaller scenes and fewer draws.
"""

import argparse
import json
import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import shapely
from scipy.fft import irfft2, next_fast_len, rfft2

from core.demo.harbour.harbour_scenes import SIZE, write_harbour
from core.pipeline.run import Run, run_pipeline
from core.pipeline.scene_search.candidates import (
    SPACING,
    SearchResult,
    example_windows,
    find_candidates,
    scan_scenes,
)
from core.pipeline.scene_search.decided_candidates import decide_rows
from core.pipeline.scene_search.examples import chips_like, make_query
from core.pipeline.scene_search.scan_stages import EXAMPLE_WINDOWS
from core.pipeline.workspace import Workspace
from core.search.peaks import find_peaks, suppress_neighbours
from core.search.ranking import fit_ranker
from core.settings import RunSettings
from core.types import AnyArray, DoubleArray, Geometries

BOATS = ("motorboat", "sailboat", "catamaran", "pirogue", "fishing vessel")
KINDS = {"boats": BOATS, "buildings": ("building",)}
EXAMPLES = 20
LEAST_OVERLAP = 0.3
TIMED = ("first", "again", "template_matching")
QUICK_SIZE = 1408
# Their examples have the same size, so that the second draw needs no scan.
QUICK_DRAWS = (1, 2)
REVIEWED = 30


@dataclass(frozen=True)
class Found:
    """Candidates of one method: centres in pixels, (n, 2), the best first, and the time taken."""

    centres: DoubleArray
    seconds: float


def squares_around(centres: DoubleArray, sides: AnyArray) -> Geometries:
    """Return squares with the given sides in pixels."""
    half = np.broadcast_to(sides, len(centres))[:, None] / 2
    return np.asarray(shapely.box(*(centres - half).T, *(centres + half).T), object)


def match_candidates(candidates: Geometries, objects: Geometries) -> AnyArray:
    """Return True for candidates, the best first, that match an object; see the top."""
    tree, is_free = shapely.STRtree(objects), np.ones(len(objects), bool)
    is_match = np.zeros(len(candidates), bool)
    for i, candidate in enumerate(candidates):
        rows = tree.query(candidate)
        rows = rows[is_free[rows]]
        shared = shapely.area(shapely.intersection(objects[rows], candidate))
        overlap = shared / (shapely.area(objects[rows]) + candidate.area - shared)
        if len(rows) and overlap.max() >= LEAST_OVERLAP:
            is_free[rows[overlap.argmax()]], is_match[i] = False, True
    return is_match


def score_candidates(found: Found, side: float, objects: Geometries) -> dict[str, float]:
    """Return precision and recall at the best F1, and the average precision."""
    is_match = match_candidates(squares_around(found.centres, side), objects)
    precision = np.cumsum(is_match) / np.arange(1, len(is_match) + 1)
    recall = np.cumsum(is_match) / len(objects)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-9)
    best = int(f1.argmax())
    average = float(np.sum(np.diff(recall, prepend=0) * precision))
    values = {"f1": f1[best], "precision": precision[best], "recall": recall[best]}
    return {name: float(v) for name, v in values.items()} | {"average_precision": average}


def match_templates(
    image: DoubleArray, templates: Sequence[DoubleArray], side: int
) -> tuple[DoubleArray, float]:
    """Return the highest normalised cross-correlation at each place, and the seconds it took."""
    start = time.perf_counter()
    shape = [next_fast_len(n + side) for n in image.shape]
    window = np.ones((side, side))
    spectrum = rfft2(image, shape)

    def correlate(kernel: DoubleArray, source: AnyArray) -> DoubleArray:
        return irfft2(source * np.conj(rfft2(kernel, shape)), shape)[
            : image.shape[0] - side + 1, : image.shape[1] - side + 1
        ]

    total, squares = correlate(window, spectrum), correlate(window, rfft2(image**2, shape))
    spread = np.sqrt(np.maximum(squares - total**2 / side**2, 1e-6))
    best = np.full(total.shape, -1.0)
    for template in templates:
        centred = template - template.mean()
        correlation = correlate(centred, spectrum) / (spread * np.linalg.norm(centred) + 1e-9)
        np.maximum(best, correlation, out=best)
    return best, time.perf_counter() - start


def find_by_templates(image: DoubleArray, templates: Sequence[DoubleArray], side: int) -> Found:
    """Return the peaks of template matching."""
    scores, seconds = match_templates(image, templates, side)
    peaks = find_peaks(scores.ravel(), scores.shape)
    peaks = peaks[scores.ravel()[peaks] > 0.1]
    row, column = np.divmod(peaks, scores.shape[1])
    centres = np.column_stack([column, row]) + side / 2
    best = suppress_neighbours(centres / side, scores.ravel()[peaks], SPACING)
    return Found(centres[best], seconds)


def read_grey(path: Path) -> DoubleArray:
    """Return the mean of the bands of a scene."""
    with rasterio.open(path) as source:
        return np.asarray(source.read().mean(axis=0, dtype=np.float64))


def review_best(result: SearchResult, side: float, objects: Geometries) -> Found:
    """Return the candidates after the best ones were decided on, and all were ranked again."""
    start, best = time.perf_counter(), result.table.head(REVIEWED)
    squares = squares_around(best[["column", "row"]].to_numpy(float), side)
    is_match = match_candidates(squares, objects)
    decide_rows(result, best["id"][is_match].tolist(), "confirmed")
    decide_rows(result, best["id"][~is_match].tolist(), "rejected")
    again = find_candidates(result.query)
    assert again is not None
    shutil.rmtree(result.query.view.workspace.annotations)
    table = again.table[again.table["state"] != "rejected"]
    is_confirmed = table["state"] == "confirmed"
    table = table.loc[is_confirmed.sort_values(ascending=False, kind="stable").index]
    return Found(table[["column", "row"]].to_numpy(float), time.perf_counter() - start)


def search_kind(run: Run, classes: Sequence[str], draw: int) -> dict[str, Any]:
    """Search the western scene with one draw of examples; return the scores of each method."""
    view, chips = run.view, run.chips
    facts, values = chips.facts, chips.properties["class"]
    random = np.random.default_rng(draw)
    rows = np.flatnonzero(values.isin(classes) & (facts["scene"] == "harbour_east"))
    ids = (
        facts["chip_id"].iloc[random.choice(rows, min(EXAMPLES, len(rows)), replace=False)].tolist()
    )
    query = make_query(view, view.survey, chips_like(view, ids), scenes=["harbour_west"])
    start = time.perf_counter()
    scan_scenes(query)
    result = find_candidates(query)
    first_seconds = time.perf_counter() - start
    assert result is not None
    start = time.perf_counter()
    find_candidates(query)
    again_seconds = time.perf_counter() - start
    scene = next(s for s in view.survey.usable if s.report.name == "harbour_west")
    bounds = shapely.bounds(scene.footprints().pixels[scene.properties()["class"].isin(classes)])
    objects = squares_around(
        (bounds[:, :2] + bounds[:, 2:]) / 2, (bounds[:, 2:] - bounds[:, :2]).max(axis=1)
    )
    side = float(result.table["width"].iloc[0])
    ours = Found(result.table[["column", "row"]].to_numpy(float), first_seconds)

    scan = result.maps[0].scan
    examples, _ = EXAMPLE_WINDOWS.open(
        EXAMPLE_WINDOWS.make(view.workspace.store, example_windows(query))
    )
    sample = np.asarray(scan.embeddings[:: max(1, len(scan.grid) // 4000)])
    scores = fit_ranker(examples, examples[:0], sample, "mean").scores(scan.embeddings)
    peaks = find_peaks(scores, scan.grid.shape)
    centres = scan.grid.centres()[peaks]
    cosine = Found(centres[suppress_neighbours(centres / side, scores[peaks], SPACING)], 0.0)

    pixels = round(side)
    east = read_grey(view.workspace.raw / "harbour_east.tif")
    corners = np.rint(facts.set_index("chip_id").loc[ids, ["row", "column"]] - side / 2)
    corners = corners.clip(0, min(east.shape) - pixels).astype(int).to_numpy()
    templates = [east[r : r + pixels, c : c + pixels] for r, c in corners]
    plain = find_by_templates(read_grey(scene.path), templates, pixels)
    reviewed = review_best(result, side, objects)
    methods = {"ours": ours, "reviewed": reviewed, "templates": plain, "cosine": cosine}
    scored = {name: score_candidates(found, side, objects) for name, found in methods.items()}
    scored["seconds"] = {
        "first": first_seconds,
        "again": again_seconds,
        "template_matching": plain.seconds,
        "windows": float(len(scan.grid)),
        "objects": float(len(objects)),
    }
    return scored


def summarise(draws: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the mean of each figure over the draws, and the standard deviation of the scores."""
    summary: dict[str, Any] = {}
    for method, figures in draws[0].items():
        for name in figures:
            values = [draw[method][name] for draw in draws]
            if method == "seconds":
                # Only the first draw embeds the windows.
                summary[f"{name}_s" if name in TIMED else name] = round(
                    values[0] if name == "first" else float(np.mean(values)), 2
                )
            else:
                spread = f"{np.mean(values):.2f} +- {np.std(values):.2f}"
                summary.setdefault(method, {})[name] = spread
    return summary


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a part of the scene, under 50 s")
    quick = parser.parse_args().quick
    detail: dict[str, Any] = {"cores": len(os.sched_getaffinity(0))}
    f1: dict[str, list[float]] = {"ours": [], "templates": []}
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace.at(folder)
        write_harbour(workspace.raw, size=QUICK_SIZE if quick else SIZE)
        run = run_pipeline(workspace, RunSettings(), until="embeddings")
        for kind, classes in KINDS.items():
            draws = [
                search_kind(run, classes, draw) for draw in (QUICK_DRAWS if quick else range(3))
            ]
            detail[kind] = summarise(draws)
            for method, values in f1.items():
                values.append(float(np.mean([draw[method]["f1"] for draw in draws])))
    ours, other = (float(np.mean(values)) for values in f1.values())
    result = {
        "name": "scan",
        "ours": round(ours, 3),
        "other": round(other, 3),
        "ratio": round(ours / max(other, 1e-9), 2),
        "unit": "F1 at the best threshold, mean of boats and buildings",
        "detail": detail,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
