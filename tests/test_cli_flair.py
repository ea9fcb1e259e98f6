"""`chipscape flair demo`, `fetch`, `describe`."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from core.cli.flair import app
from core.errors import ChipscapeError, SettingsError

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
