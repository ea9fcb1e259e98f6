"""Labels needed by "what to look at next" and by random choice: `python benchmarks/labels.py`.

"Other" is the number of labels that randomly chosen chips need, ours the number that chosen chips
need for the same balanced accuracy, with the same classifier. Chips of one half (a scene of the
demo; random images of the RSSCN7 mosaic, which consists of 140 separate images) are labelled; the
chips of the other half, which are never labelled, are scored. Each draw offers another random 80 %
of the first half; the mean of 20 draws is compared. The second part plants wrong labels in the
demo, and counts how many of them are listed. The third part adds copies of each scene of the demo,
cropped and changed, in which 4 % of the objects are annotated again, and counts how many pairs of
an object and its copy are listed as near-duplicates. Real scenes are used if CHIPSCAPE_TEST_DATA
names their folder. `--quick` makes four draws on the demo alone, and copies one of its scenes.
"""

import argparse
import io
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import rasterio
from PIL import Image
from scipy.spatial import cKDTree

from core import run
from core.demo.harbour.harbour_scenes import write_harbour
from core.labels.chip_classifier import label_space, predict_probabilities
from core.labels.chip_selection import choose_next_chips
from core.labels.doubtful_labels import find_doubtful_labels
from core.pipeline.chip_stages import attribute_values
from core.pipeline.cluster_stages import open_reduction
from core.pipeline.demo_workspace import ensure_demo
from core.pipeline.labels.label_tasks import find_duplicates, open_label_task
from core.pipeline.workspace import Workspace
from core.settings import RunSettings

CLASS_ATTRIBUTES = {"demo": "class", "rsscn7_mosaic_a": "label"}
BUDGETS = {
    "demo": (7, 10, 14, 20, 28, 40, 56, 80, 112, 160),
    "rsscn7_mosaic_a": (7, 10, 14, 20, 28, 40, 56, 70),
}
SHARE = 0.8
# Random choice with this number of labels is what the summary compares with.
REFERENCE = {"demo": 80, "rsscn7_mosaic_a": 56}
# Demos of other seeds, on which nothing was chosen; they show what to expect of new scenes.
OTHER_DEMOS = ("demo 11", "demo 12")
CLASS_ATTRIBUTES |= dict.fromkeys(OTHER_DEMOS, "class")
BUDGETS |= dict.fromkeys(OTHER_DEMOS, BUDGETS["demo"])
REFERENCE |= dict.fromkeys(OTHER_DEMOS, REFERENCE["demo"])

# Changes of the copies of a scene; shifts of the annotations are in pixels.
CHANGES = ("none", "shifted by 1 px", "shifted by 2 px", "jpeg", "noisy", "brighter")
SHIFTS = {"shifted by 1 px": 1, "shifted by 2 px": 2}


