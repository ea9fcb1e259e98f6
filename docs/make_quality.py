"""Write the tables of docs/quality.md from the demo: `python docs/make_quality.py`.

Runs the command line on a temporary workspace, and replaces what stands between the marks.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "quality.md"


def call(workspace: str, *words: str) -> dict[str, Any]:
    """The JSON that a command prints."""
    command = [sys.executable, "-m", "core", *words, "--workspace", workspace, "--json"]
    said = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    result: dict[str, Any] = json.loads(said.stdout)
    return result


def card(found: dict[str, Any]) -> str:
    """The report card as a table."""
    whole = found["card"]
    noise = f"{whole['noise_fraction']:.0%} noise"
    summary = f"{whole['n']} chips, {whole['n_clusters']} clusters, {noise}"
    lines = [
        f"{summary}, silhouette {whole['silhouette']:.2f}, DBCV {whole['dbcv']:.2f}.",
        "",
        "| cluster | chips | area (ha) | silhouette | DBCV | persistence | stability |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {one['label']} | {one['size']} | {one['hectares']:.2f} | {one['silhouette']:.2f} | "
        f"{one['dbcv']:.2f} | {one['persistence']:.2f} | {one['stability']:.2f} |"
        for one in whole["clusters"]
    ]
    return "\n".join(lines)


def against(found: dict[str, Any]) -> str:
    """The contingency table with the four measures."""
    shown = found["against"]
    marks = ", ".join(f"{name} {shown[name.lower()]:.2f}" for name in ("ARI", "AMI", "NMI"))
    names = [str(label) for label in range(len(shown["table"]) - 1)] + ["noise"]
    lines = [
        f"{marks}, V-measure {shown['v_measure']:.2f}.",
        "",
        "| cluster | " + " | ".join(shown["values"]) + " |",
        "|---" * (len(shown["values"]) + 1) + "|",
    ]
    lines += [
        f"| {name} | " + " | ".join(map(str, row)) + " |"
        for name, row in zip(names, shown["table"], strict=True)
    ]
    return "\n".join(lines)


def listed(sentences: list[str]) -> str:
    """Sentences as a list."""
    return "\n".join(f"- {sentence}" for sentence in sentences)


def main() -> None:
    """Make the demo, judge it, and put the figures into the page."""
    with tempfile.TemporaryDirectory() as workspace:
        call(workspace, "demo")
        found = call(workspace, "quality", "--method", "hdbscan", "--property", "class")
        sizes = call(workspace, "landscape", "--method", "hdbscan")
        mixtures = call(workspace, "landscape", "--method", "gmm")
    told = [f"{one['name']}: **{one['value']}**. {one['reason']}" for one in sizes["suggestions"]]
    counts = [
        f"{one['name']}: **{one['value']}**. {one['reason']}" for one in mixtures["suggestions"]
    ]
    parts = {
        "card": card(found),
        "against": against(found),
        "alarms": listed(found["alarms"]),
        "sizes": listed([*told, *sizes["cliffs"]]),
        "components": listed(counts),
    }
    text = PAGE.read_text(encoding="utf-8")
    for name, part in parts.items():
        marks = rf"(<!-- {name} -->\n).*?(<!-- end -->)"
        text = re.sub(marks, lambda m, part=part: f"{m[1]}{part}\n{m[2]}", text, flags=re.DOTALL)
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
