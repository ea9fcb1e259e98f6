"""Embed chips on two worker processes and in threads: `python benchmarks/workers.py`.

Makes a workspace of 20,000 annotated objects in eight scenes, and cuts and embeds the chips twice:
in threads, and on two worker processes whose scheduler is reached through a proxy that counts the
bytes. Embedding is repeated in turns, so that other load affects both alike. Its time includes the
fit of the encoder, which stays in the first process, but not the start of the workers.

`ratio` is the median time with threads divided by that with workers, so 1 means that distribution
costs nothing on one machine. The detail has all times, the core-seconds of whole commands with
those of the cluster, the megabytes per 1,000 chips that passed through the scheduler, and whether
the data files of both are equal.
"""

import argparse
import asyncio
import filecmp
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
from scale import write_scenes

SCENES, OBJECTS, SIDE = 8, 2500, 5000
TURNS = 3
STAGES = ("chips", "encoders", "embeddings")
# The environment of the workers in deploy/compose.yaml.
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1", "CHIPSCAPE_CORES": "1"}
ENVIRONMENT |= {"MALLOC_TRIM_THRESHOLD_": str(2**28), "MALLOC_MMAP_THRESHOLD_": str(2**25)}
WAIT_SECONDS = 60


class CountingProxy:
    """A proxy on this machine for one address, which counts the bytes in both directions."""

    def __init__(self, port: int) -> None:
        self.n_bytes = 0
        self._target, self.port = port, 0
        self._started = threading.Event()
        threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True).start()
        self._started.wait(WAIT_SECONDS)

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        await server.serve_forever()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # The workers still try to connect when the scheduler has ended.
        with suppress(OSError):
            other = await asyncio.open_connection("127.0.0.1", self._target)
            await asyncio.gather(self._copy(reader, other[1]), self._copy(other[0], writer))
        writer.close()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while content := await reader.read(2**16):
                self.n_bytes += len(content)
                writer.write(content)
                await writer.drain()
        writer.close()


@contextmanager
def start_cluster(folder: Path) -> Iterator[tuple[CountingProxy, list[psutil.Process]]]:
    """Start a scheduler, a proxy in front of it, and two workers that know the proxy only."""
    file, dask = folder / "scheduler.json", [sys.executable, "-m", "dask"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    options = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
    command = [*dask, "scheduler", *options, "--scheduler-file", str(file)]
    processes = [subprocess.Popen(command, **quiet)]  # type: ignore[call-overload]
    try:
        deadline = time.monotonic() + WAIT_SECONDS
        while not (file.exists() and file.read_text()) and time.monotonic() < deadline:
            time.sleep(0.1)
        address = json.loads(file.read_text())["address"]
        proxy = CountingProxy(int(address.rpartition(":")[2]))
        worker = [*dask, "worker", f"tcp://127.0.0.1:{proxy.port}", "--nthreads", "1"]
        worker += ["--no-dashboard", "--local-directory", str(folder)]
        environment = {**os.environ, **ENVIRONMENT}
        processes += [
            subprocess.Popen(worker, env=environment, **quiet)  # type: ignore[call-overload]
            for _ in range(2)
        ]
        yield proxy, [psutil.Process(process.pid) for process in processes]
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()


def run_until(root: Path, stage: str, *options: str) -> float:
    """Run the stages up to one, and return the seconds of that one."""
    return run_measured(root, stage, *options)[0]


def run_measured(root: Path, stage: str, *options: str) -> tuple[float, float]:
    """Run the stages up to one; return its seconds, and the core-seconds of the command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "core", "run", "--workspace", str(root), "--until", stage]
    words = [*command, "--json", *options]
    process = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    core_seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return float(json.loads(process.stdout)["seconds"][stage]), core_seconds


def core_seconds_of(workers: list[psutil.Process]) -> float:
    """Return the core-seconds of processes and their children so far."""
    times = [
        process.cpu_times()
        for worker in workers
        for process in (worker, *worker.children(recursive=True))
    ]
    return sum(each.user + each.system for each in times)


def forget(root: Path, *stages: str) -> None:
    """Delete the artifacts of stages."""
    for stage in stages:
        shutil.rmtree(root / "artifacts" / stage, ignore_errors=True)


def data_files(root: Path) -> dict[str, Path]:
    """Return the data files of the stages by name, without manifests, which hold times."""
    folders = [root / "artifacts" / stage for stage in STAGES]
    files = [file for folder in folders for file in folder.rglob("*") if file.is_file()]
    return {str(f.relative_to(root)): f for f in files if f.name != "manifest.json"}


def are_equal(root: Path, other: Path) -> bool:
    """Return True if the data files of two workspaces are equal byte for byte."""
    ours, theirs = data_files(root), data_files(other)
    return ours.keys() == theirs.keys() and all(
        filecmp.cmp(file, theirs[name], shallow=False) for name, file in ours.items()
    )


def measure(folder: Path, n_chips: int, turns: int) -> dict[str, Any]:
    """Return the times with threads and with workers, and the bytes through the scheduler."""
    root, other = folder / "workspace", folder / "other"
    run_until(root, "scenes")
    shutil.copytree(root, other, symlinks=True)
    with start_cluster(folder) as (proxy, processes):
        place = ("--scheduler", f"tcp://127.0.0.1:{proxy.port}")
        # The first run waits until both workers are there, and loads the encoder on them.
        cutting = {
            "threads": run_until(root, "chips"),
            "workers": run_until(other, "chips", *place),
        }
        cut_bytes = proxy.n_bytes
        threads, workers, embedded_bytes = [], [], []
        core_seconds: dict[str, list[float]] = {"threads": [], "workers": []}
        for _ in range(turns):
            forget(root, "encoders", "embeddings")
            forget(other, "encoders", "embeddings")
            seconds, used = run_measured(root, "embeddings")
            threads.append(seconds)
            core_seconds["threads"].append(round(used, 1))
            before, cluster_before = proxy.n_bytes, core_seconds_of(processes)
            seconds, used = run_measured(other, "embeddings", *place)
            workers.append(seconds)
            used += core_seconds_of(processes) - cluster_before
            core_seconds["workers"].append(round(used, 1))
            embedded_bytes.append(proxy.n_bytes - before)
    per_thousand = 1000 / n_chips / 1e6
    return {
        "chips": n_chips,
        "cutting_seconds": cutting,
        "embedding_seconds": {"threads": threads, "workers": workers},
        "core_seconds": core_seconds,
        "cutting_megabytes_per_1000": round(cut_bytes * per_thousand, 3),
        "embedding_megabytes_per_1000": round(max(embedded_bytes) * per_thousand, 3),
        "equal": are_equal(root, other),
    }


def main() -> None:
    """Run the benchmark and print its figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    scenes, objects, side = (2, 400, 2100) if quick else (SCENES, OBJECTS, SIDE)
    with tempfile.TemporaryDirectory() as name:
        write_scenes(Path(name) / "workspace", scenes, side, objects)
        detail = measure(Path(name), scenes * objects, 1 if quick else TURNS)
    ours, other = (
        statistics.median(detail["embedding_seconds"][key]) for key in ("workers", "threads")
    )
    if not detail["equal"]:
        raise SystemExit("the data files of threads and workers differ")
    result = {
        "name": "workers",
        "ours": round(ours, 2),
        "other": round(other, 2),
        "ratio": round(other / ours, 2),
        "unit": "seconds",
        "detail": detail,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
