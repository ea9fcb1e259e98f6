import numpy as np
import pandas as pd
import pytest
import shapely
from shapely.geometry import LineString, Point, box

from core.chips.chip_table import chip_ids, facts, joined
from core.raster.annotations.footprints import Footprints
from core.raster.geodesy import Ground
from core.raster.windows import ChipWindows

SHAPES = np.array([box(0, 0, 5, 5), box(10, 0, 15, 5), Point(3, 3), LineString([(0, 0), (9, 9)])])


def test_chip_ids__named_after_the_scene_and_all_different():
    ids = chip_ids("quay", SHAPES)
    assert len(set(ids)) == 4
    assert all(i.startswith("quay-") and len(i) == 15 for i in ids)
    assert chip_ids("quay", SHAPES) == ids != chip_ids("pier", SHAPES)
    assert chip_ids("quay", SHAPES[:0]) == []


def test_chip_ids__of_equal_shapes_the_later_are_numbered():
    same = chip_ids("a", SHAPES[[0, 1, 0, 0]])
    assert same[2:] == [f"{same[0]}-2", f"{same[0]}-3"]
    assert len(set(same)) == 4


def test_chip_ids__the_start_and_direction_of_a_ring_do_not_matter():
    turned = shapely.reverse(SHAPES[:1])
    rolled = shapely.Polygon([(5, 0), (5, 5), (0, 5), (0, 0)])
    assert chip_ids("a", turned) == chip_ids("a", np.array([rolled])) == chip_ids("a", SHAPES[:1])


def test_chip_ids__finer_than_a_hundredth_of_a_pixel_is_the_same():
    moved = np.array([box(0.001, -0.001, 5.002, 5.001), box(0.3, 0, 5, 5)])
    assert chip_ids("a", moved)[0] == chip_ids("a", SHAPES)[0] != chip_ids("a", moved)[1]


def test_chip_ids__shapes_below_the_grid_stay_apart():
    tiny = np.array([box(x, 3, x + 0.004, 3.004) for x in (10.0, 40.0)])
    first, second = chip_ids("a", tiny)
    assert first.split("-")[1] != second.split("-")[1]


def test_facts__one_row_a_chip():
    n = 2
    ground = Ground(*(np.full(n, v) for v in range(8)))
    rows = Footprints(
        SHAPES[:2], SHAPES[:2], ground, pd.DataFrame({"a": [1, 2]}), np.array([4, 7]),
        np.array([True, False]), 0, {}, (),
    )  # fmt: skip
    windows = ChipWindows(*(np.full(n, 10.0 + v) for v in range(6)))
    table = facts("quay", rows, windows, np.array([0.5, 1.0]))
    assert table["chip_id"].tolist() == chip_ids("quay", SHAPES[:2])
    assert table["annotation"].tolist() == [4, 7]
    assert table["cut_by_edge"].tolist() == [True, False]
    names = ["longitude", "latitude", "width", "height", "length", "breadth", "area", "heading"]
    assert table.loc[0, names].tolist() == list(range(8))
    names = ["column", "row", "columns", "rows", "turn", "side"]
    assert table.loc[0, names].tolist() == [10, 11, 12, 13, 14, 15]


@pytest.mark.parametrize(
    ("columns", "names"),
    [
        (["class"], ["class"]),
        (["width", "scene"], ["property_width", "property_scene"]),
        (["width", "property_width"], ["property_property_width", "property_width"]),
        (["property_width", "width"], ["property_width", "property_property_width"]),
    ],
)
def test_joined__no_name_twice(columns, names):
    both = joined(
        pd.DataFrame({"scene": ["a"], "width": [1]}), pd.DataFrame([columns], columns=columns)
    )
    assert both.columns.tolist() == ["scene", "width", *names]
    assert both.iloc[0, 2:].tolist() == columns
