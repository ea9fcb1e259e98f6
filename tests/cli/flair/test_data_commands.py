"""`chipscape flair` on the command line."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import rasterio
from typer.testing import CliRunner

from core.cli.flair import method_commands
from core.cli.flair.data_commands import app
from core.errors import Cancelled, ChipscapeError, SettingsError, TooFewError
from core.flair.models.configurations import Cell, cells
from core.flair.models.features import FeatureSpec

runner = CliRunner()


def run(*words: Any) -> Any:
    return runner.invoke(app, [str(word) for word in words], catch_exceptions=True)


def test_demo_and_describe__one_line_of_json(tmp_path: Path) -> None:
    first = run("demo", "--patches", 3, "-w", tmp_path, "--json")
    assert first.exit_code == 0, first.output
    found = json.loads(first.stdout.strip())
    assert (found["written"], found["patches"]) == (True, 3)
    assert len(found["files"]) == 9
    again = json.loads(run("demo", "--patches", 3, "-w", tmp_path, "--json").stdout)
    assert not again["written"]
    said = run("describe", "-w", tmp_path, "--json")
    assert len(said.stdout.strip().splitlines()) == 1
    described = json.loads(said.stdout)
    assert described["look_alike"]
    assert described["splits"]["train"]["patches"] == 2
    assert "Etalab" in described["licence"]
    words = run("describe", "-w", tmp_path, "--nomenclature", "full")
    assert words.stderr == ""
    assert "greenhouse" in words.stdout
    assert "look-alike" in words.stdout
    assert "2310.13336" in words.stdout.replace("\n", "")


def test_settings__tables_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text("[fetch]\nurl = 'ftp://nowhere'\n")
    result = run("fetch", "-w", tmp_path, "--settings", path)
    assert isinstance(result.exception, SettingsError)
    assert "ftp://nowhere" in str(result.exception)
    path.write_text("[chips]\nsize = 3\n")
    assert "'chips' is no table" in str(run("fetch", "--settings", path).exception)
    path.write_text("[fetch]\nurk = 'x'\n")
    assert "Did you mean 'url'" in str(run("fetch", "-w", tmp_path, "--settings", path).exception)


@pytest.mark.parametrize(
    ("words", "match"),
    [
        (("describe",), "no FLAIR #2 tree"),
        (("demo", "--patches", "2"), "2 is not between"),
        (("describe", "--preset", "seed"), "'seed' is not one of default, notebook"),
        (("describe", "--nomenclature", "half"), "'half' is not reduced or full"),
        (("fetch", "--url", "http://127.0.0.1:9/x.zip", "--sha256", "0"), "cannot be downloaded"),
    ],
)
def test_errors__are_sentences(tmp_path: Path, words: tuple[str, ...], match: str) -> None:
    path = tmp_path / "s.toml"
    path.write_text("[fetch]\nattempts = 1\n")
    result = run(*words, "-w", tmp_path, "--settings", path)
    assert isinstance(result.exception, ChipscapeError)
    assert match in str(result.exception)


def test_run__other_both_says_each_side_by_side(tmp_path: Path) -> None:
    run("demo", "--patches", 3, "--workspace", tmp_path)
    words = ("run", "--protocol", "domains", "--workspace", tmp_path, "--json")
    told = json.loads(run(*words, "--other", "both").stdout)
    alone = json.loads(run(*words, "--other", "with").stdout)
    assert (
        told["with_other"]["protocols"]["domains"]["miou"]
        == (alone["protocols"]["domains"]["miou"])
    )
    assert told["protocols"]["domains"]["miou"] != alone["protocols"]["domains"]["miou"]
    assert "look-alike" in told["attribution"]


def test_recut__tells_reliability_before_and_after(tmp_path: Path) -> None:
    run("demo", "--patches", 3, "--workspace", tmp_path)
    file = tmp_path / "cut.toml"
    file.write_text("[features]\nrobust = true\n[method]\nmin_cluster_size = 20\n")
    told = json.loads(run("recut", "--settings", file, "--workspace", tmp_path, "--json").stdout)
    assert told["clusters"] > 1
    assert 0 < told["miou"] < 1
    # Training pixels that made a cluster agree more than pixels of another domain do.
    assert told["weighted_reliability"] > told["weighted_reliability_after_knn"] > 0


@pytest.fixture(scope="module")
def painted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three patches: one each of two training domains and of one test domain."""
    place: Path = tmp_path_factory.mktemp("painted")
    assert run("demo", "--patches", 3, "--workspace", place).exit_code == 0
    return place


