import numpy as np
import pandas as pd
import pytest

from core.chips.chip_set import ChipSet, SceneChips
from core.errors import BandError


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


def test_chip_set__one_sequence_of_all_scenes(chips):
    assert (len(chips), chips.size, chips.keys) == (8, 4, ("key-a", "key-b", "key-c"))
    assert chips.facts["scene"].tolist() == ["a"] * 3 + ["c"] * 5
    assert chips.properties["kind"].isna().tolist() == [False] * 3 + [True] * 5
    assert chips.table.columns.tolist() == ["scene", "annotation", "kind", "width"]


def test_read__any_rows_in_any_order(chips):
    pixels, mask = chips.read([7, 0, 3, 3])
    a, c = chips.parts[0].pixels, chips.parts[2].pixels
    assert np.array_equal(pixels, np.stack([c[4], a[0], c[0], c[0]]))
    assert mask.dtype == bool
    assert mask.sum() == 4
    assert np.array_equal(chips.masked([7, 0, 3, 3]), mask)


def test_read__different_dtypes_are_refused_and_unit_brings_them_together():
    mixed = ChipSet((part("a", 2), part("b", 2, "uint16")), ("r", "g"))
    assert mixed.dtypes == ("uint16", "uint8")
    assert mixed.read([2, 3])[0].dtype == np.uint16
    with pytest.raises(BandError, match="chips of different dtypes: uint16, uint8"):
        mixed.read([0, 2])
    unit = mixed.unit([0, 3], mixed.display)
    assert unit.dtype == np.float32
    assert unit.max(axis=(1, 2, 3)) == pytest.approx([31 / 255, 1], abs=0.01)


def test_unit__masked_pixels_are_0(chips):
    unit = chips.unit([0, 4], chips.display)
    assert not unit[:, :, 0, 0].any()
    assert unit[:, :, 1, 1].all()


def test_display__each_dtype_has_its_scaling():
    mixed = ChipSet((part("a", 2), part("b", 3, "int16"), part("c", 1)), ("r", "g"))
    assert set(mixed.display) == {"uint8", "int16"}
    assert mixed.display["uint8"].high == (255, 255)
    assert 0 < mixed.display["int16"].high[0] < 200


@pytest.mark.parametrize(("n", "rows"), [(3, [0, 4, 7]), (1, [0]), (100, list(range(8)))])
def test_spread__evenly_over_all(chips, n, rows):
    assert chips.spread(n).tolist() == rows


def test_scene_chips__parts_of_one_length():
    with pytest.raises(BandError, match=r"a: parts of different lengths \[2, 3\]"):
        SceneChips(
            "k",
            "a",
            np.zeros((2, 1, 4, 4)),
            np.zeros((3, 4, 4)),
            pd.DataFrame({"x": [1, 2]}),
            pd.DataFrame({"y": [1, 2]}),
        )


def test_properties__of_two_kinds_are_text_and_of_one_stay():
    flags = part("a", 2, kind=True, many=1, seen=[True, None])
    words = part("b", 1, kind="q", many=2.5)
    mixed = ChipSet((flags, words), ("r", "g")).properties
    assert mixed["kind"].tolist() == ["True", "True", "q"]
    assert mixed["many"].tolist() == [1, 1, 2.5]
    assert mixed["seen"].tolist()[0] is True
    assert mixed["seen"].isna().tolist() == [False, True, True]
