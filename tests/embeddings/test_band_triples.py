"""The bands that a network for three bands receives."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.embeddings.band_triples import choose_band_triples
from core.errors import BandError

RGBN = ("red", "green", "blue", "nir")


@pytest.mark.parametrize("rule", ["first", "triples"])
@pytest.mark.parametrize(
    ("n", "names", "order"),
    [
        (3, (), (0, 1, 2)),
        (3, ("red", "green", "blue"), (0, 1, 2)),
        (3, ("Blue", "Green", "Red"), (2, 1, 0)),
        (3, ("nir", "red", "green"), (0, 1, 2)),
        (1, ("pan",), (0, 0, 0)),
        (1, (), (0, 0, 0)),
    ],
)
def test_triples__both_rules_agree_for_one_and_three_bands(n, names, order, rule):
    triples, note = choose_band_triples(n, names, rule)
    assert triples == [order]
    assert bool(note) == (n == 1 or order != (0, 1, 2))


@pytest.mark.parametrize(
    ("names", "order"), [(RGBN, (0, 1, 2)), (("coastal", "blue", "green", "red", "nir"), (3, 2, 1))]
)
def test_triples__first_uses_the_named_bands(names, order):
    triples, note = choose_band_triples(len(names), names)
    assert triples == [order]
    assert f"red, green and blue are taken from the bands {', '.join(names)}" in note


@pytest.mark.parametrize(
    ("n", "names"), [(2, ()), (4, ()), (4, ("red", "green", "nir", "swir")), (2, ("red", "green"))]
)
def test_triples__first_raises_for_other_bands_and_names_the_remedy(n, names):
    with pytest.raises(BandError, match=f"takes three bands, but the chips have {n}") as caught:
        choose_band_triples(n, names)
    assert "Choose one or three bands" in str(caught.value)
    assert 'bands_rule = "triples"' in str(caught.value)
    assert all(name in str(caught.value) for name in names)


@pytest.mark.parametrize(
    ("n", "names", "expected"),
    [
        (4, (), [(0, 1, 2), (1, 2, 3)]),
        (4, RGBN, [(0, 1, 2), (1, 2, 3)]),
        (5, ("nir", "red", "green", "blue", "swir"), [(1, 2, 3), (3, 0, 4)]),
        (6, (), [(0, 1, 2), (3, 4, 5)]),
        (2, (), [(0, 1, 1)]),
    ],
)
def test_triples__incomplete_last_triple_is_filled_up(n, names, expected):
    triples, note = choose_band_triples(n, names, "triples")
    assert triples == expected
    assert f"the {n} bands are encoded three at a time" in note


def test_triples__note_names_the_bands():
    _, note = choose_band_triples(4, RGBN, "triples")
    assert note.endswith("three at a time: red, green, blue; green, blue, nir")


@given(n=st.integers(1, 40))
def test_triples__contain_every_band_and_no_other(n):
    triples, _ = choose_band_triples(n, (), "triples")
    assert {band for triple in triples for band in triple} == set(range(n))
    assert len(triples) == -(-n // 3)


def test_triples__no_band_raises():
    with pytest.raises(BandError, match="the chips have 0"):
        choose_band_triples(0, (), "triples")
