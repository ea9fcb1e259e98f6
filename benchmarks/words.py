"""Measure the search by words: `python benchmarks/words.py --weights FOLDER [--workspace DIR]`.

The chips of a workspace with a class attribute are embedded with `siglip2`. "Ours" is the precision
at 20 of the words "a satellite image of a CLASS", and "other" that of the class's medoid, the chip
nearest to the mean of the class; both are means over the classes, and the spread is the standard
deviation over them. The data are the demo's unless `--workspace` is given. FOLDER holds the
published weights (see docs/encoders.md). `--weights random` writes small random ones, which only
shows that everything runs.
"""

import argparse
import json
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from core import open_workspace, run
from core.embeddings.encoder import unit_length
from core.embeddings.networks.siglip2 import CARD
from core.pipeline.chip_stages import attribute_values
from core.pipeline.demo_workspace import ensure_demo
from core.pipeline.run import Run
from core.pipeline.search.chip_ranking import rank_by_words
from core.search.exact_search import find_best_rows
from core.settings import EmbedSettings, RunSettings

RANKED = 20


def measure(result: Run, attribute: str, phrase: str) -> dict[str, dict[str, float]]:
    """Return the precision at 20 of words and of the medoid, by class."""
    classes = np.asarray(attribute_values(result.chips, attribute)).astype(str)
    unit = unit_length(np.asarray(result.embeddings()))
    table = {}
    for name in np.unique(classes):
        is_class = classes == name
        by_words = rank_by_words(result.view, phrase.format(name)).best_chips(RANKED).rows
        members = np.flatnonzero(is_class)
        medoid = members[(unit[members] @ unit[members].mean(axis=0)).argmax()]
        scores = (unit @ unit[medoid]).astype(np.float64)
        scores[medoid] = -np.inf
        by_medoid = find_best_rows(scores, RANKED).rows
        table[name] = {
            "words": float(is_class[by_words].mean()),
            "medoid": float(is_class[by_medoid].mean()),
            "share": float(is_class.mean()),
        }
        print(f"{name:<24}", *(f"{key} {value:.2f} " for key, value in table[name].items()))
    return table


def main() -> None:
    """Measure, print a table, and print one JSON object as the last line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", required=True, help='folder of the weights, or "random"')
    parser.add_argument("--workspace", type=Path, help="another workspace than the demo")
    parser.add_argument("--property", default="", help="class attribute")
    parser.add_argument("--phrase", default="a satellite image of a {}")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        workspace = open_workspace(arguments.workspace or Path(folder))
        if arguments.workspace is None:
            ensure_demo(workspace)
        embed = EmbedSettings(encoder=CARD.name, weights=arguments.weights)
        if arguments.weights == "random":
            from tests.siglip_hub import write_siglip_hub

            hub = write_siglip_hub(Path(folder) / "hub", CARD.dim, 32)
            embed = replace(embed, weights=str(hub), input_size=32)
        result = run(workspace, RunSettings(embed=embed), until="embeddings")
        attribute = arguments.property or result.view.survey.class_attribute
        table = measure(result, attribute, arguments.phrase)
    columns = {
        key: np.array([row[key] for row in table.values()]) for key in ("words", "medoid", "share")
    }
    ours, other = float(columns["words"].mean()), float(columns["medoid"].mean())
    spread = {key: round(float(values.std()), 3) for key, values in columns.items()}
    summary = {"name": "words", "ours": ours, "other": other, "ratio": ours / max(other, 1e-9)}
    summary |= {"unit": "precision at 20", "detail": {"classes": table, "spread": spread}}
    print(json.dumps(summary))


if __name__ == "__main__":
    main()
