import numpy as np
import pandas as pd
import pytest

from app.widgets import colouring, palette


def ids(*values: int) -> np.ndarray:
    return np.array(values, np.int32)


def test_by_cluster__colour_follows_the_id_not_the_place():
    both = colouring.by_cluster(ids(0, 3, 5)).colours()
    one = colouring.by_cluster(ids(5, 5, 3)).colours()
    assert both == [palette.colour(0), palette.colour(3), palette.colour(5)]
    assert one == [palette.colour(5), palette.colour(5), palette.colour(3)]


def test_by_cluster__noise_is_grey_faint_and_last():
    painted = colouring.by_cluster(ids(-1, 2, 0, -1))
    assert painted.entries[-1] == (palette.NOISE_COLOUR, "Noise", "2")
    assert painted.colours()[0] == palette.NOISE_COLOUR
    assert painted.faint.tolist() == [True, False, False, True]


def test_by_cluster__all_noise():
    painted = colouring.by_cluster(ids(-1, -1))
    assert [name for _, name, _ in painted.entries] == ["Noise"]
    assert set(painted.colours()) == {palette.NOISE_COLOUR}


def test_by_cluster__more_than_the_palette_get_other_symbols():
    painted = colouring.by_cluster(np.arange(30, dtype=np.int32))
    assert painted.symbols[0] != painted.symbols[24]
    assert len(set(zip(painted.colours(), painted.symbols, strict=True))) == 30


def test_by_category__most_frequent_first_and_missing_last():
    painted = colouring.by_category(pd.Series(["b", "a", "b", None]), "class")
    assert [(name, count) for _, name, count in painted.entries] == [
        ("b", "2"), ("a", "1"), (colouring.MISSING, "1"),
    ]  # fmt: skip
    assert painted.texts == ["b", "a", "b", colouring.MISSING]
    assert painted.colours()[3] == palette.MISSING_COLOUR


def test_by_category__rare_ones_beyond_the_palette_are_one_counted_group():
    values = pd.Series([f"kind {i:02d}" for i in range(40)] + ["kind 00"] * 3)
    painted = colouring.by_category(values, "class")
    assert len(painted.entries) == len(palette.COLOURS)
    assert painted.entries[0][1:] == ("kind 00", "4")
    assert painted.entries[-1] == (palette.MISSING_COLOUR, "17 rarer ones", "17")
    assert painted.texts[39] == "kind 39"


def test_by_category__nothing_but_missing():
    painted = colouring.by_category(pd.Series([None, None]), "class")
    assert [name for _, name, _ in painted.entries] == [colouring.MISSING]


@pytest.mark.parametrize("gap", [None, np.nan, pd.NA, "", "  "])
def test_in_words__what_is_missing_has_one_name(gap):
    texts = colouring.in_words(pd.Series(["boat", gap], dtype=object))
    assert texts.tolist() == ["boat", colouring.MISSING]
    painted = colouring.by_category(pd.Series(["boat", gap], dtype=object), "class")
    assert painted.faint.tolist() == [False, True]
    assert [name for _, name, _ in painted.entries] == ["boat", colouring.MISSING]


def test_in_words__whole_numbers_stay_whole_beside_a_gap():
    assert colouring.in_words(pd.Series([3, None])).tolist() == ["3", colouring.MISSING]
    assert colouring.in_words(pd.Series([2.5])).tolist() == ["2.5"]
    assert colouring.in_words(pd.Series([True, False])).tolist() == ["True", "False"]
    assert colouring.in_words(pd.Series(["a", None], dtype="category")).tolist()[1] == "(none)"


def test_by_number__scale_between_percentiles_and_missing_known_as_such():
    painted = colouring.by_number(pd.Series([1.0, np.nan, 3.0]), "Length (m)")
    assert painted.numeric
    assert painted.texts == ["1", "not known", "3"]
    assert painted.faint.tolist() == [False, True, False]
    assert 1 <= painted.low < painted.high <= 3
    assert all(np.isfinite(painted.values))


@pytest.mark.parametrize("values", [[2.0, 2.0], [np.nan, np.nan]])
def test_by_number__no_spread(values):
    painted = colouring.by_number(pd.Series(values), "x")
    assert painted.high > painted.low


def test_by_property__booleans_and_texts_are_categories_numbers_a_scale():
    assert not colouring.by_property(pd.Series([True, False]), "x").numeric
    assert not colouring.by_property(pd.Series(["1", "2"]), "x").numeric
    assert colouring.by_property(pd.Series([1, 2]), "x").numeric


def test_some_of__keeps_what_the_values_mean():
    painted = colouring.by_cluster(ids(4, -1, 2))
    some = colouring.some_of(painted, np.array([2, 1]))
    assert some.colours() == [palette.colour(2), palette.NOISE_COLOUR]
    assert some.texts == ["Cluster 2", "Noise"]
    assert some.faint.tolist() == [False, True]
