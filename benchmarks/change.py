"""Changes between two dates: `python benchmarks/change.py [--quick]`.

A harbour of the demo is painted twice. In the second picture, some objects have gone and others
are new; the light (gain and haze of each band), the blur and the noise differ, and the picture is
shifted by a part of a pixel, as two acquisitions are. In the "sun" pairs, the shadows also have
another direction and length. Each annotation is a footprint of the first, the second or both
pictures. The figures are the area under the ROC curve of changed against unchanged footprints, and
the share of unchanged footprints that are flagged (false alarms) and of changed ones (detections).

The alternative is the mean difference of the pixels of both chips, as image tools compute it. A
stronger one, with the chips' bands brought to the same mean and spread first, is reported too.
"Unchanged" pairs, in which nothing but the light (and in "unchanged_sun" pairs the shadows)
differs, give the false-alarm rate of a pair of scenes without any change. There are several pairs
of each kind, of different harbours; each figure is their mean, standard
deviation and range.
"""

import argparse
import dataclasses
import json
import os
import tempfile
import time
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
from rasterio.warp import transform as reproject
from scipy.ndimage import shift
from sklearn.metrics import roc_auc_score

from core.demo.demo_files import write_demo_geotiff
from core.demo.harbour.canvas import GSD, Canvas
from core.demo.harbour.furniture import paint_furniture
from core.demo.harbour.harbour_scenes import CRS, PAINTERS, lay_out_scene
from core.demo.harbour.layout import SceneObject
from core.demo.harbour.scene_plans import PLANS, ScenePlan
from core.demo.harbour.sensor import expose_canvas
from core.demo.harbour.terrain import paint_ground
from core.pipeline.change.scene_comparison import (
    SceneChanges,
    choose_pair,
    compare_scenes,
    find_changes,
)
from core.pipeline.run import Run, run_pipeline
from core.pipeline.workspace import Workspace
from core.settings import RunSettings
from core.types import BoolArray, DoubleArray

SIZE, QUICK_SIZE = 1536, 896
N_PAIRS, N_QUICK_PAIRS = 8, 2
# Share of the objects that are gone in the second picture, and of those that are new.
SHARE = 0.1
NAMES = ("harbour_2024", "harbour_2026")


def expose_again(plan: ScenePlan, draw: np.random.Generator, *, sun: bool) -> ScenePlan:
    """Return the plan of a scene with another light."""
    scale, haze = draw.uniform(0.8, 1.25), draw.uniform(0, 0.08)
    changes: dict[str, Any] = {
        "gain": tuple(g * scale * draw.uniform(0.95, 1.05) for g in plan.gain),
        "haze": tuple(h + haze * draw.uniform(0.8, 1.2) for h in plan.haze),
        "blur": plan.blur * draw.uniform(0.9, 1.3),
        "noise": plan.noise * draw.uniform(0.8, 1.5),
    }
    if sun:
        changes |= {"sun_step": plan.sun_step[::-1], "sun_slope": plan.sun_slope * 0.8}
    return dataclasses.replace(plan, **changes)


def paint_objects(
    canvas: Canvas, plan: ScenePlan, objects: Sequence[tuple[int, SceneObject]]
) -> list[dict[str, Any]]:
    """Paint objects with their numbers, which determine their looks; return their annotations."""
    features = []
    for number, item in objects:
        outline = PAINTERS[item.kind](canvas, item.pose, item.length, np.random.default_rng(number))
        right, down = item.pose.to_scene(outline).T
        degrees = reproject(CRS, "EPSG:4326", plan.easting + right, plan.northing - down)
        ring = np.round(np.transpose(degrees), 9).tolist()
        features.append(
            {
                "type": "Feature",
                "properties": {"class": item.kind, "number": number},
                "geometry": {"type": "Polygon", "coordinates": [[*ring, ring[0]]]},
            }
        )
    return features


def write_pair(
    raw: Path, plan: ScenePlan, size: int, draw: int, *, share: float = SHARE, sun: bool = False
) -> dict[str, int]:
    """Write two scenes of one place; return the number of objects that are gone, new and stay."""
    random = np.random.default_rng([draw, 1])
    layout = lay_out_scene(plan, size, random)
    ground = paint_ground(layout.site, layout.ground, random)
    paint_furniture(ground, layout)
    objects = list(enumerate(layout.objects))
    state = random.choice(3, len(objects), p=[share, share, 1 - 2 * share])
    for picture, name in enumerate(NAMES):
        canvas = deepcopy(ground)
        shown = [item for item, s in zip(objects, state, strict=True) if s != picture]
        features = paint_objects(canvas, plan, shown)
        exposed = expose_again(plan, random, sun=sun) if picture else plan
        pixels = expose_canvas(canvas, exposed, random)
        if picture:
            offset = random.uniform(-1, 1, 2)
            moved = shift(pixels.astype(np.float32), (0, *offset), order=1, mode="nearest")
            pixels = moved.round().astype(np.uint8)
        write_demo_geotiff(raw / f"{name}.tif", pixels, (plan.easting, plan.northing), GSD, crs=CRS)
        document = {"type": "FeatureCollection", "features": features}
        (raw / f"{name}.geojson").write_text(json.dumps(document), encoding="utf-8")
    names = ("new", "gone", "unchanged")
    return {n: int((state == s).sum()) for s, n in enumerate(names)}


