import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.errors import ChipscapeError, SettingsError


def test_demo_and_describe__one_line_of_json(run: Callable[..., Any], tmp_path: Path) -> None:
    first = run("demo", "--patches", 3, "-w", tmp_path, "--json")
    assert first.exit_code == 0, first.output
    result = json.loads(first.stdout.strip())
    assert (result["written"], result["patches"]) == (True, 3)
    assert len(result["files"]) == 9
    second = json.loads(run("demo", "--patches", 3, "-w", tmp_path, "--json").stdout)
    assert not second["written"]
    output = run("describe", "-w", tmp_path, "--json")
    assert len(output.stdout.strip().splitlines()) == 1
    summary = json.loads(output.stdout)
    assert summary["look_alike"]
    assert summary["splits"]["train"]["patches"] == 2
    assert "Etalab" in summary["licence"]
    text = run("describe", "-w", tmp_path, "--nomenclature", "full")
    assert text.stderr == ""
    assert "greenhouse" in text.stdout
    assert "synthetic data set" in text.stdout
    assert "2310.13336" in text.stdout.replace("\n", "")


def test_settings__tables_of_the_file(run: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text("[fetch]\nurl = 'ftp://nowhere'\n")
    result = run("fetch", "-w", tmp_path, "--settings", path)
    assert isinstance(result.exception, SettingsError)
    assert "ftp://nowhere" in str(result.exception)
    path.write_text("[chips]\nsize = 3\n")
    error = run("fetch", "--settings", path).exception
    assert "'chips' is not a table" in str(error)
    # A name is checked even if the command does not use its table, or it belongs elsewhere.
    for name in ("method.neighbours", "study.sample.draw"):
        table, _, key = name.rpartition(".")
        path.write_text(f"[{table}]\n{key} = 3\n")
        error = run("describe", "-w", tmp_path, "--settings", path).exception
        assert isinstance(error, SettingsError)
        assert f"unknown setting '{'.'.join(name.split('.')[:2])}'" in str(error)


def test_settings__printed_in_the_form_that_is_read(
    run: Callable[..., Any], tmp_path: Path
) -> None:
    path = tmp_path / "s.toml"
    path.write_text("[method]\nk = 7\n[features]\nextras = ['ndvi']\n")
    text = run("settings", "--settings", path).stdout
    tables = tomllib.loads(text)
    assert list(tables) == [
        "fetch",
        "import",
        "sample",
        "dates",
        "features",
        "method",
        "regularisation",
        "study",
    ]
    assert (tables["method"]["k"], tables["features"]["extras"]) == (7, ["ndvi"])
    path.write_text(text)
    assert run("settings", "--settings", path).stdout == text
    tables = json.loads(run("settings", "--json", "--seed", 4, "--preset", "notebook").stdout)
    assert (tables["method"]["seed"], tables["sample"]["seed"]) == (4, 4)
    assert tables["features"]["preset_notebook"]
    path.write_text("[fetch]\nurk = 'x'\n")
    assert "Did you mean 'url'" in str(run("fetch", "-w", tmp_path, "--settings", path).exception)


@pytest.mark.parametrize(
    ("words", "match"),
    [
        (("describe",), "no folder of FLAIR's aerial images"),
        (("demo", "--patches", "2"), "2 is not between"),
        (("describe", "--preset", "seed"), "'seed' is not one of default, notebook"),
        (("describe", "--nomenclature", "half"), "'half' is not a nomenclature"),
        (("fetch", "--url", "http://127.0.0.1:9/x.zip", "--sha256", "0"), "cannot be downloaded"),
    ],
)
def test_errors__are_sentences(
    run: Callable[..., Any], tmp_path: Path, words: tuple[str, ...], match: str
) -> None:
    path = tmp_path / "s.toml"
    path.write_text("[fetch]\nattempts = 1\n")
    result = run(*words, "-w", tmp_path, "--settings", path)
    assert isinstance(result.exception, ChipscapeError)
    assert match in str(result.exception)


def test_help__lists_every_command(run: Callable[..., Any]) -> None:
    text = run("--help").stdout
    for names in (("demo", "fetch", "describe"), ("run", "grid", "score", "economy")):
        assert [name for name in names if f" {name} " not in text] == []
    assert [name for name in ("survey", "maps", "bench", "recut") if f" {name} " not in text] == []
