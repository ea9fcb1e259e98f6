"""The Clusters page as Streamlit runs it: sliders, noise, report card, edits, explanations."""

import base64
import re
import shutil
import zlib
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.clusters import cluster_gallery, cluster_profile, correction_panel
from app.session import cluster_results, displayed_clusters
from app.session.displayed_clusters import Clusters
from app.session.saved_settings import save_settings
from core.cli.shared_options import read_session
from core.clusters.editing.edited_labelling import displayed_labelling
from core.clusters.evaluation.correction_choice import CorrectionChoice
from core.clusters.label_matching import EDIT_IDS
from core.pipeline.chip_stages import open_chips
from core.pipeline.cluster_stages import COMPONENT_SWEEP, ComponentCounts
from core.pipeline.corrections.correction_comparison import compare_corrections
from core.pipeline.quality_stage import judge_run
from core.pipeline.results.curation import Numbering
from core.pipeline.results.current_file import load_current
from core.pipeline.results.current_result import numbers_key, update_current
from core.pipeline.run import run_pipeline
from core.pipeline.run_stages import complete_view
from core.pipeline.scene_survey import survey_scenes
from core.pipeline.view import View
from core.pipeline.workspace import Workspace
from core.progress import silent
from core.settings import (
    CutSettings,
    GmmSettings,
    KMeansSettings,
    NoiseSettings,
    ProjectionSettings,
    RunSettings,
    TreeSettings,
)

ROOT = Path(__file__).resolve().parents[3]
EVIL = "<img src=x onerror=alert(1)>"
SECONDS = 60
DENSE = RunSettings(
    method="hdbscan",
    gmm=GmmSettings(n_components=2, n_init=1),
    # With "leaf", 36 % of these chips are noise.
    tree=TreeSettings(n_dims=15, min_samples=5),
    cut=CutSettings(min_cluster_size=4, selection="leaf"),
    kmeans=KMeansSettings(n_clusters=3),
    projection=ProjectionSettings(n_iter=50),
)
TABS = (
    "Overview",
    "Tree",
    "Report card",
    "Agreement with an attribute",
    "Explain",
    "Uncertain chips",
    "Edit",
)


@pytest.fixture(scope="module")
def evaluated(computed, tmp_path_factory):
    """The computed workspace with trees, k-means and a report card of HDBSCAN's clusters."""
    root = tmp_path_factory.mktemp("evaluated") / "workspace"
    # Without the results that other tests displayed, whose numbers would be taken over.
    shutil.copytree(computed.root, root, ignore=shutil.ignore_patterns("current.json"))
    workspace = Workspace.at(root)
    evaluate(workspace)
    for method in ("kmeans", "ward"):
        run_pipeline(workspace, replace(DENSE, method=method), until="clusters")
    return workspace


@pytest.fixture
def workspace(evaluated, open_copy):
    """A copy for one test, since edits are written to it."""
    return open_copy(evaluated, DENSE)


def evaluate(workspace: Workspace) -> None:
    judge_run(run_pipeline(workspace, DENSE, until="clusters"), lambda _: silent)


def open_page(tab: str = "") -> AppTest:
    app = AppTest.from_file(str(ROOT / "app" / "script.py"), default_timeout=SECONDS)
    app.run()
    app.switch_page("../pages/clusters.py").run()
    return choose(app, "View", tab) if tab else app


def choose(app: AppTest, label: str, value: str) -> AppTest:
    groups = [group for group in app.get("button_group") if group.proto.label == label]
    widget = groups[0] if groups else selectbox(app, label)
    widget.set_value(value).run()
    return app


def texts(app: AppTest) -> str:
    elements = [*app.markdown, *app.caption, *app.header, *app.warning]
    return " ".join(str(element.value) for element in elements).replace("\\", "")


def button(app: AppTest, label: str):
    return next(widget for widget in app.button if widget.label == label)


def selectbox(app: AppTest, label: str):
    return next(widget for widget in app.selectbox if widget.label == label)


def text_field(app: AppTest, label: str):
    return next(field for field in app.text_input if field.label == label)


def slider(app: AppTest, label: str):
    widgets = [*app.slider, *app.select_slider]
    return next(widget for widget in widgets if widget.label.startswith(label))


