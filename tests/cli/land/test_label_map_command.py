"""`chipscape land label-map` and `label-export`, on images imported without labels."""

import json

import pytest
from typer.testing import CliRunner

from core.cli.land.land_app import land_app
from core.errors import ChipscapeError
from core.land.data.nomenclature import Legend
from core.pipeline.land.labelling.region_file import change_regions
from core.pipeline.workspace import Workspace
from tests.land.labelling.conftest import DARK_AND_BRIGHT, add_rectangles, two_classes, write_images


@pytest.fixture
def land_run():
    runner = CliRunner()
    return lambda *words: runner.invoke(land_app, [str(word) for word in words])


@pytest.fixture
def workspace(land_run, make_scene, tmp_path):
    """Unlabelled images."""
    folder = write_images(make_scene, tmp_path / "photos")
    path = tmp_path / "w"
    result = land_run("import", folder, "--unlabelled", "--workspace", path)
    assert result.exit_code == 0, result.output
    assert "label regions in the app" in result.output
    return path


def label(workspace, rows):
    change_regions(
        Workspace.at(workspace),
        Legend((), 0),
        lambda _: add_rectangles(two_classes(), "field0.tif", rows),
    )


def last_table(result):
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout.splitlines()[-1])


def test_label_map__maps_and_scores(land_run, workspace):
    label(workspace, DARK_AND_BRIGHT)
    words = ("--workspace", workspace, "--regularisation", "majority", "--json")
    table = last_table(land_run("label-map", *words))
    assert table["maps"] == ["field0.tif", "field1.tif"]
    assert table["regions"] == {"soil": 2, "sand": 2}
    assert (table["overall_accuracy"], table["miou"], table["not_evaluated"]) == (1, 1, [])
    assert table["confusion"] == [[791, 0], [0, 800]]
    folder = workspace / "results" / "label_maps"
    assert len(list(folder.glob("*.tif"))) == len(list(folder.glob("*.qml"))) == 2


def test_label_map__says_what_is_not_evaluated(land_run, workspace):
    label(workspace, DARK_AND_BRIGHT[:3])
    result = land_run("label-map", "--workspace", workspace)
    assert result.exit_code == 0, result.output
    assert "Not evaluated, with one region only: sand" in result.output
    table = last_table(land_run("label-map", "--workspace", workspace, "--json"))
    assert (table["miou"], table["not_evaluated"]) == (None, ["sand"])


def test_label_export__writes_files(land_run, workspace, tmp_path):
    label(workspace, DARK_AND_BRIGHT)
    out = tmp_path / "out"
    table = last_table(land_run("label-export", "--workspace", workspace, "--out", out, "--json"))
    assert (table["images"], table["regions"]) == (["field0.tif"], 4)
    names = sorted(path.relative_to(out).as_posix() for path in out.rglob("*.*"))
    assert names == [
        "classes.csv",
        "polygons/field0.gpkg",
        "polygons/field0.qml",
        "rasters/field0.qml",
        "rasters/field0.tif",
    ]


def test_commands__without_regions_are_clear_errors(land_run, workspace):
    for command in ("label-map", "label-export"):
        result = land_run(command, "--workspace", workspace)
        assert result.exit_code == 1, result.output
    label(workspace, DARK_AND_BRIGHT)
    for words in (("--features", "tokens:resnet50"), ("--out", workspace / "raw")):
        assert land_run("label-map", "--workspace", workspace, *words).exit_code == 1


def test_other_commands__without_labels_are_clear_errors(land_run, workspace):
    for words in (("run",), ("predict",), ("economy",), ("survey",), ("describe",)):
        result = land_run(*words, "--workspace", workspace)
        is_clear = isinstance(result.exception, ChipscapeError | SystemExit)
        assert not result.exception or is_clear, (words, result.exception)


def test_import__unlabelled_excludes_labels(land_run, tmp_path, make_scene):
    folder = write_images(make_scene, tmp_path / "photos")
    words = ("import", folder, "--unlabelled", "--background", "rest", "--workspace", tmp_path)
    assert land_run(*words).exit_code == 1


@pytest.mark.parametrize("option", [("--season", "months"), ("--interpolation", "smooth")])
def test_label_map__options_of_a_series_are_refused(land_run, workspace, option):
    label(workspace, DARK_AND_BRIGHT)
    result = land_run("label-map", *option, "--workspace", workspace)
    assert result.exit_code == 1
    assert "a time series cannot be used with labelled regions" in str(result.exception)
    result = land_run("label-export", *option, "--workspace", workspace)
    assert "this option has no effect on this command" in str(result.exception)


def test_label_export__images_that_are_not_in_the_data_set(
    land_run, workspace, make_scene, tmp_path
):
    label(workspace, DARK_AND_BRIGHT)
    other = write_images(make_scene, tmp_path / "other")
    (other / "field0.tif").rename(other / "meadow.tif")
    land_run("import", other, "--unlabelled", "--workspace", workspace)
    result = land_run("label-export", "--workspace", workspace)
    assert "none of the labelled images is in the data set" in str(result.exception)
    assert not (workspace / "results" / "land_labels").exists()


def test_import__names_of_bands_without_a_series(land_run, workspace, tmp_path):
    words = ("import", tmp_path / "photos", "--unlabelled", "--workspace", workspace)
    result = land_run(*words, "--series-bands", "B02,B03")
    assert "names of bands have no effect without a time series" in str(result.exception)


def test_settings__own_images_are_sampled_at_random(land_run, workspace, tmp_path):
    settings = ("settings", "--json", "--workspace")
    assert last_table(land_run(*settings, workspace))["sample"]["draw"] == "random"
    assert last_table(land_run(*settings, tmp_path / "empty"))["sample"]["draw"] == "notebook"


def test_describe__advice_for_images_without_labels(land_run, workspace):
    result = land_run("describe", "--workspace", workspace)
    assert "label regions in the app (Land cover data), then run" in " ".join(result.output.split())
