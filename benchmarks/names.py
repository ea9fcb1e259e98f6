"""How many chips keep their name after a re-cut: `python benchmarks/names.py [--quick] [FOLDER]`.

All clusters of a cut of HDBSCAN's tree are named, the tree is cut again with a min_cluster_size
that is a fifth smaller or larger, and the share of named chips that still have their name is
counted. "Ours" is that share with Chipscape's edits, "other" the share if names stay with the
numbers of the clusters, as they do in a table of labels that is written again. The chips are those
of three demos with different seeds, or of a workspace.
"""

import argparse
import json
import statistics
import tempfile
from pathlib import Path

import numpy as np

from core.clusters.editing.edit_replay import replay_edits
from core.clusters.editing.edited_labelling import EditedLabelling, unedited_clusters
from core.clusters.editing.edits import rename_cluster
from core.clusters.label_matching import match_clusters, renumber_labels
from core.clusters.methods.density.hdbscan_tree import (
    SpanningTree,
    build_tree,
    compile_hdbscan,
    cut_tree,
)
from core.demo.harbour.harbour_scenes import SIZE, write_harbour
from core.pipeline.chip_stages import attribute_values
from core.pipeline.cluster_stages import read_points
from core.pipeline.run import run_pipeline
from core.pipeline.workspace import Workspace
from core.settings import CutSettings, RunSettings, TreeSettings
from core.types import AnyArray, IntArray

SIZES, FACTORS, SEEDS = (8, 10, 12, 15, 20, 25, 30, 40), (0.8, 1.2), (0, 1, 2)
# Sizes of which fewer clusters than this would fit into the data are left out.
PER_CLUSTER = 5


def name_all(labels: IntArray) -> tuple[list, EditedLabelling]:
    """Return the edits that name every cluster, and the labelling with them."""
    state = unedited_clusters(labels)
    clusters = np.unique(labels[labels >= 0]).tolist()
    history = [rename_cluster(state, cluster, f"name {cluster}") for cluster in clusters]
    return history, replay_edits(labels, history)[0]


def names_by_chip(state: EditedLabelling) -> AnyArray:
    return np.array([state.names.get(int(cluster), "") for cluster in state.ids])


def measure(
    tree: SpanningTree, size: int, factor: float, classes: AnyArray
) -> dict[str, float | None]:
    """Return shares of the named chips of a cut that keep their name in another cut.

    `gained` is the number of chips that get a name by the second cut, and `right` the share of them
    whose class is the most frequent one of the chips that had this name before.
    """
    labels = cut_tree(tree, CutSettings(size)).labels
    recut = cut_tree(tree, CutSettings(max(2, round(size * factor)))).labels
    history, before = name_all(labels)
    matched = renumber_labels(recut, match_clusters(labels, recut))
    after, _ = replay_edits(matched, history)
    old, new = names_by_chip(before), names_by_chip(after)
    named, numbered = old != "", np.array([f"name {label}" for label in recut])
    gained = ~named & (new != "")
    main = {
        name: max(set(kinds), key=kinds.count)
        for name in np.unique(old[named])
        if (kinds := classes[old == name].tolist())
    }
    right = [main[name] == kind for name, kind in zip(new[gained], classes[gained], strict=True)]
    return {
        "size": size,
        "factor": factor,
        "named": int(named.sum()),
        "kept": round(float((old == new)[named].mean()), 3),
        "by_number": round(float((old == numbered)[named].mean()), 3),
        "moved_by_the_cut": round(float((matched != labels)[named].mean()), 3),
        "gained": int(gained.sum()),
        "right": round(float(np.mean(right)), 3) if right else None,
    }


def summarise(rows: list[dict[str, float]], name: str) -> dict[str, float]:
    """Return the mean, the standard deviation and the least value of a share."""
    values = [row[name] for row in rows]
    spread = statistics.stdev(values)
    return {"mean": round(statistics.mean(values), 3), "sd": round(spread, 3), "min": min(values)}


def measure_workspace(workspace: Workspace) -> list[dict[str, float]]:
    """Return the shares for every size and factor; ``is_default`` marks the default size."""
    run = run_pipeline(workspace, RunSettings("hdbscan"), until="clusters")
    points, labelling, attribute = (
        read_points(run.view),
        run.labelling,
        run.view.survey.class_attribute,
    )
    classes = np.array(attribute_values(run.chips, attribute), str)
    default = int(labelling.facts["min_cluster_size"])
    tree = build_tree(points, TreeSettings())
    sizes = sorted({default, *(size for size in SIZES if PER_CLUSTER * size <= len(points))})
    return [
        measure(tree, size, factor, classes) | {"is_default": size == default}
        for size in sizes
        for factor in FACTORS
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one smaller demo, under 50 s")
    parser.add_argument("workspace", nargs="?", type=Path)
    options = parser.parse_args()
    compile_hdbscan()
    rows = []
    if options.workspace is not None:
        rows = measure_workspace(Workspace(options.workspace))
    for seed in () if rows else (0,) if options.quick else SEEDS:
        with tempfile.TemporaryDirectory() as folder:
            workspace = Workspace(Path(folder))
            write_harbour(workspace.raw, seed=seed, size=1536 if options.quick else SIZE)
            rows += measure_workspace(workspace)
    at_default = [row for row in rows if row["is_default"]]
    kept, by_number = summarise(rows, "kept"), summarise(rows, "by_number")
    result = {
        "name": "names",
        "ours": kept["mean"],
        "other": by_number["mean"],
        "ratio": round(kept["mean"] / by_number["mean"], 2),
        "unit": "share of named chips that keep their name",
        "detail": {
            "kept": kept,
            "by_number": by_number,
            "moved_by_the_cut": summarise(rows, "moved_by_the_cut"),
            "kept_at_default": summarise(at_default, "kept"),
            "by_number_at_default": summarise(at_default, "by_number"),
            "chips_named_by_the_cut": sum(row["gained"] for row in rows),
            "rows": rows,
        },
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
