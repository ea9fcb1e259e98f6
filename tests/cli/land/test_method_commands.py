import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from core.cli.land import grid_command
from core.errors import SettingsError, TooFewError
from core.land.models.configurations import grid_configurations

Run = Callable[..., Any]


def test_run__other_both_trains_side_by_side(run: Run, land: Path) -> None:
    words = ("run", "--protocol", "domains", "--workspace", land, "--json")
    both = json.loads(run(*words, "--other", "both").stdout)
    only_with = json.loads(run(*words, "--other", "with").stdout)
    miou = only_with["protocols"]["domains"]["miou"]
    assert both["with_other"]["protocols"]["domains"]["miou"] == miou
    assert both["protocols"]["domains"]["miou"] != miou
    assert "synthetic data set" in both["attribution"]


def test_run__is_named_after_everything_that_distinguishes_it(
    run: Run, land: Path, tmp_path: Path
) -> None:
    path = tmp_path / "s.toml"
    path.write_text('[features]\nextras = ["ndvi"]\n[sample]\ndraw = "random"\nn_per_patch = 50\n')
    words = ("run", "--protocol", "domains", "--k", 5, "--settings", path, "--workspace", land)
    title = "kNN (k 5), aerial, O + ndvi · random, 50 per patch"
    assert json.loads(run(*words, "--json").stdout)["title"] == title
    assert run(*words).stdout.startswith(f"{title}\n")


def test_run__recommended_features_are_one_name(run: Run, land: Path) -> None:
    words = ("run", "--protocol", "domains", "--workspace", land, "--json")
    plain, context = (
        json.loads(run(*words, "--features", names).stdout) for names in ("none", "context")
    )
    assert plain["title"] == "kNN, aerial, O"
    assert context["title"] == "kNN, aerial, O + context"
    miou = [table["protocols"]["domains"]["miou"] for table in (plain, context)]
    assert miou[1] > miou[0]
    some = json.loads(run(*words, "--features", "means,relief").stdout)
    assert some["title"] == "kNN, aerial, O + means + relief"
    assert plain["title"] == json.loads(run(*words).stdout)["title"]


def test_run__regularisation_reports_its_effect(run: Run, land: Path) -> None:
    words = ("run", "--protocol", "domains", "--workspace", land, "--regularisation", "majority")
    table = json.loads(run(*words, "--json").stdout)
    assert table["title"] == "kNN, aerial, O, majority filter of 7 px"
    result = table["protocols"]["domains"]
    effect = result["regularisation"]
    assert 0 < effect["miou_before"] < result["miou"]
    objects = effect["small_objects"]
    assert objects["smaller_than"] == 400
    assert objects["n"] > 20
    assert 0 < objects["recall_after"] < 1
    text = run(*words).stdout
    before, after = (f"{value:.3f}" for value in (effect["miou_before"], result["miou"]))
    assert f"regularisation: mIoU {before} without it, {after} with it; of " in text
    assert "objects smaller than 400 pixels" in text
    plain = json.loads(run(*words[:-2], "--json").stdout)["protocols"]["domains"]
    assert plain["miou"] == effect["miou_before"]
    assert "regularisation" not in plain


def test_maps__of_a_regularised_run_are_smooth(run: Run, land: Path, tmp_path: Path) -> None:
    words = ("maps", "--protocol", "domains", "--workspace", land, "--json")
    changes = []
    for kind in ("none", "superpixels"):
        folder = Path(json.loads(run(*words, "--regularisation", kind).stdout)["artifact"])
        with rasterio.open(sorted(folder.glob("*.tif"))[0]) as source:
            changes.append(int((np.diff(source.read(1).astype(int)) != 0).sum()))
    assert changes[1] < changes[0] / 2


def test_run__unknown_features_are_refused(run: Run, land: Path) -> None:
    result = run("run", "--features", "slope", "--workspace", land)
    assert isinstance(result.exception, SettingsError)
    assert "'slope' is not one of context, ndvi, texture, means" in str(result.exception)


@pytest.mark.usefixtures("small_grid")
def test_grid__features_are_added_to_every_configuration(run: Run, land: Path) -> None:
    words = ("grid", "--workspace", land, "--protocol", "domains")
    table = json.loads(run(*words, "--features", "means", "--json").stdout)
    assert table["extras"] == ["means"]
    plain = json.loads(run(*words, "--json").stdout)
    assert plain["extras"] == []
    assert [cell["miou"] for cell in table["cells"]] != [cell["miou"] for cell in plain["cells"]]
    assert ", with means\n" in run(*words, "--features", "means").stdout


