"""The Runs page as Streamlit runs it: loading, changing, deleting and comparing runs."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.runs import comparison_panel, flow_chart, linked_plots
from app.widgets.palette import Look
from core.clusters.editing import edit_history, edits
from core.clusters.labelling_comparison import ABSENT, compare_labellings
from core.pipeline.results.current_file import current_path, load_current
from core.pipeline.results.current_result import change_edits, update_current
from core.pipeline.results.displayed_result import apply_saved_edits
from core.pipeline.results.run_comparison import open_run
from core.pipeline.results.run_records import list_run_records
from core.pipeline.run import keep_run, run_pipeline
from core.pipeline.workspace import Workspace
from core.settings import EmbedSettings, KMeansSettings, ProjectionSettings, RunSettings

ROOT = Path(__file__).resolve().parents[3]
EVIL = "<img src=x onerror=alert(1)>"
SECONDS = 60
FIRST = RunSettings(
    method="kmeans", kmeans=KMeansSettings(n_clusters=3), projection=ProjectionSettings(n_iter=50)
)
SECOND = replace(FIRST, embed=EmbedSettings(encoder="colour"))


@pytest.fixture(scope="module")
def evaluated(computed, tmp_path_factory):
    """Two runs; a cluster of the first is named, the second is the current result."""
    root = tmp_path_factory.mktemp("runs") / "workspace"
    shutil.copytree(computed.root, root)
    workspace = Workspace.at(root)
    shutil.rmtree(workspace.results)
    run = run_pipeline(workspace, FIRST)
    keep_run(run)
    edited, _ = apply_saved_edits(run.view, run.labelling, run.chip_ids)
    edit, ids = edits.rename_cluster(edited, 0, EVIL), run.chip_ids
    change_edits(run.view, run.labelling, ids, lambda h: edit_history.add_edit(h, edit, ids))
    keep_run(run_pipeline(workspace, SECOND))
    return workspace


@pytest.fixture
def workspace(evaluated, open_copy):
    return open_copy(evaluated, SECOND)


@pytest.fixture
def records(workspace):
    """The first and the second run."""
    second, first = list_run_records(workspace)
    return first, second


def open_page() -> AppTest:
    app = AppTest.from_file(str(ROOT / "app" / "script.py"), default_timeout=SECONDS)
    app.run()
    return app.switch_page("../pages/runs.py").run()


def button(app: AppTest, key: str):
    return next(widget for widget in app.button if widget.key == key)


def keys(app: AppTest) -> set[str]:
    return {widget.key for widget in app.button}


def texts(app: AppTest) -> str:
    elements = [*app.markdown, *app.caption, *app.warning, *app.error, *app.header]
    return " ".join(str(element.value) for element in elements)


def test_list__runs_with_settings_and_counts(workspace, records):
    app = open_page()
    text = texts(app).replace("\\", "")
    assert not app.exception
    assert all(f"**{record.name}**" in text for record in records)
    assert "36 chips · 3 clusters · 0% noise" in text
    assert "1 edit" in text
    assert text.count("badge[current]") == 1


def test_load__brings_back_settings_and_names(workspace, records):
    app = open_page()
    button(app, f"cs.load:{records[0].run_id}").click().run()
    current = load_current(workspace)
    assert (current.run, current.settings) == (records[0].run_id, FIRST)
    app.switch_page("../pages/clusters.py").run()
    assert not app.exception
    galleries = [json.loads(element.proto.json) for element in app.get("bidi_component")]
    assert f"Typical chips of {EVIL}" in [gallery.get("label") for gallery in galleries]
    assert load_current(workspace).run == records[0].run_id


def test_load__edits_of_the_replaced_result_are_saved(workspace, records):
    update_current(workspace, lambda current: replace(current, run=""))
    records[1].path.unlink()
    app = open_page()
    button(app, f"cs.load:{records[0].run_id}").click().run()
    assert len(list_run_records(workspace)) == 2


def test_pin__and_unpin(workspace, records):
    app = open_page()
    button(app, f"cs.pin:{records[0].run_id}").click().run()
    assert list_run_records(workspace)[1].pinned
    assert button(app, f"cs.delete:{records[0].run_id}").disabled
    button(app, f"cs.pin:{records[0].run_id}").click().run()
    assert not list_run_records(workspace)[1].pinned


def test_rename__name_and_note(workspace, records):
    app = open_page()
    names = [field for field in app.text_input if field.label == "Name"]
    names[1].set_value(f"boats {EVIL}").run()
    notes = [field for field in app.text_area if field.label == "Note"]
    notes[1].set_value("for **Anna**").run()
    record = list_run_records(workspace)[1]
    assert (record.name, record.note) == (f"boats {EVIL}", "for **Anna**")
    assert EVIL not in texts(app)
    assert "for **Anna**" not in texts(app)


def test_rename__empty_name_is_ignored(workspace, records):
    app = open_page()
    next(field for field in app.text_input if field.label == "Name").set_value(" ").run()
    assert {r.name for r in list_run_records(workspace)} == {r.name for r in records}


def test_save__current_result_as_a_run(workspace, records):
    update_current(workspace, lambda current: replace(current, run=""))
    records[1].path.unlink()
    app = open_page()
    app.text_input[0].set_value("third try").run()
    button(app, "cs.save run").click().run()
    assert list_run_records(workspace)[0].name == "third try"
    assert "cs.save run" not in keys(app)


def test_save__the_current_run_under_another_name(workspace, records):
    app = open_page()
    labels = [field.label for field in app.text_input]
    app.text_input[labels.index("Name of the copy")].set_value("second try").run()
    button(app, f"cs.save copy:{records[1].run_id}").click().run()
    assert not app.exception
    assert len(list_run_records(workspace)) == 3
    current = load_current(workspace).run
    assert current not in {record.run_id for record in records}
    assert {r.name for r in list_run_records(workspace) if r.run_id == current} == {"second try"}


@pytest.mark.parametrize("page", ["scenes", "clusters", "explore", "map", "runs"])
def test_damaged_result__is_named_and_the_pages_work(workspace, records, page):
    current_path(workspace).write_text("{")
    app = AppTest.from_file(str(ROOT / "app" / "script.py"), default_timeout=SECONDS)
    app.run().switch_page(f"../pages/{page}.py").run()
    assert not app.exception
    assert not app.error
    assert "current.json: the current result cannot be read" in texts(app).replace("\\", "")
    assert page.capitalize() in [title.value for title in app.title]
    assert current_path(workspace).read_text() == "{"
    assert {"clusters": "3 clusters", "explore": "36 chips"}.get(page, "") in texts(app)


def test_damaged_result__is_set_aside_on_request(workspace, records):
    current_path(workspace).write_text("{")
    app = open_page()
    button(app, "cs.set aside").click().run()
    assert not app.exception
    assert (workspace.results / "current-damaged.json").read_text() == "{"
    assert "cs.set aside" not in keys(app)
    assert load_current(workspace).run == records[1].run_id
    assert texts(app).count("badge[current]") == 1
    button(app, f"cs.load:{records[0].run_id}").click().run()
    assert load_current(workspace).run == records[0].run_id
    assert EVIL in [edit.text for edit in load_current(workspace).curation.history.edits]


def test_delete__asks_and_says_what_it_frees(workspace, records):
    app = open_page()
    button(app, f"cs.delete:{records[0].run_id}").click().run()
    assert "This frees" in texts(app)
    assert len(list_run_records(workspace)) == 2
    button(app, "cs.confirm").click().run()
    assert [r.run_id for r in list_run_records(workspace)] == [records[1].run_id]
    assert not app.exception


def test_delete__refused_while_a_command_computes(workspace, records):
    app = open_page()
    button(app, f"cs.delete:{records[0].run_id}").click().run()
    with workspace.store.in_use():
        button(app, "cs.confirm").click().run()
    assert "another process is computing" in texts(app)
    assert len(list_run_records(workspace)) == 2


def test_delete__current_run_cannot_be_deleted(workspace, records):
    assert button(open_page(), f"cs.delete:{records[1].run_id}").disabled


def test_clean__results_that_no_run_needs(workspace, records):
    records[0].path.unlink()
    app = open_page()
    button(app, "cs.clean").click().run()
    assert "that no other run needs" in texts(app)
    button(app, "cs.confirm").click().run()
    button(app, "cs.clean").click().run()
    assert "There is nothing to delete" in texts(app)


def test_list__deleted_results_can_be_computed_again(workspace, records, monkeypatch):
    started = []
    monkeypatch.setattr("app.session.jobs.start_job", lambda *a, **k: started.append(a))
    shutil.rmtree(workspace.artifacts / "projections")
    app = open_page()
    assert f"cs.load:{records[0].run_id}" not in keys(app)
    button(app, f"cs.replay:{records[0].run_id}").click().run()
    assert started[0][2][3:5] == ("replay", records[0].run_id)


def test_list__unreadable_record_is_named(workspace, records):
    records[0].path.write_text("name = ")
    app = open_page()
    assert records[0].path.name in texts(app).replace("\\", "")
    assert not app.exception


def test_compare__agreement_settings_and_moved_chips(workspace, records):
    app = open_page()
    text = texts(app).replace("\\", "")
    assert "**ARI " in text
    assert "encoder: texture → colour" in text
    assert "Of the 36 chips in both runs" in text
    assert "Where the chips went" in [element.value for element in app.subheader]


def test_compare__edits_that_cannot_be_applied_are_folded_under_their_run(
    workspace, records, monkeypatch
):
    lost = "Edit 1 (merge) was not applied."
    monkeypatch.setattr(
        comparison_panel, "open_run", lambda *args: replace(open_run(*args), problems=(lost,))
    )
    app = open_page()
    titles = [box.label.replace("\\", "") for box in app.expander]
    for record in records:
        assert f"1 edit cannot be applied to the clusters of {record.name}" in titles
    assert not app.warning


def test_compare__same_run_twice(workspace, records):
    app = open_page()
    boxes = [box for box in app.selectbox if box.label in ("First run", "Second run")]
    boxes[0].set_value(boxes[1].value).run()
    assert "Choose two different runs." in texts(app)


def test_compare__deleted_results_are_reported(workspace, records):
    shutil.rmtree(workspace.artifacts / "reduction")
    app = open_page()
    assert "have been deleted" in texts(app)
    assert not app.exception


def test_compare__needs_two_runs(workspace, records):
    records[0].path.unlink()
    assert "compute a second one" in texts(open_page())


def test_agreement__words():
    ids = np.arange(40, dtype=np.int32) % 4
    chips = [str(i) for i in range(40)]
    same = comparison_panel.describe_agreement(compare_labellings(ids, chips, ids, chips))
    assert "excellent" in same
    assert "0 are in another cluster" in same
    shuffled = np.random.default_rng(0).permutation(ids)
    other = compare_labellings(ids, chips, shuffled, [*chips[:39], "new"])
    assert "poor" in comparison_panel.describe_agreement(other)
    assert "1 chip is only in the first run" in comparison_panel.describe_agreement(other)
    nothing = compare_labellings(ids, chips, ids, [f"new {i}" for i in range(40)])
    assert "no chips in common" in comparison_panel.describe_agreement(nothing)


def test_flow_chart__every_chip_and_colour():
    first, second = np.array([0, 0, 1, -1], np.int32), np.array([2, -1, 2, -1], np.int32)
    comparison = compare_labellings(first, list("abcd"), second, list("bcde"))
    look = flow_chart.run_look({0: EVIL}, {0: "#123456"})
    figure, n_left_out = flow_chart.flow_chart(comparison, look, flow_chart.run_look({}, {}))
    node, link = figure.data[0].node, figure.data[0].link
    assert sum(link.value) == 5
    assert n_left_out == 0
    assert node.color[0] == "#123456"
    assert EVIL not in node.label
    assert "Not in this run" in node.label
    assert all(0 < y < 1 for y in node.y)
    assert len(link.color) == len(link.value)


def test_flow_chart__small_flows_are_counted(monkeypatch):
    monkeypatch.setattr(flow_chart, "MOST_FLOWS", 2)
    ids = np.array([0, 0, 0, 1, 1, 2], np.int32)
    comparison = compare_labellings(ids, list("abcdef"), ids, list("abcdef"))
    assert flow_chart.flow_chart(comparison, Look(), Look())[1] == 1


def test_flow_chart__absent_chips_have_words():
    assert flow_chart.run_look({}, {}).name(ABSENT) == "Not in this run"


def test_sample_rows__at_most_a_bounded_number(monkeypatch):
    monkeypatch.setattr(linked_plots, "MARKERS_AT_MOST", 10)
    rows = linked_plots.sample_rows(1000)
    assert (len(rows), rows[0], rows[-1]) == (10, 0, 999)
    assert linked_plots.sample_rows(4).tolist() == [0, 1, 2, 3]


def test_describe_settings__method_and_values():
    text = comparison_panel.describe_settings(FIRST, replace(SECOND, method="gmm"))
    text = text.replace("\\", "")
    assert "method: k-means → GMM" in text
    assert "encoder: texture → colour" in text
    assert "same settings" in comparison_panel.describe_settings(FIRST, FIRST)
