"""The Changes page as Streamlit runs it: which scenes, the comparison, and what cannot be done."""

import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.session import jobs
from app.session.saved_settings import save_settings
from core.pipeline.change.scene_comparison import choose_pair, compare_scenes
from core.pipeline.run import keep_run, run_pipeline
from core.pipeline.view import View
from core.pipeline.workspace import Workspace
from core.settings import ChipSettings, GmmSettings, ProjectionSettings, RunSettings
from tests.two_dates import NAMES, write_two_dates

ROOT = Path(__file__).resolve().parents[3]
SETTINGS = RunSettings(
    chips=ChipSettings(size=32),
    gmm=GmmSettings(n_components=2, n_init=1),
    projection=ProjectionSettings(n_iter=50),
)


def compute(root: Path) -> View:
    workspace = Workspace.at(root)
    run = run_pipeline(workspace, SETTINGS)
    keep_run(run)
    save_settings(workspace, SETTINGS)
    return run.view


@pytest.fixture(scope="module")
def computed_dates(tmp_path_factory):
    """A workspace with a result of two scenes of the same ground."""
    root = tmp_path_factory.mktemp("dates")
    write_two_dates(root / "raw")
    compute(root)
    return root


@pytest.fixture
def dates(computed_dates, tmp_path, monkeypatch):
    """A copy of that workspace, which the app opens."""
    root = shutil.copytree(computed_dates, tmp_path / "dates")
    monkeypatch.setenv("CHIPSCAPE_WORKSPACE", str(root))
    return root


def open_changes() -> AppTest:
    app = AppTest.from_file(str(ROOT / "app" / "script.py"), default_timeout=60).run()
    app.switch_page("../pages/changes.py").run()
    assert not app.exception
    return app


def texts(elements) -> str:
    return " ".join(str(element.value) for element in elements)


def labelled(elements, label):
    return next(element for element in elements if element.label == label)


def test_form__either_scene_can_be_the_earlier_one(dates, monkeypatch):
    pairs = []
    monkeypatch.setattr(jobs, "start_change_comparison", lambda _, names: pairs.append(names))
    app = open_changes()
    assert not app.error
    assert labelled(app.selectbox, "Earlier scene").value == NAMES[0]
    assert labelled(app.selectbox, "Later scene").options == [NAMES[1]]
    labelled(app.button, "Compare").click().run()
    labelled(app.selectbox, "Earlier scene").set_value(NAMES[1]).run()
    assert labelled(app.selectbox, "Later scene").value == NAMES[0]
    labelled(app.button, "Compare").click().run()
    assert pairs == [NAMES, NAMES[::-1]]


def test_result__selected_chips_are_those_above_the_threshold(dates):
    compare_scenes(choose_pair(compute(dates)))
    app = open_changes()
    assert not app.error
    assert "Compare" not in [button.label for button in app.button]
    button = next(b for b in app.button if b.label.startswith("Select "))
    n = int(button.label.split()[1])
    assert n >= 5
    button.click().run()
    assert len(app.session_state[f"cs.selected:{dates}"]["chips"]) == n
    assert "all 30 compared footprints" in texts(app.caption)


def test_empty__one_scene_only(dates):
    for file in (dates / "raw").glob(f"{NAMES[1]}*"):
        file.unlink()
    compute(dates)
    app = open_changes()
    assert not app.error
    assert f"The result has only one scene, {NAMES[0]}" in texts(app.info).replace("\\", "")
    assert not app.selectbox or all("scene" not in box.label for box in app.selectbox)


def test_empty__a_scene_of_the_result_was_moved_away(dates):
    for file in (dates / "raw").glob(f"{NAMES[1]}*"):
        file.unlink()
    app = open_changes()
    assert not app.error
    text = texts(app.info).replace("\\", "")
    assert f"not in raw/: {NAMES[1]}" in text


def test_error__too_few_footprints_is_a_sentence(dates, monkeypatch):
    compare_scenes(choose_pair(compute(dates)))
    monkeypatch.setattr("core.change.change_scores.LEAST_PAIRS", 1000)
    # The result of the other order may be cached.
    app = open_changes()
    labelled(app.selectbox, "Earlier scene").set_value(NAMES[1]).run()
    assert not app.exception
    assert "1000 are needed" in texts(app.error)


def test_error__a_damaged_scene_is_a_sentence(dates):
    (dates / "raw" / f"{NAMES[1]}.tif").write_bytes(b"II*\0 and no more")
    app = open_changes()
    assert NAMES[1] in texts([*app.error, *app.info]).replace("\\", "")
