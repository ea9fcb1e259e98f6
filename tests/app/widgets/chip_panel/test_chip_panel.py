import numpy as np
import pandas as pd
import pytest

from app.widgets.chip_panel import chip_panel
from app.widgets.chip_panel.chip_panel import (
    ATTRIBUTES_AT_MOST,
    chip_attributes,
    chip_text,
    describe_chip,
)
from core.chips.chip_set import ChipSet, SceneChips


@pytest.fixture
def chips(monkeypatch):
    """One chip with nine attributes, of which the seventh is the class and the last is empty."""
    monkeypatch.setattr(chip_panel, "class_attribute", lambda _: "species")
    monkeypatch.setattr(chip_panel, "chip_names", lambda chips, rows: ["Pinus palustris"])
    facts = {name: [1.0] for name in ("length", "breadth", "area", "heading", "longitude")}
    facts |= {"chip_id": ["a-1"], "side": [9.0], "valid_fraction": [1.0], "cut_by_edge": [False]}
    names = ("tag", "x", "y", "plot", "year", "crew", "species", "height", "remark")
    properties = {name: [f"the {name}"] for name in names} | {"remark": [None]}
    part = SceneChips(
        "k",
        "a",
        np.zeros((1, 3, 4, 4), np.uint8),
        np.zeros((1, 4, 4), np.uint8),
        pd.DataFrame(facts),
        pd.DataFrame(properties),
    )
    return ChipSet((part,), ("red", "green", "blue"))


def test_describe_chip__class_attribute_comes_first_even_if_it_is_the_seventh(chips):
    pairs = describe_chip(chips, 0, "Pines")
    assert pairs[:2] == [("Cluster", "Pines"), ("species", "the species")]
    names = [name for name, _ in pairs][2 : ATTRIBUTES_AT_MOST + 1]
    assert names == ["tag", "x", "y", "plot", "year"]


def test_chip_attributes__all_that_have_a_value(chips):
    names = [name for name, _ in chip_attributes(chips, 0)]
    assert names == ["species", "tag", "x", "y", "plot", "year", "crew", "height"]


@pytest.mark.parametrize(("heading", "text"), [(179.9, "0°"), (0.2, "0°"), (90.4, "90°")])
def test_describe_chip__headings_are_below_180_degrees(chips, heading, text):
    chips.facts["heading"] = heading
    assert dict(describe_chip(chips, 0, None))["Heading"] == text


def test_chip_text__class_cluster_and_id(chips):
    assert chip_text(chips, 0, "Pines") == "Pinus palustris, Pines, a-1"
    assert chip_text(chips, 0, None) == "Pinus palustris, a-1"