def group_labels(app: AppTest) -> list[str]:
    return [group.proto.label for group in app.get("button_group")]


def edit_kinds(workspace: Workspace) -> list[str]:
    return [edit.kind for edit in load_current(workspace).curation.history.edits]


def look_up(workspace: Workspace, settings: RunSettings) -> View:
    return complete_view(View(workspace, settings, survey_scenes(workspace)))


def labellings_key(workspace: Workspace) -> str:
    return f"cs.labellings:{look_up(workspace, DENSE).key('chips')}:{workspace.root}"


def last_clusters(app: AppTest, workspace: Workspace) -> Clusters:
    return app.session_state[labellings_key(workspace)]["displayed"]


@pytest.mark.parametrize("tab", TABS)
def test_tab__opens_without_an_exception(workspace, tab):
    app = open_page(tab)
    assert not app.exception
    assert not app.error
    assert EVIL not in texts(app)


@pytest.mark.parametrize("method", ["gmm", "kmeans", "ward"])
@pytest.mark.parametrize("tab", [tab for tab in TABS if tab != "Tree"])
def test_tab__opens_for_methods_without_noise(workspace, tab, method):
    app = choose(open_page(tab), "Clustering method", method)
    assert not app.exception
    assert not app.error
    assert "clusters" in app.header[0].value


def test_size__the_comparison_is_below_the_slider(workspace):
    app = open_page()
    charts = app.get("plotly_chart")
    assert any("minimum cluster size" in chart.proto.spec for chart in charts)
    assert "Suggested:" in texts(app) or "Shaded" in texts(app)


def test_size__suggestion_moves_the_slider(workspace):
    app = open_page()
    slider(app, "Minimum cluster size").set_value(10).run()
    suggestion = next(widget for widget in app.button if widget.key.startswith("cs.take:stacked"))
    size = int(suggestion.label.split()[1])
    suggestion.click().run()
    assert slider(app, "Minimum cluster size").value == size
    # The setting is automatic again, so another tree will have its own suggestion.
    cut = app.session_state[f"cs.settings:{workspace.root}"]["wanted"].cut
    assert cut.min_cluster_size == 0


def test_cut__every_setting_applies_at_once(workspace):
    app = open_page()
    next(field for field in app.number_input if field.label.startswith("Maximum")).set_value(
        6
    ).run()
    app.toggle[0].set_value(True).run()
    cut = app.session_state[f"cs.settings:{workspace.root}"]["wanted"].cut
    assert (cut.max_cluster_size, cut.allow_single_cluster) == (6, True)
    assert not app.exception


def test_noise__displayed_in_the_nearest_cluster_with_a_note(workspace):
    app = open_page()
    assert app.header[0].value == "3 clusters, 36% noise"
    choose(app, "Noise treatment", "nearest")
    assert app.header[0].value == "3 clusters, 0% noise"
    assert "13 of 13 noise chips were assigned" in texts(app)
    assert "Exports also contain the original labels." in texts(app)


def test_noise__soft_membership_has_a_threshold(workspace):
    app = choose(open_page(), "Noise treatment", "soft")
    slider(app, "Minimum membership").set_value(1.0).run()
    assert app.header[0].value == "3 clusters, 36% noise"
    slider(app, "Minimum membership").set_value(0.0).run()
    assert app.header[0].value == "3 clusters, 0% noise"
    assert not app.exception


def test_uncertain__treated_noise_is_listed_with_its_soft_membership(workspace):
    app = choose(open_page(), "Noise treatment", "soft")
    slider(app, "Minimum membership").set_value(0.0).run()
    clusters = last_clusters(app, workspace)
    moved = np.flatnonzero(clusters.treated.moved)
    assert len(moved) == 13
    rows = cluster_results.rows_below(clusters, 0.6)
    assert set(moved[clusters.treated.membership[moved] < 0.6]) <= set(rows)
    confidence = cluster_results.confidence(clusters)
    assert (confidence[moved] > 0).all()
    assert np.array_equal(confidence[moved], clusters.treated.membership[moved])
    displayed = displayed_labelling(clusters.labelling, clusters.edited)
    assert np.array_equal(displayed.confidence, confidence)
    choose(app, "View", "Uncertain chips")
    assert f"{len(rows)} of 36 chips" in texts(app)
    assert not app.exception


