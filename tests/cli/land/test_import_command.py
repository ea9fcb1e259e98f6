"""`chipscape land import`, and the commands that use the imported images."""

import json
import re

import numpy as np
import pytest
from typer.testing import CliRunner

from core.cli.land.land_app import land_app
from tests.land.images.conftest import HEIGHT, WIDTH, ground_box, halves
from tests.satellite_series import write_date, write_series


@pytest.fixture
def land_run():
    runner = CliRunner()
    return lambda *words: runner.invoke(land_app, [str(word) for word in words])


@pytest.fixture
def folder(make_scene, tmp_path):
    path = tmp_path / "photos"
    for number in range(4):
        values = np.where(np.arange(WIDTH) < 80, 1, 2) + np.zeros((HEIGHT, 1), int)
        make_scene(f"p{number}.tif", halves(number), folder=path)
        make_scene(f"p{number}_labels.tif", values, bands=1, folder=path)
    return path


def test_import__then_run_survey_and_maps(land_run, folder, tmp_path):
    workspace = tmp_path / "w"
    result = land_run("import", folder, "--workspace", workspace, "--json")
    assert result.exit_code == 0, result.output
    table = json.loads(result.stdout.splitlines()[-1])
    assert (table["images"], table["labelled_windows"], table["groups"]) == (4, 4, "files")
    assert [cover["name"] for cover in table["classes"]] == ["class 1", "class 2"]
    result = land_run("run", "--workspace", workspace, "--maps", tmp_path / "maps", "--json")
    assert result.exit_code == 0, result.output
    table = json.loads(result.stdout.splitlines()[-1])
    assert table["protocols"]["domains"]["miou"] > 0.99
    assert set(table["protocols"]["domains"]["classes"]) == {"class 1", "class 2"}
    assert table["attribution"] == ""
    assert len(list((tmp_path / "maps" / "domains").rglob("p*.tif"))) == 4
    for words in (("survey",), ("describe",), ("run", "--method", "uniform")):
        result = land_run(*words, "--workspace", workspace)
        assert result.exit_code == 0, (words, result.output)
        assert "FLAIR" not in result.output
    # Two equally probable classes: chance is right in half of the pixels.
    assert "accuracy 0.50" in result.output


def test_import__unusable_folder_is_a_clear_error(land_run, tmp_path):
    result = land_run("import", tmp_path / "absent", "--workspace", tmp_path / "w")
    assert result.exit_code == 1
    assert not (tmp_path / "w" / "land").exists()


def test_import__flair_data_are_never_mixed(land_run, land, folder):
    result = land_run("import", folder, "--workspace", land)
    assert result.exit_code == 1
    assert not (land / "land").exists()


def test_predict__maps_of_whole_images_with_styles(land_run, folder, make_scene, tmp_path):
    workspace = tmp_path / "w"
    assert land_run("import", folder, "--workspace", workspace).exit_code == 0
    result = land_run("predict", "--workspace", workspace, "--json")
    assert result.exit_code == 0, result.output
    table = json.loads(result.stdout.splitlines()[-1])
    assert [entry["file"] for entry in table["maps"]] == [f"p{i}.tif" for i in range(4)]
    assert table["maps"][0]["pixels"] == {"class 1": HEIGHT * 80, "class 2": HEIGHT * 80}
    style = (workspace / "results" / "class_maps" / "p0.qml").read_text()
    assert '<paletteEntry value="2" color="#56b4e9" alpha="255" label="class 2"' in style
    other = make_scene("new.tif", halves(9), folder=tmp_path / "elsewhere")
    odd = make_scene("odd.tif", bands=2, folder=tmp_path / "elsewhere")
    words = ("predict", other, odd, "--workspace", workspace, "--out", tmp_path / "maps")
    result = land_run(*words)
    assert result.exit_code == 0, result.output
    assert "problem: odd.tif: it was not classified" in result.output
    assert sorted(path.name for path in (tmp_path / "maps").iterdir()) == ["new.qml", "new.tif"]
    assert land_run("predict", odd, "--workspace", workspace).exit_code == 1
    assert land_run("predict", other, other, "--workspace", workspace).exit_code == 1
    assert land_run("predict", "--fusion", "--workspace", workspace).exit_code == 1