def match_grounds(changes: SceneChanges, run: Run) -> BoolArray:
    """Return True for each compared footprint whose object is in only one of the pictures."""
    facts = run.chips.facts
    numbers = dict(zip(facts["chip_id"], run.chips.properties["number"], strict=True))
    pictures = run.chips.properties.groupby("number").size()
    return np.array([pictures[numbers[chip_id]] == 1 for chip_id in changes.table["chip_id"]])


def pixel_differences(changes: SceneChanges, *, normalised: bool) -> DoubleArray:
    """Return the mean absolute difference of the pixels of each compared footprint's chips."""
    differences = []
    for number in range(len(changes.table)):
        chips = [part.pixels[row].astype(float) for part, row in changes.chips_of(number)]
        if normalised:
            axes = (1, 2)
            chips = [
                (c - c.mean(axes, keepdims=True)) / np.maximum(c.std(axes, keepdims=True), 1)
                for c in chips
            ]
        differences.append(np.abs(chips[0] - chips[1]).mean())
    return np.array(differences)


def compare_pair(folder: Path, draw: int, size: int, *, share: float, sun: bool) -> dict[str, Any]:
    """Write and compare one pair of scenes; return the figures of each method."""
    workspace = Workspace.at(folder)
    write_pair(workspace.raw, PLANS[draw % len(PLANS)], size, draw, share=share, sun=sun)
    run = run_pipeline(workspace, RunSettings(), until="embeddings")
    start = time.perf_counter()
    pair = choose_pair(run.view)
    compare_scenes(pair)
    changes = find_changes(pair)
    seconds = time.perf_counter() - start
    assert changes is not None
    is_changed, flagged = match_grounds(changes, run), changes.table["changed"].to_numpy()
    figures = {"footprints": float(len(flagged)), "seconds": seconds}
    figures["false_alarms"] = float(flagged[~is_changed].mean())
    if is_changed.any():
        figures["detected"] = float(flagged[is_changed].mean())
        scores = {
            "ours": changes.table["score"].to_numpy(),
            "pixels": pixel_differences(changes, normalised=False),
            "normalised_pixels": pixel_differences(changes, normalised=True),
        }
        for name, values in scores.items():
            figures[f"auc_{name}"] = float(roc_auc_score(is_changed, values))
        figures["auc_gain"] = figures["auc_ours"] - figures["auc_pixels"]
    return figures


def summarise(draws: Sequence[dict[str, float]]) -> dict[str, str]:
    """Return the mean, standard deviation and range of each figure over the draws."""
    columns = {name: [draw[name] for draw in draws] for name in draws[0]}
    return {
        name: f"{np.mean(v):.3f} +- {np.std(v, ddof=1):.3f} ({min(v):.3f} to {max(v):.3f})"
        for name, v in columns.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="smaller scenes, under 50 s")
    quick = parser.parse_args().quick
    kinds = {
        "light": {"share": SHARE, "sun": False},
        "sun": {"share": SHARE, "sun": True},
        "unchanged": {"share": 0.0, "sun": False},
        "unchanged_sun": {"share": 0.0, "sun": True},
    }
    size, n_pairs = (QUICK_SIZE, N_QUICK_PAIRS) if quick else (SIZE, N_PAIRS)
    cores = len(os.sched_getaffinity(0))
    detail: dict[str, Any] = {"cores": cores, "side": size, "pairs_of_each_kind": n_pairs}
    aucs: dict[str, list[float]] = {"auc_ours": [], "auc_pixels": []}
    for kind, options in kinds.items():
        draws = []
        for draw in range(n_pairs):
            with tempfile.TemporaryDirectory() as folder:
                draws.append(compare_pair(Path(folder), draw, size, **options))
        detail[kind] = summarise(draws)
        if options["share"]:
            for name, values in aucs.items():
                values.extend(draw[name] for draw in draws)
    ours, other = (float(np.mean(values)) for values in aucs.values())
    result = {
        "name": "change",
        "ours": round(ours, 3),
        "other": round(other, 3),
        "ratio": round(ours / max(other, 1e-9), 2),
        "unit": "area under the ROC curve, mean of the light and sun pairs",
        "detail": detail,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