def test_uncertain__noise_in_the_nearest_cluster_has_no_confidence(workspace, monkeypatch):
    captions = []
    for module in (cluster_profile, cluster_gallery):
        monkeypatch.setattr(
            module,
            "chip_gallery",
            lambda *arguments, **_: captions.extend(arguments[3] if len(arguments) > 3 else ()),
        )
    app = choose(open_page(), "Noise treatment", "nearest")
    choose(app, "View", "Uncertain chips")
    assert sum(caption.startswith("was noise") for caption in captions) == 13
    clusters = last_clusters(app, workspace)
    moved = np.flatnonzero(clusters.treated.moved)
    choose(app, "View", "Explain")
    captions.clear()
    selectbox(app, "Cluster").set_value(int(clusters.ids[moved[0]])).run()
    assert "was noise" in captions
    assert "confidence 0.00" not in captions


@pytest.mark.parametrize("method", ["kmeans", "ward"])
def test_uncertain__fraction_of_the_chips_if_confidence_is_a_margin(workspace, method):
    save_settings(workspace, replace(DENSE, method=method))
    app = open_page("Uncertain chips")
    assert "Confidence below" not in [widget.label for widget in app.slider]
    assert "2 of 36 chips: the least confident 5%, up to a confidence of" in texts(app)
    slider(app, "Least confident chips (%)").set_value(50).run()
    assert "18 of 36 chips: the least confident 50%" in texts(app)
    clusters = last_clusters(app, workspace)
    rows = cluster_results.least_confident_rows(clusters, 0.5)
    confidence = cluster_results.confidence(clusters)
    assert confidence[rows].max() <= np.delete(confidence, rows).min()


def test_mixture__shape_of_the_displayed_fit_is_below_the_slider(workspace):
    settings = replace(DENSE, method="gmm", gmm=GmmSettings(n_components=2, n_init=2))
    run_pipeline(workspace, settings, until="clusters")
    save_settings(workspace, settings)
    page_texts = texts(open_page())
    assert re.search(r"\w+ covariance in (\d+ dimensions|one dimension)", page_texts)
    assert re.search(
        r"of the 2 starts are of (about the same|clearly different) quality", page_texts
    )


@pytest.mark.parametrize("method", ["gmm", "kmeans"])
def test_count__suggestion_can_be_used(workspace, method):
    many = {"gmm": GmmSettings(9, n_init=1), "kmeans": KMeansSettings(9)}
    settings = replace(DENSE, method=method, **{method: many[method]})
    view = run_pipeline(workspace, settings, until="clusters").view
    save_settings(workspace, settings)
    assert button(open_page(), "Compare 1 to 20 clusters")
    sweep = COMPONENT_SWEEP.open(COMPONENT_SWEEP.make(workspace.store, ComponentCounts(view)))
    app = open_page()
    assert f"**Suggested: {sweep.suggestion}.**" in texts(app)
    assert 1 < sweep.suggestion < 9
    assert app.slider[0].value == 9
    button(app, f"Use {sweep.suggestion}").click().run()
    assert not app.exception
    assert app.slider[0].value == sweep.suggestion


def test_report_card__lists_clusters_by_id(workspace):
    app = open_page("Edit")
    app.multiselect[0].set_value([2, 0]).run()
    button(app, "Merge into the first").click().run()
    choose(app, "View", "Report card")
    table = app.dataframe[0].value
    assert list(table["Cluster"]) == ["Cluster 1", "Cluster 2"]
    assert table["Chips"].is_monotonic_increasing


def test_confounders__use_the_name_of_a_renamed_cluster(workspace, monkeypatch):
    def warn_of_a_single_scene(*_):
        return ["Cluster 0: 96% of its chips are from one scene."]

    monkeypatch.setattr(cluster_results, "single_scene_warnings", warn_of_a_single_scene)
    app = open_page("Edit")
    next(field for field in app.text_input if field.label == "Name").set_value("quay").run()
    assert "quay: 96% of its chips are from one scene" in texts(app)