def open_set(name: str, folder: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the principal components, the class codes and the scenes of a labelled set."""
    workspace = Workspace.at(folder / name)
    if name == "demo":
        ensure_demo(workspace)
    elif name in OTHER_DEMOS:
        write_harbour(workspace.raw, seed=int(name.removeprefix("demo ")))
    else:
        shutil.copytree(Path(os.environ["CHIPSCAPE_TEST_DATA"]) / name / "raw", workspace.raw)
    result = run(workspace, RunSettings(), "reduction")
    values = np.array(attribute_values(result.chips, CLASS_ATTRIBUTES[name]), str)
    codes = np.unique(values, return_inverse=True)[1].astype(np.int32)
    reduction = open_reduction(result.view)
    return reduction.points, codes, result.chips.facts["scene"].to_numpy(str)


def split_halves(scenes: np.ndarray, n_draws: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield, for each draw, the chips that may be labelled and those that are scored."""
    names = np.unique(scenes)
    for draw in range(n_draws):
        random = np.random.default_rng(draw)
        if len(names) > 1:
            inside = scenes == names[draw % len(names)]
            pool, scored = random.permutation(np.flatnonzero(inside)), np.flatnonzero(~inside)
            yield np.sort(pool[: round(SHARE * len(pool))]), scored
        else:
            order = random.permutation(len(scenes))
            yield np.sort(order[: round(0.7 * len(order))]), order[round(0.7 * len(order)) :]


def balanced_accuracy(points: np.ndarray, codes: np.ndarray, rows: list, scored: np.ndarray):
    """Return the mean recall over the classes of the scored chips."""
    labelled = codes[rows]
    if len(np.unique(labelled)) < 2:
        predicted = np.full(len(scored), labelled[0])
    else:
        space = label_space(points)
        predicted = predict_probabilities(space, np.array(rows), labelled)[scored].argmax(axis=1)
    truth = codes[scored]
    return np.mean([(predicted[truth == code] == code).mean() for code in np.unique(truth)])


def choose_chips(points: np.ndarray, codes: np.ndarray, pool: np.ndarray, n: int) -> list[int]:
    """Return the first n chips that are proposed, labelled one by one."""
    rows: list[int] = []
    while len(rows) < min(n, len(pool)):
        labelled = np.array(rows, np.int64)
        rows.append(choose_next_chips(points, labelled, codes[labelled], candidates=pool)[0].row)
    return rows


def compare_orders(name: str, folder: Path, n_draws: int) -> dict:
    """Return the learning curves of both orders, and the labels needed for equal accuracy."""
    points, codes, scenes = open_set(name, folder)
    budgets = BUDGETS[name]
    curves = np.zeros((2, n_draws, len(budgets)))
    for draw, (pool, scored) in enumerate(split_halves(scenes, n_draws)):
        chosen = choose_chips(points, codes, pool, max(budgets))
        by_chance = np.random.default_rng(1000 + draw).permutation(pool).tolist()
        for row, order in enumerate((chosen, by_chance)):
            for column, n in enumerate(budgets):
                value = balanced_accuracy(points, codes, order[:n], scored)
                curves[row, draw, column] = value
    needed = [needed_labels(curves[0].mean(axis=0), budgets, v) for v in curves[1].mean(axis=0)]
    random = np.random.default_rng(0)
    ratios = []
    for _ in range(1000):
        sample = curves[:, random.integers(0, n_draws, n_draws)].mean(axis=1)
        reference = sample[1][budgets.index(REFERENCE[name])]
        needed_here = needed_labels(sample[0], budgets, reference)
        ratios.append((needed_here or np.inf) / REFERENCE[name])
    return {
        "labels": budgets,
        "ours": summarise(curves[0]),
        "random": summarise(curves[1]),
        "labels_needed_for_the_accuracy_of_random": needed,
        "share": [n and round(n / budget, 2) for n, budget in zip(needed, budgets, strict=True)],
        "share_at_reference": [round(float(v), 2) for v in np.percentile(ratios, (5, 50, 95))],
    }


def needed_labels(curve: np.ndarray, budgets: tuple[int, ...], accuracy: float) -> float | None:
    """Return the interpolated number of labels at which a curve reaches an accuracy, or None."""
    highest = np.maximum.accumulate(curve)
    if accuracy > highest[-1]:
        return None
    position = int(np.argmax(highest >= accuracy))
    if position == 0:
        return float(budgets[0])
    span = slice(position - 1, position + 1)
    return round(float(np.interp(accuracy, highest[span], budgets[span])), 1)


def summarise(curve: np.ndarray) -> list[str]:
    """Return mean and standard deviation over the draws of balanced accuracies."""
    pairs = zip(curve.mean(axis=0), curve.std(axis=0), strict=True)
    return [f"{mean:.3f} ± {spread:.3f}" for mean, spread in pairs]


def find_planted_flips(points: np.ndarray, codes: np.ndarray, n_draws: int) -> dict:
    """Return the share of wrong labels among the 10 % that are most doubtful, mean and spread."""
    recalls: dict[str, list[float]] = {"classifier": [], "neighbours": []}
    for draw in range(n_draws):
        random = np.random.default_rng(draw)
        flipped = random.choice(len(codes), round(0.05 * len(codes)), replace=False)
        labels = codes.copy()
        n_classes = codes.max() + 1
        labels[flipped] += random.integers(1, n_classes, len(flipped))
        labels %= n_classes
        table = find_doubtful_labels(points, labels.tolist())
        n_listed = round(0.1 * len(codes))
        by_neighbours = table.sort_values("neighbour_agreement", kind="stable")
        for name, listed in (("classifier", table), ("neighbours", by_neighbours)):
            recalls[name].append(float(np.isin(flipped, listed["row"][:n_listed]).mean()))
    return {
        name: {"mean": round(np.mean(v), 3), "low": round(min(v), 3), "high": round(max(v), 3)}
        for name, v in recalls.items()
    }


def add_copies(raw: Path, n_scenes: int) -> None:
    """Write a cropped and changed copy of the first scenes for each kind of change."""
    random = np.random.default_rng(0)
    for path in sorted(raw.glob("*.tif"))[:n_scenes]:
        with rasterio.open(path) as scene:
            pixels, profile, transform = scene.read(), scene.profile, scene.transform
            bounds, crs = scene.bounds, scene.crs
        footprints = gpd.read_file(path.with_suffix(".geojson")).to_crs(crs)
        for change in CHANGES:
            left, top = random.integers(3, 30, 2)
            copy = change_pixels(pixels[:, top:, left:], change, random)
            size = {"height": copy.shape[1], "width": copy.shape[2]}
            size["transform"] = transform @ transform.translation(left, top)
            name = path.with_name(f"{path.stem}_{change}.tif")
            with rasterio.open(name, "w", **profile | size) as scene:
                scene.write(copy)
            # A window of 80 pixels around the footprints must lie in the copy.
            gsd, edge = transform.a, 80 * transform.a
            inside = footprints.cx[
                bounds.left + edge : bounds.right - edge, bounds.bottom + edge : bounds.top - edge
            ]
            copies = inside.sample(round(0.04 * len(footprints)), random_state=random)
            shift = SHIFTS.get(change, 0) * gsd
            copies.geometry = copies.translate(*(shift * random.choice([-1, 1], 2)))
            copies.to_crs(4326).to_file(name.with_suffix(".geojson"), driver="GeoJSON")


def change_pixels(pixels: np.ndarray, change: str, random: np.random.Generator) -> np.ndarray:
    """Return pixels, uint8 (3, height, width), with a change of `CHANGES`."""
    if change == "jpeg":
        content = io.BytesIO()
        Image.fromarray(np.moveaxis(pixels, 0, -1)).save(content, "JPEG", quality=80)
        return np.moveaxis(np.asarray(Image.open(content)), -1, 0)
    values = pixels.astype(float)
    if change == "brighter":
        values = 1.1 * values + 5
    if change == "noisy":
        values += random.normal(0, 4, values.shape)
    return values.clip(0, 255).astype(np.uint8)


def find_copies(folder: Path, n_scenes: int) -> dict:
    """Return the recall of near-duplicates by kind of change, and the share of right pairs."""
    workspace = Workspace.at(folder / "copies")
    shutil.copytree(Workspace.at(folder / "demo").raw, workspace.raw)
    add_copies(workspace.raw, n_scenes)
    result = run(workspace, RunSettings(), "reduction")
    task = open_label_task(result.view)
    facts = result.chips.facts
    scenes = facts["scene"].to_numpy(str)
    # The centres of copies are at most 0.9 m apart, those of different objects farther.
    east = facts["longitude"] * np.cos(np.radians(facts["latitude"]))
    centres = 111_000 * np.column_stack([east, facts["latitude"]])
    near = cKDTree(centres).query_pairs(1.0)
    copies = {(max(pair), min(pair)) for pair in near if scenes[pair[0]] != scenes[pair[1]]}
    table = find_duplicates(result.view, task)
    listed = {
        way: pairs_of(table[table["by"].str.contains(way)]) for way in ("pixels", "embedding", "")
    }
    recall = {}
    for change in CHANGES:
        ends = [sorted(scenes[[*pair]], key=len) for pair in copies]
        changed = [f"{first}_{change}" == second for first, second in ends]
        of_change = {pair for pair, is_one in zip(copies, changed, strict=True) if is_one}
        recall[change] = {
            way or "either": round(len(of_change & pairs) / len(of_change), 2)
            for way, pairs in listed.items()
        }
    right = len(listed["embedding"] & copies)
    return {
        "recall": recall,
        "pairs_by_embedding": len(listed["embedding"]),
        "precision_by_embedding": round(right / max(1, len(listed["embedding"])), 3),
    }


def pairs_of(table: pd.DataFrame) -> set[tuple[int, int]]:
    return set(zip(table["row"].tolist(), table["other_row"].tolist(), strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="four draws, the demo only, under 50 s"
    )
    quick = parser.parse_args().quick
    n_draws = 4 if quick else 20
    names = ["demo", *(() if quick else OTHER_DEMOS)]
    if not quick and os.environ.get("CHIPSCAPE_TEST_DATA"):
        names.append("rsscn7_mosaic_a")
    with tempfile.TemporaryDirectory() as folder:
        detail: dict = {name: compare_orders(name, Path(folder), n_draws) for name in names}
        points, codes, _ = open_set("demo", Path(folder))
        detail["recall_of_flips_in_top_10_percent"] = find_planted_flips(points, codes, n_draws)
        detail["near_duplicates"] = find_copies(Path(folder), 1 if quick else 2)
    position = BUDGETS["demo"].index(REFERENCE["demo"])
    ours = detail["demo"]["labels_needed_for_the_accuracy_of_random"][position]
    result = {
        "name": "labels",
        "ours": ours,
        "other": REFERENCE["demo"],
        "ratio": round(REFERENCE["demo"] / ours, 2),
        "unit": "labels for equal balanced accuracy on the other scene of the demo",
        "detail": detail | {"draws": n_draws},
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
