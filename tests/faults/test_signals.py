"""Ctrl-C and SIGTERM at any moment: no traceback, and the exit codes that shells expect."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Sends the signal to itself when a module is imported, or when a file is copied.
COMMAND = """
import os, signal, sys
number, moment = int(sys.argv.pop(1)), sys.argv.pop(1)

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == moment:
            os.kill(os.getpid(), number)

sys.meta_path.insert(0, Finder())
if moment == "while copying":
    from core.raster.importing import file_placement
    copy = file_placement.copy_stream
    def copy_interrupted(*arguments):
        copy(*arguments)
        os.kill(os.getpid(), number)
    file_placement.copy_stream = copy_interrupted
from core.cli import main
main()
"""
IMPORTS = ["rich.console", "typer", "core.cli.stage_commands", "pandas", "rasterio", "pyproj"]


@pytest.mark.parametrize("moment", [*IMPORTS, "while copying"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=str)
def test_import_command__interrupted(workspace, tmp_path_factory, number, moment):
    target = tmp_path_factory.mktemp("target")
    arguments = ["import", workspace.raw, "--workspace", target]
    result = subprocess.run(
        [sys.executable, "-c", COMMAND, str(int(number)), moment, *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert "Traceback" not in result.stderr
    # Before Chipscape's code runs, SIGTERM ends the process at once.
    assert result.returncode in (128 + number, -number)
    if moment == "while copying":
        assert result.returncode == 128 + number
        assert "Interrupted. Finished work is kept" in result.stderr
        assert list((target / "raw").iterdir()) == []


SERVER = """
import sys
import streamlit as st
from app.session.job_board import Board
from app.session.job_shutdown import end_jobs_with_server

board = Board()
board.start("key", "title", [sys.executable, "-c", {job!r}])
app = st.App("script.py", lifespan=end_jobs_with_server)
"""
JOB = """
import os, pathlib, signal, time
{}
pathlib.Path({!r}).write_text(str(os.getpid()))
time.sleep(600)
"""


def wait_until(condition, seconds):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()


def is_running(pid):
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and ") Z " not in status.read_text()


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
@pytest.mark.parametrize("ignored", [False, True], ids=["obeys", "ignores the interrupt"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=str)
def test_server__ends_its_jobs(tmp_path, number, ignored):
    pid_file = tmp_path / "pid"
    ignore = "signal.signal(signal.SIGINT, signal.SIG_IGN)" if ignored else ""
    job = JOB.format(ignore, str(pid_file))
    (tmp_path / "main.py").write_text(SERVER.format(job=job))
    (tmp_path / "script.py").write_text("import streamlit as st\nst.write(1)\n")
    options = ["--server.headless", "true", "--server.port", "8749"]
    server = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", str(tmp_path / "main.py"), *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        assert wait_until(lambda: pid_file.is_file() and pid_file.read_text(), 60)
        pid = int(pid_file.read_text())
        time.sleep(1)  # until the server listens
        server.send_signal(number)
        assert wait_until(lambda: not is_running(pid), 2)
        _, err = server.communicate(timeout=30)
        assert "Traceback" not in err
    finally:
        server.kill()
        server.communicate()