def test_corrections__are_offered_compared_and_used(workspace, monkeypatch):
    started = []
    monkeypatch.setattr(
        "app.session.jobs.start_corrections", lambda *arguments: started.append(arguments)
    )
    app = open_page("Report card")
    button(app, "Compare corrections").click().run()
    assert started[0][0].root == workspace.root
    assert started[0][2] == "class"
    compare_corrections(run_pipeline(workspace, DENSE, until="clusters").view, "class")
    app = open_page("Report card")
    effects = app.dataframe[-1].value
    assert list(effects["Settings"]) == [
        "Current settings",
        "Removing brightness",
        "Removing sharpness",
    ]
    assert {"Brightness", "Stability", "ARI", "AMI"} <= set(effects)
    selectbox(app, "Correction").set_value("sharpness").run()
    button(app, "Use this correction").click().run()
    assert not app.exception
    assert selectbox(app, "Removed effect").value == "sharpness"


def test_corrections__warning_of_what_centring_removes(workspace, monkeypatch):
    sentence = "Each scene has only one value of 'site'."
    monkeypatch.setattr("app.session.cache.centring_warnings", lambda *_: [sentence])
    app = open_page()
    assert sentence not in texts(app)
    selectbox(app, "Harmonisation of scenes").set_value("centre").run()
    assert sentence in texts(app)


def test_corrections__are_named_where_the_clusters_follow_the_scene(workspace, monkeypatch):
    sentence = "Each scene has only one value of 'site'."
    monkeypatch.setattr("app.session.cache.centring_warnings", lambda *_: [sentence])
    monkeypatch.setattr(
        cluster_results, "single_scene_warnings", lambda *_: ["Cluster 0: all from one scene."]
    )
    page_texts = texts(open_page())
    assert "Corrections that may help: centring by scene, masking the background" in page_texts
    assert sentence in page_texts


def test_corrections__centring_is_not_suggested_where_it_removes_an_attribute(
    workspace, monkeypatch
):
    sentence = "Each scene has only one value of 'site'."
    monkeypatch.setattr("app.session.cache.centring_warnings", lambda *_: [sentence])
    monkeypatch.setattr("app.session.cache.harmful_corrections", lambda *_: ["centre"])
    monkeypatch.setattr(
        cluster_results, "single_scene_warnings", lambda *_: ["Cluster 0: all from one scene."]
    )
    page_texts = texts(open_page())
    assert "Corrections that may help: masking the background" in page_texts
    assert sentence in page_texts


@pytest.mark.parametrize(
    ("best", "harmful", "options"),
    [
        ("sharpness", [], ["Removing brightness", "Removing sharpness"]),
        ("", [], ["Removing brightness", "Removing sharpness"]),
        ("", ["brightness"], ["Removing sharpness"]),
    ],
)
def test_corrections__the_best_is_preselected(workspace, monkeypatch, best, harmful, options):
    compare_corrections(run_pipeline(workspace, DENSE, until="clusters").view, "class")
    choice = CorrectionChoice(best, "This one is the best.")
    monkeypatch.setattr(correction_panel, "choose_correction", lambda *_: choice)
    monkeypatch.setattr("app.session.cache.harmful_corrections", lambda *_: harmful)
    app = open_page("Report card")
    assert not app.exception
    assert choice.sentence in texts(app)
    assert selectbox(app, "Correction").value == (best or None)
    assert selectbox(app, "Correction").options == options
    assert button(app, "Use this correction").disabled == (not best)


def test_size__the_comparison_waits_for_the_tree(workspace, monkeypatch):
    save_settings(workspace, replace(DENSE, tree=TreeSettings(n_dims=10, min_samples=7)))
    monkeypatch.setattr("app.session.cache.tree", lambda *_: None)
    page_texts = texts(open_page())
    assert "appears once the tree is built" in page_texts
    assert "Computing the result" not in page_texts


def test_changes__are_described_after_a_slider_move(workspace):
    app = open_page()
    assert "Since the previous setting" not in texts(app)
    slider(app, "Minimum cluster").set_value(6).run()
    assert "Since the previous setting: Cluster" in texts(app)


def test_ward__its_slider_cuts_one_tree(workspace):
    app = choose(open_page(), "Clustering method", "ward")
    for count in (8, 5, 3):
        slider(app, "Clusters of Ward").set_value(count).run()
        assert app.header[0].value == f"{count} clusters"
    assert not app.exception


