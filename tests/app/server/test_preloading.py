import ast
import subprocess
import sys
from importlib.util import find_spec

from app.navigation import ROOT

PAGE = ROOT / "pages" / "explore.py"


def page_modules():
    """Return the modules of the app that the Explore page imports."""
    names = []
    for node in ast.walk(ast.parse(PAGE.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom):
            parts = [f"{node.module}.{alias.name}" for alias in node.names]
            names += [node.module, *(part for part in parts if find_spec(node.module).origin)]
    return [name for name in names if is_module(name)]


def is_module(name):
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def test_preload_modules__all_of_the_explore_page():
    script = (
        "import sys, threading\n"
        "from app.server.preloading import preload_modules\n"
        "preload_modules()\n"
        "[thread.join() for thread in threading.enumerate() if thread.name == 'preloading']\n"
        "print(*sys.modules)"
    )
    command = [sys.executable, "-c", script]
    modules = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    missing = set(page_modules()) - set(modules.split())
    assert len(page_modules()) > 10
    assert not missing
    # numba takes seconds and 50 MB, and a page that displays the clusters of a run needs none.
    assert "numba" not in modules.split()
