"""Scenes of the same kind get the clusters of a result; those of another kind are unknown."""

import os
import shutil
from pathlib import Path

import pytest

from core import api
from core.clusters.assignment import UNKNOWN
from core.pipeline.assignment.assigned_scenes import (
    assign_scenes,
    open_reference,
    unassigned_scenes,
)
from core.pipeline.assignment.new_chips import ScenesFolder
from core.pipeline.run import keep_run
from core.pipeline.scene_survey import survey_scenes

VARIABLE = "CHIPSCAPE_TEST_DATA"
DATA = os.environ.get(VARIABLE, "")
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not DATA, reason=f"{VARIABLE} names no folder of real data"),
]
# Two scenes of the one site and three of the other.
LEFT_OUT = ("OSBS_022", "OSBS_037", "SJER_052", "SJER_055", "SJER_057")


@pytest.fixture(scope="module")
def trees(tmp_path_factory):
    """A result of the scenes of trees at two sites, some of which are left out."""
    source = Path(DATA) / "neon_trees_sjer_osbs" / "raw"
    if not source.is_dir():
        pytest.skip(f"neon_trees_sjer_osbs is not in {DATA}")
    folder = tmp_path_factory.mktemp("trees")
    (folder / "raw").mkdir()
    for file in source.iterdir():
        if file.name.split(".")[0] not in LEFT_OUT:
            shutil.copy(file, folder / "raw")
    workspace = api.open_workspace(folder)
    keep_run(api.run(workspace))
    return workspace


def assign(workspace, name):
    reference = open_reference(workspace)
    scenes = survey_scenes(ScenesFolder(workspace, Path(DATA) / name))
    return reference, unassigned_scenes(reference, scenes)


def test_assign__scenes_of_the_same_sites(trees):
    reference, new = assign(trees, "neon_trees_sjer_osbs")
    assert {scene.report.name for scene in new.scenes} == set(LEFT_OUT)
    assigned = assign_scenes(new)
    assert assigned.counts["unknown_fraction"] < 0.3
    run = api.run(trees, until="chips")
    # The first letters of a scene's name are its site; clusters and sites nearly agree.
    sites = run.chips.facts["scene"].str[:4]
    site_of = sites.groupby(reference.edited.ids).agg(lambda group: group.mode()[0])
    known = assigned.table[assigned.table["cluster"] != UNKNOWN]
    assert (known["cluster"].map(site_of) == known["scene"].str[:4]).mean() > 0.9


def test_assign__buildings_are_no_trees(trees):
    _, new = assign(trees, "kampala_buildings")
    assigned = assign_scenes(new)
    assert assigned.counts["unknown_fraction"] > 0.8
    assert assigned.counts["unknown_fraction"] > assigned.counts["held_out_fraction"]
    assert "differ more from the result" in assigned.drift