def test_noise__soft_has_no_effect_on_a_mixture(workspace):
    app = choose(open_page(), "Noise treatment", "soft")
    choose(app, "Clustering method", "gmm")
    assert not app.error
    assert app.header[0].value == "2 clusters"


def test_report_card__measures_of_each_cluster(workspace):
    app = open_page("Report card")
    table = app.dataframe[0].value
    assert {
        "Chips",
        "Share",
        "Area (m²)",
        "Silhouette",
        "DBCV",
        "Persistence",
        "Stability",
        "Verdict",
    } <= set(table)
    assert set(table["Verdict"]) <= {"stable", "uncertain", "unstable"}
    assert "20 resamples of 36 chips" in texts(app)
    assert "silhouette" in texts(app).lower()


def test_report_card__not_computed_yet_is_offered_as_a_job(workspace):
    app = open_page("Report card")
    slider(app, "Minimum cluster").set_value(5).run()
    assert not button(app, "Evaluate the clusters").disabled
    assert "Stability" not in app.dataframe[0].value


def test_report_card__evaluates_the_clusters_as_edited(workspace):
    app = open_page("Edit")
    app.multiselect[0].set_value([0, 1]).run()
    button(app, "Merge into the first").click().run()
    choose(app, "View", "Report card")
    assert not button(app, "Evaluate the clusters").disabled
    table = app.dataframe[0].value
    assert len(table) == 2
    assert table["Persistence"].isna().tolist() == [True, False]
    assert "as displayed, after noise treatment and edits" in texts(app)
    evaluate(workspace)
    app.run()
    table = app.dataframe[0].value
    assert table["Stability"].notna().all()
    assert [metric.value for metric in app.metric[:2]] == ["2", "36%"]
    choose(app, "View", "Edit")
    button(app, "Undo").click().run()
    choose(app, "View", "Report card")
    assert len(app.dataframe[0].value) == 3
    assert "as the method returned them" in texts(app)


def test_tree__has_the_colours_of_the_clusters_and_the_smallest_cluster_to_scale(workspace):
    app = open_page("Edit")
    app.color_picker[0].set_value("#123456").run()
    choose(app, "View", "Tree")
    specs = [chart.proto.spec for chart in app.get("plotly_chart")]
    spec = next(spec for spec in specs if "distance at which" in spec)
    assert "minimum cluster size, 4 chips, to scale" in spec
    assert "#123456" in spec
    assert not app.exception


def test_tree__is_only_offered_for_methods_that_have_one(workspace):
    app = choose(open_page("Tree"), "Clustering method", "kmeans")
    views = next(group for group in app.get("button_group") if group.proto.label == "View")
    assert "Tree" not in [option.content for option in views.proto.options]
    assert "Typical chips" in texts(app)


def test_noise__is_displayed_as_noise_until_it_is_treated(workspace, monkeypatch):
    pending = Future()
    monkeypatch.setattr(displayed_clusters, "_treatment", lambda *_: pending)
    monkeypatch.setattr(displayed_clusters, "PATIENCE_SECONDS", 0.01)
    app = choose(open_page(), "Noise treatment", "nearest")
    assert app.header[0].value == "3 clusters, 36% noise"
    assert "Assigning noise to clusters." in texts(app)
    monkeypatch.undo()
    assert not app.exception


def test_agreement__table_adds_up_and_four_measures_are_above(workspace):
    app = open_page("Agreement with an attribute")
    assert [metric.label for metric in app.metric] == ["ARI", "AMI", "NMI", "V-measure"]
    table = app.dataframe[0].value
    assert table.drop(columns="Cluster").to_numpy().sum() == 36
    assert EVIL in set(table)


def test_edit__name_is_saved_displayed_and_undone(workspace):
    app = open_page("Edit")
    text_field(app, "Name").set_value(f"quay {EVIL}").run()
    assert edit_kinds(workspace) == ["rename"]
    new_session = open_page("Edit")
    assert "renamed to quay" in texts(new_session)
    options = selectbox(new_session, "Cluster").options
    assert len([option for option in options if option.startswith("quay")]) == 1
    button(new_session, "Undo").click().run()
    assert edit_kinds(workspace) == []
    button(new_session, "Redo").click().run()
    assert edit_kinds(workspace) == ["rename"]


