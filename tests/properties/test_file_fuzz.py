"""Odd files at random: each gets a verdict, in time, and never stops the survey of other scenes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("file_fuzz.py")
ROOT = SCRIPT.parents[2]


def inspect_odd_files(first, n):
    """Return the promises that n cases break; a crash and a time-out are among them."""
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH", ""))))
    command = [sys.executable, str(SCRIPT), str(first), str(n)]
    process = subprocess.run(
        command, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, check=False
    )
    lines = [json.loads(line) for line in process.stdout.splitlines()]
    problems = [line for line in lines if isinstance(line, dict) and "problem" in line]
    if not lines or "finished" not in (lines[-1] if isinstance(lines[-1], dict) else {}):
        # The last number belongs to the case that ended the process.
        problems.append({"case": lines[-1] if lines else first, "problem": process.stderr[-3000:]})
    return problems


def test_odd_files__a_verdict_on_each():
    assert inspect_odd_files(0, 300) == []


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("first", range(1000, 5000, 500))
def test_odd_files__a_verdict_on_each_of_thousands(first):
    assert inspect_odd_files(first, 500) == []
