"""Every key of the session: what this visitor chose, under plain keys that outlive a page.

Streamlit drops a widget's key when another page runs; so widgets are seeded from here and their
values are written back here.
"""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from app.session import saved_settings
from core.input_settings import DisplaySettings
from core.pipeline.flair.flair_workspace import is_there
from core.pipeline.workspace import Workspace
from core.settings import RunSettings

MINE, DEMO = "mine", "demo"
STAGES = ("chips", "embeddings", "reduction", "clusters", "projection")


@dataclass(frozen=True)
class Showing:
    """The newest settings for which a stage has a result.

    Attributes
    ----------
    settings : RunSettings
    current : bool
        True if they are also the settings asked for.
    """

    settings: RunSettings
    current: bool


def _of(name: str, workspace: Workspace) -> dict[str, Any]:
    """A drawer of the session that belongs to one workspace."""
    drawer: dict[str, Any] = st.session_state.setdefault(f"cs.{name}:{workspace.root}", {})
    return drawer


def home() -> Workspace:
    """The user's workspace: CHIPSCAPE_WORKSPACE, else the repository's data folder."""
    return Workspace.at()


def workspace() -> Workspace:
    """The workspace that this session looks at."""
    return home().demo if choice() == DEMO else home()


def choice() -> str:
    """``"mine"`` or ``"demo"``; at first the demo, unless the user has data."""
    if "cs.workspace" not in st.session_state:
        st.session_state["cs.workspace"] = MINE if has_data(home()) else DEMO
    chosen: str = st.session_state["cs.workspace"]
    return chosen


def choose(name: str) -> None:
    """Look at the other workspace; who leaves the demo no longer waits for it."""
    if name == MINE and choice() == DEMO:
        st.session_state.pop("cs.awaits demo", None)
    st.session_state["cs.workspace"] = name


def has_data(place: Workspace) -> bool:
    """True if the workspace holds scenes, or land cover."""
    return has_scenes(place) or is_there(place)


def has_scenes(place: Workspace) -> bool:
    """True if anything that may be a scene lies in the workspace's raw folder."""
    suffixes = (".tif", ".tiff")
    return place.raw.is_dir() and any(p.suffix.lower() in suffixes for p in place.raw.iterdir())


def wanted(place: Workspace) -> RunSettings:
    """The settings asked for; in a new session those of the last run."""
    drawer = _of("settings", place)
    if "wanted" not in drawer:
        drawer["wanted"] = saved_settings.last(place)
    settings: RunSettings = drawer["wanted"]
    return settings


def want(place: Workspace, **changes: Any) -> RunSettings:
    """Ask for other settings of one or more stages, for example ``cut=CutSettings(...)``."""
    changed = dataclasses.replace(wanted(place), **changes)
    _of("settings", place)["wanted"] = changed
    return changed


def settle(place: Workspace, ready: Callable[[RunSettings], Mapping[str, bool]]) -> None:
    """Remember, for each stage that is ready, the settings it is ready for.

    Parameters
    ----------
    place : Workspace
    ready : callable
        Which stages are there for some settings; a stage that was there may be gone, since files
        in raw/ may have changed.
    """
    known = "wanted" in _of("settings", place)
    saved_settings.arrived(place, ready, wanted(place) if known else None)
    asked, drawer = wanted(place), _of("shown", place)
    there = ready(asked)
    for stage in STAGES:
        if there.get(stage):
            drawer[stage] = asked
        elif stage in drawer and not ready(drawer[stage]).get(stage):
            del drawer[stage]


def showing(place: Workspace, stage: str) -> Showing | None:
    """What a page may show of a stage: the settings asked for, else the last ready ones."""
    settings = _of("shown", place).get(stage)
    if settings is None:
        return None
    asked = wanted(place)
    same = all(getattr(settings, part) == getattr(asked, part) for part in PARTS[stage])
    return Showing(asked if same else settings, same)


# The settings that a stage's result depends on. Method, mixture and cut are picked live.
_CUT = ("scenes", "chips", "screen")
PARTS: Mapping[str, tuple[str, ...]] = {
    "chips": _CUT,
    "embeddings": (*_CUT, "embed"),
    "reduction": (*_CUT, "embed", "reduction"),
    "clusters": tuple(f.name for f in dataclasses.fields(RunSettings) if f.name != "projection"),
    "projection": (*_CUT, "embed", "reduction", "projection"),
}
save, for_job, expect = saved_settings.save, saved_settings.for_job, saved_settings.expect


