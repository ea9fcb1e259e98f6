import pytest

from core.chips.common_bands import shared_band_names
from core.errors import BandError

RGB = ("red", "green", "blue")


@pytest.mark.parametrize(
    ("scenes", "selection", "bands"),
    [
        ({}, (), ()),
        ({"a": RGB}, (), RGB),
        ({"a": RGB, "b": ("nir", "blue", "red")}, (), ("red", "blue")),
        ({"b": ("nir", "blue", "red"), "a": RGB}, (), ("blue", "red")),
        ({"a": RGB, "b": RGB}, ("blue", "red"), ("blue", "red")),
    ],
)
def test_shared_band_names__in_the_first_scenes_order(scenes, selection, bands):
    assert shared_band_names(scenes, selection) == bands


def test_shared_band_names__none_shared():
    with pytest.raises(BandError, match="share no band: a has red, green, blue; b has nir"):
        shared_band_names({"a": RGB, "b": ("nir",)})


def test_shared_band_names__none_shared_by_all_scenes():
    scenes = {"a": ("r", "g"), "b": ("r", "x"), "c": ("g", "x"), "d": ("r",), "e": ("g",)}
    with pytest.raises(BandError, match="c has g, x and 2 more"):
        shared_band_names(scenes)


def test_shared_band_names__selected_band_is_missing():
    with pytest.raises(BandError, match=r"^b: band 'red' is missing. Bands common .*: blue\.$"):
        shared_band_names({"a": RGB, "b": ("blue",)}, ("blue", "red"))
