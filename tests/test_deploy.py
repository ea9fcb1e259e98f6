"""The files in deploy/: their commands run here as processes instead of containers."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import rasterio
import yaml
from shapely.geometry import box

from core.compute import dask_cluster

ROOT = Path(__file__).resolve().parents[1]
DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
VALUES = yaml.safe_load((DEPLOY / "helm-values.yaml").read_text())
JOB = yaml.safe_load((DEPLOY / "run-job.yaml").read_text())
BIN = Path(sys.executable).parent


def start(command, log, **environment):
    """Start the command of a container as a process."""
    words = [str(BIN / command[0]), *command[1:]]
    output = log.open("w")
    return subprocess.Popen(
        words, stdout=output, stderr=output, cwd=ROOT, env={**os.environ, **environment}
    )


@pytest.fixture
def raw(make_scene, make_annotations, to_ground):
    raster = make_scene(
        "scene.tif", lambda row, column: row * 3 % 200 + column % 7, width=300, height=300
    )
    with rasterio.open(raster) as source:
        transform = source.transform
    corners = [(20 + i % 6 * 45, 20 + i // 6 * 45) for i in range(36)]
    shapes = [to_ground(box(x, y, x + 20, y + 20), transform) for x, y in corners]
    make_annotations(raster, shapes, [{"n": i} for i in range(36)])
    return raster.parent


def wait_for(condition, *processes):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        assert all(process.poll() is None for process in processes)
        time.sleep(0.1)


def test_compose__the_commands_run_together(raw, tmp_path):
    services, file = COMPOSE["services"], tmp_path / "scheduler.json"
    # Free ports on this machine, instead of the containers' own addresses.
    command = [*services["scheduler"]["command"], "--host", "127.0.0.1"]
    command += ["--scheduler-file", str(file)]
    for option in ("--port", "--dashboard-address"):
        command[command.index(option) + 1] = "0" if option == "--port" else "127.0.0.1:0"
    processes = [start(command, tmp_path / "scheduler.log")]
    try:
        wait_for(lambda: file.exists() and file.read_text(), *processes)
        address = json.loads(file.read_text())["address"]
        worker = services["worker"]
        words = [re.sub("tcp://.*", address, word) for word in worker["command"]]
        words += ["--local-directory", str(tmp_path)]
        processes += [start(words, tmp_path / "worker.log", **worker["environment"])]
        environment = {"CHIPSCAPE_SCHEDULER": address, "CHIPSCAPE_WORKSPACE": str(raw.parent)}
        (container,) = JOB["spec"]["template"]["spec"]["containers"]
        run = [word for word in container["command"] if word not in ("--workspace", "/workspace")]
        run += ["--until", "embeddings", "--chip-size", "16", "--json"]
        job = start(run, tmp_path / "run.log", **environment)
        assert job.wait(90) == 0, (tmp_path / "run.log").read_text()
        summary = (tmp_path / "run.log").read_text().splitlines()[-1]
        assert json.loads(summary)["chips"] == 36
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(30)


def test_containers__all_use_one_image_and_one_workspace():
    (container,) = JOB["spec"]["template"]["spec"]["containers"]
    image = VALUES["worker"]["image"]
    assert container["image"] == f"{image['repository']}:{image['tag']}"
    assert VALUES["scheduler"]["image"]["repository"] == image["repository"]
    paths = {mount["mountPath"] for mount in VALUES["worker"]["mounts"]["volumeMounts"]}
    paths |= {mount["mountPath"] for mount in container["volumeMounts"]}
    paths |= {v.rpartition(":")[2] for s in COMPOSE["services"].values() for v in s["volumes"]}
    assert paths == {"/workspace"}
    assert "CHIPSCAPE_WORKSPACE=/workspace" in (DEPLOY / "Dockerfile").read_text()


def test_containers__workers_have_one_thread():
    expected = {"CHIPSCAPE_CORES": "1", "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    expected |= dask_cluster._ALLOCATION
    assert COMPOSE["services"]["worker"]["environment"] == expected
    assert {item["name"]: item["value"] for item in VALUES["worker"]["env"]} == expected
    assert VALUES["worker"]["threads_per_worker"] == 1


def test_image__copies_only_what_the_project_has():
    text = (DEPLOY / "Dockerfile").read_text()
    names = {name for line in re.findall(r"^COPY (.+) \S+$", text, re.M) for name in line.split()}
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert len(names) == 7
    for name in names:
        assert (ROOT / name).exists()
        assert f"!{name}" in ignored
