import numpy as np
import pandas as pd
import pytest

from core.chips.chip_set import ChipSet, SceneChips, shared_band_names
from core.errors import BandError

RGB = ("red", "green", "blue")


def part(name, n, dtype="uint8", size=4, **properties):
    pixels = (np.arange(n * 2 * size * size).reshape(n, 2, size, size) % 200).astype(dtype)
    mask = np.zeros((n, size, size), np.uint8)
    mask[:, 0, 0] = 1
    table = pd.DataFrame({"scene": [name] * n, "annotation": np.arange(n)})
    rows = pd.DataFrame(properties, index=range(n))
    return SceneChips(f"key-{name}", name, pixels, mask, table, rows)


@pytest.fixture
def chips():
    return ChipSet((part("a", 3, kind="x"), part("b", 0), part("c", 5, width=7)), ("r", "g"))


def test_chip_set__concatenates_the_chips_of_all_scenes(chips):
    assert (len(chips), chips.size, chips.keys) == (8, 4, ("key-a", "key-b", "key-c"))
    assert chips.facts["scene"].tolist() == ["a"] * 3 + ["c"] * 5
    assert chips.properties["kind"].isna().tolist() == [False] * 3 + [True] * 5
    assert chips.table.columns.tolist() == ["scene", "annotation", "kind", "width"]


def test_read__rows_in_any_order(chips):
    pixels, mask = chips.read([7, 0, 3, 3])
    a, c = chips.parts[0].pixels, chips.parts[2].pixels
    assert np.array_equal(pixels, np.stack([c[4], a[0], c[0], c[0]]))
    assert mask.dtype == bool
    assert mask.sum() == 4
    assert np.array_equal(chips.read_masks([7, 0, 3, 3]), mask)


def test_read__dtypes_are_combined_only_when_scaled():
    mixed = ChipSet((part("a", 2), part("b", 2, "uint16")), ("r", "g"))
    assert mixed.dtypes == ("uint16", "uint8")
    assert mixed.read([2, 3])[0].dtype == np.uint16
    with pytest.raises(BandError, match="the chips have different dtypes: uint16, uint8"):
        mixed.read([0, 2])
    scaled = mixed.read_scaled([0, 3], mixed.display_scalings)
    assert scaled.dtype == np.float32
    assert scaled.max(axis=(1, 2, 3)) == pytest.approx([31 / 255, 1], abs=0.01)


def test_read_scaled__masked_pixels_are_0(chips):
    scaled = chips.read_scaled([0, 4], chips.display_scalings)
    assert not scaled[:, :, 0, 0].any()
    assert scaled[:, :, 1, 1].all()


def test_display_scalings__one_per_dtype():
    mixed = ChipSet((part("a", 2), part("b", 3, "int16"), part("c", 1)), ("r", "g"))
    assert set(mixed.display_scalings) == {"uint8", "int16"}
    assert mixed.display_scalings["uint8"].high == (255, 255)
    assert 0 < mixed.display_scalings["int16"].high[0] < 200


@pytest.mark.parametrize(("n", "rows"), [(3, [0, 4, 7]), (1, [0]), (100, list(range(8)))])
def test_sample_rows__evenly_spaced(chips, n, rows):
    assert chips.sample_rows(n).tolist() == rows


def test_scene_chips__different_lengths():
    with pytest.raises(BandError, match=r"a: its tables differ in length: \[2, 3\]"):
        SceneChips(
            "k",
            "a",
            np.zeros((2, 1, 4, 4)),
            np.zeros((3, 4, 4)),
            pd.DataFrame({"x": [1, 2]}),
            pd.DataFrame({"y": [1, 2]}),
        )


def test_properties__mixed_types_become_text():
    first = part("a", 2, kind=True, count=1, flag=[True, None])
    second = part("b", 1, kind="q", count=2.5)
    properties = ChipSet((first, second), ("r", "g")).properties
    assert properties["kind"].tolist() == ["True", "True", "q"]
    assert properties["count"].tolist() == [1, 1, 2.5]
    assert properties["flag"].tolist()[0] is True
    assert properties["flag"].isna().tolist() == [False, True, True]


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
