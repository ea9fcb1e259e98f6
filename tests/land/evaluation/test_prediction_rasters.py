import weakref

import numpy as np
import pytest
import rasterio

from core.errors import SettingsError, TooFewError
from core.land.evaluation import prediction_rasters
from core.land.evaluation.confusion import count_confusion, score_confusion
from core.land.evaluation.prediction_files import mask_areas, rasters_by_number
from core.land.evaluation.prediction_rasters import judge_rasters
from core.land.evaluation.scorers import select_full_counts

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


def test_judge_rasters__zero_based_like_the_reference_code(folders):
    root, truth = folders
    for n, values in truth.items():
        write(root / "pred" / f"PRED_{n:06d}.tif", np.minimum(values, 13) - 1)
    result = judge_rasters(root / "pred", rasters_by_number(root / "msk")[0])
    assert result.first == 0
    assert not result.problems
    assert result.names == ("PRED_000001.tif", "PRED_000002.tif", "PRED_000003.tif")
    assert np.trace(result.counts.sum(axis=0)) == 3 * 64


def test_judge_rasters__one_based(folders):
    root, truth = folders
    predicted = RANDOM.integers(1, 14, (8, 8))
    write(root / "pred" / "a_2.tif", predicted)
    result = judge_rasters(root / "pred", rasters_by_number(root / "msk")[0], "1")
    expected = count_confusion(np.minimum(truth[2], 13), predicted)
    np.testing.assert_array_equal(result.counts[0, :13, :13], expected)
    assert [p.name for p in result.problems] == ["MSK_000001.tif", "MSK_000003.tif"]


def test_judge_rasters__names_unusable_files(folders):
    root, truth = folders
    pred = root / "pred"
    write(pred / "PRED_000001.tif", truth[1])
    write(pred / "PRED_000002.tif", np.ones((4, 4)))
    write(pred / "PRED_000009.tif", np.ones((8, 8)))
    write(pred / "nameless.tif", np.ones((8, 8)))
    write(pred / "again" / "PRED_1.tif", truth[1])
    (pred / "PRED_000003.tif").write_bytes(b"II*\0")
    result = judge_rasters(pred, rasters_by_number(root / "msk")[0], "1")
    assert len(result.counts) == 1
    reasons = {problem.name: problem.reason for problem in result.problems}
    assert "it has no mask" in reasons["PRED_000009.tif"]
    assert "(4, 4)" in reasons["PRED_000002.tif"]
    assert "not end in a number" in reasons["nameless.tif"]
    assert {"PRED_000003.tif", "PRED_1.tif"} <= set(reasons)


def test_judge_rasters__values_above_the_nomenclature(folders):
    root, truth = folders
    write(root / "pred" / "P_1.tif", truth[1])
    write(root / "pred" / "P_2.tif", np.full((8, 8), 200))
    result = judge_rasters(root / "pred", rasters_by_number(root / "msk")[0], "1")
    assert result.numbers == ("000001",)
    assert len(result.counts) == 1
    assert any("class 200" in str(problem) for problem in result.problems)


def test_judge_rasters__no_pairs(folders):
    root, _ = folders
    write(root / "pred" / "P_77.tif", np.ones((8, 8)))
    with pytest.raises(TooFewError, match="paired"):
        judge_rasters(root / "pred", rasters_by_number(root / "msk")[0])
    with pytest.raises(TooFewError, match="no GeoTIFF"):
        rasters_by_number(root / "nowhere")


@pytest.mark.parametrize("skip_nodata", [False, True])
def test_judge_rasters__declared_nodata_is_an_error_unless_skipped(folders, skip_nodata):
    root, truth = folders
    for n, values in truth.items():
        predicted = np.minimum(values, 13)
        if n == 1:
            predicted[0, :3] = 0
        write(root / "pred" / f"PRED_{n:06d}.tif", predicted, nodata=0)
    masks = rasters_by_number(root / "msk")[0]
    result = judge_rasters(root / "pred", masks, skip_nodata=skip_nodata)
    counts = result.counts.sum(axis=0)
    assert result.first == 1
    assert result.n_nodata == 3
    assert np.trace(counts) == 3 * 64 - 3
    assert counts.sum() == 3 * 64 - 3 * skip_nodata
    missed = np.zeros(13) if skip_nodata else np.bincount(np.minimum(truth[1][0, :3], 13) - 1)
    np.testing.assert_array_equal(counts[: len(missed), 13], missed)
    (problem,) = result.problems
    assert problem.name == "PRED_000001.tif"
    effect = "were not scored" if skip_nodata else "count as errors"
    assert problem.reason == f"3 pixels hold 0, its nodata value, and {effect}"
    assert "--first 0" in result.assumption