def test_run__protocols_clusters_and_stability_side_by_side(run: Run, land: Path) -> None:
    words = ("run", "--method", "kmeans", "--n-clusters", 5, "--workspace", land)
    result = json.loads(run(*words, "--repeats", 2, "--json").stdout)
    clusters = {name: table["n_clusters"] for name, table in result["protocols"].items()}
    assert clusters == {"domains": [5, 5], "patches": [5], "test": [5]}
    stability = result["stability"]
    assert (stability["protocol"], stability["draws"]) == ("domains", 2)
    assert stability["n_clusters"] == [[5, 5], [5, 5]]
    assert len(stability["miou"]) == 2
    low, high = result["optimism_gap_range"]
    assert low <= result["optimism_gap"] <= high
    assert sum("warning: there are only 5 clusters for" in note for note in result["notes"]) == 3
    text = run(*words, "--repeats", 2).stdout
    assert "5 to 5 clusters over 2 draws" in text
    assert "optimism gap" in text
    assert "no interval: it needs at least 8 areas, not 2" in text
    single = json.loads(run(*words, "--protocol", "domains", "--json").stdout)
    assert (single["stability"], single["optimism_gap"]) == (None, None)


@pytest.mark.usefixtures("small_grid")
def test_grid__other_protocols_next_to_each_configuration(run: Run, land: Path) -> None:
    words = ("grid", "--workspace", land, "--json")
    cells = json.loads(run(*words, "--protocol", "all").stdout)["cells"]
    assert [set(cell["protocols"]) for cell in cells] == [{"patches", "test"}] * 2
    again = json.loads(run(*words).stdout)["cells"]
    assert again == cells
    text = run(*words[:-1]).stdout
    assert "; patches 0." in text
    assert "s per patch (notebook " in text


@pytest.mark.usefixtures("small_grid")
def test_grid__a_configuration_that_fails_does_not_stop_the_others(run: Run, broken: Path) -> None:
    output = run("grid", "--workspace", broken, "--json")
    assert output.exit_code == 0
    result = json.loads(output.stdout)
    aerial, fused = result["cells"]
    assert aerial["miou"] > 0
    assert "error" not in aerial
    assert (fused["fusion"], fused["miou"], fused["seconds"]) == (True, None, None)
    assert "no labelled pixel" in fused["error"]
    assert set(aerial) == set(fused) - {"error"}
    assert any(note.startswith("failed: kNN, aerial + Sentinel, O:") for note in result["notes"])
    text = run("grid", "--workspace", broken).stdout
    assert "kNN, aerial, O                           mIoU 0." in text
    assert "kNN, aerial + Sentinel, O                failed, see the notes" in text