def test_run__sparse_labels_differ_from_draw_to_draw(land_run, make_scene, tmp_path):
    """Every labelled pixel may be a training pixel; the gap must not be 0 for that reason."""
    folder, random = tmp_path / "sparse", np.random.default_rng(0)
    for number in range(3):
        noise = random.integers(-15, 16, (3, HEIGHT, WIDTH)) + 25 * number
        content = noise + np.where(np.arange(WIDTH) < WIDTH // 2, 90, 120)
        labels = np.zeros((HEIGHT, WIDTH), int)
        labels[10:30, 20:30], labels[10:30, 100:110] = 1, 2
        make_scene(f"s{number}.tif", content, folder=folder)
        make_scene(f"s{number}_labels.tif", labels, bands=1, nodata=0, folder=folder)
    workspace = tmp_path / "w"
    assert land_run("import", folder, "--workspace", workspace).exit_code == 0
    result = land_run("run", "--workspace", workspace, "--json")
    assert result.exit_code == 0, result.output
    table = json.loads(result.stdout.splitlines()[-1])
    assert len(set(table["stability"]["miou"])) > 1
    assert table["optimism_gap"] > 0.05


def test_run__a_single_group_and_missing_images(land_run, make_scene, make_annotations, tmp_path):
    folder, workspace = tmp_path / "single", tmp_path / "w"
    image = make_scene("field.tif", halves(), folder=folder)
    shapes = [ground_box(10, 10, 40, 40), ground_box(100, 60, 130, 90)]
    make_annotations(image, shapes, [{"kind": "soil"}, {"kind": "sand"}])
    words = ("import", folder, "--groups", "files", "--workspace", workspace)
    assert land_run(*words).exit_code == 0
    result = land_run("run", "--workspace", workspace, "--json")
    assert result.exit_code == 0, result.output
    table = json.loads(result.stdout.splitlines()[-1])
    assert (set(table["protocols"]), table["stability"]) == ({"patches"}, None)
    image.unlink()
    result = land_run("run", "--workspace", workspace)
    assert result.exit_code == 1
    assert "the file is missing" in str(result.exception)


def test_score__class_maps_of_imported_images(land_run, folder, tmp_path):
    workspace, maps = tmp_path / "w", tmp_path / "w" / "results" / "class_maps"
    for command in (("import", folder), ("predict",)):
        assert land_run(*command, "--workspace", workspace).exit_code == 0
    words = ("score", "--predictions", maps, "--workspace", workspace)
    table = json.loads(land_run(*words, "--json").stdout.splitlines()[-1])
    assert table["miou"] > 0.99
    assert (table["predictions"], table["values"], table["interval_over"]) == (
        4,
        "numbers",
        "groups",
    )
    text = land_run(*words).output
    assert "mIoU 1.000" in " ".join(text.split())
    assert "overall_accuracy" not in text
    assert "FLAIR" not in text
    # Rasters of labels have names of their own, which a CSV file pairs with the maps.
    pairs = tmp_path / "pairs.csv"
    lines = [f"{maps}/p{i}.tif,{folder}/p{i}_labels.tif" for i in range(4)]
    pairs.write_text("\n".join(["prediction,labels", *lines]))
    for place in (workspace, tmp_path / "empty"):
        result = land_run("score", "--pairs", pairs, "--workspace", place, "--json")
        assert result.exit_code == 0, result.output
        assert json.loads(result.stdout.splitlines()[-1])["miou"] > 0.99
    for wrong in (
        ("score", "--workspace", workspace),
        (*words, "--pairs", pairs),
        (*words, "--first", "1"),
        (*words, "--values", "some"),
    ):
        assert land_run(*wrong).exit_code == 1


def test_score__folders_with_equal_names_need_no_import(land_run, make_scene, tmp_path):
    values = np.where(np.arange(WIDTH) < 80, 4, 9) + np.zeros((HEIGHT, 1), int)
    for name in ("field.tif", "wood.tif"):
        make_scene(name, values, bands=1, folder=tmp_path / "labels")
        make_scene(name, np.full_like(values, 4), bands=1, folder=tmp_path / "maps")
    words = ("score", "--predictions", tmp_path / "maps", "--masks", tmp_path / "labels")
    result = land_run(*words, "--workspace", tmp_path / "w", "--json")
    assert result.exit_code == 0, result.output
    table = json.loads(result.stdout.splitlines()[-1])
    assert table["iou"] == {"class 4": 0.5, "class 9": 0}


def test_import__series_of_dates_joins_the_features(land_run, folder, tmp_path):
    """The season tells the halves apart, which no other band does."""
    dates = {}
    for month in range(1, 13):
        values = np.full((2, 30, 30), 1000)
        # The middle of the images lies at the 14th column of the series.
        values[1, :, 14:] = 1000 + 3000 * (month in (6, 7, 8))
        dates[f"2021{month:02}15"] = values
    series, workspace = write_series(tmp_path / "series", dates), tmp_path / "w"
    words = ("import", folder, "--series", series, "--workspace", workspace)
    result = land_run(*words, "--json")
    assert result.exit_code == 0, result.output
    table = json.loads(result.stdout.splitlines()[-1])["series"]
    assert (len(table["dates"]), table["windows"], table["indices"]) == (12, 4, ["NDVI"])
    assert "Bands of the series: red, nir (seasonal indices: NDVI)" in land_run(*words).output
    run = ("run", "--protocol", "domains", "--fusion", "--workspace", workspace, "--json")
    for options, name in (
        ((), "kNN, bands + time series, O"),
        (("--season", "months"), "kNN, bands + time series, O + monthly composites"),
        (
            ("--season", "indices", "--interpolation", "smooth"),
            "kNN, bands + time series, O + mean and seasonal indices + time series interpolated",
        ),
    ):
        result = land_run(*run, *options)
        assert result.exit_code == 0, result.output
        table = json.loads(result.stdout.splitlines()[-1])
        assert table["title"].startswith(name)
        assert table["protocols"]["domains"]["miou"] > 0.9
    result = land_run("predict", "--fusion", "--workspace", workspace, "--out", tmp_path / "maps")
    assert result.exit_code == 0, result.output
    assert len(list((tmp_path / "maps").glob("*.tif"))) == 4
    for words in (("survey",), ("describe",)):
        result = land_run(*words, "--workspace", workspace)
        assert result.exit_code == 0, (words, result.output)
        assert "Sentinel" not in result.output


def test_run__key_follows_the_dates(land_run, folder, tmp_path):
    series = write_series(tmp_path / "series", {"20210501": 1000, "20210601": 2000})
    workspace = tmp_path / "w"
    land_run("import", folder, "--series", series, "--workspace", workspace)
    run = ("run", "--protocol", "domains", "--fusion", "--workspace", workspace, "--json")

    def artifact():
        result = land_run(*run)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout.splitlines()[-1])["protocols"]["domains"]["artifact"]

    first = artifact()
    assert artifact() == first
    write_date(series / "20210601.tif", 2500)
    assert artifact() != first


