"""Run all benchmarks and write docs/performance.md: `make bench` or `make bench QUICK=1`.

The benchmarks are those in `floors.toml`. Each runs in a process of its own, one after the other,
and prints one JSON object on its last line. The command fails if a benchmark fails or its ratio is
below its floor. With `--quick`, the page is not written, because small data make ratios small.
Names as arguments run these benchmarks only. With `--results FILE`, each result is added to that
file, and results that it has are not measured again, so that an interrupted run can be continued.
"""

import argparse
import json
import platform
import subprocess
import sys
import time
import tomllib
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from core.compute.cores import n_workers

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "docs" / "performance.md"
PACKAGES = ("numpy", "scipy", "scikit-learn", "numba", "rasterio", "torch", "openTSNE")
MOST_SECONDS = 5400
INTRODUCTION = (
    "`make bench` runs each benchmark next to what a user would run instead, writes this page, and "
    "fails if a ratio is below its floor in `benchmarks/floors.toml`. A ratio above 1 means that "
    "Chipscape is better: faster, smaller or more accurate. Each script in `benchmarks/` describes "
    "its data and its alternative."
)
LOAD_NOTE = (
    "- Other load on the machine was not excluded. Where a unit says core-seconds, processor time "
    "was measured, which other load affects little."
)
GROWTH_NOTE = (
    "Core-seconds at each number of points in 50 columns (`growth.py`), and the exponent b of "
    "time ~ n^b, fitted from 5,000 points on."
)
AGREEMENT_NOTE = (
    "Adjusted Rand index of the clusters of 20,000 of these chips, fitted to a sample of the "
    "stated size and extended to all, with a fit to all:"
)
TITLES = {
    "change": "Ranking changes between two dates, against the mean pixel difference",
    "chips": "Cutting chips, against a loop with rasterio, Pillow and numpy",
    "workers": "Embedding on two worker processes, against threads",
    "embed": "Embedding, against transformers",
    "grid": "24 land-cover configurations, against scikit-learn",
    "growth": "PCA, mixture, HDBSCAN and t-SNE, against scikit-learn",
    "knn": "Nearest neighbours of pixels, against scikit-learn",
    "landcover": "Class map of a whole image, against a loop with scikit-learn",
    "large_app": "First plot of a large workspace, against a page with Plotly and a table",
    "names": "Names of clusters after a new cut, against numbering by size",
    "pipeline": "The whole pipeline, against a plain script",
    "projection": "t-SNE, against scikit-learn and openTSNE",
    "quality": "Agreement of clusters with classes, against the settings of the seed pipeline",
    "raster_encoder": "Embeddings from a raster, against a loop over footprints",
    "recut": "Another cut of HDBSCAN's tree, against a new fit",
    "scale": "Memory for 200,000 chips, against holding all of them",
    "search": "Search among 200,000 embeddings, against scikit-learn",
    "tiles": "Map tiles, against rio-tiler",
    "tree": "HDBSCAN's tree and labels, against scikit-learn",
}


def run_benchmark(name: str, quick: bool) -> dict[str, Any]:
    """Return the figures of a benchmark, or its problem under `error`, with its wall time."""
    command = [sys.executable, str(HERE / f"{name}.py"), *(["--quick"] if quick else [])]
    start = time.perf_counter()
    try:
        process = subprocess.run(
            command, stdout=subprocess.PIPE, text=True, timeout=MOST_SECONDS, check=False
        )
        result = json.loads(process.stdout.strip().splitlines()[-1])
    except subprocess.TimeoutExpired:
        result = {"error": f"it did not end within {MOST_SECONDS} s"}
    except (IndexError, json.JSONDecodeError):
        result = {"error": f"it ended with code {process.returncode} and without a result"}
    return {**result, "suite_seconds": round(time.perf_counter() - start)}


def read_results(file: Path | None) -> dict[str, dict[str, Any]]:
    """Return the results of an earlier run by benchmark; empty without a file."""
    if file is None or not file.exists():
        return {}
    return dict(json.loads(file.read_text(encoding="utf-8")))


def find_failure(result: dict[str, Any], floor: float) -> str:
    """Return why a benchmark fails; empty if it does not."""
    if "error" in result:
        return str(result["error"])
    ratio = result["ratio"]
    return f"the ratio is {ratio:g}, below {floor:g}" if ratio < floor else ""


