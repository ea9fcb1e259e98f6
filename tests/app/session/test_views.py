import dataclasses
import threading

import pytest

from app.session import state, views
from app.session.views import (
    displayed_view,
    find_view,
    forget_views,
    is_current,
    remember_ready_stages,
    request_settings,
    requested_settings,
    requested_view,
    reset_settings,
)
from app.widgets.stage_forms import stale_notice
from core.artifacts.store import Store
from core.input_settings import SceneSettings, ScreenSettings
from core.pipeline.run_stages import STAGE_NAMES
from core.settings import ChipSettings, CutSettings, EmbedSettings, ProjectionSettings, RunSettings


def ready_for(*results: RunSettings):
    return lambda settings: views.STAGES if settings in results else ()


def test_stages__all_stages_of_a_run_except_the_scenes():
    assert ("scenes", *views.STAGES) == STAGE_NAMES


def test_requested_settings__each_workspace_has_its_own(workspace):
    request_settings(workspace, cut=CutSettings(min_cluster_size=7))
    assert requested_settings(workspace).cut.min_cluster_size == 7
    assert requested_settings(workspace.demo) == RunSettings()


def test_reset_settings__in_new_widgets(workspace):
    key = state.widget_key(workspace, "size", 96)
    request_settings(workspace, chips=ChipSettings(size=96))
    reset_settings(workspace, RunSettings())
    assert requested_settings(workspace) == RunSettings()
    assert state.widget_key(workspace, "size", 64) != key


def test_displayed_view__none_before_a_stage_is_ready(workspace, settle):
    settle(ready_for())
    assert displayed_view(workspace, "chips") is None


def test_displayed_view__uses_the_last_ready_settings_if_others_are_requested(workspace, settle):
    first = requested_settings(workspace)
    settle(ready_for(first))
    second = request_settings(workspace, chips=ChipSettings(size=96))
    settle(ready_for(first))
    view = displayed_view(workspace, "projection")
    assert view.settings == first
    assert not is_current(view, "projection")
    settle(ready_for(first, second))
    view = displayed_view(workspace, "projection")
    assert view.settings == second
    assert is_current(view, "projection")


def test_displayed_view__sliders_do_not_make_a_projection_stale(workspace, settle):
    settle(ready_for(requested_settings(workspace)))
    settings = request_settings(workspace, method="hdbscan", cut=CutSettings(min_cluster_size=9))
    view = displayed_view(workspace, "projection")
    assert view.settings == settings
    assert is_current(view, "projection")
    assert not is_current(displayed_view(workspace, "clusters"), "clusters")


def test_displayed_view__encoder_does_not_make_chips_stale(workspace, settle):
    settle(ready_for(requested_settings(workspace)))
    request_settings(workspace, embed=EmbedSettings(encoder="resnet50"))
    assert is_current(displayed_view(workspace, "chips"), "chips")
    assert not is_current(displayed_view(workspace, "embeddings"), "embeddings")


def test_displayed_view__class_attribute_applies_at_once(workspace, settle):
    settle(lambda _: views.STAGES)
    settings = request_settings(workspace, scenes=SceneSettings(class_property="kind"))
    settle(lambda _: views.STAGES)
    view = displayed_view(workspace, "chips")
    assert view.settings == settings
    assert is_current(view, "chips")


def test_displayed_view__left_out_chips_make_chips_stale(workspace, settle):
    settle(ready_for(requested_settings(workspace)))
    request_settings(workspace, screen=ScreenSettings(("blank",)))
    assert not is_current(displayed_view(workspace, "chips"), "chips")


def test_remember_ready_stages__forgets_results_of_changed_files(workspace, settle):
    settle(ready_for(requested_settings(workspace)))
    settle(ready_for())
    assert displayed_view(workspace, "chips") is None


@pytest.fixture
def count_lookups(monkeypatch):
    """Count the artifacts that this thread looks up, and its surveys of the scenes.

    The script of an app that another test started may still be running in a thread of its own.
    """
    counts = {"find": 0, "survey": 0}
    find, survey, thread = Store.find, views.survey_scenes, threading.get_ident()

    def count_find(store, step):
        counts["find"] += threading.get_ident() == thread
        return find(store, step)

    def count_survey(*arguments, **options):
        counts["survey"] += threading.get_ident() == thread
        return survey(*arguments, **options)

    monkeypatch.setattr(Store, "find", count_find)
    monkeypatch.setattr(views, "survey_scenes", count_survey)
    return counts


def test_find_view__looks_up_changed_stages_once_per_script_run(home, new_session, count_lookups):
    new_session()
    settings = requested_settings(home)
    view = find_view(home, settings)
    assert view.has("projection")
    n_finds = count_lookups["find"]
    assert find_view(home, settings) is view
    assert count_lookups == {"find": n_finds, "survey": 1}
    other = dataclasses.replace(settings, projection=ProjectionSettings(n_iter=60))
    other_view = find_view(home, other)
    assert count_lookups == {"find": n_finds + 1, "survey": 1}
    assert set(view.artifacts) - set(other_view.artifacts) == {"projection"}
    forget_views()
    find_view(home, settings)
    assert count_lookups["survey"] == 2


def test_stale_notice__looks_up_only_the_stage_that_changed(home, new_session, count_lookups):
    new_session()
    remember_ready_stages(home)
    view = displayed_view(home, "projection")
    n_finds = count_lookups["find"]
    request_settings(home, projection=ProjectionSettings(n_iter=60))
    stale_notice(view, "projection")
    # One for the requested view, and one for the estimate of its missing stage.
    n_finds += 2
    assert count_lookups == {"find": n_finds, "survey": 1}
    assert not requested_view(home).has("projection")
    assert displayed_view(home, "projection").settings == view.settings
    assert count_lookups == {"find": n_finds, "survey": 1}


def test_stale_notice__current_view_is_not_looked_up(home, new_session, count_lookups):
    new_session()
    remember_ready_stages(home)
    view, n_finds = displayed_view(home, "projection"), count_lookups["find"]
    stale_notice(view, "projection")
    assert count_lookups == {"find": n_finds, "survey": 1}
