import json
import os
import sys

import pytest

from app import main
from app.server.health_route import serve_health
from app.session import cache
from app.session.job_board import Board


@pytest.fixture
def board(monkeypatch):
    board = Board()
    monkeypatch.setattr(cache, "job_board", lambda: board)
    yield board
    board.close()


def check_health():
    answer = serve_health(None)
    return answer.status_code, json.loads(answer.body)


def test_health__counts_running_and_waiting_jobs(board, tmp_path, monkeypatch):
    monkeypatch.setenv("CHIPSCAPE_WORKSPACE", str(tmp_path / "not yet"))
    for name in "abc":
        command = [sys.executable, "-c", "import time; time.sleep(60)"]
        board.start(name, "t", command, group="same")
    code, report = check_health()
    assert (code, report["status"], report["problems"]) == (200, "ok", [])
    assert report["jobs"] == {"running": 1, "waiting": 2}


def test_health__reports_a_workspace_that_cannot_be_written(board, tmp_path, monkeypatch):
    monkeypatch.setenv("CHIPSCAPE_WORKSPACE", str(tmp_path))
    # Permissions would not keep root from writing.
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path)
    code, report = check_health()
    assert (code, report["problems"]) == (503, ["The workspace cannot be read or written."])


def test_health__reports_a_file_instead_of_a_workspace_without_its_path(
    board, tmp_path, monkeypatch
):
    file = tmp_path / "secret"
    file.touch()
    monkeypatch.setenv("CHIPSCAPE_WORKSPACE", str(file))
    code, report = check_health()
    assert (code, report["status"]) == (503, "unable")
    assert "secret" not in json.dumps(report)


def test_health__has_a_route():
    assert "/chipscape/health" in [route.path for route in main.app._user_routes]