def test_edit__name_survives_another_cut_and_back(workspace):
    app = open_page("Edit")
    text_field(app, "Name").set_value("quay").run()
    slider(app, "Minimum cluster").set_value(5).run()
    slider(app, "Minimum cluster").set_value(4).run()
    assert any(option.startswith("quay") for option in selectbox(app, "Cluster").options)


def test_edit__merge_split_exclude_approve(workspace):
    app = open_page("Edit")
    count = len(selectbox(app, "Cluster").options)
    button(app, "Split in two").click().run()
    assert len(selectbox(app, "Cluster").options) == count + 1
    app.multiselect[0].set_value([0, EDIT_IDS.start]).run()
    button(app, "Merge into the first").click().run()
    assert len(selectbox(app, "Cluster").options) == count
    button(app, "Approve").click().run()
    assert button(app, "Approved").disabled
    button(app, "Exclude").click().run()
    assert len(selectbox(app, "Cluster").options) == count - 1
    assert "chips excluded" in app.header[0].value
    assert edit_kinds(workspace) == ["split", "merge", "approve", "exclude"]
    assert not app.exception


def test_edit__slow_split_is_announced_and_then_saved(workspace, monkeypatch):
    pending, bisection = Future(), cluster_results.bisection
    monkeypatch.setattr(cluster_results, "bisection", lambda *_: pending)
    monkeypatch.setattr(displayed_clusters, "PATIENCE_SECONDS", 0.01)
    app = open_page("Edit")
    button(app, "Split in two").click().run()
    assert "The cluster is being split." in texts(app)
    monkeypatch.setattr(cluster_results, "bisection", bisection)
    monkeypatch.setattr(displayed_clusters, "PATIENCE_SECONDS", SECONDS)
    app.run()
    assert edit_kinds(workspace) == ["split"]
    assert "The cluster is being split." not in texts(app)


def test_edit__that_no_longer_fits_is_listed(workspace):
    app = open_page("Edit")
    selectbox(app, "Cluster").set_value(1).run()
    text_field(app, "Name").set_value("quay").run()
    slider(app, "Minimum cluster").set_value(20).run()
    assert not app.exception
    assert "Edit 1 (rename 'quay')" in texts(app)


def test_explain__sentences_with_numbers_and_three_galleries(workspace):
    app = open_page("Explain")
    page_texts = texts(app)
    assert "What sets Cluster 0 apart" in page_texts
    assert all(title in page_texts for title in ("Typical", "Uncertain", "Borderline"))
    assert "Cliff's delta" in page_texts or "resultant length" in page_texts


def open_explore(workspace: Workspace, *rows: int) -> AppTest:
    app = AppTest.from_file(str(ROOT / "app" / "script.py"), default_timeout=SECONDS)
    app.run()
    app.switch_page("../pages/explore.py").run()
    return select(app, workspace, *rows)


def select(app: AppTest, workspace: Workspace, *rows: int) -> AppTest:
    chip_ids = open_chips(look_up(workspace, DENSE)).facts["chip_id"]
    app.session_state[f"cs.selected:{workspace.root}"] = {"chips": tuple(chip_ids.iloc[list(rows)])}
    return app.run()


def test_explore__selection_is_moved_into_a_cluster_and_excluded(workspace):
    app = open_explore(workspace, 0, 1, 2, 3, 4)
    selectbox(app, "Move to").set_value(1).run()
    button(app, "Move").click().run()
    assert last_clusters(app, workspace).ids[:5].tolist() == [1] * 5
    button(app, "Exclude").click().run()
    assert last_clusters(app, workspace).ids[:5].tolist() == [-2] * 5
    assert edit_kinds(workspace) == ["move", "exclude"]


def test_explore__excluded_chips_of_a_selection_are_not_edited(workspace):
    app = open_explore(workspace, 0, 1, 2, 3, 4)
    button(app, "Exclude").click().run()
    assert "All 5 chips are excluded: use Undo to include them again." in texts(app)
    assert all(button(app, label).disabled for label in ("Move", "Create", "Exclude"))
    select(app, workspace, 3, 4, 5, 6)
    assert "2 of these chips are excluded: use Undo to include them again." in texts(app)
    selectbox(app, "Move to").set_value(1).run()
    button(app, "Move").click().run()
    assert last_clusters(app, workspace).ids[3:7].tolist() == [-2, -2, 1, 1]
    assert edit_kinds(workspace) == ["exclude", "move"]


