import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.errors import Cancelled, SettingsError
from core.land.models.features import FeatureSpec
from core.pipeline.land.study_cells import StudyRun


def test_recut__reliability_before_and_after_knn(
    run: Callable[..., Any], land: Path, tmp_path: Path
) -> None:
    path = tmp_path / "cut.toml"
    path.write_text("[features]\nrobust = true\n[method]\nmin_cluster_size = 20\n")
    result = json.loads(run("recut", "--settings", path, "--workspace", land, "--json").stdout)
    assert result["clusters"] > 1
    assert 0 < result["miou"] < 1
    # Training pixels that form a cluster agree more than pixels of another domain.
    assert result["weighted_reliability"] > result["weighted_reliability_after_knn"] > 0


def test_survey__counts_without_notes(run: Callable[..., Any], land: Path) -> None:
    result = json.loads(run("survey", "--workspace", land, "--json").stdout)
    assert set(result) == {"artifact", "patches", "sampled", "attribution"}
    assert result["patches"] == 3
    assert "patches    3" in run("survey", "--workspace", land).stdout


@pytest.mark.parametrize("command", ["maps", "bench", "recut"])
def test_preset__gives_another_artifact(run: Callable[..., Any], land: Path, command: str) -> None:
    words = (command, "--workspace", land, "--json")
    default = json.loads(run(*words).stdout)
    notebook = json.loads(run(*words, "--preset", "notebook").stdout)
    assert (default.get("preset"), notebook["preset"]) == (None, "notebook")
    assert default["artifact"] != notebook["artifact"]


@pytest.mark.parametrize("command", ["run", "grid", "economy", "maps", "bench", "recut"])
def test_nomenclature__full_is_refused_at_once(
    run: Callable[..., Any], land: Path, tmp_path: Path, command: str
) -> None:
    path = tmp_path / "full.toml"
    path.write_text('[sample]\nnomenclature = "full"\n')
    error = run(command, "--workspace", land, "--settings", path).exception
    assert isinstance(error, SettingsError)
    assert "reduced nomenclature only" in str(error)


def test_economy__preset_is_used(
    run: Callable[..., Any], land: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    specs: list[FeatureSpec] = []

    def stop(study_run: StudyRun, *_: Any) -> None:
        specs.append(study_run.spec)
        raise Cancelled("enough")

    monkeypatch.setattr(StudyRun, "make", stop)
    run("economy", "--preset", "notebook", "--workspace", land)
    assert [spec.preset_notebook for spec in specs] == [True]
