import numpy as np
import pandas as pd
import pytest

from app.explore.plot_companion import SHADES, point_groups
from app.widgets import palette
from app.widgets.colouring import colour_by_cluster, colour_by_number


def test_point_groups__one_byte_per_point():
    colouring = colour_by_cluster(np.array([0, 1, -1, 1], np.int32))
    codes, groups = point_groups(colouring, frozenset({1}))
    assert codes.dtype == np.uint8
    assert codes.tolist() == [0, 1, 2, 1]
    assert [group["colour"] for group in groups] == colouring.colours()[:3]
    assert [group["faint"] for group in groups] == [False, False, True]
    assert [group["hidden"] for group in groups] == [False, True, False]


def test_point_groups__many_clusters_have_two_bytes_and_symbols():
    codes, groups = point_groups(colour_by_cluster(np.arange(300, dtype=np.int32)))
    assert codes.dtype == np.uint16
    assert codes.tolist() == list(range(300))
    assert (groups[0]["symbol"], groups[24]["symbol"]) == palette.SYMBOLS[:2]


def test_point_groups__numbers_are_shades_and_missing_values_are_grey():
    codes, groups = point_groups(colour_by_number(pd.Series([0.0, 1.0, np.nan, 0.5]), "number"))
    assert len(groups) == SHADES + 2
    assert codes[[0, 1, 2]].tolist() == [0, SHADES, SHADES + 1]
    assert codes[3] == pytest.approx(SHADES / 2, abs=1)
    assert groups[0]["colour"].upper() == palette.SEQUENTIAL[0][1]
    assert groups[SHADES]["colour"].upper() == palette.SEQUENTIAL[-1][1]
    assert groups[-1] == {"colour": palette.MISSING_COLOUR, "faint": True, "hidden": False}


def test_point_groups__a_single_value():
    codes, _ = point_groups(colour_by_number(pd.Series([3.0, 3.0]), "number"))
    assert codes.tolist() == [0, 0]
