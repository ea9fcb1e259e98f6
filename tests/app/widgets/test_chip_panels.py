"""Labels of what the annotations bring and of what is measured, and what is missing."""

from types import SimpleNamespace

import numpy as np
import pandas as pd

from app.explore import chip_plot
from app.widgets import chip_panels
from app.widgets.colouring import CLUSTER, MISSING, by_cluster


class Chips(SimpleNamespace):
    def __len__(self) -> int:
        return len(self.facts)


def some(**properties: list[object]) -> Chips:
    """What the panels read of a chip set, with three chips."""
    facts = pd.DataFrame({
        "chip_id": ["a", "b", "c"], "scene": ["quay", "quay", "bay"],
        "length": [4.26, 20.04, 123.44], "heading": [0.0, 45.0, 90.0],
    })  # fmt: skip
    return Chips(facts=facts, properties=pd.DataFrame(properties))


CLASHING = {"Length (m)": [1, 2, 3], "length": [7, 8, 9], "Cluster": ["x", "y", "x"]}


def test_colourable__a_property_named_like_a_fact_stays_apart():
    options = chip_panels.colourable(some(**CLASHING))
    assert options["Length (m)"] == ("fact", "length")
    assert options["Length (m) (annotation)"] == ("property", "Length (m)")
    assert options["length"] == ("property", "length")
    assert CLUSTER not in options


def test_paint__each_label_colours_by_its_own_column():
    those = some(**CLASHING)
    paint = {by: chip_plot.paint(those, by, None) for by in chip_panels.colourable(those)}
    assert paint["Length (m)"].texts == ["4.3", "20", "123"]
    assert paint["Length (m) (annotation)"].texts == ["1", "2", "3"]
    assert paint["length"].texts == ["7", "8", "9"]
    assert paint["Cluster (annotation)"].texts == ["x", "y", "x"]


def test_paint__a_property_named_cluster_is_not_taken_for_the_clusters():
    look = SimpleNamespace(name=str, colour=lambda _: "#000000")
    clusters = SimpleNamespace(ids=np.array([5, 5, 6], np.int32), look=look)
    those = some(**CLASHING)
    assert chip_plot.paint(those, CLUSTER, clusters).texts == ["5", "5", "6"]
    painted = chip_plot.paint(those, "Cluster (annotation)", clusters)
    assert (painted.title, painted.texts) == ("Cluster (annotation)", ["x", "y", "x"])
    assert by_cluster(clusters.ids).title != painted.title


def test_table__and_chooser_give_a_property_one_label():
    those = some(**CLASHING)
    table = chip_panels.table_of(those, None, None)
    own = {
        label
        for label, (source, _) in chip_panels.colourable(those).items()
        if source == "property"
    }
    assert own <= set(table)
    assert table["Length (m)"].tolist() == [4.3, 20.0, 123.4]
    assert table["Length (m) (annotation)"].tolist() == [1, 2, 3]


def test_names__a_missing_class_is_never_nan():
    those = some(**{"class": ["boat", None, float("nan")]})
    assert chip_panels.names_of(those, [0, 1, 2]) == ["boat", MISSING, MISSING]


def test_names__numbers_beside_a_gap_stay_whole():
    assert chip_panels.names_of(some(**{"class": [3, None, 4]}), [0, 1, 2]) == ["3", MISSING, "4"]


def test_cross_section__missing_classes_are_not_sorted_as_nan():
    missing = some(**{"class": ["z", float("nan"), "a"]})
    assert chip_panels.cross_section(missing, [0, 1, 2], 3) == [1, 2, 0]


def test_lengths__one_decimal_throughout():
    assert chip_panels.lengths(some(), [0, 1, 2]) == ["4.3\u00a0m", "20.0\u00a0m", "123.4\u00a0m"]