def test_run__fusion_without_a_series_is_one_message(land_run, folder, tmp_path):
    workspace = tmp_path / "w"
    land_run("import", folder, "--workspace", workspace)
    result = land_run("run", "--protocol", "domains", "--fusion", "--workspace", workspace)
    assert "no patch has a time series of satellite images" in str(result.exception)
    result = land_run("import", folder, "--series", tmp_path / "no", "--workspace", workspace)
    assert "neither a folder of GeoTIFFs nor a CSV file" in str(result.exception)


def test_import__options_of_models_are_refused(land_run, folder, tmp_path):
    for words in (
        ("--features", "foo"),
        ("--regularisation", "majority"),
        ("--preset", "notebook"),
    ):
        result = land_run("import", folder, *words, "--workspace", tmp_path / "w")
        assert result.exit_code == 1
        assert f"{words[0]}: this option has no effect" in str(result.exception)
    assert not (tmp_path / "w").exists()


def test_import__results_of_a_former_import_are_named(land_run, folder, tmp_path):
    words = ("import", folder, "--workspace", tmp_path / "w")
    assert "former" not in land_run(*words).output
    run = ("run", "--method", "uniform", "--protocol", "domains", "--workspace", tmp_path / "w")
    assert land_run(*run).exit_code == 0
    assert json.loads(land_run(*words, "--json").stdout.splitlines()[-1])["outdated_results"] == []
    text = land_run(*words, "--block", "60").output
    assert "1 former result no longer belongs to these data:" in text
    assert "    Uniform chance · groups left out" in text


def test_own_data__windows_and_groups_not_patches_and_domains(land_run, folder, tmp_path):
    workspace = tmp_path / "w"
    words = ("import", folder, "--block", "60", "--workspace", workspace)
    assert land_run(*words).exit_code == 0
    texts = [land_run("describe", "--workspace", workspace).output]
    texts.append(land_run("run", "--method", "uniform", "--workspace", workspace).output)
    assert "train: 24 windows (0 with a time series) in 24 groups (p0 r0 c0" in texts[0]
    assert "groups left out: all pixels of groups" in texts[1]
    for text in texts:
        assert not re.search(r"\b(patch|patches:|areas?|domains? left)\b", text), text
        assert not re.search(r"^\s*$", text.rstrip("\n"), re.M)


def test_run__other_is_refused_without_such_a_class(land_run, folder, tmp_path):
    workspace = tmp_path / "w"
    assert land_run("import", folder, "--workspace", workspace).exit_code == 0
    for words in (("run", "--other", "both"), ("predict", "--other")):
        result = land_run(*words, "--workspace", workspace)
        assert result.exit_code == 1
        assert 'no class "other"' in str(result.exception)


def test_describe__a_missing_file_is_reported_once(land_run, folder, tmp_path):
    workspace = tmp_path / "w"
    assert land_run("import", folder, "--block", "60", "--workspace", workspace).exit_code == 0
    (folder / "p0.tif").unlink()
    result = land_run("describe", "--workspace", workspace)
    assert result.exit_code == 0
    assert result.output.count("the file is missing") == 1
    assert "problem: p0_0001 and 5 others: it is left out (" in result.output
    for path in folder.glob("p?.tif"):
        path.unlink()
    result = land_run("describe", "--workspace", workspace)
    assert result.exit_code == 1
    assert "no window can be read" in str(result.exception)
