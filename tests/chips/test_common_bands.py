import pytest

from core.chips.common_bands import common_bands
from core.errors import BandError

RGB = ("red", "green", "blue")


@pytest.mark.parametrize(
    ("scenes", "wanted", "bands"),
    [
        ({}, (), ()),
        ({"a": RGB}, (), RGB),
        ({"a": RGB, "b": ("nir", "blue", "red")}, (), ("red", "blue")),
        ({"b": ("nir", "blue", "red"), "a": RGB}, (), ("blue", "red")),
        ({"a": RGB, "b": RGB}, ("blue", "red"), ("blue", "red")),
    ],
)
def test_common_bands__by_name_in_the_first_scenes_order(scenes, wanted, bands):
    assert common_bands(scenes, wanted) == bands


def test_common_bands__nothing_shared_is_refused_with_what_each_has():
    with pytest.raises(BandError, match="share no band: a has red, green, blue; b has nir"):
        common_bands({"a": RGB, "b": ("nir",)})


def test_common_bands__nothing_shared_by_all_though_each_pair_shares_one():
    scenes = {"a": ("r", "g"), "b": ("r", "x"), "c": ("g", "x"), "d": ("r",), "e": ("g",)}
    with pytest.raises(BandError, match="c has g, x and 2 more"):
        common_bands(scenes)


def test_common_bands__a_wanted_one_that_is_missing_is_refused_by_name():
    with pytest.raises(BandError, match=r"^b: band 'red' is missing. Bands common .*: blue\.$"):
        common_bands({"a": RGB, "b": ("blue",)}, ("blue", "red"))
