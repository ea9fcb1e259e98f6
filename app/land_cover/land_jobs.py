"""Land cover's long work as command lines, and what its settings are called."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from secrets import token_hex

import streamlit as st
import tomli_w

from app.session import cache, state
from app.session import stage_jobs as jobs
from app.session.job_board import Job, core_command
from core.flair.data.pixel_sampling import SampleSettings
from core.flair.models.classifiers import MethodSettings
from core.flair.models.features import FeatureSpec
from core.pipeline.flair.study import StudySettings
from core.pipeline.flair.study_results import Configuration
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


def start(place: Workspace, what: str, title: str, *commands: Sequence[str]) -> None:
    """Start work on land cover; it takes its turn after what runs in the workspace already."""
    cache.board().start(key(place, what), title, *commands, after=jobs.prefix(place))


def look_alike(place: Workspace, patches: int) -> None:
    """Paint the look-alike and read it once."""
    where = ("--workspace", place.root, "--json")
    commands = (core_command("flair", "demo", "--patches", str(patches), *where),
                core_command("flair", "survey", *where))  # fmt: skip
    start(place, "look-alike", "Painting a look-alike of FLAIR", *commands)


def button(
    place: Workspace,
    label: str,
    title: str,
    *commands: Sequence[str],
    tables: Sequence[str] = (),
    primary: bool = True,
    disabled: bool = False,
) -> None:
    """A button that starts `chipscape flair` commands; quiet while these are at work.

    Parameters
    ----------
    place : Workspace
    label, title : str
        Of the button, and of the job.
    commands
        Each a sequence of words after `chipscape flair`.
    tables : sequence of str
        Settings as TOML, one for all commands or one for each.
    primary, disabled : bool
    """
    what = f"{commands} {tables}"
    job = cache.board().get(key(place, what))
    busy = job is not None and job.state == "running"
    pressed = st.button(label, key=f"cs.land:{place.root}:{label}", disabled=disabled or busy,
                        type="primary" if primary else "secondary")  # fmt: skip
    if pressed:
        given = list(tables) * (len(commands) if len(tables) == 1 else 1)
        files = [_written(place, text) for text in given]
        where = ("--workspace", place.root, "--json")
        made = [core_command("flair", *words, *where, *(("--settings", files[at]) if files else ()))
                for at, words in enumerate(commands)]  # fmt: skip
        start(place, what, title, *made)
        st.rerun()


def tables(study: StudySettings, method: MethodSettings, spec: FeatureSpec) -> str:
    """Settings as the TOML that a command reads."""
    parts = asdict(study)
    sample, dates = parts.pop("sample"), parts.pop("dates")
    return tomli_w.dumps({
        "study": parts,
        "sample": sample,
        "dates": dates,
        "method": asdict(method),
        "features": {**asdict(spec), "extras": list(spec.extras)},
    })  # fmt: skip


def _written(place: Workspace, text: str) -> Path:
    """Settings as a file; others get another file, and who reads it never sees half of it."""
    name = hashlib.sha256(text.encode()).hexdigest()[:12]
    path = place.root / "app" / f"flair-{name}.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{token_hex(4)}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
    return path


def title(run: Configuration) -> str:
    """A run in words."""
    return f"{model_title(run)} · {sampling(run)}"


def model_title(run: Configuration) -> str:
    """Method and features of a run in words; chance looks at no features."""
    method = method_title(run.method)
    return method if run.method.method in FLOORS else f"{method}, {spec_title(run.spec)}"


def sampling(run: Configuration) -> str:
    """Protocol and sampling of a run in words."""
    return ", ".join(part for part in (PROTOCOLS[run.settings.protocol], teaching(run)) if part)


def teaching(run: Configuration) -> str:
    """How the training pixels of a run were chosen, where that is not the usual."""
    sample, usual, parts = run.settings.sample, SampleSettings(), []
    if sample.draw != usual.draw:
        parts.append(DRAWS[sample.draw])
    if sample.n_per_patch != usual.n_per_patch and sample.draw != "notebook":
        parts.append(f"{sample.n_per_patch} a patch")
    if sample.other:
        parts.append('taught with "other"')
    if sample.seed != usual.seed:
        parts.append(f"seed {sample.seed}")
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
    place: Workspace,
    label: str,
    low: float,
    high: float,
    step: float,
    name: str,
    start: float,
    shown: str | None = None,
) -> float:
    """A remembered number; `shown` is how it is printed, such as "%.0f %%"."""
    kept = min(max(float(state.value(place, name, start)), low), high)
    widget = state.widget(place, f"{name} {high}", kept)
    said = st.slider(label, low, high, step=step, key=widget, format=shown)
    return float(state.keep(place, name, said))


def toggle(place: Workspace, label: str, name: str, *, start: bool = False) -> bool:
    """A remembered switch."""
    widget = state.widget(place, name, state.value(place, name, start))
    return bool(state.keep(place, name, chosen=st.toggle(label, key=widget)))
