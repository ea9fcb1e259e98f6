"""Write docs/flair.md: what the land cover half does, with the grid of the look-alike.

`python docs/make_flair.py [WORKSPACE]` paints the look-alike of 12 patches into a workspace (a
temporary one without an argument), runs the 24 configurations, the floors, the three protocols and
the label economy by the command line, and writes what came out.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from core.flair.evaluation.economy_verdict import economy_answer
from core.flair.evaluation.label_economy import DRAWS, EconomyPoint
from core.flair.models.configurations import grid_configurations

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "docs" / "flair.md"
BEST = ("--fusion", "--robust")
METHODS = ("uniform", "prevalence", "knn", "hdbscan", "kmeans", "gmm", "boosting")
PROTOCOLS = ("domains", "patches", "test")

HEAD = """# Land cover: FLAIR #2

The second half of Chipscape: aerial patches with a class for every pixel and a year of Sentinel-2
become a table of pixels, classified with and without labels, and judged. This page is written by
`docs/make_flair.py`; its tables come from the command line, the rest from the benchmarks.

**What was not run.** No real FLAIR imagery was available where this was written. Every figure below
is of the *look-alike*, 12 patches painted by the computer in FLAIR's exact layout: three invented
domains, all 13 classes, clouds and snow in 24 Sentinel dates. It shows that everything works and
how methods relate on data that were made hard on purpose; it is no measure of FLAIR. The published
figures for FLAIR's official test set (U-Net 0.5470, U-T&T 0.5758, challenge winner 0.6413) belong
beside results on that set only. The toy set's download was tried against a server on this machine,
never against the real address.

## Use

    chipscape flair demo                     # the look-alike; --patches N
    chipscape flair fetch                    # FLAIR's toy set, from the network
    chipscape flair describe                 # what there is, and what is wrong with it
    chipscape flair run --method hdbscan --fusion --robust
    chipscape flair run --other both         # taught without and with "other", side by side
    chipscape flair grid                     # the notebook's 24 configurations
    chipscape flair economy                  # what labels buy
    chipscape flair score --predictions DIR  # anybody's rasters, as the challenge judges them

Tables that the pages give as CSV end with a line that starts with `#`: citation and licence. Class
maps carry them as the file's copyright, JSON as `attribution`.

Real data go into the workspace's `flair/` folder (the trees `flair_aerial_train` and so on, whole
or toy names). In the app they are under **Land cover**: Data, Pixels, Models, Confusion. What the
pages are drawn from is kept by `survey`, `maps`, `bench` and `recut`; the pages start them.

## How it is judged

- *Domains left out* (the default): each group of training domains is judged, all its pixels, by
  what the others taught. *Training patches*: the notebook's way, which flatters. *Test patches*:
  taught by train, judged on test.
- mIoU is the mean over the classes 1 to 12 that occur, from counts; "other" leaves the mean, its
  errors count. 95 % intervals draw whole areas; the look-alike has four areas in training, so they
  say little.
- Sentinel is matched by centroid and blocks of 50 × 50 pixels: uncertain by half a Sentinel pixel.
- Clusters are named by their commonest training class: that looks at every training label, and the
  label economy counts it so.
"""
TAIL = """
## At the notebook's size

`benchmarks/grid.py`, 50 made-up patches in FLAIR's layout to train on and to judge, two cores under
other load, in core-hours: the 24 configurations take 0.13, with scikit-learn 5.07 (projected from
10,000 queries and 5,000 clustered rows of each cell). At 200 patches, the notebook's size as far as
we can tell, both projected: 0.56 against 64.7. Memory: 0.53 GB. `benchmarks/grid.py --million`:
HDBSCAN's tree of 1,000,000 training pixels of five channels and a cut take 73 s on two cores and
0.67 GB; the notebook gave up there.

## Errata of the notebook, done right here

Band order is red, green, blue, near infrared; spectra are divided once; mIoU comes from counts and
keeps "plowed land"; Sentinel is scaled by its three visible bands, in float32, as reflectance.
`--preset notebook` repeats its arithmetic for comparison, and says so. "The notebook's figure"
stands beside the mIoU under its own name.

## Citation and licence

{citation}

