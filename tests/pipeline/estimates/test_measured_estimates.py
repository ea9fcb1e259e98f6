"""Estimates next to measured processor time and memory; the figures are those of the benchmark."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).resolve().parents[3] / "benchmarks" / "estimate.py"


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_estimates__are_within_a_factor_of_two_at_three_sizes():
    # Processor time hardly changes with other load. The speed of the machine is measured under the
    # same load, because tests have a cache folder of their own.
    command = [sys.executable, BENCHMARK, "--chips", "400,1500,5000", "--patches", "4,8,16"]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    detail = json.loads(process.stdout.splitlines()[-1])["detail"]
    assert detail["worst_time_factor"] <= 2, detail["jobs"]
    assert detail["worst_corrected_factor"] <= 2, detail["jobs"]
    assert detail["worst_memory_factor"] <= 2, detail["jobs"]
