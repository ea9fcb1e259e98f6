"""What runs, methods, features and protocols are called on the pages."""

from collections.abc import Mapping
from dataclasses import asdict

from core.flair.data.pixel_sampling import SampleSettings
from core.flair.evaluation.protocols import Protocol
from core.flair.models.classifier_table import CLASSIFIERS
from core.flair.models.classifiers import MethodSettings
from core.flair.models.features import FeatureSpec
from core.pipeline.flair.study_cells import StudyRun

METHODS: dict[str, str] = {name: method.title for name, method in CLASSIFIERS.items()}
PROTOCOLS: Mapping[Protocol, str] = {
    "domains": "domains left out",
    "patches": "training patches (the notebook's)",
    "test": "test patches",
}
DRAWS = {"notebook": "the notebook's grid", "stratified": "stratified by class", "random": "random"}
# The other parameters go by their own name.
PARAMETERS = {"min_cluster_size": "clusters of", "n_clusters": "clusters"}


def run_title(run: StudyRun) -> str:
    """Return the title of a run: model, protocol, and training pixels if they are unusual."""
    protocol, training = PROTOCOLS[run.settings.protocol], training_title(run)
    return f"{model_title(run)} · {protocol}" + (f", {training}" if training else "")


def model_title(run: StudyRun) -> str:
    """Return the method and the features of a run; chance baselines use no features."""
    method = method_title(run.method)
    return method if run.is_chance else f"{method}, {spec_title(run.spec)}"


def training_title(run: StudyRun) -> str:
    """Return how the training pixels of a run differ from the default; empty if they do not."""
    sample, default, parts = run.settings.sample, SampleSettings(), []
    if sample.draw != default.draw:
        parts.append(DRAWS[sample.draw])
    if sample.n_per_patch != default.n_per_patch and sample.draw != "notebook":
        parts.append(f"{sample.n_per_patch} per patch")
    if sample.other:
        parts.append('trained with "other"')
    if sample.seed != default.seed:
        parts.append(f"seed {sample.seed}")
    return ", ".join(parts)


def method_title(method: MethodSettings) -> str:
    """Return a method with those of its parameters that differ from the default."""
    default = MethodSettings(method.method, seed=method.seed)
    changed = [
        f"{PARAMETERS.get(name, name)} {value}"
        for name, value in asdict(method).items()
        if value != getattr(default, name)
    ]
    return METHODS[method.method] + (f" ({', '.join(changed)})" if changed else "")


def spec_title(spec: FeatureSpec) -> str:
    """Return the features of a model."""
    parts = [spec.title, *spec.extras]
    if spec.fusion and spec.sentinel_scaling == "intensity":
        parts.append("Sentinel by intensity")
    if spec.preset_notebook:
        parts.append("the notebook's arithmetic")
    return " + ".join(parts)


def describe_evaluation(run: StudyRun) -> str:
    """Return which pixels evaluate a label economy or a cut of a tree."""
    if run.settings.protocol == "patches":
        return 'other pixels of the training patches, without "other": an optimistic estimate'
    return PROTOCOLS[run.settings.protocol]
