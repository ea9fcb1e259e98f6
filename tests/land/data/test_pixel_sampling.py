from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Cancelled, SettingsError, TooFewError
from core.land.data.patch_reading import RequiredData, read_patch
from core.land.data.pixel_sampling import SampleSettings, sample_pixels, share_out, water_fill

from ..conftest import write_tif

Make = Callable[..., Any]


def test_sample__notebook_grid(make_tree: Make) -> None:
    tree = make_tree()
    tree.patch("000001", labels=3)
    table = sample_pixels(tree.discover(), [0], SampleSettings())
    # The central 500 pixels begin at 6; the grid takes their sixth pixel, 11, and every tenth.
    grid = np.arange(6, 506)[5::10]
    assert np.array_equal(np.unique(table.row), grid)
    assert np.array_equal(table.row, grid.repeat(50))
    assert np.array_equal(table.column, np.tile(grid, 50))
    assert len(table) == 2500


def test_sample__other_and_unlabelled_are_left_out(make_tree: Make) -> None:
    labels = np.full((512, 512), 3, np.uint8)
    labels[:256] = 15
    labels[400:] = 200
    tree = make_tree()
    tree.patch("000001", labels=labels)
    table = sample_pixels(tree.discover(), [0], SampleSettings())
    assert set(table.labels.tolist()) == {3}
    assert (table.row.min(), table.row.max()) == (261, 391)
    assert "not classes (200)" in str(table.problems[0])
    with_other = sample_pixels(tree.discover(), [0], SampleSettings(other=True))
    assert set(with_other.labels.tolist()) == {3, 13}
    assert with_other.row.min() == 11
    full = sample_pixels(tree.discover(), [0], SampleSettings(other=True, nomenclature="full"))
    assert set(full.labels.tolist()) == {3, 15}


def test_sample__equals_rows_of_the_patch(make_tree: Make) -> None:
    rng = np.random.default_rng(0)
    tree = make_tree()
    tree.patch(
        "000001",
        aerial=rng.integers(0, 256, (5, 512, 512), dtype=np.uint8),
        labels=rng.integers(1, 20, (512, 512), dtype=np.uint8),
    )
    tree.area(data=rng.integers(1, 5000, (4, 10, 60, 60), dtype=np.uint16))
    needs = RequiredData(sentinel=True, context=("texture",))
    for draw in ("notebook", "random", "stratified"):
        sample = sample_pixels(tree.discover(), [0], SampleSettings(draw, 900), needs)
        flat = sample.row.astype(int) * 512 + sample.column
        patch = read_patch(tree.discover(), 0, needs).take(flat)
        for name in ("aerial", "sentinel", "labels", "context", "row", "column"):
            assert np.array_equal(getattr(sample, name), getattr(patch, name)), name


def test_sample__random_is_seeded_by_patch(make_tree: Make) -> None:
    tree = make_tree()
    for number in ("000001", "000002", "000003"):
        tree.patch(number, labels=2)
    dataset = tree.discover()
    settings = SampleSettings("random", 100, seed=4)
    three = sample_pixels(dataset, [0, 1, 2], settings)
    single = sample_pixels(dataset, [2], settings)
    assert np.array_equal(three.column[three.patch == 2], single.column)
    assert not np.array_equal(three.column[three.patch == 0], three.column[three.patch == 1])
    reseeded = sample_pixels(dataset, [2], SampleSettings("random", 100, seed=5))
    assert not np.array_equal(reseeded.column, single.column)
    assert len(np.unique(single.row.astype(int) * 512 + single.column)) == 100
    # The seed is the number of the patch, not its position in the list.
    dataset.patches[0].mask.unlink()
    fewer = sample_pixels(tree.discover(), [1], settings)
    assert np.array_equal(fewer.column, single.column)


def test_sample__stratified_classes_are_balanced(make_tree: Make) -> None:
    first = np.full((512, 512), 1, np.uint8)
    first[0, :30] = 2
    second = np.full((512, 512), 1, np.uint8)
    second[:, :300] = 3
    second[5, 400:410] = 2
    tree = make_tree()
    tree.patch("000001", labels=first)
    tree.patch("000002", labels=second)
    table = sample_pixels(tree.discover(), [0, 1], SampleSettings("stratified", 500))
    assert len(table) == 1000
    # Class 2 has only 40 pixels; the other two share the remainder.
    assert np.bincount(table.labels)[1:].tolist() == [480, 40, 480]
    class_1 = np.bincount(table.patch[table.labels == 1])
    pixels = (first == 1).sum(), (second == 1).sum()
    assert class_1[0] / 480 == pytest.approx(pixels[0] / sum(pixels), abs=0.01)


