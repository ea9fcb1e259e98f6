"""Land cover's long work as command lines, and what its settings are called."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import streamlit as st
import tomli_w

from app import cached, state
from app import running as jobs
from app.jobs import Job, core_command
from core.flair.classifiers import MethodSettings
from core.flair.features import FeatureSpec
from core.pipeline.flair_results import Configuration
from core.pipeline.patches_to_confusion import StudySettings
from core.pipeline.workspace import Workspace

METHODS = {
    "knn": "kNN",
    "hdbscan": "HDBSCAN + kNN",
    "gmm": "GMM + kNN",
    "kmeans": "k-means + kNN",
    "boosting": "Gradient boosting",
    "uniform": "Uniform chance",
    "prevalence": "Chance by prevalence",
}
WIDTH = 380
FLOORS = ("uniform", "prevalence")
PROTOCOLS = {
    "domains": "domains left out",
    "patches": "training patches (the notebook's)",
    "test": "test patches",
}
DRAWS = {
    "notebook": "the notebook's grid",
    "stratified": "stratified by class",
    "random": "random",
}


def key(place: Workspace, what: str) -> str:
    """The key of a job."""
    return f"{jobs.prefix(place)}land {what}"


def running(place: Workspace) -> Job | None:
    """A job that is running in a workspace."""
    return jobs.busy(place)


def look_alike(place: Workspace, patches: int) -> None:
    """Paint the look-alike and read it once."""
    where = ("--workspace", place.root, "--json")
    commands = (core_command("flair", "demo", "--patches", str(patches), *where),
                core_command("flair", "survey", *where))  # fmt: skip
    cached.board().start(key(place, "look-alike"), "Painting a look-alike of FLAIR", *commands)


def button(
    place: Workspace,
    label: str,
    title: str,
    *commands: Sequence[str],
    tables: Path | None = None,
    primary: bool = True,
    disabled: bool = False,
) -> None:
    """A button that starts `chipscape flair` commands, quiet while anything is at work."""
    idle = disabled or running(place) is not None
    what = f"{commands} {tables}"
    pressed = st.button(label, key=f"cs.land:{place.root}:{label}", disabled=idle,
                        type="primary" if primary else "secondary")  # fmt: skip
    if pressed:
        extra: tuple[str | Path, ...] = ("--settings", tables) if tables else ()
        made = [core_command("flair", *words, "--workspace", place.root, "--json", *extra)
                for words in commands]  # fmt: skip
        cached.board().start(key(place, what), title, *made)
        st.rerun()


def tables(
    place: Workspace, study: StudySettings, method: MethodSettings, spec: FeatureSpec
) -> Path:
    """Settings as a file that a command reads; other settings get another file."""
    parts = asdict(study)
    sample, dates = parts.pop("sample"), parts.pop("dates")
    document = {
        "study": parts,
        "sample": sample,
        "dates": dates,
        "method": asdict(method),
        "features": {**asdict(spec), "extras": list(spec.extras)},
    }
    text = tomli_w.dumps(document)
    name = hashlib.sha256(text.encode()).hexdigest()[:12]
    path = place.root / "app" / f"flair-{name}.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def title(run: Configuration) -> str:
    """A run in words."""
    return f"{method_title(run.method)}, {spec_title(run.spec)} · {sampling(run)}"


def sampling(run: Configuration) -> str:
    """Protocol and sampling of a run in words."""
    parts = [PROTOCOLS[run.settings.protocol]]
    if run.settings.sample.draw != "notebook":
        parts.append(DRAWS[run.settings.sample.draw])
    if run.settings.sample.other:
        parts.append('taught with "other"')
    return ", ".join(parts)


def method_title(method: MethodSettings) -> str:
    """A method with those of its knobs that are not the usual."""
    usual, words = MethodSettings(), []
    for name, said in (("k", "k"), ("min_cluster_size", "clusters of"),
                       ("min_samples", "min_samples"), ("n_clusters", "clusters"),
                       ("epsilon", "epsilon"), ("selection", "selection")):  # fmt: skip
        if getattr(method, name) != getattr(usual, name):
            words.append(f"{said} {getattr(method, name)}")
    return METHODS[method.method] + (f" ({', '.join(words)})" if words else "")


def spec_title(spec: FeatureSpec) -> str:
    """Features in words."""
    more = [*spec.extras]
    if spec.fusion and spec.sentinel_scaling == "intensity":
        more.append("Sentinel by intensity")
    if spec.preset_notebook:
        more.append("the notebook's arithmetic")
    return " + ".join([spec.title, *more])


def choose(place: Workspace, label: str, options: dict[str, str], name: str, start: str) -> str:
    """A remembered choice between a few, as buttons in a row."""
    kept = state.value(place, name, start)
    widget = state.widget(place, f"{name} {'|'.join(options)}", kept if kept in options else start)
    said = st.segmented_control(label, list(options), key=widget, required=True,
                                format_func=lambda value: options[value])  # fmt: skip
    return str(state.keep(place, name, said or start))


def select(place: Workspace, label: str, options: dict[str, str], name: str, start: str) -> str:
    """A remembered choice from a list."""
    kept = state.value(place, name, start)
    widget = state.widget(place, f"{name} {'|'.join(options)}", kept if kept in options else start)
    said = st.selectbox(label, list(options), key=widget, width=WIDTH,
                        format_func=lambda v: options[v])  # fmt: skip
    return str(state.keep(place, name, said))


def slide(
    place: Workspace, label: str, low: float, high: float, step: float, name: str, start: float
) -> float:
    """A remembered number."""
    widget = state.widget(place, name, state.value(place, name, start))
    return float(state.keep(place, name, st.slider(label, low, high, step=step, key=widget)))


def toggle(place: Workspace, label: str, name: str, *, start: bool = False) -> bool:
    """A remembered switch."""
    widget = state.widget(place, name, state.value(place, name, start))
    return bool(state.keep(place, name, chosen=st.toggle(label, key=widget)))
