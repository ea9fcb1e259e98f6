import numpy as np
import pandas as pd
import pytest

from app.widgets import colouring, palette


def ids(*values: int) -> np.ndarray:
    return np.array(values, np.int32)


def test_colour_by_cluster__colour_follows_the_id_not_the_position():
    colours = colouring.colour_by_cluster(ids(0, 3, 5)).colours()
    other_colours = colouring.colour_by_cluster(ids(5, 5, 3)).colours()
    assert colours == [
        palette.cluster_colour(0),
        palette.cluster_colour(3),
        palette.cluster_colour(5),
    ]
    assert other_colours == [
        palette.cluster_colour(5),
        palette.cluster_colour(5),
        palette.cluster_colour(3),
    ]


def test_colour_by_cluster__noise_is_grey_faint_and_last():
    colours = colouring.colour_by_cluster(ids(-1, 2, 0, -1))
    assert colours.entries[-1] == (palette.NOISE_COLOUR, "Noise", "2")
    assert colours.colours()[0] == palette.NOISE_COLOUR
    assert colours.faint.tolist() == [True, False, False, True]


def test_colour_by_cluster__all_noise():
    colours = colouring.colour_by_cluster(ids(-1, -1))
    assert [name for _, name, _ in colours.entries] == ["Noise"]
    assert set(colours.colours()) == {palette.NOISE_COLOUR}


def test_colour_by_cluster__more_clusters_than_colours_have_other_symbols():
    colours = colouring.colour_by_cluster(np.arange(30, dtype=np.int32))
    assert colours.symbols[0] != colours.symbols[24]
    assert len(set(zip(colours.colours(), colours.symbols, strict=True))) == 30


def test_colour_by_category__most_frequent_first_and_missing_last():
    colours = colouring.colour_by_category(pd.Series(["b", "a", "b", None]), "class")
    assert [(name, count) for _, name, count in colours.entries] == [
        ("b", "2"),
        ("a", "1"),
        (colouring.MISSING, "1"),
    ]
    assert colours.texts == ["b", "a", "b", colouring.MISSING]
    assert colours.colours()[3] == palette.MISSING_COLOUR


def test_colour_by_category__rare_values_beyond_the_palette_are_one_counted_group():
    values = pd.Series([f"kind {i:02d}" for i in range(40)] + ["kind 00"] * 3)
    colours = colouring.colour_by_category(values, "class")
    assert len(colours.entries) == len(palette.COLOURS)
    assert colours.entries[0][1:] == ("kind 00", "4")
    assert colours.entries[-1] == (palette.MISSING_COLOUR, "17 rarer values", "17")
    assert colours.texts[39] == "kind 39"


def test_colour_by_category__only_missing_values():
    colours = colouring.colour_by_category(pd.Series([None, None]), "class")
    assert [name for _, name, _ in colours.entries] == [colouring.MISSING]


@pytest.mark.parametrize("gap", [None, np.nan, pd.NA, "", "  "])
def test_value_labels__missing_values_have_one_label(gap):
    texts = colouring.value_labels(pd.Series(["boat", gap], dtype=object))
    assert texts.tolist() == ["boat", colouring.MISSING]
    colours = colouring.colour_by_category(pd.Series(["boat", gap], dtype=object), "class")
    assert colours.faint.tolist() == [False, True]
    assert [name for _, name, _ in colours.entries] == ["boat", colouring.MISSING]


def test_value_labels__integers_stay_integers_next_to_missing_values():
    assert colouring.value_labels(pd.Series([3, None])).tolist() == ["3", colouring.MISSING]
    assert colouring.value_labels(pd.Series([2.5])).tolist() == ["2.5"]
    assert colouring.value_labels(pd.Series([True, False])).tolist() == ["True", "False"]
    assert colouring.value_labels(pd.Series(["a", None], dtype="category")).tolist()[1] == "(none)"


def test_colour_by_number__scale_between_percentiles_and_faint_missing_values():
    colours = colouring.colour_by_number(pd.Series([1.0, np.nan, 3.0]), "Length (m)")
    assert colours.numeric
    assert colours.texts == ["1", "not known", "3"]
    assert colours.faint.tolist() == [False, True, False]
    assert 1 <= colours.low < colours.high <= 3
    assert all(np.isfinite(colours.values))


@pytest.mark.parametrize("values", [[2.0, 2.0], [np.nan, np.nan]])
def test_colour_by_number__constant_or_missing_values(values):
    colours = colouring.colour_by_number(pd.Series(values), "x")
    assert colours.high > colours.low


def test_colour_by_property__only_numbers_have_a_scale():
    assert not colouring.colour_by_property(pd.Series([True, False]), "x").numeric
    assert not colouring.colour_by_property(pd.Series(["1", "2"]), "x").numeric
    assert colouring.colour_by_property(pd.Series([1, 2]), "x").numeric


def test_select_colours__values_keep_their_meaning():
    colours = colouring.colour_by_cluster(ids(4, -1, 2))
    selected = colouring.select_colours(colours, np.array([2, 1]))
    assert selected.colours() == [palette.cluster_colour(2), palette.NOISE_COLOUR]
    assert selected.texts == ["Cluster 2", "Noise"]
    assert selected.faint.tolist() == [False, True]
