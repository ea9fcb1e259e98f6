"""The `chipscape flair` commands, and workspaces with three patches for them."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from core.cli.land import grid_command
from core.cli.land.land_app import flair_app as app
from core.land.models.configurations import GridCell, grid_configurations


@pytest.fixture(scope="session")
def run() -> Callable[..., Any]:
    """Run a `chipscape flair` command with these arguments."""
    runner = CliRunner()

    def run_words(*words: Any) -> Any:
        return runner.invoke(app, [str(word) for word in words], catch_exceptions=True)

    return run_words


@pytest.fixture(scope="session")
def land(run: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with one patch in each of two training domains and of one test domain."""
    workspace: Path = tmp_path_factory.mktemp("land")
    assert run("demo", "--patches", 3, "--workspace", workspace).exit_code == 0
    return workspace


@pytest.fixture
def broken(land: Path, tmp_path: Path) -> Path:
    """The same workspace with the Sentinel data of the first training patch truncated."""
    workspace = tmp_path / "broken"
    shutil.copytree(land / "flair", workspace / "flair")
    first = sorted(workspace.glob("flair/flair_sen_train/*/*/sen/*_data.npy"))[0]
    first.write_bytes(first.read_bytes()[:2000])
    return workspace


@pytest.fixture
def small_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    """A grid of two configurations: kNN on the plain bands, without and with Sentinel."""

    def configurations(**options: Any) -> list[GridCell]:
        cells = grid_configurations(**options)
        return [cell for cell in cells if cell.method == "knn" and cell.spec.name == "O"]

    monkeypatch.setattr(grid_command, "grid_configurations", configurations)
