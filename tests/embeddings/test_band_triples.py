"""Which bands a network for three is shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.embeddings.band_triples import triples
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
def test_triples__up_to_three_bands_are_the_same_by_both_rules(n, names, order, rule):
    found, note = triples(n, names, rule)
    assert found == [order]
    assert bool(note) == (n == 1 or order != (0, 1, 2))


@pytest.mark.parametrize(
    ("names", "order"),
    [(RGBN, (0, 1, 2)), (("coastal", "blue", "green", "red", "nir"), (3, 2, 1))],
)
def test_triples__first_takes_those_named(names, order):
    found, note = triples(len(names), names)
    assert found == [order]
    assert "red, green and blue taken of the bands" in note


@pytest.mark.parametrize(
    ("n", "names"), [(2, ()), (4, ()), (4, ("red", "green", "nir", "swir")), (2, ("red", "green"))]
)
def test_triples__first_refuses_others_and_says_what_would_do(n, names):
    with pytest.raises(BandError, match=f"takes three bands, the chips have {n}") as caught:
        triples(n, names)
    assert "Choose three bands" in str(caught.value)
    assert 'bands_rule = "triples"' in str(caught.value)
    assert all(name in str(caught.value) for name in names)


@pytest.mark.parametrize(
    ("n", "names", "chosen"),
    [
        (4, (), [(0, 1, 2), (1, 2, 3)]),
        (4, RGBN, [(0, 1, 2), (1, 2, 3)]),
        (5, ("nir", "red", "green", "blue", "swir"), [(1, 2, 3), (3, 0, 4)]),
        (6, (), [(0, 1, 2), (3, 4, 5)]),
        (2, (), [(0, 1, 1)]),
    ],
)
def test_triples__in_triples_the_last_is_filled_up(n, names, chosen):
    found, note = triples(n, names, "triples")
    assert found == chosen
    assert f"the {n} bands run in triples" in note


def test_triples__the_note_names_the_bands():
    _, note = triples(4, RGBN, "triples")
    assert note.endswith("joined: red, green, blue; green, blue, nir")


@given(n=st.integers(1, 40))
def test_triples__show_every_band_and_no_other(n):
    found, _ = triples(n, (), "triples")
    assert {band for one in found for band in one} == set(range(n))
    assert len(found) == -(-n // 3)


def test_triples__no_band_is_refused():
    with pytest.raises(BandError, match="the chips have 0"):
        triples(0, (), "triples")