def test_judge_rasters__first_0_overrides_declared_nodata(folders):
    root, truth = folders
    for n, values in truth.items():
        write(root / "pred" / f"PRED_{n:06d}.tif", np.minimum(values, 13) - 1, nodata=0)
    result = judge_rasters(root / "pred", rasters_by_number(root / "msk")[0], "0")
    assert result.n_nodata == 0
    assert np.trace(result.counts.sum(axis=0)) == 3 * 64


def test_judge_rasters__0_and_13_are_ambiguous(folders):
    root, truth = folders
    truth[1][0, 0] = 19
    for n, values in truth.items():
        write(root / "pred" / f"PRED_{n:06d}.tif", np.minimum(values, 13))
    ambiguous = np.minimum(truth[2], 13)
    ambiguous[0, 0] = 0
    write(root / "pred" / "PRED_000002.tif", ambiguous)
    masks = rasters_by_number(root / "msk")[0]
    with pytest.raises(SettingsError, match=r"0 .PRED_000002.tif. and values of 13") as caught:
        judge_rasters(root / "pred", masks)
    assert "--first 1" in str(caught.value)
    # With --first 1, a 0 is no class and makes only its own file unusable.
    assert judge_rasters(root / "pred", masks, "1").numbers == ("000001", "000003")


def test_judge_rasters__reports_how_0_was_read(folders):
    root, _ = folders
    write(root / "pred" / "P_1.tif", np.full((8, 8), 4))
    write(root / "pred" / "P_2.tif", np.zeros((8, 8)))
    result = judge_rasters(root / "pred", rasters_by_number(root / "msk")[0])
    assert result.first == 0
    assert "64 pixels of 1 of 2 predictions have the value 0, which is read" in result.assumption


@pytest.mark.parametrize("first", ["0", "1"])
def test_judge_rasters__equals_count_confusion(folders, first):
    root, truth = folders
    shift = 1 - int(first)
    predictions = {n: RANDOM.integers(1, 20, (8, 8)) - shift for n in truth}
    for n, values in predictions.items():
        write(root / "pred" / f"P_{n}.tif", values)
    result = judge_rasters(root / "pred", rasters_by_number(root / "msk")[0], first)
    for index, n in enumerate(truth):
        predicted = np.minimum(predictions[n] + shift, 13)
        expected = count_confusion(np.minimum(truth[n], 13), predicted)
        np.testing.assert_array_equal(result.counts[index, :13, :13], expected)


def test_judge_rasters__mask_values_that_are_no_class_are_left_out(folders):
    root, truth = folders
    mask = truth[1].copy()
    mask[0, :2], mask[1, 0] = 25, 0
    write(root / "msk" / "MSK_000001.tif", mask)
    for n, values in truth.items():
        write(root / "pred" / f"P_{n}.tif", np.minimum(values, 13))
    result = judge_rasters(root / "pred", rasters_by_number(root / "msk")[0], "1")
    assert result.counts.sum() == np.trace(result.counts.sum(axis=0)) == 3 * 64 - 3
    (problem,) = result.problems
    assert (
        str(problem) == "MSK_000001.tif: 3 pixels have values that are not classes and are left out"
    )


def test_judge_rasters__no_prediction_could_be_scored(folders):
    root, _ = folders
    write(root / "pred" / "P_1.tif", np.full((8, 8), 255))
    with pytest.raises(TooFewError, match="contains class 255"):
        judge_rasters(root / "pred", rasters_by_number(root / "msk")[0])


