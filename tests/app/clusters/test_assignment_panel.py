"""Added scenes on the pages: the offer to assign their chips, and the result."""

import shutil

import pytest

from core.pipeline.assignment.assigned_scenes import (
    assign_scenes,
    open_reference,
    unassigned_scenes,
)
from core.pipeline.run import keep_run, run_pipeline
from core.pipeline.scene_survey import survey_scenes
from core.pipeline.workspace import Workspace
from tests.app.conftest import QUICK, write_scene
from tests.app.explore.test_explore_page import open_page, texts

OFFER = "Assign the new chips to the existing clusters"


@pytest.fixture
def grown(computed, tmp_path, monkeypatch):
    """A workspace with a current result, to which a scene was added."""
    root = tmp_path / "grown"
    shutil.copytree(computed.root, root)
    workspace = Workspace.at(root)
    keep_run(run_pipeline(workspace, QUICK))
    monkeypatch.setenv("CHIPSCAPE_WORKSPACE", str(root))
    write_scene(workspace.raw, "pier", 12)
    return Workspace.at(root)


def labels(app):
    return [button.label for button in app.button]


def panel(app):
    start = "**1 scene was added after these clusters were computed:** pier"
    (found,) = [box for box in app.expander if box.label.startswith(start)]
    return found


def test_assignment__no_offer_without_new_scenes(home):
    keep_run(run_pipeline(home, QUICK))
    assert OFFER not in labels(open_page("clusters"))


@pytest.mark.parametrize("page", ["clusters", "explore"])
def test_assignment__is_offered_then_shown(grown, page):
    app = open_page(page)
    assert not app.exception
    assert OFFER in labels(app)
    assert "pier.tif is not part of these results yet." in texts(app).replace("\\", "")
    reference = open_reference(grown)
    assign_scenes(unassigned_scenes(reference, survey_scenes(grown)))
    app = open_page(page)
    assert not app.exception
    assert OFFER not in labels(app)
    assert panel(app).proto.expanded
    assert "of 12 new chips" in texts(app)
    counts = [table.value for table in app.dataframe if "Unknown" in table.value]
    assert counts[0]["Chips"].tolist() == [12]


def test_assignment__is_folded_while_a_chip_is_picked(grown):
    reference = open_reference(grown)
    assign_scenes(unassigned_scenes(reference, survey_scenes(grown)))
    app = open_page("explore")
    next(button for button in app.button if button.label == "Next").click().run()
    assert not app.exception
    assert not panel(app).proto.expanded
