"""Labels of attributes and of facts, and missing values."""

from types import SimpleNamespace

import numpy as np
import pandas as pd

from app.widgets import chip_tables
from app.widgets.chip_display import interleave_classes
from app.widgets.colouring import CLUSTER, MISSING, colour_by_cluster
from core.chips.chip_set import ChipSet


class Chips(SimpleNamespace):
    varying_facts = ChipSet.varying_facts

    def __len__(self) -> int:
        return len(self.facts)


def chips_with(**attributes: list[object]) -> Chips:
    """Return the tables of a chip set of three chips."""
    facts = pd.DataFrame(
        {
            "chip_id": ["a", "b", "c"],
            "scene": ["quay", "quay", "bay"],
            "length": [4.26, 20.04, 123.44],
            "heading": [0.0, 45.0, 90.0],
        }
    )
    return Chips(facts=facts, properties=pd.DataFrame(attributes))


CLASHING = {"Length (m)": [1, 2, 3], "length": [7, 8, 9], "Cluster": ["x", "y", "x"]}


def test_colour_columns__attribute_named_like_a_fact_has_another_label():
    columns = chip_tables.colour_columns(chips_with(**CLASHING))
    assert columns["Length (m)"] == ("fact", "length")
    assert columns["Length (m) (annotation)"] == ("property", "Length (m)")
    assert columns["length"] == ("property", "length")
    assert CLUSTER not in columns


def test_chip_colouring__each_label_colours_by_its_own_column():
    chips = chips_with(**CLASHING)
    colourings = {
        label: chip_tables.chip_colouring(chips, label, None)
        for label in chip_tables.colour_columns(chips)
    }
    assert colourings["Length (m)"].texts == ["4.3", "20", "123"]
    assert colourings["Length (m) (annotation)"].texts == ["1", "2", "3"]
    assert colourings["length"].texts == ["7", "8", "9"]
    assert colourings["Cluster (annotation)"].texts == ["x", "y", "x"]


def test_chip_colouring__attribute_named_cluster_is_not_the_clusters():
    look = SimpleNamespace(name=str, colour=lambda _: "#000000")
    clusters = SimpleNamespace(ids=np.array([5, 5, 6], np.int32), look=look)
    chips = chips_with(**CLASHING)
    assert chip_tables.chip_colouring(chips, CLUSTER, clusters).texts == ["5", "5", "6"]
    colouring = chip_tables.chip_colouring(chips, "Cluster (annotation)", clusters)
    assert (colouring.title, colouring.texts) == ("Cluster (annotation)", ["x", "y", "x"])
    assert colour_by_cluster(clusters.ids).title != colouring.title


def test_chip_names__missing_class_is_never_nan():
    chips = chips_with(**{"class": ["boat", None, float("nan")]})
    assert chip_tables.chip_names(chips, [0, 1, 2]) == ["boat", MISSING, MISSING]


def test_chip_names__integers_stay_integers_next_to_missing_values():
    chips = chips_with(**{"class": [3, None, 4]})
    assert chip_tables.chip_names(chips, [0, 1, 2]) == ["3", MISSING, "4"]


def test_interleave_classes__missing_classes_are_not_sorted_as_nan():
    chips = chips_with(**{"class": ["z", float("nan"), "a"]})
    assert interleave_classes(chips, [0, 1, 2], 3) == [1, 2, 0]


def test_chip_lengths__one_decimal_place():
    lengths = chip_tables.chip_lengths(chips_with(), [0, 1, 2])
    assert lengths == ["4.3\u00a0m", "20.0\u00a0m", "123.4\u00a0m"]