def machine_lines() -> list[str]:
    """Describe the processor, the number of cores and the versions of the packages."""
    info = Path("/proc/cpuinfo")
    models = [
        line.partition(":")[2].strip()
        for line in (info.read_text().splitlines() if info.exists() else ())
        if line.startswith("model name")
    ]
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    processor = models[0] if models else platform.processor() or platform.machine()
    return [
        f"- Processor: {processor}; cores used: {n_workers()}",
        f"- Python {platform.python_version()}, {packages}",
    ]


def render_page(results: dict[str, dict[str, Any]], floors: dict[str, float]) -> str:
    """Return the page with all ratios, and the growth curves if they were measured."""
    lines = [
        "# Performance",
        "",
        INTRODUCTION,
        "",
        *machine_lines(),
        LOAD_NOTE,
        "",
        "| benchmark | Chipscape | alternative | ratio | floor | unit |",
        "|---|---|---|---|---|---|",
    ]
    for name, result in results.items():
        title = f"{TITLES[name]} (`{name}.py`)"
        if "error" in result:
            lines.append(f"| {title} | {result['error']} | | | {floors[name]:g} | |")
            continue
        figures = " | ".join(f"{result[key]:.4g}" for key in ("ours", "other", "ratio"))
        lines.append(f"| {title} | {figures} | {floors[name]:g} | {result['unit']} |")
    for name, render in (("growth", render_growth), ("scale", render_scale)):
        if "detail" in results.get(name, {}):
            lines += ["", *render(results[name]["detail"])]
    return "\n".join(lines) + "\n"


def render_growth(detail: dict[str, Any]) -> list[str]:
    """Return a table of time against the number of points, with fitted exponents."""
    sizes = list(next(iter(detail.values()))["ours"])
    lines = [
        "## Growth",
        "",
        GROWTH_NOTE,
        "",
        f"| step | {' | '.join(f'{int(n):,}' for n in sizes)} | exponent |",
        "|---" * (len(sizes) + 2) + "|",
    ]
    for step, figures in detail.items():
        for title, key, slope in (
            (step, "ours", "exponent"),
            (f"{step}, scikit-learn", "scikit_learn", "exponent_scikit_learn"),
        ):
            times = [f"{figures[key][n]:.3g}" if n in figures[key] else "" for n in sizes]
            lines.append(f"| {title} | {' | '.join(times)} | {figures[slope] or ''} |")
    return lines


def render_scale(detail: dict[str, Any]) -> list[str]:
    """Return a table of the stages of the largest workspace."""
    lines = [
        f"## {detail['chips']:,} chips",
        "",
        f"Each stage ran as a command of its own, on {detail['scenes']} scenes (`scale.py`).",
        "",
        "| stage | seconds | core-seconds | peak memory, GB | without mapped files, GB |",
        "|---|---|---|---|---|",
    ]
    for stage, figures in detail["stages"].items():
        lines.append(f"| {stage} | {' | '.join(f'{value:g}' for value in figures.values())} |")
    if agreement := detail.get("agreement"):
        pairs = "; ".join(f"{name}: {value:g}" for name, value in agreement.items())
        lines += ["", f"{AGREEMENT_NOTE} {pairs}."]
    return lines


def main(words: Sequence[str] | None = None) -> None:
    """Run the benchmarks, write the page, and exit with 1 if one of them fails."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--results", type=Path, help="file for the results; continues a run")
    parser.add_argument("names", nargs="*", help="benchmarks to run; by default all")
    choice = parser.parse_args(words)
    table = tomllib.loads((HERE / "floors.toml").read_text(encoding="utf-8"))
    if unknown := sorted(set(choice.names) - set(table)):
        parser.error(f"{', '.join(unknown)} is not in floors.toml")
    names = choice.names or list(table)
    floors = {name: float(table[name]["quick" if choice.quick else "full"]) for name in names}
    results, failures = {}, []
    stored = read_results(choice.results)
    for name in names:
        results[name] = stored.get(name) or run_benchmark(name, choice.quick)
        if choice.results and "error" not in results[name]:
            stored[name] = results[name]
            choice.results.write_text(json.dumps(stored, indent=1), encoding="utf-8")
        failure = find_failure(results[name], floors[name])
        failures += [f"{name}: {failure}"] if failure else []
        ratio = results[name].get("ratio", "none")
        print(f"{name}: ratio {ratio}, floor {floors[name]:g}{f'; {failure}' if failure else ''}")
    if not choice.quick and not choice.names:
        PAGE.write_text(render_page(results, floors), encoding="utf-8")
    if failures:
        raise SystemExit("\n".join(failures))


if __name__ == "__main__":
    main()
