"""The server's two files, from another folder and beside packages that are not ours."""

import os
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
source = open({str(ROOT / "app" / "script.py")!r}).read().split("if wrong :=")[0]
names = {{"__file__": {str(ROOT / "app" / "script.py")!r}, "__name__": "script"}}
exec(source, names)
print(names["foreign"]())
"""


def said(folder: Path, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", CHECK], cwd=folder, capture_output=True, text=True, check=True,
        env={**os.environ, **environment},
    )  # fmt: skip
    return done.stdout.strip()


def test_start__from_another_folder_finds_our_packages(tmp_path):
    assert said(tmp_path) == ""


@pytest.mark.parametrize("name", ["core", "app"])
def test_start__another_package_of_the_name_is_told(tmp_path, name):
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").write_text("")
    answer = said(tmp_path, PYTHONPATH=str(tmp_path))
    assert answer.startswith(f"Another package named '{name}' comes first: {tmp_path}")
    assert "pip install -e" in answer


def test_main__names_the_page_body_as_another_file():
    code = (
        "import runpy; names = runpy.run_path('app/main.py'); "
        "print(type(names['app']).__name__, names['app'].script_path)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "App" in done.stdout


def test_config__safe_and_quiet():
    config = tomllib.loads((ROOT / "app" / ".streamlit" / "config.toml").read_text())
    assert config["server"]["address"] == "127.0.0.1"
    assert config["server"]["enableXsrfProtection"] is True
    assert config["server"]["enableCORS"] is True
    assert config["browser"]["gatherUsageStats"] is False
    assert config["client"]["showErrorDetails"] == "none"


def test_static__asks_no_other_host():
    for path in (ROOT / "app" / "static").iterdir():
        if path.suffix in (".css", ".svg"):
            text = path.read_text().replace("http://www.w3.org/2000/svg", "")
            assert "http" not in text, path.name


def test_pages__are_thin():
    for path in (ROOT / "pages").glob("*.py"):
        assert len(path.read_text().splitlines()) <= 80, path.name


def test_caches__in_one_module():
    modules = [*(ROOT / "app").rglob("*.py"), *(ROOT / "pages").glob("*.py")]
    using = {path.name for path in modules if "@st.cache" in path.read_text()}
    assert using == {"cache.py"}


def test_session__keys_are_owned_by_one_module():
    modules = [*(ROOT / "app").rglob("*.py"), *(ROOT / "pages").glob("*.py")]
    using = {path.name for path in modules if "session_state" in path.read_text()}
    assert using == {"state.py"}
