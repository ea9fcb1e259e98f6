import weakref

import numpy as np
import pytest
import rasterio

from core.errors import SettingsError, TooFewError
from core.flair.evaluation import prediction_rasters
from core.flair.evaluation.confusion import count
from core.flair.evaluation.prediction_rasters import by_number, judge_rasters

RANDOM = np.random.default_rng(0)


def write(path, values, nodata=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.asarray(values, np.uint8)
    shape = {"height": values.shape[0], "width": values.shape[1]}
    with rasterio.open(
        path, "w", driver="GTiff", count=1, dtype="uint8", nodata=nodata, **shape
    ) as target:
        target.write(values, 1)


@pytest.fixture
def folders(tmp_path):
    truth = {n: RANDOM.integers(1, 20, (8, 8)) for n in (1, 2, 3)}
    for n, values in truth.items():
        write(tmp_path / "msk" / f"MSK_{n:06d}.tif", values)
    return tmp_path, truth


def test_judge_rasters__zero_based_as_flairs_own(folders):
    root, truth = folders
    for n, values in truth.items():
        write(root / "pred" / f"PRED_{n:06d}.tif", np.minimum(values, 13) - 1)
    found = judge_rasters(root / "pred", by_number(root / "msk")[0])
    assert found.first == 0
    assert not found.problems
    assert found.names == ("PRED_000001.tif", "PRED_000002.tif", "PRED_000003.tif")
    assert np.trace(found.counts.sum(axis=0)) == 3 * 64


def test_judge_rasters__one_based(folders):
    root, truth = folders
    said = RANDOM.integers(1, 14, (8, 8))
    write(root / "pred" / "a_2.tif", said)
    found = judge_rasters(root / "pred", by_number(root / "msk")[0], "1")
    np.testing.assert_array_equal(found.counts[0], count(np.minimum(truth[2], 13), said))
    assert [p.name for p in found.problems] == ["MSK_000001.tif", "MSK_000003.tif"]


def test_judge_rasters__what_cannot_be_used_is_named(folders):
    root, truth = folders
    pred = root / "pred"
    write(pred / "PRED_000001.tif", truth[1])
    write(pred / "PRED_000002.tif", np.ones((4, 4)))
    write(pred / "PRED_000009.tif", np.ones((8, 8)))
    write(pred / "nameless.tif", np.ones((8, 8)))
    write(pred / "again" / "PRED_1.tif", truth[1])
    (pred / "PRED_000003.tif").write_bytes(b"II*\0")
    found = judge_rasters(pred, by_number(root / "msk")[0], "1")
    assert len(found.counts) == 1
    named = {problem.name: problem.why for problem in found.problems}
    assert "mask" in named["PRED_000009.tif"]
    assert "(4, 4)" in named["PRED_000002.tif"]
    assert "number" in named["nameless.tif"]
    assert {"PRED_000003.tif", "PRED_1.tif"} <= set(named)


def test_judge_rasters__values_above_the_nomenclature(folders):
    root, truth = folders
    write(root / "pred" / "P_1.tif", truth[1])
    write(root / "pred" / "P_2.tif", np.full((8, 8), 200))
    found = judge_rasters(root / "pred", by_number(root / "msk")[0], "1")
    assert found.numbers == ("000001",)
    assert len(found.counts) == 1
    assert any("class 200" in str(problem) for problem in found.problems)


def test_judge_rasters__nothing_pairs(folders):
    root, _ = folders
    write(root / "pred" / "P_77.tif", np.ones((8, 8)))
    with pytest.raises(TooFewError, match="paired"):
        judge_rasters(root / "pred", by_number(root / "msk")[0])
    with pytest.raises(TooFewError, match="no GeoTIFF"):
        by_number(root / "nowhere")


def test_judge_rasters__declared_nodata_is_not_judged_and_counted(folders):
    root, truth = folders
    for n, values in truth.items():
        said = np.minimum(values, 13)
        if n == 1:
            said[0, :3] = 0
        write(root / "pred" / f"PRED_{n:06d}.tif", said, nodata=0)
    found = judge_rasters(root / "pred", by_number(root / "msk")[0])
    assert found.first == 1
    assert found.unjudged == 3
    assert found.counts.sum() == np.trace(found.counts.sum(axis=0)) == 3 * 64 - 3
    (problem,) = found.problems
    assert (problem.name, "3 pixels hold 0, its nodata" in problem.why) == ("PRED_000001.tif", True)
    assert "--first 0" in found.assumed


def test_judge_rasters__first_0_means_a_class_though_it_is_declared_nodata(folders):
    root, truth = folders
    for n, values in truth.items():
        write(root / "pred" / f"PRED_{n:06d}.tif", np.minimum(values, 13) - 1, nodata=0)
    found = judge_rasters(root / "pred", by_number(root / "msk")[0], "0")
    assert found.unjudged == 0
    assert np.trace(found.counts.sum(axis=0)) == 3 * 64


def test_judge_rasters__a_0_beside_13_asks_which_is_meant(folders):
    root, truth = folders
    truth[1][0, 0] = 19
    for n, values in truth.items():
        write(root / "pred" / f"PRED_{n:06d}.tif", np.minimum(values, 13))
    stray = np.minimum(truth[2], 13)
    stray[0, 0] = 0
    write(root / "pred" / "PRED_000002.tif", stray)
    masks = by_number(root / "msk")[0]
    with pytest.raises(SettingsError, match=r"0 .PRED_000002.tif. and values of 13") as told:
        judge_rasters(root / "pred", masks)
    assert "--first 1" in str(told.value)
    # Said to be no class, it costs its own file only.
    assert judge_rasters(root / "pred", masks, "1").numbers == ("000001", "000003")


def test_judge_rasters__a_0_that_stands_alone_is_said(folders):
    root, _ = folders
    write(root / "pred" / "P_1.tif", np.full((8, 8), 4))
    write(root / "pred" / "P_2.tif", np.zeros((8, 8)))
    found = judge_rasters(root / "pred", by_number(root / "msk")[0])
    assert found.first == 0
    assert "64 pixels of 1 of 2 predictions hold 0, which is read as class 1" in found.assumed


@pytest.mark.parametrize("first", ["0", "1"])
def test_judge_rasters__equals_counting_pixel_by_pixel(folders, first):
    root, truth = folders
    shift = 1 - int(first)
    said = {n: RANDOM.integers(1, 20, (8, 8)) - shift for n in truth}
    for n, values in said.items():
        write(root / "pred" / f"P_{n}.tif", values)
    found = judge_rasters(root / "pred", by_number(root / "msk")[0], first)
    for at, n in enumerate(truth):
        plain = count(np.minimum(truth[n], 13), np.minimum(said[n] + shift, 13))
        np.testing.assert_array_equal(found.counts[at], plain)


def test_judge_rasters__mask_values_that_are_no_class_are_left_out(folders):
    root, truth = folders
    mask = truth[1].copy()
    mask[0, :2], mask[1, 0] = 25, 0
    write(root / "msk" / "MSK_000001.tif", mask)
    for n, values in truth.items():
        write(root / "pred" / f"P_{n}.tif", np.minimum(values, 13))
    found = judge_rasters(root / "pred", by_number(root / "msk")[0], "1")
    assert found.counts.sum() == np.trace(found.counts.sum(axis=0)) == 3 * 64 - 3
    (problem,) = found.problems
    assert str(problem) == "MSK_000001.tif: 3 pixels hold values that are no class: left out"


def test_judge_rasters__none_judged_names_why(folders):
    root, _ = folders
    write(root / "pred" / "P_1.tif", np.full((8, 8), 255))
    with pytest.raises(TooFewError, match="class 255"):
        judge_rasters(root / "pred", by_number(root / "msk")[0])


def test_judge_rasters__keeps_no_pixels(folders, monkeypatch):
    root, truth = folders
    alive = []

    def watched(path):
        # Two files at a time: a prediction and its mask.
        gone = sum(ref() is None for ref in alive)
        assert len(alive) - gone <= 2
        values = np.asarray(truth[int(path.stem[-1])], np.uint8)
        values = np.minimum(values, 13).astype(np.uint8).view(Kept)
        alive.append(weakref.ref(values))
        return values, None

    for n in truth:
        write(root / "pred" / f"P_{n}.tif", truth[n])
    monkeypatch.setattr(prediction_rasters, "_read", watched)
    assert len(judge_rasters(root / "pred", by_number(root / "msk")[0], "1").counts) == 3


class Kept(np.ndarray):
    """An array that can be watched."""
