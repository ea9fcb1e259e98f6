"""The file of labelled regions: atomic, sealed, and damaged."""

import pytest

from core.errors import ArtifactError
from core.land.data.nomenclature import FLAIR, Legend
from core.land.labelling.label_regions import RegionHistory, undo_region_step
from core.pipeline.land.labelling.region_file import (
    change_regions,
    load_regions,
    regions_path,
    regions_stamp,
)
from core.pipeline.workspace import Workspace
from tests.land.labelling.conftest import add_rectangles

ONE = [(1, 0, 0, 4, 4)]


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path)


def add_building(history):
    return add_rectangles(history, "a.tif", ONE)


def test_change_regions__writes_a_file_that_is_read_again(workspace):
    assert load_regions(workspace, FLAIR) == RegionHistory(FLAIR.listed)
    assert regions_stamp(workspace) is None
    history = change_regions(workspace, FLAIR, add_building)
    assert load_regions(workspace, FLAIR) == history
    # The classes of regions stay those with which they were labelled.
    assert load_regions(workspace, Legend((), 0)).classes() == FLAIR.listed
    assert change_regions(workspace, FLAIR, undo_region_step).regions() == ()


def test_change_regions__that_changes_nothing_writes_nothing(workspace):
    change_regions(workspace, FLAIR, undo_region_step)
    assert not regions_path(workspace).exists()


@pytest.mark.parametrize("damage", ["truncated", "edited", "version"])
def test_damaged_regions__are_named_and_never_replaced(workspace, damage):
    change_regions(workspace, FLAIR, add_building)
    path = regions_path(workspace)
    text = path.read_text()
    changed = {
        "truncated": text[:40],
        "edited": text.replace("a.tif", "b.tif"),
        "version": '{"format": 99, "classes": [], "steps": [], "undone_steps": []}',
    }[damage]
    path.write_text(changed)
    with pytest.raises(ArtifactError, match="labelled regions cannot be read") as caught:
        load_regions(workspace, FLAIR)
    assert caught.value.where == str(path)
    with pytest.raises(ArtifactError):
        change_regions(workspace, FLAIR, add_building)
    assert path.read_text() == changed
