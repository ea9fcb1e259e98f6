"""The history of labelled regions: undo, redo, classes, and its document."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import ArtifactError, SettingsError
from core.land.data.nomenclature import LandCover
from core.land.labelling.label_regions import (
    RegionHistory,
    Removal,
    add_region_steps,
    class_step,
    redo_region_step,
    region_step,
    regions_from_document,
    regions_to_document,
    undo_region_step,
)
from tests.land.labelling.conftest import add_rectangles, rectangle, two_classes


def test_regions__are_added_removed_undone_and_redone():
    history = add_rectangles(two_classes(), "a.tif", [(1, 0, 0, 4, 4), (2, 4, 4, 8, 8)])
    assert [(region.number, region.value) for region in history.regions()] == [(1, 1), (2, 2)]
    smaller = add_region_steps(history, Removal(1))
    assert [region.number for region in smaller.regions()] == [2]
    assert undo_region_step(smaller).regions() == history.regions()
    assert redo_region_step(undo_region_step(smaller)) == smaller
    # A new step drops those that were undone, and numbers are not used again.
    again = add_rectangles(smaller, "a.tif", [(1, 0, 0, 2, 2)])
    assert [region.number for region in again.regions()] == [2, 3]
    assert add_rectangles(undo_region_step(again), "b.tif", [(2, 0, 0, 1, 1)]).undone_steps == ()


def test_undo_and_redo__of_nothing_change_nothing():
    history = two_classes()
    assert redo_region_step(history) == history
    assert undo_region_step(RegionHistory()) == RegionHistory()


def test_classes__are_added_and_renamed_without_losing_regions():
    history = add_rectangles(two_classes(), "a.tif", [(1, 0, 0, 4, 4)])
    renamed = add_region_steps(history, class_step(history, " bare soil ", "", 1))
    assert renamed.classes()[0] == LandCover(1, "bare soil", "#804000")
    assert renamed.regions() == history.regions()
    third = class_step(renamed, "water")
    assert third.value == 3
    assert third.colour not in {cover.colour for cover in renamed.classes()}
    assert undo_region_step(renamed).classes() == history.classes()
    assert history.legend().n_scored == 2


@pytest.mark.parametrize(
    ("name", "colour", "value", "message"),
    [
        ("", "", None, "cannot be used as the name"),
        ("a" * 81, "", None, "cannot be used as the name"),
        ("two\nlines", "", None, "cannot be used as the name"),
        ("sand", "", None, "two classes would be named 'sand'"),
        ("sand", "", 1, "two classes would be named 'sand'"),
        ("water", "blue", None, "'blue' is not a colour"),
        ("water", "", 9, "no class with the value 9"),
    ],
)
def test_class_step__names_what_is_wrong(name, colour, value, message):
    with pytest.raises(SettingsError, match=message):
        class_step(two_classes(), name, colour, value)


def test_region_step__needs_a_class():
    with pytest.raises(SettingsError, match="no class with the value 3"):
        region_step(two_classes(), "a.tif", 3, rectangle(0, 0, 2, 2))


ACTIONS = st.lists(st.sampled_from(["region", "remove", "class", "undo", "redo"]), max_size=25)


@settings(max_examples=40, deadline=None)
@given(ACTIONS)
def test_document__is_read_again_after_any_changes(actions):
    history = RegionHistory(two_classes().classes())
    for number, action in enumerate(actions):
        if action == "region":
            history = add_rectangles(history, "a.tif", [(1, number, 0, number + 2, 3)])
        elif action == "remove":
            history = add_region_steps(history, Removal(1))
        elif action == "class":
            history = add_region_steps(history, class_step(history, f"class {number}"))
        else:
            history = (undo_region_step if action == "undo" else redo_region_step)(history)
    document = json.loads(json.dumps(regions_to_document(history)))
    assert regions_from_document(document) == history


@pytest.mark.parametrize(
    "row",
    [
        ["region", 1, "a.tif", 1, "POINT (1 1)"],
        ["region", 1, "a.tif", 1, "not a shape"],
        ["region", 1, "a.tif", 7, "POLYGON ((0 0, 1 0, 1 1, 0 0))"],
        ["region", "x", "a.tif", 1, "POLYGON ((0 0, 1 0, 1 1, 0 0))"],
        ["class", 1, "water", "blue"],
        ["shape", 1],
        [],
    ],
)
def test_document__damage_is_an_error(row):
    document = regions_to_document(two_classes())
    document["steps"].append(row)
    with pytest.raises(ArtifactError, match="labelled regions cannot be read"):
        regions_from_document(document)
