"""Examples and similar chips on the pages, as Streamlit runs them."""

import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.session.chip_search import chip_signs, signed_rows
from app.session.saved_settings import load_settings
from app.session.views import find_view
from core.pipeline.chip_stages import open_chips
from core.pipeline.results.current_file import load_current
from core.pipeline.search.chip_examples import (
    ExampleSet,
    change_examples,
    examples_path,
    load_examples,
)

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def workspace(home, open_copy):
    """A copy of the computed workspace, which the app opens."""
    return open_copy(home, load_settings(home))


@pytest.fixture
def ids(workspace):
    return open_chips(find_view(workspace, load_settings(workspace))).facts["chip_id"].tolist()


def open_page(page: str, chip: str = "") -> AppTest:
    app = AppTest.from_file(str(ROOT / "app" / "script.py"), default_timeout=60).run()
    app.switch_page(f"../pages/{page}.py").run()
    if chip:
        labelled(app.text_input, "Chip id").set_value(chip).run()
    assert not app.exception
    return app


def labelled(elements, label):
    return next(element for element in elements if element.label == label)


def labels(elements):
    return [element.label for element in elements]


def texts(app):
    return " ".join(str(element.value) for element in [*app.markdown, *app.caption, *app.error])


def mark(app, choice):
    labelled(app.button_group, "Example").set_value(choice).run()
    assert not app.exception


@pytest.mark.parametrize("page", ["explore", "map"])
def test_mark__ranks_the_chips_and_colours_them(workspace, ids, page):
    app = open_page(page, ids[3])
    assert "Similar chips" not in texts(app)
    mark(app, "More like this")
    assert load_examples(workspace) == ExampleSet((ids[3],))
    assert "Similar chips" in texts(app)
    assert labelled(app.selectbox, "Colour by").value == "Similarity"
    mark(app, "Not like this")
    assert load_examples(workspace) == ExampleSet((), (ids[3],))
    assert "Mark a chip with" in texts(app)
    assert "Similarity" not in labelled(app.selectbox, "Colour by").options
    mark(app, None)
    assert load_examples(workspace) == ExampleSet()
    assert "Similar chips" not in texts(app)


def test_selection__is_marked_as_a_whole(workspace, ids):
    app = open_page("explore")
    app.session_state[f"cs.selected:{workspace.root}"] = {"chips": tuple(ids[:3])}
    app.run()
    labelled(app.button, "More like these").click().run()
    assert load_examples(workspace).examples == tuple(ids[:3])
    labelled(app.button, "Remove marks").click().run()
    assert load_examples(workspace) == ExampleSet()


def test_similar_chips__are_selected_and_saved_as_a_cluster(workspace, ids):
    change_examples(workspace, lambda examples: examples.mark_for(ids[:1]).mark_against(ids[1:2]))
    app = open_page("explore")
    labelled(app.number_input, "Best chips").set_value(5).run()
    labelled(app.button, "Select").click().run()
    selected = app.session_state[f"cs.selected:{workspace.root}"]["chips"]
    assert len(selected) == 6
    assert selected[0] == ids[0]
    assert ids[1] not in selected
    labelled(app.text_input, "Name of the new cluster").set_value("quay").run()
    labelled(app.button, "Save as cluster").click().run()
    assert not app.exception
    history = load_current(workspace).curation.history
    assert [(edit.kind, edit.text) for edit in history.edits] == [("new", "quay")]
    assert history.edits[0].chips.to_mask().sum() == 6


def test_clear__removes_all_examples(workspace, ids):
    change_examples(workspace, lambda examples: examples.mark_for(ids[:2]))
    app = open_page("explore")
    app.button(key="cs.clear examples").click().run()
    assert load_examples(workspace) == ExampleSet()
    assert labelled(app.selectbox, "Colour by").value == "Cluster"


def test_signs__are_those_of_the_chips_that_exist(workspace, ids):
    chips = open_chips(find_view(workspace, load_settings(workspace)))
    change_examples(workspace, lambda _: ExampleSet((*ids[:2], "gone"), (ids[3],)))
    assert chip_signs(workspace) == {ids[0]: "+", ids[1]: "+", "gone": "+", ids[3]: "−"}
    assert signed_rows(workspace, chips) == {0: "+", 1: "+", 3: "−"}


def test_damaged_examples__are_reported_on_the_page(workspace, ids):
    change_examples(workspace, lambda examples: examples.mark_for(ids[:2]))
    examples_path(workspace).write_text("{")
    app = open_page("explore", ids[5])
    assert "the examples cannot be read" in texts(app).replace("\\", "")
    mark(app, "More like this")
    assert examples_path(workspace).read_text() == "{"


def test_examples__that_no_longer_exist_leave_the_page_usable(workspace):
    change_examples(workspace, lambda examples: examples.mark_for(["gone"]))
    app = open_page("explore")
    assert "is not among the chips" in texts(app).replace("\\", "")


def test_examples__without_embeddings_are_kept(workspace, ids):
    change_examples(workspace, lambda examples: examples.mark_for(ids[:1]))
    shutil.rmtree(workspace.root / "artifacts" / "embeddings")
    open_page("map")
    assert load_examples(workspace).examples == tuple(ids[:1])
