"""The page Clusters as Streamlit runs it: knobs, noise, report card, edits, explanations."""

import json
import re
import shutil
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.clusters import report_card_panel
from app.session import cluster_results, state
from app.widgets import chip_panels
from core.clusters.label_matching import MADE
from core.pipeline import plan, quality_stage
from core.pipeline.run import run
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
    # Leaves leave 42 % of these chips as noise.
    cut=CutSettings(min_cluster_size=4, selection="leaf"),
    kmeans=KMeansSettings(n_clusters=3),
    projection=ProjectionSettings(n_iter=50),
)
VIEWS = (
    "Overview",
    "Tree",
    "Report card",
    "Against a property",
    "Explain",
    "Doubtful chips",
    "Edit",
)


@pytest.fixture(scope="module")
def judged(computed, tmp_path_factory):
    """The computed workspace with a tree, k-means and a report card of the tree's cut."""
    root = tmp_path_factory.mktemp("judged") / "place"
    shutil.copytree(computed.root, root)
    place = Workspace.at(root)
    done = run(place, DENSE, until="clusters")
    quality_stage.quality(done, lambda _: silent)
    for method in ("kmeans", "ward"):
        run(place, replace(DENSE, method=method), until="clusters")
    return place


@pytest.fixture
def place(judged, tmp_path, monkeypatch):
    """A copy of its own, since edits are written to it."""
    root = tmp_path / "place"
    shutil.copytree(judged.root, root)
    mine = Workspace.at(root)
    state.save(mine, DENSE)
    monkeypatch.setenv("CHIPSCAPE_WORKSPACE", str(root))
    return mine


def opened(view: str = "") -> AppTest:
    app = AppTest.from_file(str(ROOT / "app" / "script.py"), default_timeout=SECONDS)
    app.run()
    app.switch_page("../pages/clusters.py").run()
    return chosen(app, "View", view) if view else app


def chosen(app: AppTest, label: str, value: str) -> AppTest:
    groups = [one for one in app.get("button_group") if one.proto.label == label]
    one = groups[0] if groups else selectbox(app, label)
    one.set_value(value).run()
    return app


def texts(app: AppTest) -> str:
    elements = [*app.markdown, *app.caption, *app.subheader, *app.warning]
    return " ".join(str(element.value) for element in elements).replace("\\", "")


def button(app: AppTest, label: str):
    return next(one for one in app.button if one.label == label)


def selectbox(app: AppTest, label: str):
    return next(one for one in app.selectbox if one.label == label)


def edits_of(place: Workspace) -> list[str]:
    files = list((place.root / "edits").glob("*.json"))
    assert len(files) == 1
    return [row["kind"] for row in json.loads(files[0].read_text())["history"]["done"]]


@pytest.mark.parametrize("view", VIEWS)
def test_view__opens_without_an_exception(place, view):
    app = opened(view)
    assert not app.exception
    assert not app.error
    assert EVIL not in texts(app)


@pytest.mark.parametrize("method", ["gmm", "kmeans", "ward"])
@pytest.mark.parametrize("view", [view for view in VIEWS if view != "Tree"])
def test_view__opens_for_methods_without_noise(place, view, method):
    app = chosen(opened(view), "Clusters by", method)
    assert not app.exception
    assert not app.error
    assert "clusters" in app.subheader[0].value


def test_size__the_landscape_stands_under_the_slider(place):
    app = opened()
    charts = app.get("plotly_chart")
    assert any("smallest cluster" in chart.proto.spec for chart in charts)
    assert "Suggested:" in texts(app) or "Shaded" in texts(app)


def test_size__suggestion_moves_the_slider(place):
    app = opened()
    taken = next(one for one in app.button if one.key.startswith("cs.take:stacked"))
    value = int(taken.label.split()[1])
    taken.click().run()
    slider = next(one for one in app.slider if one.label.startswith("Smallest cluster"))
    assert slider.value == value


def test_cut__all_of_it_is_live(place):
    app = opened()
    app.number_input[0].set_value(6).run()
    app.toggle[0].set_value(True).run()
    asked = app.session_state[f"cs.settings:{place.root}"]["wanted"].cut
    assert (asked.max_cluster_size, asked.allow_single_cluster) == (6, True)
    assert not app.exception


