import subprocess
import sys

from app.navigation import ROOT

SCRIPT = """
import sys, threading
from app.server.preloading import preload_modules
preload_modules()
for thread in threading.enumerate():
    if thread.name == "preloading":
        thread.join()
print(*sys.modules)
"""


def test_preload_modules__libraries_but_no_component():
    command = [sys.executable, "-c", SCRIPT]
    output = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    modules = set(output.split())
    assert {"pandas", "plotly.graph_objects", "core.pipeline.run_stages"} <= modules
    # A component that is declared outside of a run of the script is not registered.
    assert "streamlit_plotly_events" not in modules
    assert {name for name in modules if name.startswith("app.")} == {
        "app.server",
        "app.server.preloading",
    }
    # These take seconds and much memory, and a page that displays a result needs none of them.
    assert not {"numba", "torch"} & modules