def test_sample__unreadable_patches_are_reported(make_tree: Make) -> None:
    tree = make_tree()
    for number in ("000001", "000002", "000003"):
        tree.patch(number)
    dataset = tree.discover()
    write_tif(dataset.patches[1].mask, np.ones((256, 256), np.uint8))
    for draw in ("notebook", "random", "stratified"):
        table = sample_pixels(dataset, [0, 1, 2], SampleSettings(draw))
        assert np.unique(table.patch).tolist() == [0, 2]
        assert len(table) == 5000
        assert [problem.name for problem in table.problems] == ["IMG_000002"]
        assert "256 x 256" in table.problems[0].reason


def test_sample__one_damaged_super_area(make_tree: Make) -> None:
    tree = make_tree()
    tree.patch("000001")
    tree.area()
    tree.patch("000002", "D001_2020/Z2_AA")
    stem = tree.area("D001_2020/Z2_AA")
    data = stem.with_name(f"{stem.name}_data.npy")
    data.write_bytes(data.read_bytes()[:5000])
    fused = sample_pixels(tree.discover(), [0, 1], SampleSettings(), RequiredData(sentinel=True))
    assert np.unique(fused.patch).tolist() == [0]
    assert "not a complete .npy array" in str(fused.problems[0])
    assert np.unique(sample_pixels(tree.discover(), [0, 1], SampleSettings()).patch).tolist() == [
        0,
        1,
    ]


def test_sample__no_pixel(make_tree: Make) -> None:
    tree = make_tree()
    tree.patch("000001", labels=19)
    with pytest.raises(TooFewError, match="no labelled pixels"):
        sample_pixels(tree.discover(), [0], SampleSettings())
    with pytest.raises(TooFewError):
        sample_pixels(tree.discover(), [0], SampleSettings("stratified"))
    with pytest.raises(TooFewError):
        sample_pixels(tree.discover(), [], SampleSettings())


def test_sample__cancelled(make_tree: Make) -> None:
    tree = make_tree()
    tree.patch("000001")
    tree.patch("000002")
    with pytest.raises(Cancelled):
        sample_pixels(tree.discover(), [0, 1], SampleSettings(), report=lambda *_: True)


def test_sample_settings__bounds() -> None:
    for invalid in ({"draw": "all"}, {"n_per_patch": 0}, {"nomenclature": "half"}, {"seed": -1}):
        with pytest.raises(SettingsError):
            SampleSettings(**invalid)  # type: ignore[arg-type]


def test_water_fill__worked_examples() -> None:
    assert water_fill(np.array([0, 2, 10, 50]), 20).tolist() == [0, 2, 9, 9]
    assert water_fill(np.array([3, 3]), 100).tolist() == [3, 3]
    assert water_fill(np.array([5, 5, 5]), 4).tolist() == [2, 1, 1]


@given(st.lists(st.integers(0, 60), min_size=1, max_size=8), st.integers(0, 300))
def test_water_fill__equals_allocation_one_by_one(available: list[int], total: int) -> None:
    shares = [0] * len(available)
    for _ in range(min(total, sum(available))):
        unfilled = [i for i, a in enumerate(available) if shares[i] < a]
        shares[min(unfilled, key=lambda i: shares[i])] += 1
    result = water_fill(np.array(available), total)
    assert result.sum() == sum(shares)
    assert sorted(result.tolist()) == sorted(shares)
    assert (result <= available).all()


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=8), st.data())
def test_share_out__in_proportion(available: list[int], data: Any) -> None:
    total = data.draw(st.integers(0, sum(available)))
    result = share_out(np.array(available), total)
    assert result.sum() == (total if sum(available) else 0)
    assert (result <= available).all()
    exact = np.array(available) * total / max(sum(available), 1)
    assert (np.abs(result - exact) < 1).all()