def test_noise__shown_in_the_nearest_cluster_and_said(place):
    app = opened()
    assert app.subheader[0].value == "3 clusters, 42% noise"
    chosen(app, "Noise is shown as", "nearest")
    assert app.subheader[0].value == "3 clusters, 0% noise"
    assert "15 of 15 noise chips are shown" in texts(app)
    assert "The original -1 is kept beside." in texts(app)


def test_noise__soft_membership_asks_for_its_threshold(place):
    app = chosen(opened(), "Noise is shown as", "soft")
    threshold = next(one for one in app.slider if one.label == "Least membership")
    threshold.set_value(1.0).run()
    assert app.subheader[0].value == "3 clusters, 42% noise"
    next(one for one in app.slider if one.label == "Least membership").set_value(0.0).run()
    assert app.subheader[0].value == "3 clusters, 0% noise"
    assert not app.exception


def shown_of(app: AppTest, place: Workspace):
    key = f"cs.labellings:{plan.plan(place, DENSE).keys['chips']}:{place.root}"
    return list(app.session_state[key].values())[-1]


def test_doubtful__treated_noise_is_listed_with_its_soft_membership(place):
    app = chosen(opened(), "Noise is shown as", "soft")
    next(one for one in app.slider if one.label == "Least membership").set_value(0.0).run()
    clusters = shown_of(app, place)
    moved = np.flatnonzero(clusters.treated.moved)
    assert len(moved) == 15
    rows = cluster_results.doubtful(clusters, 0.6)
    assert set(moved[clusters.treated.membership[moved] < 0.6]) <= set(rows)
    sure = cluster_results.sureness(clusters)
    assert (sure[moved] > 0).all()
    assert np.array_equal(sure[moved], clusters.treated.membership[moved])
    assert np.array_equal(cluster_results.seen(clusters).labelling.confidence, sure)
    chosen(app, "View", "Doubtful chips")
    assert f"{len(rows)} of 36 chips" in texts(app)
    assert not app.exception


def test_doubtful__noise_in_the_nearest_cluster_has_no_confidence(place, monkeypatch):
    said = []
    monkeypatch.setattr(chip_panels, "chip_gallery", lambda *given, **_: said.extend(given[3]))
    app = chosen(opened(), "Noise is shown as", "nearest")
    chosen(app, "View", "Doubtful chips")
    assert sum(line.startswith("was noise") for line in said) == 15
    clusters = shown_of(app, place)
    moved = np.flatnonzero(clusters.treated.moved)
    chosen(app, "View", "Explain")
    said.clear()
    selectbox(app, "Cluster").set_value(int(clusters.ids[moved[0]])).run()
    assert "was noise" in said
    assert "confidence 0.00" not in said


@pytest.mark.parametrize("method", ["k-means", "Ward"])
def test_doubtful__a_share_where_no_confidence_is_low_in_itself(place, method):
    state.save(place, replace(DENSE, method={"k-means": "kmeans", "Ward": "ward"}[method]))
    app = opened("Doubtful chips")
    assert "Confidence below" not in [one.label for one in app.slider]
    assert "2 of 36 chips: the least sure 5 %, up to a confidence of" in texts(app)
    next(one for one in app.slider if one.label == "The least sure (%)").set_value(50).run()
    assert "18 of 36 chips: the least sure 50 %" in texts(app)
    clusters = shown_of(app, place)
    rows = cluster_results.least_sure(clusters, 0.5)
    sure = cluster_results.sureness(clusters)
    assert sure[rows].max() <= np.delete(sure, rows).min()


def test_mixture__what_the_shown_fit_took_stands_at_the_slider(place):
    settings = replace(DENSE, method="gmm", gmm=GmmSettings(n_components=2, n_init=2))
    run(place, settings, until="clusters")
    state.save(place, settings)
    said = texts(opened())
    assert re.search(r"\w+ covariance in (\d+ dimensions|one dimension)", said)
    assert re.search(r"BIC differs by [\d.,]+ between seeds", said)


def test_mixture__a_neighbour_of_another_shape_is_told(place):
    asked = replace(DENSE, method="gmm")
    ready, taken = plan.plan(place, DENSE), {}
    for count in (2, 3):
        settings = replace(asked, gmm=replace(asked.gmm, n_components=count))
        run(place, settings, until="clusters")
        facts = plan.labelling(place, ready, settings).facts
        taken[count] = (facts["covariance"], facts["n_dims"])
    assert taken[2] != taken[3]
    state.save(place, asked)
    assert "3 takes " in texts(opened())