@pytest.fixture
def broken(painted: Path, tmp_path: Path) -> Path:
    """The same with the first training patch's Sentinel data cut off."""
    place = tmp_path / "broken"
    shutil.copytree(painted / "flair", place / "flair")
    first = sorted(place.glob("flair/flair_sen_train/*/*/sen/*_data.npy"))[0]
    first.write_bytes(first.read_bytes()[:2000])
    return place


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> None:
    """A grid of two cells: kNN on the plain bands, without and with Sentinel."""

    def few(**asked: Any) -> list[Cell]:
        return [c for c in cells(**asked) if c.method == "knn" and c.spec.name == "O"]

    monkeypatch.setattr(method_commands, "cells", few)


@pytest.mark.usefixtures("two")
def test_grid__a_cell_that_fails_takes_no_other_with_it(broken: Path) -> None:
    done = run("grid", "--workspace", broken, "--json")
    assert done.exit_code == 0
    told = json.loads(done.stdout)
    aerial, fused = told["cells"]
    assert aerial["miou"] > 0
    assert "error" not in aerial
    assert (fused["fusion"], fused["miou"], fused["seconds"]) == (True, None, None)
    assert "no labelled pixel" in fused["error"]
    assert set(aerial) == set(fused) - {"error"}
    assert any(note.startswith("failed: kNN, aerial + Sentinel, O:") for note in told["notes"])
    text = run("grid", "--workspace", broken).stdout
    assert "kNN, aerial, O                           mIoU 0." in text
    assert "kNN, aerial + Sentinel, O                failed, see the notes" in text


