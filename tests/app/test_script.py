"""The two scripts of the server, from another folder and with packages of other projects."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CHECK = f"""
import sys
sys.argv = ["x"]
sys.path.insert(0, {str(ROOT / "app")!r})
source = open({str(ROOT / "app" / "script.py")!r}).read().split("if problem :=")[0]
names = {{"__file__": {str(ROOT / "app" / "script.py")!r}, "__name__": "script"}}
exec(source, names)
print(names["find_foreign_package"]())
"""


def find_foreign_package(folder: Path, **environment: str) -> str:
    process = subprocess.run(
        [sys.executable, "-c", CHECK],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **environment},
    )
    return process.stdout.strip()


def test_start__from_another_folder_finds_the_packages(tmp_path):
    assert find_foreign_package(tmp_path) == ""


@pytest.mark.parametrize("name", ["core", "app"])
def test_start__another_package_of_the_same_name_is_reported(tmp_path, name):
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").write_text("")
    problem = find_foreign_package(tmp_path, PYTHONPATH=str(tmp_path))
    assert problem.startswith(f"Another package named '{name}' is imported instead: {tmp_path}")
    assert "pip install -e" in problem


def test_main__draws_the_pages_through_another_file():
    code = (
        "import runpy; names = runpy.run_path('app/main.py'); "
        "print(type(names['app']).__name__, names['app'].script_path)"
    )
    process = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "App" in process.stdout


def test_config__is_safe_and_quiet():
    config = tomllib.loads((ROOT / "app" / ".streamlit" / "config.toml").read_text())
    assert config["server"]["address"] == "127.0.0.1"
    assert config["server"]["enableXsrfProtection"] is True
    assert config["server"]["enableCORS"] is True
    assert config["browser"]["gatherUsageStats"] is False
    assert config["client"]["showErrorDetails"] == "none"


def test_static__requests_no_other_host():
    for path in (ROOT / "app" / "static").iterdir():
        if path.suffix in (".css", ".svg"):
            text = path.read_text().replace("http://www.w3.org/2000/svg", "")
            assert "http" not in text, path.name


def test_pages__are_thin():
    for path in (ROOT / "pages").glob("*.py"):
        assert len(path.read_text().splitlines()) <= 80, path.name


def test_caches__only_in_one_module():
    modules = [*(ROOT / "app").rglob("*.py"), *(ROOT / "pages").glob("*.py")]
    modules_with = {path.name for path in modules if "@st.cache" in path.read_text()}
    assert modules_with == {"cache.py"}


def test_session_state__only_in_one_module():
    modules = [*(ROOT / "app").rglob("*.py"), *(ROOT / "pages").glob("*.py")]
    modules_with = {path.name for path in modules if "session_state" in path.read_text()}
    assert modules_with == {"state.py"}


def test_images__are_part_of_the_page():
    """Streamlit deletes the images of its own store while browsers still fetch them."""
    modules = [*(ROOT / "app").rglob("*.py"), *(ROOT / "pages").glob("*.py")]
    shows = re.compile(r"\bst\.(image|pyplot|video|audio)\(|\.image\(")
    modules_with = {path.name for path in modules if shows.search(path.read_text())}
    assert modules_with == {"images.py"}
