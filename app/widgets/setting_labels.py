"""Settings and facts in the words of people, with units."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from app.widgets.markup import number
from core.settings import RunSettings

# Stage and field: label and unit. The forms and the notices use the same words.
LABELS: dict[tuple[str, str], tuple[str, str]] = {
    ("scenes", "class_property"): ("Property of the class", ""),
    ("scenes", "grid"): ("Grid of squares", ""),
    ("screen", "leave_out"): ("Left out", ""),
    ("chips", "size"): ("Chip size", "px"),
    ("chips", "margin"): ("Margin", ""),
    ("chips", "extent"): ("Side on the ground", "m"),
    ("chips", "align"): ("Up in the chip", ""),
    ("chips", "background"): ("Background", ""),
    ("chips", "point_size"): ("Square around a point", "m"),
    ("chips", "bands"): ("Bands", ""),
    ("embed", "encoder"): ("Encoder", ""),
    ("embed", "weights"): ("Weight file", ""),
    ("embed", "input_size"): ("Input size", "px"),
    ("embed", "statistics"): ("Normalisation", ""),
    ("embed", "sample"): ("Fitted on", "chips"),
    ("embed", "refit"): ("Learnt anew", ""),
    ("embed", "bands_rule"): ("Bands the encoder sees", ""),
    ("embed", "precision"): ("Precision", ""),
    ("reduction", "n_dims"): ("Principal components", ""),
    ("reduction", "longitude"): ("Weight of longitude", ""),
    ("reduction", "latitude"): ("Weight of latitude", ""),
    ("reduction", "width"): ("Weight of width", ""),
    ("reduction", "height"): ("Weight of height", ""),
    ("gmm", "n_components"): ("Components", ""),
    ("gmm", "covariance"): ("Covariance", ""),
    ("gmm", "n_dims"): ("Dimensions of the mixture", ""),
    ("gmm", "n_init"): ("Cold starts", ""),
    ("gmm", "regularisation"): ("Regularisation", ""),
    ("gmm", "seed"): ("Seed", ""),
    ("tree", "n_dims"): ("Dimensions of the tree", ""),
    ("tree", "min_samples"): ("Neighbours (min_samples)", ""),
    ("cut", "min_cluster_size"): ("Smallest cluster", "chips"),
    ("cut", "selection"): ("Selection", ""),
    ("cut", "epsilon"): ("Epsilon", ""),
    ("cut", "max_cluster_size"): ("Largest cluster", "chips"),
    ("cut", "allow_single_cluster"): ("One cluster allowed", ""),
    ("kmeans", "n_clusters"): ("Clusters of k-means", ""),
    ("kmeans", "n_dims"): ("Dimensions of k-means", ""),
    ("kmeans", "n_init"): ("Cold starts of k-means", ""),
    ("kmeans", "seed"): ("Seed of k-means", ""),
    ("ward", "n_clusters"): ("Clusters of Ward's hierarchy", ""),
    ("ward", "n_dims"): ("Dimensions of Ward's hierarchy", ""),
    ("noise", "method"): ("Noise is shown as", ""),
    ("noise", "threshold"): ("Least membership", ""),
    ("projection", "perplexity"): ("Perplexity", ""),
    ("projection", "n_iter"): ("Iterations", ""),
    ("projection", "exaggeration"): ("Exaggeration", ""),
    ("projection", "seed"): ("Seed of the projection", ""),
}
CHOICES = {
    "north": "north",
    "long-axis": "the long axis",
    "keep": "kept",
    "mask": "masked",
    "gmm": "GMM",
    "hdbscan": "HDBSCAN",
    "kmeans": "k-means",
    "ward": "Ward",
    "nearest": "nearest",
    "soft": "soft",
    "auto": "automatic",
    "diag": "diagonal",
    "card": "the encoder's own",
    "data": "from these chips",
    "first": "red, green, blue",
    "triples": "all, in triples",
}
# Column of the chips' facts: label and unit.
FACTS: dict[str, tuple[str, str]] = {
    "scene": ("Scene", ""),
    "length": ("Length", "m"),
    "breadth": ("Breadth", "m"),
    "area": ("Area", "m²"),
    "heading": ("Heading", "°"),
    "width": ("Width, east to west", "m"),
    "height": ("Height, south to north", "m"),
    "longitude": ("Longitude", "°"),
    "latitude": ("Latitude", "°"),
    "side": ("Chip side", "m"),
    "turn": ("Turned by", "°"),
    "valid_fraction": ("Valid pixels", ""),
    "cut_by_edge": ("Cut by the edge", ""),
}
# Decimals shown, where two are not right; five of a degree are a metre.
DIGITS = {"longitude": 6, "latitude": 6, "scene": 0, "cut_by_edge": 0, "length": 1, "breadth": 1,
          "width": 1, "height": 1, "side": 1, "area": 1, "heading": 1, "turn": 1}  # fmt: skip


def label(stage: str, name: str) -> str:
    """A setting's label with its unit."""
    text, unit = LABELS.get((stage, name), (name, ""))
    return f"{text} ({unit})" if unit else text


def fact(name: str) -> str:
    """A fact's label with its unit."""
    text, unit = FACTS.get(name, (name, ""))
    return f"{text} ({unit})" if unit else text


def choice(value: Any) -> str:
    """A setting's value in words."""
    return CHOICES.get(value, str(value))


def setting(stage: str, name: str, value: Any) -> str:
    """A setting and its value, for example ``"chip size: 64 px"``."""
    text, unit = LABELS.get((stage, name), (name, ""))
    if isinstance(value, Mapping):
        said = ", ".join(f"{part} {kept}" for part, kept in value.items())
    elif (stage, name, value) == ("screen", "leave_out", ()):
        said = "nothing"
    elif isinstance(value, bool) or not isinstance(value, int | float):
        said = ", ".join(value) if isinstance(value, tuple) else choice(value)
        said = said or "those common to all scenes"
    elif (stage, name, value) == ("chips", "extent", 0):
        said = "fitted to each annotation"
    elif (stage, name, value) == ("projection", "perplexity", 0):
        said = "automatic"
    else:
        said = number(float(value), unit)
    return f"{text[:1].lower()}{text[1:]}: {said}"


def differences(shown: RunSettings, asked: RunSettings, stages: Sequence[str]) -> list[str]:
    """What the shown settings have where the asked ones differ, a phrase each."""
    phrases = []
    for stage in stages:
        if stage == "method":
            continue
        old, new = asdict(getattr(shown, stage)), asdict(getattr(asked, stage))
        phrases += [setting(stage, name, old[name]) for name in old if old[name] != new[name]]
    return phrases
