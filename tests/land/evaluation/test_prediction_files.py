from core.land.evaluation.prediction_files import mask_areas, rasters_by_number


def touch(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def file_names(rasters):
    return [path.name for path in rasters.values()]


def test_rasters_by_number__masks_and_predictions_in_one_folder(tmp_path):
    touch(tmp_path, "IMG_000001.tif", "MSK_000001.tif", "PRED_000001.tif", "deep/PRED_000002.tif")
    masks, unused = rasters_by_number(tmp_path)
    predictions, _ = rasters_by_number(tmp_path, "predictions")
    assert file_names(masks) == ["MSK_000001.tif"]
    assert file_names(predictions) == ["PRED_000001.tif", "PRED_000002.tif"]
    assert [problem.reason for problem in unused] == ["3 of 4 files are not masks by their name"]


def test_rasters_by_number__predictions_may_have_the_names_of_masks(tmp_path):
    touch(tmp_path, "MSK_000001.tif", "MSK_000002.tif")
    rasters, problems = rasters_by_number(tmp_path, "predictions")
    assert file_names(rasters) == ["MSK_000001.tif", "MSK_000002.tif"]
    assert not problems


def test_rasters_by_number__masks_may_have_other_names(tmp_path):
    touch(tmp_path, "truth_1.tif", "truth_2.tif")
    assert file_names(rasters_by_number(tmp_path)[0]) == ["truth_1.tif", "truth_2.tif"]


def test_mask_areas__from_folders_in_the_layout_of_flair(tmp_path):
    touch(tmp_path, "D004_2021/Z8_NF/msk/MSK_000001.tif", "mine/Z8_NF/msk/MSK_000002.tif")
    areas = mask_areas(rasters_by_number(tmp_path)[0])
    assert areas == {"000001": "D004_2021/Z8_NF"}
