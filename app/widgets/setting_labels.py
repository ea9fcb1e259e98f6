"""Labels of settings and facts, with units."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from app.widgets.markup import format_number
from core.settings import RunSettings

# Label and unit by table and field; forms and notices use the same labels.
LABELS: dict[tuple[str, str], tuple[str, str]] = {
    ("scenes", "class_property"): ("Class attribute", ""),
    ("scenes", "grid"): ("Grid of squares", ""),
    ("screen", "leave_out"): ("Left out", ""),
    ("chips", "size"): ("Chip size", "px"),
    ("chips", "margin"): ("Margin", ""),
    ("chips", "extent"): ("Side on the ground", "m"),
    ("chips", "align"): ("Chip orientation", ""),
    ("chips", "background"): ("Background", ""),
    ("chips", "point_size"): ("Square around a point", "m"),
    ("chips", "bands"): ("Bands", ""),
    ("embed", "encoder"): ("Encoder", ""),
    ("embed", "weights"): ("Weight file", ""),
    ("embed", "input_size"): ("Input size", "px"),
    ("embed", "statistics"): ("Normalisation", ""),
    ("embed", "sample"): ("Sample for fitting", "chips"),
    ("embed", "refit"): ("Fit the encoder again", ""),
    ("embed", "bands_rule"): ("Bands used by the encoder", ""),
    ("embed", "precision"): ("Precision", ""),
    ("reduction", "n_dims"): ("Principal components", ""),
    ("reduction", "longitude"): ("Weight of longitude", ""),
    ("reduction", "latitude"): ("Weight of latitude", ""),
    ("reduction", "width"): ("Weight of width", ""),
    ("reduction", "height"): ("Weight of height", ""),
    ("reduction", "harmonisation"): ("Harmonisation of scenes", ""),
    ("reduction", "nuisance"): ("Removed effect", ""),
    ("gmm", "n_components"): ("Clusters of the mixture", ""),
    ("gmm", "covariance"): ("Covariance", ""),
    ("gmm", "n_dims"): ("Dimensions of the mixture", ""),
    ("gmm", "n_init"): ("Initialisations of the mixture", ""),
    ("gmm", "regularisation"): ("Regularisation", ""),
    ("gmm", "seed"): ("Seed of the mixture", ""),
    ("tree", "n_dims"): ("Dimensions of the tree", ""),
    ("tree", "min_samples"): ("Neighbours (min_samples)", ""),
    ("cut", "min_cluster_size"): ("Minimum cluster size", "chips"),
    ("cut", "selection"): ("Cluster selection", ""),
    ("cut", "epsilon"): ("Join clusters nearer than", ""),
    ("cut", "max_cluster_size"): ("Maximum cluster size", "chips"),
    ("cut", "allow_single_cluster"): ("Allow a single cluster", ""),
    ("kmeans", "n_clusters"): ("Clusters of k-means", ""),
    ("kmeans", "n_dims"): ("Dimensions of k-means", ""),
    ("kmeans", "n_init"): ("Initialisations of k-means", ""),
    ("kmeans", "seed"): ("Seed of k-means", ""),
    ("ward", "n_clusters"): ("Clusters of Ward's hierarchy", ""),
    ("ward", "n_dims"): ("Dimensions of Ward's hierarchy", ""),
    ("noise", "method"): ("Noise treatment", ""),
    ("noise", "threshold"): ("Minimum membership", ""),
    ("projection", "perplexity"): ("Perplexity", ""),
    ("projection", "n_iter"): ("Iterations", ""),
    ("projection", "exaggeration"): ("Exaggeration", ""),
    ("projection", "seed"): ("Seed of the projection", ""),
    ("projection", "initialisation"): ("Initial positions", ""),
    ("projection", "metric"): ("Distance", ""),
}
CHOICES = {
    "long-axis": "long axis up",
    "keep": "kept",
    "mask": "masked",
    "centre": "centred by scene",
    "gmm": "GMM",
    "hdbscan": "HDBSCAN",
    "kmeans": "k-means",
    "ward": "Ward",
    "auto": "automatic",
    "shrunk": "shrunk full",
    "diag": "diagonal",
    "card": "the encoder's own",
    "data": "from these chips",
    "first": "red, green, blue",
    "triples": "all, in triples",
    "pca": "principal components",
    "spectral": "neighbour graph",
    "euclidean": "Euclidean",
}
# Values with a special meaning.
SPECIAL_VALUES: dict[tuple[str, str, Any], str] = {
    ("screen", "leave_out", ()): "nothing",
    ("chips", "bands", ()): "those common to all scenes",
    ("chips", "extent", 0): "fitted to each annotation",
    ("projection", "perplexity", 0): "automatic",
}
# Label, unit and decimals of each fact, by column. 1e-6 of a degree is about a decimetre.
FACTS: dict[str, tuple[str, str, int]] = {
    "scene": ("Scene", "", 0),
    "length": ("Length", "m", 1),
    "breadth": ("Breadth", "m", 1),
    "area": ("Area", "m²", 1),
    "heading": ("Heading", "°", 1),
    "width": ("Width, east to west", "m", 1),
    "height": ("Height, south to north", "m", 1),
    "longitude": ("Longitude", "°", 6),
    "latitude": ("Latitude", "°", 6),
    "side": ("Chip side", "m", 1),
    "turn": ("Turned by", "°", 1),
    "valid_fraction": ("Valid pixels", "", 2),
    "cut_by_edge": ("Cut by the edge", "", 0),
}


def setting_label(table: str, name: str) -> str:
    """Return the label of a setting with its unit."""
    return _with_unit(*LABELS.get((table, name), (name, "")))


def fact_label(name: str) -> str:
    """Return the label of a fact with its unit."""
    label, unit, _ = FACTS[name]
    return _with_unit(label, unit)


def choice_label(value: Any) -> str:
    """Return the label of a setting's value."""
    return CHOICES.get(value, str(value))


def describe_setting(table: str, name: str, value: Any) -> str:
    """Return a setting with its value, for example ``"chip size: 64 px"``."""
    label, unit = LABELS.get((table, name), (name, ""))
    if isinstance(value, Mapping):
        # A grid without a list of scenes is one for all scenes.
        amounts = {part: amount for part, amount in value.items() if amount != ()}
        text = ", ".join(
            f"{part} {', '.join(amount) if isinstance(amount, tuple) else amount}"
            for part, amount in amounts.items()
        )
    elif (table, name, value) in SPECIAL_VALUES:
        text = SPECIAL_VALUES[table, name, value]
    elif isinstance(value, tuple):
        text = ", ".join(value)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        text = format_number(value, unit)
    else:
        text = choice_label(value)
    return f"{label[:1].lower() + label[1:]}: {text}"


def list_differences(settings: RunSettings, other: RunSettings, tables: Sequence[str]) -> list[str]:
    """Return a phrase for each setting in `settings` whose value differs in `other`."""
    values, other_values = asdict(settings), asdict(other)
    return [
        describe_setting(table, name, value)
        for table in tables
        if table != "method"
        for name, value in values[table].items()
        if value != other_values[table][name]
    ]


def _with_unit(label: str, unit: str) -> str:
    return f"{label} ({unit})" if unit else label