The data are under the {licence}. Exports carry both. The look-alike is procedural, none of it
IGN's.
"""


def flair(workspace: Path, *words: str) -> dict[str, Any]:
    """One command's JSON object."""
    command = [sys.executable, "-m", "core", "flair", *words, "--workspace", str(workspace)]
    done = subprocess.run(
        [*command, "--json"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def table(header: tuple[str, ...], rows: list[tuple[object, ...]]) -> str:
    """A Markdown table."""
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def span(judged: dict[str, Any]) -> str:
    """A 95 % interval in words."""
    found = judged["interval"]
    return f"{found['low']:.3f} to {found['high']:.3f}" if found else "one area"


def the_grid(workspace: Path) -> str:
    """The 24 configurations."""
    found = flair(workspace, "grid", "--protocol", "domains")["cells"]
    rows: list[tuple[object, ...]] = [
        (cell.name, f"{one['miou']:.3f}", f"{one['notebook_miou']:.3f}",
         f"{one['overall_accuracy']:.3f}", f"{one['seconds']:.1f}", f"{cell.notebook_minutes:g}")
        for cell, one in zip(grid_configurations(), found, strict=True)
    ]  # fmt: skip
    total = sum(one["seconds"] for one in found)
    header = ("configuration", "mIoU", "the notebook's figure", "accuracy", "s", "notebook, min")
    return (
        "\n## The grid on the look-alike\n\nDomains left out, 8 patches judged. O: original, "
        "R: robust scaling, N: normalised, I: intensity appended. The notebook's minutes are those "
        "of its cells, on about 200 patches and 8 cores: not the same amount of work.\n\n"
        f"{table(header, rows)}\n\nAll 24 took {total:.0f} s here, under other load.\n"
    )


def the_methods(workspace: Path) -> str:
    """Every method by every protocol."""
    rows: list[tuple[object, ...]] = []
    for method in METHODS:
        words = BEST if method not in ("uniform", "prevalence") else ()
        found = flair(workspace, "run", "--method", method, *words)
        judged = found["protocols"]
        cells_ = [f"{judged[p]['miou']:.3f}" for p in PROTOCOLS]
        gap = found["optimism_gap"]
        rows.append((method, *cells_, span(judged["domains"]), f"{gap:+.3f}"))
    header = ("method", *PROTOCOLS, "95 % of domains", "optimism gap")
    return (
        "\n## Methods and protocols\n\nAerial + Sentinel, robust scaling (the floors look at no "
        'pixel). The gap is training patches minus domains left out, both without "other".\n\n'
        f"{table(header, rows)}\n"
    )


def the_economy(workspace: Path) -> str:
    """What labels buy, with the features of the best cell."""
    settings = workspace / "economy.toml"
    settings.write_text("[features]\nfusion = true\nrobust = true\n", encoding="utf-8")
    found = flair(workspace, "economy", "--protocol", "domains", "--settings", str(settings))
    points = [EconomyPoint(**point) for point in found["points"]]
    rows: list[tuple[object, ...]] = [
        (p.n_labels, f"{p.miou:.3f}", f"{p.low:.3f} to {p.high:.3f}", p.method, p.rule)
        for p in sorted(points, key=lambda p: p.n_labels)
    ]
    header = ("labels", "mIoU", "draws", "method", "how they were spent")
    return (
        "\n## The label economy\n\nThe notebook's question: can clusters replace annotation? "
        "Labels that a person gives for one model, and what they buy on pixels of domains left "
        f"out: all folds together, the mean of {DRAWS} draws of the labels with the lowest and the "
        "highest. `draws` in the table `study` of a settings file asks for more.\n\n"
        f"{economy_answer(points)}\n\n{table(header, rows)}\n"
    )


def main() -> None:
    """Run everything and write the page."""
    from core.flair.data.nomenclature import CITATION, LICENCE

    with tempfile.TemporaryDirectory() as folder:
        workspace = Path(sys.argv[1] if len(sys.argv) > 1 else folder)
        flair(workspace, "demo")
        parts = [the_grid(workspace), the_methods(workspace), the_economy(workspace)]
    tail = TAIL.format(citation=CITATION, licence=LICENCE)
    TARGET.write_text(HEAD + "".join(parts) + tail, encoding="utf-8")


if __name__ == "__main__":
    main()
