import numpy as np
import pandas as pd
import pytest
import shapely
from shapely.geometry import LineString, Point, box

from core.chips.chip_table import chip_facts, chip_ids, join_properties
from core.raster.annotations.footprints import Footprints
from core.raster.geodesy import Ground
from core.raster.windows import ChipWindows

SHAPES = np.array([box(0, 0, 5, 5), box(10, 0, 15, 5), Point(3, 3), LineString([(0, 0), (9, 9)])])


def test_chip_ids__scene_name_and_unique_hash():
    ids = chip_ids("quay", SHAPES)
    assert len(set(ids)) == 4
    assert all(i.startswith("quay-") and len(i) == 15 for i in ids)
    assert chip_ids("quay", SHAPES) == ids != chip_ids("pier", SHAPES)
    assert chip_ids("quay", SHAPES[:0]) == []


def test_chip_ids__equal_shapes_are_numbered():
    same = chip_ids("a", SHAPES[[0, 1, 0, 0]])
    assert same[2:] == [f"{same[0]}-2", f"{same[0]}-3"]
    assert len(set(same)) == 4


def test_chip_ids__independent_of_ring_start_and_direction():
    reverse = shapely.reverse(SHAPES[:1])
    rotated = shapely.Polygon([(5, 0), (5, 5), (0, 5), (0, 0)])
    assert chip_ids("a", reverse) == chip_ids("a", np.array([rotated])) == chip_ids("a", SHAPES[:1])


def test_chip_ids__differences_below_a_hundredth_of_a_pixel_are_ignored():
    moved = np.array([box(0.001, -0.001, 5.002, 5.001), box(0.3, 0, 5, 5)])
    assert chip_ids("a", moved)[0] == chip_ids("a", SHAPES)[0] != chip_ids("a", moved)[1]


def test_chip_ids__tiny_shapes_stay_distinct():
    tiny = np.array([box(x, 3, x + 0.004, 3.004) for x in (10.0, 40.0)])
    first, second = chip_ids("a", tiny)
    assert first.split("-")[1] != second.split("-")[1]


def test_chip_facts__one_row_per_chip():
    n = 2
    ground = Ground(*(np.full(n, v) for v in range(8)))
    footprints = Footprints(
        SHAPES[:2],
        SHAPES[:2],
        ground,
        pd.DataFrame({"a": [1, 2]}),
        np.array([4, 7]),
        np.array([True, False]),
        0,
        {},
        (),
    )
    windows = ChipWindows(*(np.full(n, 10.0 + v) for v in range(6)))
    table = chip_facts("quay", footprints, windows, np.array([0.5, 1.0]))
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
def test_join_properties__column_names_are_unique(columns, names):
    table = join_properties(
        pd.DataFrame({"scene": ["a"], "width": [1]}), pd.DataFrame([columns], columns=columns)
    )
    assert table.columns.tolist() == ["scene", "width", *names]
    assert table.iloc[0, 2:].tolist() == columns
