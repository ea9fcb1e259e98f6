import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import gaussian_filter

from core.chips.chip_set import ChipSet, SceneChips
from core.chips.screening import (
    FLAGS,
    flag_chips,
    near_duplicate_groups,
    near_duplicates,
    unflagged_chips,
)
from core.errors import SettingsError

SIDE = 48


def textures(n, seed=0):
    """Grey chips with structure at several scales, uint8 (n, 1, SIDE, SIDE)."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(n, SIDE, SIDE))
    coarse = np.stack([gaussian_filter(layer, 5) * 10 for layer in rng.normal(size=noise.shape)])
    return np.clip(128 + 45 * coarse + 12 * noise, 1, 254).astype(np.uint8)[:, None]


def chip_set(pixels, mask=None, cut=()):
    n = len(pixels)
    mask = np.zeros((n, SIDE, SIDE), np.uint8) if mask is None else mask
    facts = pd.DataFrame(
        {
            "chip_id": [f"c{i}" for i in range(n)],
            "valid_fraction": 1 - mask.mean(axis=(1, 2)),
            "cut_by_edge": np.isin(np.arange(n), cut),
        }
    )
    return ChipSet(
        (SceneChips("k", "a", pixels, mask, facts, pd.DataFrame(index=range(n))),), ("g",)
    )


def flagged(table, row):
    return {flag for flag in FLAGS if table.loc[row, flag]}


def test_flag_chips__each_flag_with_its_reason():
    pixels, mask = textures(20), np.zeros((20, SIDE, SIDE), np.uint8)
    pixels[1] = 77
    mask[2, :30] = 1
    pixels[3, :, :, :30] = 255
    pixels[4] = gaussian_filter(pixels[4].astype(float), (0, 6, 6)).astype(np.uint8)
    pixels[6] = np.clip(pixels[7].astype(int) + 3, 0, 255)
    table = flag_chips(chip_set(pixels, mask, cut=[5]))
    expected = {
        1: "blank",
        2: "mostly nodata",
        3: "saturated",
        4: "blurred",
        5: "cut off",
        7: "near-duplicate",
    }
    for row in range(20):
        assert flagged(table, row) == ({expected[row]} if row in expected else set()), row
        assert bool(table["reason"][row]) == (row in expected)
    assert table["duplicate_of"][7] == "c6"
    assert table["reason"][2].startswith("mostly nodata: 38% valid")


def test_flag_chips__nodata_does_not_change_sharpness():
    pixels = textures(12)
    mask = np.zeros((12, SIDE, SIDE), np.uint8)
    mask[3, :, :20] = 1
    pixels[3, :, :, :20] = 0
    table = flag_chips(chip_set(pixels, mask))
    assert flagged(table, 3) == set()
    assert table["sharpness"][3] == pytest.approx(table["sharpness"].median(), rel=0.3)


def test_flag_chips__all_blank_or_all_masked():
    table = flag_chips(chip_set(np.full((4, 1, SIDE, SIDE), 9, np.uint8)))
    assert table["blank"].all()
    assert not table["near-duplicate"].any()
    masked = flag_chips(
        chip_set(np.zeros((3, 1, SIDE, SIDE), np.uint8), np.ones((3, SIDE, SIDE), np.uint8))
    )
    assert masked["mostly nodata"].all()
    assert not masked["blank"].any()


def test_flag_chips__duplicates_across_blocks(monkeypatch):
    monkeypatch.setattr("core.chips.chip_measures.BLOCK", 4)
    pixels = textures(11)
    pixels[10] = pixels[1]
    table = flag_chips(chip_set(pixels))
    assert table["duplicate_of"].tolist() == [""] * 10 + ["c1"]


def test_near_duplicates__equal_to_comparing_every_pair():
    rng = np.random.default_rng(1)
    hashes = rng.integers(0, 2**63, 40, dtype=np.uint64)
    flips = np.array([0, 0b1000100000000001, 0b1111], np.uint64)
    hashes = np.concatenate([hashes ^ bits for bits in flips])
    visible = rng.random(120) < 0.9
    equal = np.zeros((120, 4), np.float32)
    expected = np.full(120, -1)
    for i in range(120):
        for j in range(i):
            if visible[i] and visible[j] and int(hashes[i] ^ hashes[j]).bit_count() <= 3:
                expected[i] = j
                break
    assert np.array_equal(near_duplicates(hashes, equal, visible), expected)
    assert (expected >= 0).sum() > 25
    different = np.arange(120, dtype=np.float32)[:, None] * np.ones((1, 4), np.float32)
    assert (near_duplicates(hashes, different, visible) == -1).all()


def test_unflagged_chips__only_named_flags_are_left_out():
    table = flag_chips(
        chip_set(np.concatenate([textures(5), np.full((2, 1, SIDE, SIDE), 9, np.uint8)]))
    )
    assert unflagged_chips(table, ()).all()
    assert unflagged_chips(table, ("blank", "cut off")).tolist() == [True] * 5 + [False] * 2
    with pytest.raises(SettingsError, match="'ugly' is not a flag"):
        unflagged_chips(table, ("ugly",))


def test_near_duplicate_groups__follow_chains_to_the_first_chip():
    chip_ids = [f"c{i}" for i in range(7)]
    table = pd.DataFrame({"chip_id": chip_ids, "duplicate_of": ["", "", "c1", "", "c2", "c0", ""]})
    assert near_duplicate_groups(table) == [[0, 5], [1, 2, 4]]
    assert near_duplicate_groups(table.iloc[:2]) == []