def test_report_card__is_by_id_and_a_verdict_is_of_what_is_read(place):
    app = opened("Edit")
    app.multiselect[0].set_value([2, 0]).run()
    button(app, "Merge into the first").click().run()
    chosen(app, "View", "Report card")
    table = app.dataframe[0].value
    assert list(table["Cluster"]) == ["Cluster 1", "Cluster 2"]
    assert table["Chips"].is_monotonic_increasing
    assert report_card_panel.verdict(0.5994) == "doubtful"
    assert report_card_panel.verdict(0.594) == "not there"
    assert report_card_panel.verdict(0.8461) == "firm"


def test_alarm__calls_a_cluster_by_its_given_name(place, monkeypatch):
    told = lambda *_: ["Cluster 0 is 96 % one scene, quay."]  # noqa: E731
    monkeypatch.setattr(cluster_results, "one_scene", told)
    app = opened("Edit")
    next(one for one in app.text_input if one.label == "Name").set_value("quay").run()
    assert "quay is 96 % one scene" in texts(app)


def test_landscape__without_a_tree_comes_with_it(place, monkeypatch):
    state.save(place, replace(DENSE, tree=TreeSettings(min_samples=7)))
    monkeypatch.setattr("app.session.cache.tree", lambda *_: None)
    said = texts(opened())
    assert "comes with the tree" in said
    assert "is being surveyed" not in said


def test_changes__are_told_after_a_slider_move(place):
    app = opened()
    assert "Since the last setting" not in texts(app)
    next(one for one in app.slider if one.label.startswith("Smallest")).set_value(5).run()
    assert "Since the last setting: Cluster" in texts(app)


def test_ward__its_slider_cuts_one_tree(place):
    app = chosen(opened(), "Clusters by", "ward")
    for count in (8, 5, 3):
        next(one for one in app.slider if "Ward" in one.label).set_value(count).run()
        assert app.subheader[0].value == f"{count} clusters"
    assert not app.exception


def test_noise__soft_does_not_trouble_a_mixture(place):
    app = chosen(opened(), "Noise is shown as", "soft")
    chosen(app, "Clusters by", "gmm")
    assert not app.error
    assert app.subheader[0].value == "2 clusters"


def test_report_card__marks_of_each_cluster(place):
    app = opened("Report card")
    table = app.dataframe[0].value
    assert {"Chips", "Share", "Area (m²)", "Silhouette", "DBCV", "Persistence", "Stability",
            "Verdict"} <= set(table)  # fmt: skip
    assert set(table["Verdict"]) <= {"firm", "doubtful", "not there"}
    assert "20 resamples of 36 chips" in texts(app)
    assert "silhouette" in texts(app).lower()


def test_report_card__not_made_yet_is_offered_as_a_job(place):
    app = opened("Report card")
    next(one for one in app.slider if one.label.startswith("Smallest")).set_value(5).run()
    assert not button(app, "Judge the clusters").disabled
    assert "Stability" not in app.dataframe[0].value


def test_report_card__is_of_the_clusters_as_edited(place):
    app = opened("Edit")
    app.multiselect[0].set_value([0, 1]).run()
    button(app, "Merge into the first").click().run()
    chosen(app, "View", "Report card")
    assert not button(app, "Judge the clusters").disabled
    table = app.dataframe[0].value
    assert len(table) == 2
    assert table["Persistence"].isna().tolist() == [True, False]
    assert "as shown, after noise treatment and edits" in texts(app)
    quality_stage.quality(run(place, DENSE, until="clusters"), lambda _: silent)
    app.run()
    table = app.dataframe[0].value
    assert table["Stability"].notna().all()
    assert [metric.value for metric in app.metric[:2]] == ["2", "42%"]
    chosen(app, "View", "Edit")
    button(app, "Undo").click().run()
    chosen(app, "View", "Report card")
    assert len(app.dataframe[0].value) == 3
    assert "as the method gave them" in texts(app)


def test_tree__stands_in_its_colours_with_the_smallest_cluster_to_scale(place):
    app = opened("Edit")
    app.color_picker[0].set_value("#123456").run()
    chosen(app, "View", "Tree")
    spec = next(
        c.proto.spec for c in app.get("plotly_chart") if "distance at which" in c.proto.spec
    )
    assert "smallest cluster, 4 chips, to scale" in spec
    assert "#123456" in spec
    assert not app.exception