def display(place: Workspace) -> DisplaySettings:
    """How scenes and chips show: which bands, stretched how."""
    drawer = _of("display", place)
    if "chosen" not in drawer:
        drawer["chosen"] = saved_settings.display(place)
    chosen: DisplaySettings = drawer["chosen"]
    return chosen


def show_as(place: Workspace, chosen: DisplaySettings) -> None:
    """Show scenes and chips otherwise, now and in the sessions to come."""
    if chosen != display(place):
        _of("display", place)["chosen"] = chosen
        saved_settings.keep_display(place, chosen)


def later(place: Workspace) -> dict[str, RunSettings]:
    """Settings to ask for once a job has made what they need, by the job's key."""
    return _of("later", place)


def picked(place: Workspace, chips_key: str) -> int | None:
    """The chip that was clicked last, a row of these chips."""
    row: int | None = _of("picked", place).get(chips_key)
    return row


def pick(place: Workspace, chips_key: str, row: int | None) -> None:
    """Remember the clicked chip."""
    _of("picked", place)[chips_key] = row


def selected(place: Workspace, chips_key: str) -> tuple[int, ...]:
    """The chips that were boxed or lassoed last."""
    rows: tuple[int, ...] = _of("selected", place).get(chips_key, ())
    return rows


def select(place: Workspace, chips_key: str, rows: tuple[int, ...]) -> None:
    """Remember the boxed or lassoed chips."""
    _of("selected", place)[chips_key] = rows


def first_told(job_key: str) -> bool:
    """True once for each job whose end this visitor is told."""
    told: set[str] = st.session_state.setdefault("cs.told", set())
    first = job_key not in told
    told.add(job_key)
    return first


def is_news(place: Workspace, plot_key: str, points: tuple[int, ...]) -> bool:
    """True once for each click or selection: a plot repeats its last one at every run."""
    drawer = _of("seen", place)
    news = bool(points) and drawer.get(plot_key) != points
    drawer[plot_key] = points
    return news


def labellings(place: Workspace, chips_key: str) -> dict[str, Any]:
    """What this session showed as clusters of these chips, by name, the newest last."""
    return _of(f"labellings:{chips_key}", place)


def enter(page: str) -> None:
    """Remember which page is open."""
    st.session_state["cs.page"] = page


def revert(place: Workspace, settings: RunSettings) -> None:
    """Ask for these settings again, in the widgets too."""
    drawer = _of("settings", place)
    drawer["wanted"] = settings
    drawer["version"] = drawer.get("version", 0) + 1


def widget(place: Workspace, name: str, current: Any) -> str:
    """The key of a widget, seeded with the present choice where the widget is new.

    The page is part of it: a key that two pages share would look seeded on the second one, where
    its value is already lost.
    """
    version = _of("settings", place).get("version", 0)
    key = f"cs.widget:{st.session_state.get('cs.page', '')}:{place.root}:{version}:{name}"
    if key not in st.session_state:
        st.session_state[key] = current
    return key


def take(place: Workspace, chips_key: str, points: tuple[int, ...]) -> None:
    """Remember what the picture gave: one point is a click, more are a selection."""
    if len(points) == 1:
        pick(place, chips_key, points[0])
    else:
        select(place, chips_key, points)


def present(key: str) -> Any:
    """The value of a seeded widget, also above the place where it is drawn."""
    return st.session_state[key]


def switch(name: str) -> None:
    """Look at the other workspace from a button; `choose` follows what the chooser shows."""
    choose(name)
    st.session_state["cs.chooser"] = name


def entered(key: str) -> Any:
    """The value of a widget above the place where it is drawn, None before it was used."""
    return st.session_state.get(key)


def chooser() -> str:
    """The key of the widget that chooses the workspace, seeded."""
    st.session_state.setdefault("cs.chooser", choice())
    return "cs.chooser"


def plans() -> dict[Any, Any]:
    """What `cached.plan` found in this run of the script."""
    found: dict[Any, Any] = st.session_state.setdefault("cs.plans", {})
    return found


def await_demo() -> None:
    """Remember that this visitor watches the demo being made."""
    st.session_state["cs.awaits demo"] = True


def awaits_demo() -> bool:
    """True after `await_demo`, until `awaited_demo` has told it."""
    return bool(st.session_state.get("cs.awaits demo", False))


def awaited_demo() -> bool:
    """True once, after `await_demo`."""
    return bool(st.session_state.pop("cs.awaits demo", False))


def value(place: Workspace, name: str, default: Any) -> Any:
    """A small choice of one page, such as what colours the points."""
    return _of("values", place).get(name, default)


def keep(place: Workspace, name: str, chosen: Any) -> Any:
    """Remember a small choice."""
    _of("values", place)[name] = chosen
    return chosen