def test_explore__more_widgets_are_drawn_only_when_open_and_keep_their_values(workspace):
    noise = NoiseSettings(method="soft", threshold=0.18)
    save_settings(workspace, replace(DENSE, noise=noise))
    app = open_explore(workspace, 0, 1, 2, 3, 4)
    assert "Noise treatment" not in group_labels(app)
    button(app, "More").click().run()
    assert slider(app, "Minimum membership").value == 0.18
    slider(app, "Minimum membership").set_value(0.3).run()
    button(app, "Less").click().run()
    button(app, "More").click().run()
    assert slider(app, "Minimum membership").value == 0.3
    assert not app.exception


def test_explore__selection_becomes_a_cluster(workspace):
    app = open_explore(workspace, 0, 1, 2, 3, 4)
    assert "**5 chips selected**" in texts(app)
    text_field(app, "New cluster").set_value("mine").run()
    button(app, "Create").click().run()
    assert edit_kinds(workspace) == ["new"]
    assert "mine" in " ".join(selectbox(app, "Move to").options)
    assert not app.exception


def test_ids__survive_another_cut_and_back_and_a_new_session(workspace):
    app = open_page()
    labels = last_clusters(app, workspace).labelling.labels
    view = last_clusters(app, workspace).view

    def renumber(current):
        numbers = tuple(9 - label for label in range(labels.max() + 1))
        numbering = Numbering({numbers_key(view): numbers}, *last_displayed(current))
        return replace(current, curation=replace(current.curation, numbering=numbering))

    def last_displayed(current):
        chips = current.curation.numbering.chips
        ids = np.where(labels < 0, -1, 9 - labels).astype("<i4")
        return chips, base64.b64encode(zlib.compress(ids.tobytes())).decode()

    update_current(workspace, renumber)
    ids = np.where(labels < 0, -1, 9 - labels)
    slider(app, "Minimum cluster").set_value(6).run()
    assert set(last_clusters(app, workspace).method_ids.tolist()) - {-1} < {9, 8, 7}
    slider(app, "Minimum cluster").set_value(4).run()
    assert last_clusters(app, workspace).method_ids.tolist() == ids.tolist()
    # A second tab, or a reload, shows the same numbers.
    assert last_clusters(open_page(), workspace).method_ids.tolist() == ids.tolist()


def test_result__a_slider_in_one_tab_is_followed_in_the_other(workspace):
    first, second = open_page(), open_page()
    slider(first, "Minimum cluster").set_value(6).run()
    assert load_current(workspace).settings.cut.min_cluster_size == 6
    second.run()
    assert slider(second, "Minimum cluster").value == 6
    assert last_clusters(second, workspace).view.settings.cut.min_cluster_size == 6


def test_result__a_slider_is_kept_for_a_new_session_and_the_command_line(workspace):
    slider(open_page(), "Minimum cluster").set_value(6).run()
    assert slider(open_page(), "Minimum cluster").value == 6
    session = read_session(workspace.root)
    assert session.result_settings().cut.min_cluster_size == 6


def test_edit__merge_keeps_the_merged_cluster_selected(workspace):
    app = open_page("Edit")
    first, second = [option.split(" · ")[0] for option in selectbox(app, "Cluster").options[:2]]
    selectbox(app, "Cluster").select_index(1).run()
    merge = next(widget for widget in app.multiselect if widget.label == "Merge")
    merge.set_value([0, 1]).run()
    button(app, "Merge into the first").click().run()
    assert selectbox(app, "Cluster").options[selectbox(app, "Cluster").index].startswith(first)
    assert not any(option.startswith(second) for option in selectbox(app, "Cluster").options)


def test_edit__applies_to_the_previous_clusters_until_new_ones_are_fitted(workspace):
    app = choose(open_page("Edit"), "Clustering method", "gmm")
    slider(app, "Clusters of the mixture").set_value(7).run()
    assert "No mixture of 7 clusters is fitted yet" in texts(app)
    text_field(app, "Name").set_value("quay").run()
    assert any(option.startswith("quay") for option in selectbox(app, "Cluster").options)