def test_grid__error_if_every_configuration_fails(
    run: Run, broken: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fused = [cell for cell in grid_configurations() if cell.spec.fusion and cell.spec.name == "O"]
    monkeypatch.setattr(grid_command, "grid_configurations", lambda **_: fused[:1])
    assert isinstance(run("grid", "--workspace", broken, "--json").exception, TooFewError)


@pytest.mark.usefixtures("small_grid")
def test_grid__names_patches_left_out_and_those_that_each_row_is_evaluated_on(
    run: Run, broken: Path
) -> None:
    words = ("grid", "--protocol", "patches", "--workspace", broken)
    notes = json.loads(run(*words, "--json").stdout)["notes"]
    assert any("IMG_000001: it was not predicted" in note for note in notes)
    assert "evaluated on 1 patch of 1 area: kNN, aerial + Sentinel, O" in notes
    assert "evaluated on 2 patches of 2 areas: kNN, aerial, O" in notes
    text = run(*words).stdout
    assert "note: IMG_000001: it was not predicted" in text
    assert "2 patches" in text


def test_run__a_protocol_that_fails_does_not_hide_the_others(run: Run, broken: Path) -> None:
    output = run("run", "--fusion", "--workspace", broken, "--json")
    assert output.exit_code == 0
    result = json.loads(output.stdout)
    assert result["protocols"]["domains"]["miou"] is None
    assert "no labelled pixel" in result["protocols"]["domains"]["error"]
    assert result["protocols"]["patches"]["miou"] > 0
    assert result["optimism_gap"] is None
    text = run("run", "--fusion", "--workspace", broken).stdout
    assert "domains  failed: " in text
    assert "patches  mIoU" in text
    only_domains = run("run", "--fusion", "--protocol", "domains", "--workspace", broken)
    assert isinstance(only_domains.exception, TooFewError)


def test_run__dark_pixels_and_untrained_classes_are_named(
    run: Run, land: Path, tmp_path: Path
) -> None:
    shutil.copytree(land / "flair", tmp_path / "flair")
    image = sorted(tmp_path.glob("flair/flair_aerial_train/*/*/img/*.tif"))[0]
    with rasterio.open(image, "r+") as target:
        bands = target.read()
        bands[:3, :60, :60] = 0
        target.write(bands)
    for mask in tmp_path.glob("flair/flair_labels_train/*/*/msk/*.tif"):
        with rasterio.open(mask, "r+") as target:
            values = target.read()
            values[values == 9] = 10
            target.write(values)
    result = json.loads(run("run", "--protocol", "patches", "-w", tmp_path, "--json").stdout)
    notes = " ".join(result["notes"])
    assert "3,600 pixels are black in the visible bands" in notes
    assert "IMG_000001" in notes
    assert "9 (vineyard)" in notes
    bench = json.loads(run("bench", "--protocol", "patches", "-w", tmp_path, "--json").stdout)
    assert bench["notes"] == [*result["notes"]]


def test_run__notebook_arithmetic_is_marked_and_classes_are_listed(run: Run, land: Path) -> None:
    words = ("run", "--protocol", "domains", "--workspace", land, "--json")
    default, notebook = (
        json.loads(run(*words, *more).stdout) for more in ((), ("--preset", "notebook"))
    )
    assert (default.get("preset"), notebook["preset"]) == (None, "notebook")
    scores = default["protocols"]["domains"]
    assert len(scores["classes"]) == 13
    fields = {"iou", "users_accuracy", "producers_accuracy", "f1", "support"}
    assert set(scores["classes"]["building"]) == fields
    iou = [
        cover["iou"]
        for name, cover in scores["classes"].items()
        if cover["iou"] is not None and name != "other"
    ]
    assert sum(iou) / len(iou) == pytest.approx(scores["miou"])


@pytest.mark.usefixtures("small_grid")
def test_grid__the_features_table_is_used_or_refused(run: Run, land: Path, tmp_path: Path) -> None:
    path = tmp_path / "f.toml"
    words = ("grid", "--workspace", land, "--json")
    default = json.loads(run(*words).stdout)["cells"]
    path.write_text('[features]\nsentinel_scaling = "intensity"\n')
    scaled = json.loads(run(*words, "--settings", path).stdout)["cells"]
    assert scaled[0]["miou"] == default[0]["miou"]
    assert scaled[1]["miou"] != default[1]["miou"]
    path.write_text("[features]\nrobust = true\n")
    error = run(*words, "--settings", path).exception
    assert isinstance(error, SettingsError)
    assert "settings.features.robust: the grid varies this setting itself" in str(error)
    cells = json.loads(run(*words, "--preset", "notebook").stdout)["cells"]
    assert [row["preset"] for row in cells] == ["notebook", "notebook"]


@pytest.mark.parametrize(
    ("words", "match"),
    [
        (("--other", "maybe"), "'maybe' is not one of without, with, both"),
        (("--protocol", "half"), "'half' is not one of domains, patches, test"),
        (("--repeats", "-1"), "-1 is not between 0 and 100"),
    ],
)
def test_run__unknown_choices(run: Run, land: Path, words: tuple[str, str], match: str) -> None:
    error = run("run", *words, "--workspace", land).exception
    assert isinstance(error, SettingsError)
    assert match in str(error)


def test_score__states_the_resampling_units_of_its_interval(
    run: Run, land: Path, tmp_path: Path
) -> None:
    shutil.copytree(land / "flair", tmp_path / "flair")
    shutil.rmtree(tmp_path / "flair" / "flair_2_aerial_test")
    shutil.rmtree(tmp_path / "flair" / "flair_2_labels_test")
    masks = tmp_path / "flair" / "flair_labels_train"
    predictions = tmp_path / "predictions"
    predictions.mkdir()
    for mask in masks.rglob("*.tif"):
        shutil.copy(mask, predictions)
    words = ("score", "--predictions", predictions, "--first", "1", "--workspace", tmp_path)
    by_area = json.loads(run(*words, "--json").stdout)
    assert by_area["interval_over"] == "areas"
    assert by_area["interval"] is None
    assert by_area["no_interval_because"].endswith("at least 8 areas, not 2")
    assert "at least 8 areas, not 2" in run(*words).stdout
    # The masks' folders are those of FLAIR's layout.
    from_paths = json.loads(run(*words, "--masks", masks, "--json").stdout)
    assert (from_paths["interval"], from_paths["interval_over"]) == (by_area["interval"], "areas")
    flat = tmp_path / "flat"
    shutil.copytree(predictions, flat)
    by_patch = json.loads(run(*words, "--masks", flat, "--json").stdout)
    assert by_patch["interval_over"] == "patches; areas are not known"
    assert by_patch["no_interval_because"].endswith("at least 8 patches, not 2")
    assert "8 patches, not 2" in run(*words, "--masks", flat).stdout
    assert "areas are not known" in run(*words, "--masks", flat).stdout


def write_classes(path: Path, values: Any, nodata: int | None = None) -> None:
    path.parent.mkdir(exist_ok=True)
    with rasterio.open(
        path, "w", driver="GTiff", width=8, height=8, count=1, dtype="uint8", nodata=nodata
    ) as target:
        target.write(values, 1)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_score__masks_and_predictions_in_one_folder(run: Run, tmp_path: Path) -> None:
    truth = np.full((8, 8), 3, np.uint8)
    predicted = truth.copy()
    predicted[:2], predicted[2:4] = 0, 5
    write_classes(tmp_path / "all" / "MSK_000001.tif", truth)
    write_classes(tmp_path / "all" / "PRED_000001.tif", predicted, nodata=0)
    folder = tmp_path / "all"
    words = ("score", "--predictions", folder, "--masks", folder, "--workspace", tmp_path, "--json")
    result = json.loads(run(*words).stdout)
    # Half of the pixels are right; those without a class and those of the wrong class are errors.
    assert result["overall_accuracy"] == 0.5
    assert [value for value in result["iou"].values() if value is not None] == [0.5, 0]
    assert (result["nodata_pixels"], result["unjudged_pixels"]) == (16, 0)
    skipped = json.loads(run(*words, "--skip-nodata").stdout)
    assert (skipped["nodata_pixels"], skipped["unjudged_pixels"]) == (16, 16)
    assert skipped["overall_accuracy"] == pytest.approx(2 / 3)
    write_classes(tmp_path / "empty" / "MSK_000001.tif", np.zeros((8, 8), np.uint8))
    error = run(*words[:4], tmp_path / "empty", *words[5:]).exception
    assert isinstance(error, TooFewError)


def test_score__help_has_the_default_of_masks(run: Run) -> None:
    text = " ".join(run("score", "--help").stdout.replace("│", " ").split())
    assert "[default: the masks of the workspace's test patches, or" in text


def test_run__scorers_are_named_in_text_and_json(run: Run, land: Path) -> None:
    words = ("run", "--protocol", "domains", "--workspace", land)
    tables = {}
    for name, title in (("flair", "FLAIR scorer"), ("flair-hub", "FLAIR-HUB scorer")):
        result = json.loads(run(*words, "--scorer", name, "--json").stdout)["protocols"]["domains"]
        assert result["scorer"] == name
        assert title in run(*words, "--scorer", name).stdout
        tables[name] = result
    assert tables["flair"]["miou"] != tables["flair-hub"]["miou"]
    assert tables["flair-hub"]["n_classes"] == 12
    default = json.loads(run(*words, "--json").stdout)["protocols"]["domains"]
    assert default["miou"] == tables["flair"]["miou"]


def test_run__season_of_the_series(run: Run, land: Path) -> None:
    words = ("run", "--protocol", "domains", "--fusion", "--workspace", land)
    options = ("--season", "months", "--interpolation", "smooth")
    result = run(*words, *options, "--json")
    assert result.exit_code == 0, result.output
    table = json.loads(result.stdout)
    assert table["title"] == (
        "kNN, aerial + Sentinel, O + monthly composites + Sentinel interpolated"
    )
    assert table["protocols"]["domains"]["folds"][0]["filled_months"]["training"]["of"] == 1728
    assert "have no clear observation and are interpolated" in run(*words, *options).output


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--season", "months"), "in the settings), or leave out --season."),
        (("--fusion", "--season", "spring"), "'spring' is not one of mean, months, indices"),
        (("--fusion", "--interpolation", "cubic"), "'cubic' is not one of blocks, smooth"),
    ],
)
def test_run__season_that_cannot_be_used(
    run: Run, land: Path, options: tuple[str, ...], message: str
) -> None:
    result = run("run", "--protocol", "domains", "--workspace", land, *options)
    assert result.exception is not None
    assert message in f"{result.exception} {result.output}"


@pytest.mark.usefixtures("small_grid")
def test_grid__season_of_the_configurations_with_sentinel(run: Run, land: Path) -> None:
    words = ("grid", "--protocol", "domains", "--season", "indices", "--workspace", land)
    result = run(*words, "--json")
    assert result.exit_code == 0, result.output
    table = json.loads(result.stdout)
    assert (table["season"], table["interpolation"]) == ("indices", "blocks")
    assert [cell["miou"] is not None for cell in table["cells"]] == [True, True]
    assert "with mean and seasonal indices" in run(*words).output
