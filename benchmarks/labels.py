"""Labels needed by "what to look at next" and by random choice: `python benchmarks/labels.py`.

"Other" is the number of labels that randomly chosen chips need, ours the number that chosen chips
need for the same balanced accuracy, with the same classifier. Chips of one half (a scene of the
demo; random images of the RSSCN7 mosaic, which consists of 140 separate images) are labelled; the
chips of the other half, which are never labelled, are scored. Each draw offers another random 80 %
of the first half; the mean of 20 draws is compared. The second part plants wrong labels in the
demo, and counts how many of them are listed. Real scenes are used if CHIPSCAPE_TEST_DATA names
their folder. `--quick` makes four draws on the demo alone.
"""

import argparse
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from core import run
from core.labels.chip_classifier import label_space, predict_probabilities
from core.labels.chip_selection import choose_next_chips
from core.labels.doubtful_labels import find_doubtful_labels
from core.pipeline.chip_stages import attribute_values
from core.pipeline.cluster_stages import open_reduction
from core.pipeline.demo_workspace import ensure_demo
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


def open_set(name: str, folder: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the principal components, the class codes and the scenes of a labelled set."""
    workspace = Workspace.at(folder / name)
    if name == "demo":
        ensure_demo(workspace)
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
        ratios.append(needed_labels(sample[0], budgets, reference) / REFERENCE[name])
    return {
        "labels": budgets,
        "ours": summarise(curves[0]),
        "random": summarise(curves[1]),
        "labels_needed_for_the_accuracy_of_random": [round(n, 1) for n in needed],
        "share": [round(n / budget, 2) for n, budget in zip(needed, budgets, strict=True)],
        "share_at_reference": [round(float(v), 2) for v in np.percentile(ratios, (5, 50, 95))],
    }


def needed_labels(curve: np.ndarray, budgets: tuple[int, ...], accuracy: float) -> float:
    """Return the interpolated number of labels at which a curve reaches an accuracy."""
    highest = np.maximum.accumulate(curve)
    if accuracy > highest[-1]:
        return float("inf")
    position = int(np.argmax(highest >= accuracy))
    if position == 0:
        return float(budgets[0])
    span = slice(position - 1, position + 1)
    return float(np.interp(accuracy, highest[span], budgets[span]))


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="four draws, the demo only, under 50 s"
    )
    quick = parser.parse_args().quick
    n_draws = 4 if quick else 20
    names = ["demo"]
    if not quick and os.environ.get("CHIPSCAPE_TEST_DATA"):
        names.append("rsscn7_mosaic_a")
    with tempfile.TemporaryDirectory() as folder:
        detail: dict = {name: compare_orders(name, Path(folder), n_draws) for name in names}
        points, codes, _ = open_set("demo", Path(folder))
        detail["recall_of_flips_in_top_10_percent"] = find_planted_flips(points, codes, n_draws)
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