def test_grid__nothing_worked_is_an_error(broken: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fused = [cell for cell in cells() if cell.spec.fusion and cell.spec.name == "O"]
    monkeypatch.setattr(method_commands, "cells", lambda **_: fused[:1])
    assert isinstance(run("grid", "--workspace", broken, "--json").exception, TooFewError)


@pytest.mark.usefixtures("two")
def test_grid__names_what_was_left_out_and_what_each_row_is_judged_on(broken: Path) -> None:
    words = ("grid", "--protocol", "patches", "--workspace", broken)
    notes = json.loads(run(*words, "--json").stdout)["notes"]
    assert any("IMG_000001: not predicted" in note for note in notes)
    assert "judged on 1 patch of 1 area: kNN, aerial + Sentinel, O" in notes
    assert "judged on 2 patches of 2 areas: kNN, aerial, O" in notes
    text = run(*words).stdout
    assert "note: IMG_000001: not predicted" in text
    assert "2 patches" in text


def test_run__protocols_that_work_are_told_beside_one_that_does_not(broken: Path) -> None:
    done = run("run", "--fusion", "--workspace", broken, "--json")
    assert done.exit_code == 0
    told = json.loads(done.stdout)
    assert told["protocols"]["domains"]["miou"] is None
    assert "no labelled pixel" in told["protocols"]["domains"]["error"]
    assert told["protocols"]["patches"]["miou"] > 0
    assert told["optimism_gap"] is None
    text = run("run", "--fusion", "--workspace", broken).stdout
    assert "domains  failed: " in text
    assert "patches  mIoU" in text
    alone = run("run", "--fusion", "--protocol", "domains", "--workspace", broken)
    assert isinstance(alone.exception, TooFewError)


def test_run__dark_pixels_and_classes_that_nobody_taught_are_named(
    painted: Path, tmp_path: Path
) -> None:
    shutil.copytree(painted / "flair", tmp_path / "flair")
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
    told = json.loads(run("run", "--protocol", "patches", "-w", tmp_path, "--json").stdout)
    notes = " ".join(told["notes"])
    assert "3,600 pixels have no intensity" in notes
    assert "IMG_000001" in notes
    assert "9 (vineyard)" in notes
    bench = json.loads(run("bench", "--protocol", "patches", "-w", tmp_path, "--json").stdout)
    assert bench["notes"] == [*told["notes"]]


@pytest.mark.parametrize("command", ["maps", "bench", "recut"])
def test_preset__is_not_ignored(painted: Path, command: str) -> None:
    words = (command, "--workspace", painted, "--json")
    ours, theirs = json.loads(run(*words).stdout), None
    theirs = json.loads(run(*words, "--preset", "notebook").stdout)
    assert (ours.get("preset"), theirs["preset"]) == (None, "notebook")
    assert ours["artifact"] != theirs["artifact"]


def test_preset__of_economy(painted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[FeatureSpec] = []

    def stop(_work: Any, _method: Any, spec: FeatureSpec, _report: Any) -> None:
        asked.append(spec)
        raise Cancelled("enough")

    monkeypatch.setattr(method_commands, "make_economy", stop)
    run("economy", "--preset", "notebook", "--workspace", painted)
    assert [spec.preset_notebook for spec in asked] == [True]


def test_run__the_notebooks_arithmetic_is_marked_and_classes_are_told(painted: Path) -> None:
    words = ("run", "--protocol", "domains", "--workspace", painted, "--json")
    ours, theirs = (
        json.loads(run(*words, *more).stdout) for more in ((), ("--preset", "notebook"))
    )
    assert (ours.get("preset"), theirs["preset"]) == (None, "notebook")
    judged = ours["protocols"]["domains"]
    assert len(judged["classes"]) == 13
    parts = judged["classes"]["building"]
    assert set(parts) == {"iou", "users_accuracy", "producers_accuracy", "f1", "support"}
    known = [one["iou"] for name, one in judged["classes"].items()
             if one["iou"] is not None and name != "other"]  # fmt: skip
    assert sum(known) / len(known) == pytest.approx(judged["miou"])


@pytest.mark.usefixtures("two")
def test_grid__the_features_table_counts_or_is_refused(painted: Path, tmp_path: Path) -> None:
    file = tmp_path / "f.toml"
    words = ("grid", "--workspace", painted, "--json")
    plain = json.loads(run(*words).stdout)["cells"]
    file.write_text('[features]\nsentinel_scaling = "intensity"\n')
    scaled = json.loads(run(*words, "--settings", file).stdout)["cells"]
    assert scaled[0]["miou"] == plain[0]["miou"]
    assert scaled[1]["miou"] != plain[1]["miou"]
    file.write_text("[features]\nrobust = true\n")
    refused = run(*words, "--settings", file).exception
    assert isinstance(refused, SettingsError)
    assert "settings.features.robust: the grid chooses this itself" in str(refused)
    marked = json.loads(run(*words, "--preset", "notebook").stdout)["cells"]
    assert [row["preset"] for row in marked] == ["notebook", "notebook"]


@pytest.mark.parametrize("command", ["run", "grid", "economy", "maps", "bench", "recut"])
def test_nomenclature__full_is_refused_at_once(painted: Path, tmp_path: Path, command: str) -> None:
    file = tmp_path / "full.toml"
    file.write_text('[sample]\nnomenclature = "full"\n')
    said = run(command, "--workspace", painted, "--settings", file).exception
    assert isinstance(said, SettingsError)
    assert "reduced nomenclature only" in str(said)


def test_score__says_what_its_interval_is_drawn_over(painted: Path, tmp_path: Path) -> None:
    shutil.copytree(painted / "flair", tmp_path / "flair")
    shutil.rmtree(tmp_path / "flair" / "flair_2_aerial_test")
    shutil.rmtree(tmp_path / "flair" / "flair_2_labels_test")
    masks = tmp_path / "flair" / "flair_labels_train"
    words = ("score", "--predictions", masks, "--first", "1", "--workspace", tmp_path)
    known = json.loads(run(*words, "--json").stdout)
    assert known["interval_over"] == "areas"
    assert (known["interval"]["n_units"], known["interval"]["unit"]) == (2, "areas")
    assert "2 areas" in run(*words).stdout
    alone = json.loads(run(*words, "--masks", masks, "--json").stdout)
    assert alone["interval_over"] == "patches; areas are not known"
    assert alone["interval"]["unit"] == "patches"
    assert "2 patches" in run(*words, "--masks", masks).stdout
    assert "areas are not known" in run(*words, "--masks", masks).stdout
    # Two patches of one area say nothing of the spread between areas.
    for tree in ("flair_labels_train", "flair_aerial_train"):
        first, second = sorted(tmp_path.glob(f"flair/{tree}/*/*/*/*.tif"))
        second.rename(first.parent / second.name)
    assert json.loads(run(*words, "--json").stdout)["interval"] is None
    assert "no interval, one area" in run(*words).stdout
