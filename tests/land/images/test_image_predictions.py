"""Scores of predictions of your own images, next to plain scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import jaccard_score

from core.errors import SettingsError, TooFewError
from core.land.evaluation.scorers import choose_scorer
from core.land.images.image_import import ImportSettings, import_images
from core.land.images.image_predictions import judge_images, judge_pairs
from core.land.images.image_set import image_dataset
from core.land.images.prediction_pairs import Pair, pair_rasters, read_pairs
from tests.land.images.conftest import HEIGHT, WIDTH

STORED = (3, 7)


def imported(folder, **settings):
    return image_dataset(import_images(folder, ImportSettings(**settings)))


def predict(make_scene, folder, seed, stored=STORED, name="place{}.tif"):
    """Write predictions with one value in five wrong; return the values of the three images."""
    values = np.where(np.arange(WIDTH) < WIDTH // 2, *stored) + np.zeros((HEIGHT, 1), int)
    random = np.random.default_rng(seed)
    maps = []
    for number in range(3):
        wrong = random.random(values.shape) < 0.2
        maps.append(np.where(wrong, sum(stored) - values, values))
        make_scene(name.format(number), maps[-1], bands=1, folder=folder)
    return maps


def plain_miou(maps, stored=STORED):
    """The mean IoU by scikit-learn, without the corner that has no label."""
    truth = np.where(np.arange(WIDTH) < WIDTH // 2, *stored) + np.zeros((HEIGHT, 1), int)
    labelled = np.ones(truth.shape, bool)
    labelled[:10, :10] = False
    pairs = [np.stack([truth[labelled], part[labelled]]) for part in maps]
    true, predicted = np.concatenate(pairs, axis=1)
    return jaccard_score(true, predicted, average="macro")


def miou(counted):
    return choose_scorer(counted.legend).score(counted.counts.sum(axis=0)).miou


@pytest.mark.parametrize("stored", [STORED, (1, 2)])
def test_judge_images__equals_scikit_learn(make_scene, raster_folder, tmp_path, stored):
    maps = predict(make_scene, tmp_path / "maps", 0, stored)
    counted = judge_images(imported(raster_folder), tmp_path / "maps")
    assert counted.coding == ("stored" if stored == STORED else "numbers")
    assert miou(counted) == pytest.approx(plain_miou(maps, stored))
    assert (counted.unit, len(counted.groups), counted.n_windows) == ("groups", 3, 3)
    assert counted.names == ("place0.tif", "place1.tif", "place2.tif")
    assert [cover.name for cover in counted.legend.classes] == ["class 3", "class 7"]
    assert not counted.problems


def test_judge_images__blocks_are_the_groups(make_scene, raster_folder, tmp_path):
    maps = predict(make_scene, tmp_path / "maps", 1)
    counted = judge_images(imported(raster_folder, block=60), tmp_path / "maps")
    assert len(counted.groups) == 3 * 2 * 3
    assert miou(counted) == pytest.approx(plain_miou(maps))


def test_judge_images__polygons_and_maps_of_windows(make_scene, polygon_folder, tmp_path):
    """Class maps of windows have the names and the sizes of the windows."""
    dataset = imported(polygon_folder, block=60)
    for patch in dataset.patches:
        height, width = patch.shape
        make_scene(
            f"{patch.title}.tif", np.full((height, width), 1), bands=1, folder=tmp_path / "m"
        )
    counted = judge_images(dataset, tmp_path / "m")
    # Class 1 is sand, 50 x 50 pixels; soil has 30 x 30.
    assert miou(counted) == pytest.approx(2500 / 3400 / 2)
    with pytest.raises(SettingsError, match="polygons, which have no stored values"):
        judge_images(dataset, tmp_path / "m", "stored")


def test_judge_images__nodata_and_foreign_values_are_errors(make_scene, raster_folder, tmp_path):
    values = np.where(np.arange(WIDTH) < WIDTH // 2, 3, 7) + np.zeros((HEIGHT, 1), int)
    values[60:80], values[100:] = 0, 9
    for number in range(3):
        make_scene(f"place{number}.tif", values, bands=1, nodata=0, folder=tmp_path / "maps")
    dataset = imported(raster_folder)
    counted = judge_images(dataset, tmp_path / "maps")
    total = 3 * (WIDTH * HEIGHT - 100)
    assert counted.counts.sum() == total
    assert np.trace(counted.counts.sum(axis=0)) == total - 3 * 40 * WIDTH
    assert counted.n_nodata == 3 * 20 * WIDTH
    reasons = [problem.reason for problem in counted.problems]
    assert reasons == [
        "9,600 pixels have values that are not classes (9); they are errors",
        "9,600 pixels have no value, and count as errors",
    ]
    skipped = judge_images(dataset, tmp_path / "maps", skip_nodata=True)
    assert skipped.counts.sum() == total - 3 * 20 * WIDTH


def test_judge_images__ambiguous_values(make_scene, tmp_path):
    """The stored values 2 and 1 of a table are the numbers 1 and 2 of the classes."""
    folder, table = tmp_path / "w", tmp_path / "classes.csv"
    values = np.where(np.arange(WIDTH) < 80, 1, 2) + np.zeros((HEIGHT, 1), int)
    for number in range(3):
        make_scene(f"p{number}.tif", folder=folder)
        make_scene(f"p{number}_labels.tif", values, bands=1, folder=folder)
        make_scene(f"p{number}.tif", values, bands=1, folder=tmp_path / "maps")
    table.write_text("value,name\n2,sand\n1,water\n")
    dataset = image_dataset(import_images(folder, ImportSettings(), classes=table))
    with pytest.raises(SettingsError, match="--values stored or --values numbers"):
        judge_images(dataset, tmp_path / "maps")
    assert miou(judge_images(dataset, tmp_path / "maps", "stored")) == 1
    assert miou(judge_images(dataset, tmp_path / "maps", "numbers")) == 0


def test_judge_images__files_that_do_not_fit_are_named(make_scene, raster_folder, tmp_path):
    folder = tmp_path / "maps"
    make_scene("place0.tif", np.full((HEIGHT, WIDTH), 3), bands=1, folder=folder)
    make_scene("place1.tif", np.full((9, 9), 3), bands=1, folder=folder)
    make_scene("other.tif", bands=1, folder=folder)
    counted = judge_images(imported(raster_folder), folder)
    problems = {problem.name: problem.reason for problem in counted.problems}
    assert "the predictions have 9 x 9 pixels" in problems["place1.tif"]
    assert problems["place2.tif"] == "it has no prediction"
    assert problems["other.tif"] == "there are no labels of this name"
    make_scene("wrong.tif", bands=1, folder=tmp_path / "none")
    dataset = imported(raster_folder)
    with pytest.raises(TooFewError, match=r"There are wrong\.tif, .* such as place0\.tif"):
        judge_images(dataset, tmp_path / "none")
    with pytest.raises(TooFewError, match="no such folder"):
        judge_images(dataset, tmp_path / "absent")


def test_judge_pairs__by_name_and_from_a_csv_file(make_scene, raster_folder, tmp_path):
    maps = predict(make_scene, tmp_path / "maps", 2)
    pairs, problems = pair_rasters(tmp_path / "maps", raster_folder / "labels")
    assert not problems
    counted = judge_pairs(pairs)
    assert miou(counted) == pytest.approx(plain_miou(maps))
    assert (counted.unit, counted.groups) == ("predictions", counted.names)
    predict(make_scene, tmp_path / "odd", 2, name="x{}_y.tif")
    table = tmp_path / "pairs.csv"
    lines = [f"odd/x{i}_y.tif;{raster_folder}/labels/place{i}.tif" for i in range(3)]
    table.write_text("\n".join(["prediction;labels", *lines]))
    assert (judge_pairs(read_pairs(table)).counts == counted.counts).all()
    table.write_text("prediction,labels\nodd/x0_y.tif,nowhere.tif\n")
    with pytest.raises(SettingsError, match=r"no such file: .*nowhere\.tif \(labels in line 2\)"):
        read_pairs(table)


def test_judge_pairs__classes_of_the_import(make_scene, raster_folder, tmp_path):
    predict(make_scene, tmp_path / "maps", 3)
    table = tmp_path / "classes.csv"
    table.write_text("value,name\n3,water\n7,sand\n")
    known = image_dataset(import_images(raster_folder, ImportSettings(), classes=table))
    pairs, _ = pair_rasters(tmp_path / "maps", raster_folder / "labels")
    names = [cover.name for cover in judge_pairs(pairs, known).legend.classes]
    assert names == ["water", "sand"]


def test_judge_pairs__one_file_as_both(raster_folder):
    labels = raster_folder / "labels" / "place0.tif"
    with pytest.raises(SettingsError, match="both the prediction and its labels"):
        judge_pairs([Pair(labels, labels)])


def test_pair_rasters__names_that_differ(make_scene, raster_folder, tmp_path):
    make_scene("elsewhere.tif", bands=1, folder=tmp_path / "maps")
    with pytest.raises(TooFewError, match=r"names such as place0\.tif are expected.*--pairs"):
        pair_rasters(tmp_path / "maps", raster_folder / "labels")
    make_scene("place0.tif", bands=1, folder=tmp_path / "maps")
    _, problems = pair_rasters(tmp_path / "maps", raster_folder / "labels")
    assert [problem.name for problem in problems] == ["elsewhere.tif", "place1.tif", "place2.tif"]


def test_pair_rasters__equal_names_in_two_folders(make_scene, raster_folder, tmp_path):
    maps = tmp_path / "maps"
    for year in ("2020", "2021"):
        predict(make_scene, maps / year, 0)
    with pytest.raises(SettingsError, match=r"same name: 2020.place0\.tif and 2021.place0\.tif"):
        pair_rasters(maps, raster_folder)
    with pytest.raises(SettingsError, match="--pairs"):
        judge_images(imported(raster_folder), maps)