def test_tree__goes_with_the_method(place):
    app = chosen(opened("Tree"), "Clusters by", "kmeans")
    views = next(one for one in app.get("button_group") if one.proto.label == "View")
    assert "Tree" not in [option.content for option in views.proto.options]
    assert "Typical chips" in texts(app)


def test_noise__is_shown_as_noise_until_it_is_treated(place, monkeypatch):
    pending = Future()
    monkeypatch.setattr(cluster_results, "_treating", lambda *_: pending)
    monkeypatch.setattr(cluster_results, "PATIENCE_SECONDS", 0.01)
    app = chosen(opened(), "Noise is shown as", "nearest")
    assert app.subheader[0].value == "3 clusters, 42% noise"
    assert "Working out where the noise belongs." in texts(app)
    monkeypatch.undo()
    assert not app.exception


def test_against__table_adds_up_and_four_measures_stand_above(place):
    app = opened("Against a property")
    assert [metric.label for metric in app.metric] == ["ARI", "AMI", "NMI", "V-measure"]
    table = app.dataframe[0].value
    assert table.drop(columns="Cluster").to_numpy().sum() == 36
    assert EVIL in set(table)


def test_edit__name_is_kept_shown_and_undone(place):
    app = opened("Edit")
    app.text_input[0].set_value(f"quay {EVIL}").run()
    assert edits_of(place) == ["rename"]
    again = opened("Edit")
    assert "renamed to quay" in texts(again)
    names = [one for one in selectbox(again, "Cluster").options if one.startswith("quay")]
    assert len(names) == 1
    button(again, "Undo").click().run()
    assert edits_of(place) == []
    button(again, "Redo").click().run()
    assert edits_of(place) == ["rename"]


def test_edit__name_survives_a_re_cut_and_back(place):
    app = opened("Edit")
    app.text_input[0].set_value("quay").run()
    slider = next(one for one in app.slider if one.label.startswith("Smallest"))
    slider.set_value(5).run()
    next(one for one in app.slider if one.label.startswith("Smallest")).set_value(4).run()
    assert any(one.startswith("quay") for one in selectbox(app, "Cluster").options)


def test_edit__merge_split_exclude_approve(place):
    app = opened("Edit")
    count = len(selectbox(app, "Cluster").options)
    button(app, "Split in two").click().run()
    assert len(selectbox(app, "Cluster").options) == count + 1
    app.multiselect[0].set_value([0, MADE.start]).run()
    button(app, "Merge into the first").click().run()
    assert len(selectbox(app, "Cluster").options) == count
    button(app, "Approve").click().run()
    assert button(app, "Approved").disabled
    button(app, "Exclude").click().run()
    assert len(selectbox(app, "Cluster").options) == count - 1
    assert "chips excluded" in app.subheader[0].value
    assert edits_of(place) == ["split", "merge", "approve", "exclude"]
    assert not app.exception


def test_edit__split_that_takes_long_is_told_and_then_kept(place, monkeypatch):
    slow, made = Future(), cluster_results.halves
    monkeypatch.setattr(cluster_results, "halves", lambda *_: slow)
    monkeypatch.setattr(cluster_results, "PATIENCE_SECONDS", 0.01)
    app = opened("Edit")
    button(app, "Split in two").click().run()
    assert "The cluster is being split." in texts(app)
    monkeypatch.setattr(cluster_results, "halves", made)
    monkeypatch.setattr(cluster_results, "PATIENCE_SECONDS", SECONDS)
    app.run()
    assert edits_of(place) == ["split"]
    assert "The cluster is being split." not in texts(app)


def test_edit__that_fits_no_more_is_told(place):
    app = opened("Edit")
    selectbox(app, "Cluster").set_value(1).run()
    app.text_input[0].set_value("quay").run()
    next(one for one in app.slider if one.label.startswith("Smallest")).set_value(18).run()
    assert not app.exception
    assert "Edit 1, rename 'quay'" in texts(app)


def test_explain__words_with_numbers_and_three_galleries(place):
    app = opened("Explain")
    said = texts(app)
    assert "What sets Cluster 0 apart" in said
    assert all(title in said for title in ("Typical", "Doubtful", "Bordering"))
    assert "Cliff's delta" in said or "resultant length" in said


