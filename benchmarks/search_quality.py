"""Measure precision at 50 of both ranking methods: `python benchmarks/search_quality.py [--quick]`.

In each draw, a few examples of each class are taken at random from one scene, and the chips of the
other scenes are ranked; with only one scene, all chips but the examples. The truth is the class
attribute, and a draw's precision is the mean over the classes. "Ours" is the classifier and "other"
the mean query of other tools, from the same examples. `possible` is the precision of a perfect
ranking, and `chance` that of a random one. The data are the demo's; `--workspace DIR` uses the
scenes of another workspace, into which the embeddings are written. The spread is the standard
deviation over the draws, which differ only in their scenes and examples.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from core import open_workspace, run
from core.pipeline.chip_stages import attribute_values
from core.pipeline.demo_workspace import ensure_demo
from core.search.ranking import fit_ranker

METHODS = ("classifier", "mean")
RANKED, BACKGROUND = 50, 1000


class Chips:
    """The embeddings of the scenes in a workspace, with the class and the scene of each chip."""

    def __init__(self, folder: Path, attribute: str) -> None:
        result = run(open_workspace(folder), until="embeddings")
        self.embeddings = np.asarray(result.embeddings())
        attribute = attribute or result.view.survey.class_attribute
        self.classes = np.asarray(attribute_values(result.chips, attribute)).astype(str)
        self.scenes = result.chips.facts["scene"].to_numpy().astype(str)

    def score_draw(self, n_examples: int, n_against: int, seed: int) -> dict[str, float]:
        """Return the mean precision at 50 over the classes, by method, and what is possible."""
        random = np.random.default_rng([seed, n_examples, n_against])
        rows: list[dict[str, float]] = []
        for name in np.unique(self.classes):
            is_class = self.classes == name
            candidates = [
                s for s in np.unique(self.scenes) if self._has_enough(s, name, n_examples)
            ]
            if not candidates:
                continue
            scene = random.choice(candidates)
            in_scene = self.scenes == scene
            examples = random.choice(np.flatnonzero(is_class & in_scene), n_examples, replace=False)
            others = np.flatnonzero(~is_class & in_scene)
            against = random.choice(others, min(n_against, len(others)), replace=False)
            ranked = ~in_scene if len(np.unique(self.scenes)) > 1 else np.ones(len(is_class), bool)
            ranked[examples] = ranked[against] = False
            rows.append(self._score(examples, against, np.flatnonzero(ranked), is_class, random))
        return {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}

    def _has_enough(self, scene: str, name: str, n: int) -> bool:
        inside = (self.classes == name) & (self.scenes == scene)
        return (
            int(inside.sum()) >= n
            and int(((self.classes == name) & ~inside).sum()) + (len(np.unique(self.scenes)) == 1)
            > 0
        )

    def _score(
        self,
        examples: np.ndarray,
        against: np.ndarray,
        ranked: np.ndarray,
        is_class: np.ndarray,
        random: np.random.Generator,
    ) -> dict[str, float]:
        marked = np.concatenate([examples, against])
        background = np.setdiff1d(np.arange(len(is_class)), marked)
        background = random.permutation(background)[:BACKGROUND]
        groups = [self.embeddings[rows] for rows in (examples, against, background)]
        k, truth = min(RANKED, len(ranked)), is_class[ranked]
        scores = {"possible": min(k, int(truth.sum())) / k, "chance": float(truth.mean())}
        for method in METHODS:
            order = np.argsort(-fit_ranker(*groups, method).scores(self.embeddings[ranked]))
            scores[method] = float(truth[order[:k]].mean())
        return scores


def measure(chips: Chips, n_draws: int) -> dict[str, dict[str, Any]]:
    """Return the mean and the standard deviation over the draws, by the number of examples."""
    table = {}
    for n_examples, n_against in ((1, 0), (3, 0), (10, 0), (3, 3), (10, 10)):
        draws = [chips.score_draw(n_examples, n_against, seed) for seed in range(n_draws)]
        values = {key: np.array([draw[key] for draw in draws]) for key in draws[0]}
        values["difference"] = values["classifier"] - values["mean"]
        row = {
            key: [round(float(v.mean()), 3), round(float(v.std()), 3)] for key, v in values.items()
        }
        name = f"{n_examples} for, {n_against} against"
        table[name] = row
        print(f"{name:<20}", *(f"{key} {m:.3f} ± {s:.3f} " for key, (m, s) in row.items()))
    return table


def main() -> None:
    """Measure, print a table, and print one JSON object as the last line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="20 draws instead of 100")
    parser.add_argument("--workspace", type=Path, help="another workspace than the demo")
    parser.add_argument("--property", default="", help="class attribute")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        workspace = arguments.workspace or Path(folder)
        if arguments.workspace is None:
            ensure_demo(open_workspace(workspace))
        table = measure(Chips(workspace, arguments.property), 20 if arguments.quick else 100)
    ours, other = (table["3 for, 0 against"][method][0] for method in METHODS)
    result = {"name": "search_quality", "ours": ours, "other": other, "ratio": ours / other}
    result |= {"unit": "precision at 50, 3 examples", "detail": table}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