@pytest.mark.parametrize(("true_class", "predicted"), [(0, 1), (19, 13)])
def test_judge_rasters__nothing_to_score(tmp_path, true_class, predicted):
    """Masks without labels, or with nothing but "other", give no mIoU."""
    write(tmp_path / "msk" / "MSK_1.tif", np.full((8, 8), true_class))
    write(tmp_path / "pred" / "P_1.tif", np.full((8, 8), predicted))
    with pytest.raises(TooFewError, match="there is no pixel to score"):
        judge_rasters(tmp_path / "pred", rasters_by_number(tmp_path / "msk")[0], "1")


def test_judge_rasters__all_nodata(folders):
    root, _ = folders
    write(root / "pred" / "P_1.tif", np.full((8, 8), 255), nodata=255)
    masks = rasters_by_number(root / "msk")[0]
    with pytest.raises(TooFewError, match="there is no pixel to score"):
        judge_rasters(root / "pred", masks, skip_nodata=True)
    assert score_confusion(judge_rasters(root / "pred", masks).counts[0]).miou == 0


def test_judge_rasters__a_mask_is_not_its_own_prediction(folders):
    root, _ = folders
    with pytest.raises(SettingsError, match="both the prediction and its mask"):
        judge_rasters(root / "msk", rasters_by_number(root / "msk")[0], "1")


def test_judge_rasters__holds_two_rasters_at_a_time(folders, monkeypatch):
    root, truth = folders
    references = []

    def read_watched(path):
        # A prediction and its mask.
        assert sum(reference() is not None for reference in references) <= 2
        values = np.asarray(truth[int(path.stem[-1])], np.uint8)
        values = np.minimum(values, 13).astype(np.uint8).view(WatchedArray)
        references.append(weakref.ref(values))
        return values, None

    for n in truth:
        write(root / "pred" / f"P_{n}.tif", truth[n])
    monkeypatch.setattr(prediction_rasters, "_read_classes", read_watched)
    assert len(judge_rasters(root / "pred", rasters_by_number(root / "msk")[0], "1").counts) == 3


class WatchedArray(np.ndarray):
    """An array that supports weak references."""


HUB_STEM = "D012-2019_AERIAL_LABEL-COSIA_AF-S1-27"


def test_judge_rasters__flair_hub_in_its_own_order(tmp_path):
    """Stored values 0 to 18, masks paired by area and position, predictions by the same name."""
    random = np.random.default_rng(1)
    matrix = np.zeros((19, 19), np.int64)
    for position in ("5-10", "15-10"):
        truth, predicted = random.integers(0, 19, (2, 40, 40))
        write(tmp_path / "labels" / f"{HUB_STEM}_{position}.tif", truth)
        write(tmp_path / "out" / f"PRED_{HUB_STEM}_{position}.tif", predicted)
        np.add.at(matrix, (truth.ravel(), predicted.ravel()), 1)
    masks, problems = rasters_by_number(tmp_path / "labels")
    assert list(masks) == ["D012-2019_AF-S1-27_15-10", "D012-2019_AF-S1-27_5-10"]
    assert set(mask_areas(masks).values()) == {"D012-2019/AF-S1-27"}
    result = judge_rasters(tmp_path / "out", masks)
    assert not (*problems, *result.problems)
    assert result.is_hub
    # Rows and columns 15 to 18 are removed; the mean is over the other 15 classes.
    kept = matrix[:15, :15]
    hits = np.diagonal(kept)
    expected = (hits / (kept.sum(axis=0) + kept.sum(axis=1) - hits)).mean()
    scorer, counts, _ = select_full_counts(result.full_counts.sum(axis=0), "flair-hub")
    assert scorer.miou(counts) == pytest.approx(expected)


def test_judge_rasters__reduced_predictions_are_noted_for_flair_hub(folders):
    root, truth = folders
    for n, values in truth.items():
        write(root / "pred" / f"PRED_{n:06d}.tif", np.minimum(values, 13))
    result = judge_rasters(root / "pred", rasters_by_number(root / "msk")[0], "1")
    assert "swimming pool" in result.nomenclature_note("flair-hub")
    assert not result.nomenclature_note("flair")