def selecting(place: Workspace) -> AppTest:
    app = AppTest.from_file(str(ROOT / "app" / "script.py"), default_timeout=SECONDS)
    app.run()
    app.switch_page("../pages/explore.py").run()
    chips_key = plan.plan(place, DENSE).keys["chips"]
    app.session_state[f"cs.selected:{place.root}"] = {chips_key: (0, 1, 2, 3, 4)}
    return app.run()


def test_explore__selection_moves_into_a_cluster_and_out_of_all(place):
    app = selecting(place)
    selectbox(app, "Move to").set_value(1).run()
    button(app, "Move").click().run()
    key = f"cs.labellings:{plan.plan(place, DENSE).keys['chips']}:{place.root}"
    shown = list(app.session_state[key].values())[-1].ids
    assert shown[:5].tolist() == [1] * 5
    button(app, "Exclude them").click().run()
    assert list(app.session_state[key].values())[-1].ids[:5].tolist() == [-2] * 5
    assert edits_of(place) == ["move", "exclude"]


def test_explore__excluded_chips_of_a_selection_are_left_out_and_told(place):
    app = selecting(place)
    button(app, "Exclude them").click().run()
    assert "All 5 chips are excluded: include them first" in texts(app)
    assert all(button(app, one).disabled for one in ("Move", "Make a cluster", "Exclude them"))
    chips_key = plan.plan(place, DENSE).keys["chips"]
    app.session_state[f"cs.selected:{place.root}"] = {chips_key: (3, 4, 5, 6)}
    app.run()
    assert "2 of these chips are excluded: include them first" in texts(app)
    selectbox(app, "Move to").set_value(1).run()
    button(app, "Move").click().run()
    assert shown_of(app, place).ids[3:7].tolist() == [-2, -2, 1, 1]
    assert edits_of(place) == ["exclude", "move"]


def test_explore__more_knobs_are_drawn_only_when_open_and_keep_what_was_chosen(place):
    noise = NoiseSettings(method="soft", threshold=0.18)
    state.save(place, replace(DENSE, noise=noise))
    app = selecting(place)
    assert "Noise is shown as" not in [one.proto.label for one in app.get("button_group")]
    button(app, "More").click().run()
    threshold = next(one for one in app.slider if one.label == "Least membership")
    assert threshold.value == 0.18
    threshold.set_value(0.3).run()
    button(app, "Less").click().run()
    button(app, "More").click().run()
    assert next(one for one in app.slider if one.label == "Least membership").value == 0.3
    assert not app.exception


def test_explore__selection_becomes_a_cluster(place):
    app = selecting(place)
    assert "5 chips selected" in [one.value for one in app.subheader]
    next(one for one in app.text_input if one.label == "New cluster").set_value("mine").run()
    button(app, "Make a cluster").click().run()
    assert edits_of(place) == ["new"]
    assert "mine" in " ".join(selectbox(app, "Move to").options)
    assert not app.exception


def test_names__a_re_cut_takes_over_the_ids_and_gives_them_back(place):
    app = opened()
    ready = plan.plan(place, DENSE)
    key = f"cs.labellings:{ready.keys['chips']}:{place.root}"
    (name,) = app.session_state[key]
    one = app.session_state[key][name]
    other = np.where(one.own < 0, -1, 9 - one.own).astype(np.int32)
    app.session_state[key] = {name: replace(one, method_ids=other)}
    next(one for one in app.slider if one.label.startswith("Smallest")).set_value(5).run()
    again = list(app.session_state[key].values())[-1]
    assert set(again.own.tolist()) < {9, 8, 7}
    next(one for one in app.slider if one.label.startswith("Smallest")).set_value(4).run()
    assert list(app.session_state[key].values())[-1].own.tolist() == other.tolist()


def test_edit__reaches_the_clusters_that_stay_while_others_are_not_fitted(place):
    app = chosen(opened("Edit"), "Clusters by", "gmm")
    next(one for one in app.slider if one.label == "Components").set_value(7).run()
    assert "No mixture with 7 components is fitted yet" in texts(app)
    app.text_input[0].set_value("quay").run()
    assert any(one.startswith("quay") for one in selectbox(app, "Cluster").options)
