"""Titles of runs, methods, features and protocols, on the pages and on the command line."""

from collections.abc import Mapping
from dataclasses import asdict

from core.land.context.extra_features import shorten_extras
from core.land.data.dataset import adapt_terms
from core.land.data.pixel_sampling import Draw, SampleSettings
from core.land.evaluation.protocols import Protocol
from core.land.models.classifier_table import CLASSIFIERS
from core.land.models.classifiers import MethodSettings
from core.land.models.features import FeatureSpec
from core.land.season.plane_sampling import Interpolation
from core.land.season.season_columns import Season
from core.pipeline.land.study_cells import StudyRun

METHODS = {name: method.title for name, method in CLASSIFIERS.items()}
PROTOCOLS: Mapping[Protocol, str] = {
    "domains": "domains left out",
    "patches": "training patches (the notebook's)",
    "test": "test patches",
}
DRAWS: Mapping[Draw, str] = {
    "notebook": "the notebook's grid",
    "stratified": "stratified by class",
    "random": "random",
}
SEASONS: Mapping[Season, str] = {
    "mean": "mean of the year",
    "months": "monthly composites",
    "indices": "mean and seasonal indices",
}
INTERPOLATIONS: Mapping[Interpolation, str] = {"blocks": "in blocks", "smooth": "interpolated"}
# All other parameters are displayed under their own names.
PARAMETERS = {"min_cluster_size": "minimum cluster size", "n_clusters": "number of clusters"}


def protocol_titles(*, is_own: bool) -> dict[Protocol, str]:
    """Return the short titles of all protocols, for FLAIR's data or images of your own."""
    if is_own:
        return {"domains": "groups left out", "patches": "training windows", "test": "test windows"}
    return dict(PROTOCOLS)


def run_title(run: StudyRun) -> str:
    """Return the title of a run: model, protocol, and training pixels if not the default."""
    is_own = run.study.dataset.layout.is_own
    protocol = protocol_titles(is_own=is_own)[run.settings.protocol]
    training = training_title(run)
    return f"{model_title(run)} · {protocol}" + (f", {training}" if training else "")


def configuration_title(run: StudyRun) -> str:
    """Return everything that distinguishes a run from others with the same protocol."""
    training = training_title(run)
    return model_title(run) + (f" · {training}" if training else "")


def model_title(run: StudyRun) -> str:
    """Return the method, features and regularisation of a run; chance baselines use no features."""
    features = "" if run.is_chance else features_title(run)
    return ", ".join(filter(None, (method_title(run.method), features, run.regularisation.title)))


def features_title(run: StudyRun) -> str:
    """Return the features of a run; "none" for a chance baseline."""
    if run.is_chance:
        return "none"
    # The bands of your own images may come from any sensor.
    title = spec_title(run.spec)
    if not run.study.dataset.layout.is_own:
        return title
    return title.replace("aerial", "bands", 1).replace("Sentinel", "time series")


def training_title(run: StudyRun) -> str:
    """Return how the training pixels of a run differ from the default; empty if they do not."""
    sample, default = run.settings.sample, SampleSettings()
    is_own = run.study.dataset.layout.is_own
    has_count = sample.n_per_patch != default.n_per_patch and sample.draw != "notebook"
    differences = {
        DRAWS[sample.draw]: sample.draw != default.draw,
        adapt_terms(f"{sample.n_per_patch} per patch", is_own=is_own): has_count,
        'trained with "other"': sample.other,
        f"seed {sample.seed}": sample.seed != default.seed,
    }
    return ", ".join(text for text, differs in differences.items() if differs)


def method_title(method: MethodSettings) -> str:
    """Return the name of a method, with the parameters that differ from their defaults."""
    default = MethodSettings(method.method, seed=method.seed)
    changed = [
        f"{PARAMETERS.get(name, name)} {value}"
        for name, value in asdict(method).items()
        if value != getattr(default, name)
    ]
    return METHODS[method.method] + (f" ({', '.join(changed)})" if changed else "")


def spec_title(spec: FeatureSpec) -> str:
    """Return the features of a model."""
    parts = [spec.title, *series_titles(spec), *shorten_extras(spec.extras)]
    if spec.fusion and spec.sentinel_scaling == "intensity":
        parts.append("Sentinel × aerial intensity")
    if spec.preset_notebook:
        parts.append("the notebook's arithmetic")
    return " + ".join(parts)


def series_titles(spec: FeatureSpec) -> list[str]:
    """Return what a model uses of the Sentinel series, and how, if not the default."""
    titles = [] if spec.season == "mean" else [SEASONS[spec.season]]
    return titles + (["Sentinel interpolated"] if spec.interpolation == "smooth" else [])


def describe_evaluation(run: StudyRun) -> str:
    """Describe the pixels on which a label economy or a cut of a tree is evaluated."""
    is_own = run.study.dataset.layout.is_own
    if run.settings.protocol != "patches":
        return protocol_titles(is_own=is_own)[run.settings.protocol]
    if is_own:
        return "unused pixels of the training windows: an optimistic estimate"
    return 'unused pixels of the training patches, except class "other": an optimistic estimate'
