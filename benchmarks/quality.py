"""Compare methods and encoders by known classes: `python benchmarks/quality.py [--quick]`.

The demo is clustered by every method with its default settings, at the number of classes where a
method asks for a number, for every encoder that needs no weights. So are sets of real scenes, if
CHIPSCAPE_TEST_DATA names their folder. Each figure is the mean over random subsets of 80 % of the
chips, with the 5th and the 95th percentile. The user's alternative is k-means on 50 standardised
principal components, from scikit-learn.
"""

import argparse
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from core import run
from core.clusters.evaluation.agreement import score_embeddings
from core.clusters.methods.method_table import METHODS
from core.clusters.noise_treatment import treat_noise
from core.embeddings.registry import encoder_cards
from core.pipeline.chip_stages import attribute_values
from core.pipeline.demo_workspace import ensure_demo
from core.pipeline.workspace import Workspace
from core.progress import silent
from core.reduction.pca import reduce_embeddings
from core.settings import EmbedSettings, NoiseSettings, ReductionSettings, RunSettings

CLASS_ATTRIBUTES = {
    "demo": "class",
    "rsscn7_mosaic_a": "label",
    "neon_trees_sjer_osbs": "site",
    "kampala_buildings": "settlement",
}
SHARE = 0.8
MEASURES = ("ami", "ari", "noise")

Scores = dict[str, list[float]]


def prepare_workspace(name: str, folder: Path) -> Workspace:
    """Write the demo, or copy the scenes of a real set, into a new workspace."""
    workspace = Workspace.at(folder / name)
    if name == "demo":
        ensure_demo(workspace)
    else:
        shutil.copytree(Path(os.environ["CHIPSCAPE_TEST_DATA"]) / name / "raw", workspace.raw)
    return workspace


def plain_kmeans(embeddings: np.ndarray, n_classes: int) -> np.ndarray:
    """Return the labels of k-means on 50 standardised components, as most users compute them."""
    from sklearn.cluster import KMeans
    from sklearn.decomposition import PCA
    from sklearn.preprocessing import StandardScaler

    scaled = StandardScaler().fit_transform(embeddings)
    components = PCA(min(50, len(scaled) - 1, scaled.shape[1]), random_state=0)
    return KMeans(n_classes, n_init=10, random_state=0).fit_predict(
        components.fit_transform(scaled)
    )


def label_subset(embeddings: np.ndarray, n_classes: int) -> Mapping[str, Callable[[], np.ndarray]]:
    """Return, by name, functions that cluster a subset; -1 is noise."""
    points = reduce_embeddings(embeddings, {}, ReductionSettings()).points

    def cluster(name: str, treatment: str) -> np.ndarray:
        method = METHODS[name]
        settings = RunSettings(method=name)
        if method.count:
            settings = method.with_n_clusters(settings, n_classes)
        labelling = method.fit(points, settings, silent)
        columns = points[:, : int(labelling.facts.get("n_dims", points.shape[1]))]
        return treat_noise(labelling, columns, NoiseSettings(method=treatment)).labels

    calls = {name: lambda name=name: cluster(name, "keep") for name in METHODS}
    calls["hdbscan, noise to nearest"] = lambda: cluster("hdbscan", "nearest")
    calls["plain k-means"] = lambda: plain_kmeans(embeddings, n_classes)
    return calls


def measure_encoder(
    workspace: Workspace, encoder: str, attribute: str, n_subsets: int
) -> dict[str, Scores]:
    """Return the scores of each method, and of 5-NN, over subsets of the chips."""
    from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score

    settings = replace(RunSettings(), embed=EmbedSettings(encoder=encoder))
    result = run(workspace, settings, "embeddings")
    embeddings = np.asarray(result.embeddings())
    truth = np.array(attribute_values(result.chips, attribute), str)
    scenes = result.chips.facts["scene"].to_numpy(str)
    scores: dict[str, Scores] = {}
    for seed in range(n_subsets):
        generator = np.random.default_rng(seed)
        rows = np.sort(generator.choice(len(truth), round(SHARE * len(truth)), replace=False))
        classes = truth[rows]
        for name, label in label_subset(embeddings[rows], len(np.unique(classes))).items():
            labels = label()
            row = scores.setdefault(name, {measure: [] for measure in MEASURES})
            row["ami"].append(float(adjusted_mutual_info_score(classes, labels)))
            row["ari"].append(float(adjusted_rand_score(classes, labels)))
            row["noise"].append(float((labels == -1).mean()))
        neighbours = score_embeddings(embeddings[rows], classes.tolist(), scenes[rows].tolist())
        row = scores.setdefault("5-NN", {"balanced accuracy": []})
        row["balanced accuracy"].append(neighbours.balanced_accuracy)
    return scores


def summarise(values: list[float]) -> dict[str, float]:
    """Return the mean and the 5th and 95th percentile, rounded."""
    low, high = np.percentile(values, (5, 95))
    summary = {"mean": np.mean(values), "low": low, "high": high}
    return {name: round(float(value), 3) for name, value in summary.items()}


def format_scores(name: str, encoder: str, method: str, row: dict[str, dict[str, float]]) -> str:
    """Return one line of the table."""
    cells = [f"{m} {s['mean']:.2f} ({s['low']:.2f} to {s['high']:.2f})" for m, s in row.items()]
    return f"{name:<22} {encoder:<10} {method:<26} {'  '.join(cells)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the default encoder, under 50 s")
    quick = parser.parse_args().quick
    folder = Path(os.environ.get("CHIPSCAPE_TEST_DATA", ""))
    real = [name for name in CLASS_ATTRIBUTES if (folder / name / "raw").is_dir()]
    default = EmbedSettings().encoder
    cards = encoder_cards()
    encoders = [card.name for card in cards if not card.hub_id and "+" not in card.name]
    detail: dict[str, dict[str, dict[str, dict[str, dict[str, float]]]]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        for name in ["demo", *real] if "CHIPSCAPE_TEST_DATA" in os.environ else ["demo"]:
            workspace = prepare_workspace(name, Path(temporary))
            for encoder in [default] if quick else encoders:
                attribute, n_subsets = CLASS_ATTRIBUTES[name], 3 if quick else 12
                scores = measure_encoder(workspace, encoder, attribute, n_subsets)
                table = {
                    method: {measure: summarise(values) for measure, values in row.items()}
                    for method, row in scores.items()
                }
                detail.setdefault(name, {})[encoder] = table
                for method, row in table.items():
                    print(format_scores(name, encoder, method, row), flush=True)
    default_method = RunSettings().method
    ours, other = (
        float(np.mean([sets[default][method]["ami"]["mean"] for sets in detail.values()]))
        for method in (default_method, "plain k-means")
    )
    result = {
        "name": "quality",
        "ours": round(ours, 3),
        "other": round(other, 3),
        "ratio": round(ours / other, 3),
        "unit": "mean AMI with the classes",
        "detail": detail,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
