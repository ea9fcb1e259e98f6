import importlib.util
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"


def test_click__does_not_hide_the_package_of_the_same_name(tmp_path):
    script = "import click, rasterio, typer; print(click.__version__ and click.command.__name__)"
    code = f"import sys; sys.path.insert(0, {str(BENCHMARKS)!r}); {script}"
    command = [sys.executable, "-c", code]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    assert process.stdout.strip() == "command", process.stderr


@pytest.fixture(scope="module")
def suite():
    spec = importlib.util.spec_from_file_location("suite", BENCHMARKS / "suite.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write_benchmarks(folder, monkeypatch, suite, **scripts):
    """Replace the benchmarks of the suite by scripts, each with a floor of 2."""
    for name, script in scripts.items():
        (folder / f"{name}.py").write_text(script)
    floors = "".join(f"[{name}]\nfull = 2.0\nquick = 2.0\n" for name in scripts)
    (folder / "floors.toml").write_text(floors)
    monkeypatch.setattr(suite, "HERE", folder)
    monkeypatch.setattr(suite, "PAGE", folder / "performance.md")
    monkeypatch.setattr(suite, "TITLES", {name: f"Title of {name}" for name in scripts})


def result_script(ratio):
    line = {"name": "x", "ours": 1.5, "other": 3.25, "ratio": ratio, "unit": "seconds"}
    return f"import json; print('progress'); print(json.dumps({line}))"


def test_suite__each_benchmark_has_floors_a_title_and_a_script(suite):
    floors = tomllib.loads((BENCHMARKS / "floors.toml").read_text())
    assert set(floors) == set(suite.TITLES)
    for name, table in floors.items():
        assert (BENCHMARKS / f"{name}.py").exists()
        assert set(table) == {"full", "quick"}


def test_suite__page_of_all_benchmarks(suite, tmp_path, monkeypatch):
    write_benchmarks(tmp_path, monkeypatch, suite, first=result_script(2.5))
    suite.main([])
    page = (tmp_path / "performance.md").read_text()
    assert "| Title of first (`first.py`) | 1.5 | 3.25 | 2.5 | 2 | seconds |" in page
    assert "numpy" in page


def test_suite__fails_below_a_floor_and_names_every_failure(suite, tmp_path, monkeypatch):
    scripts = {
        "slow": result_script(1.9),
        "fast": result_script(2),
        "broken": "raise SystemExit(3)",
    }
    write_benchmarks(tmp_path, monkeypatch, suite, **scripts)
    with pytest.raises(SystemExit) as failure:
        suite.main([])
    assert str(failure.value).splitlines() == [
        "slow: the ratio is 1.9, below 2",
        "broken: it ended with code 3 and without a result",
    ]
    page = (tmp_path / "performance.md").read_text()
    assert "| Title of broken (`broken.py`) | it ended with code 3" in page


def test_suite__some_benchmarks_or_quick_ones_leave_the_page_as_it_is(suite, tmp_path, monkeypatch):
    write_benchmarks(tmp_path, monkeypatch, suite, first=result_script(2.5))
    suite.main(["first"])
    suite.main(["--quick"])
    assert not (tmp_path / "performance.md").exists()
    with pytest.raises(SystemExit):
        suite.main(["unknown"])


def test_suite__growth_and_stages_are_tables(suite):
    growth = {"PCA": {"ours": {"1000": 0.1234, "5000": 1.5}, "scikit_learn": {"1000": 0.2}}}
    growth["PCA"] |= {"exponent": 1.25, "exponent_scikit_learn": None}
    assert suite.render_growth(growth)[-2:] == [
        "| PCA | 0.123 | 1.5 | 1.25 |",
        "| PCA, scikit-learn | 0.2 |  |  |",
    ]
    stages = {"chips": {"seconds": 3.5, "core_seconds": 6.0, "gigabytes": 0.5}}
    detail = {"chips": 400, "scenes": 2, "stages": stages}
    lines = suite.render_scale(detail)
    assert lines[-1] == "| chips | 3.5 | 6 | 0.5 |"
    agreement = {"HDBSCAN, 5,000": 0.95, "mixture, 5,000": 0.9}
    lines = suite.render_scale(detail | {"agreement": agreement})
    assert lines[-1].endswith(" HDBSCAN, 5,000: 0.95; mixture, 5,000: 0.9.")


def test_suite__continues_a_run_from_its_results(suite, tmp_path, monkeypatch):
    scripts = {"first": result_script(2.5), "second": "raise SystemExit(3)"}
    write_benchmarks(tmp_path, monkeypatch, suite, **scripts)
    results = tmp_path / "results.json"
    with pytest.raises(SystemExit):
        suite.main(["--results", str(results)])
    (tmp_path / "first.py").write_text("raise SystemExit(4)")
    (tmp_path / "second.py").write_text(result_script(3.5))
    suite.main(["--results", str(results)])
    page = (tmp_path / "performance.md").read_text()
    assert "| 1.5 | 3.25 | 2.5 | 2 | seconds |" in page
    assert "| 1.5 | 3.25 | 3.5 | 2 | seconds |" in page
