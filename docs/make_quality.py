"""Update the figures in docs/quality.md with those of the demo: `python docs/make_quality.py`.

Runs the commands in a temporary workspace, and replaces the text between the markers in the page.
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


def run_command(workspace: str, *words: str) -> dict[str, Any]:
    """Return the JSON object that a command prints."""
    command = [sys.executable, "-m", "core", *words, "--workspace", workspace, "--json"]
    process = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    result: dict[str, Any] = json.loads(process.stdout)
    return result


def report_card(card: dict[str, Any]) -> str:
    """Return the report card as a sentence and a table."""
    noise = f"{card['noise_fraction']:.0%} noise"
    summary = f"{card['n']} chips, {card['n_clusters']} clusters, {noise}"
    lines = [
        f"{summary}, silhouette {card['silhouette']:.2f}, DBCV {card['dbcv']:.2f}.",
        "",
        "| cluster | chips | area (ha) | silhouette | DBCV | persistence | stability |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {cluster['label']} | {cluster['size']} | {cluster['hectares']:.2f} | "
        f"{cluster['silhouette']:.2f} | {cluster['dbcv']:.2f} | {cluster['persistence']:.2f} | "
        f"{cluster['stability']:.2f} |"
        for cluster in card["clusters"]
    ]
    return "\n".join(lines)


def agreement_table(agreement: dict[str, Any]) -> str:
    """Return the four measures of agreement and the contingency table."""
    scores = ", ".join(f"{name} {agreement[name.lower()]:.2f}" for name in ("ARI", "AMI", "NMI"))
    names = [*map(str, range(len(agreement["table"]) - 1)), "noise"]
    lines = [
        f"{scores}, V-measure {agreement['v_measure']:.2f}.",
        "",
        "| cluster | " + " | ".join(agreement["values"]) + " |",
        "|---" * (len(agreement["values"]) + 1) + "|",
    ]
    lines += [
        f"| {name} | " + " | ".join(map(str, row)) + " |"
        for name, row in zip(names, agreement["table"], strict=True)
    ]
    return "\n".join(lines)


def suggestion_sentences(sweep: dict[str, Any]) -> list[str]:
    """Return each suggested value with its reason."""
    return [
        f"**{item['name'][:1].upper() + item['name'][1:]}: {item['value']}.** {item['reason']}"
        for item in sweep["suggestions"]
    ]


def correction_table(comparison: dict[str, Any]) -> str:
    """Return the clusters before and after each correction as a table."""
    columns = ("scene", "brightness", "sharpness", "silhouette", "stability", "ari", "ami")
    heads = ("settings", "clusters", *columns[:5], "ARI", "AMI")
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for effect in comparison["effects"]:
        cells = [effect["title"], effect["n_clusters"], *(f"{effect[c]:.2f}" for c in columns)]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def bullet_list(sentences: list[str]) -> str:
    """Return sentences as a list."""
    return "\n".join(f"- {sentence}" for sentence in sentences)


def main() -> None:
    """Cluster the demo, evaluate the clusters, and write the figures into the page."""
    with tempfile.TemporaryDirectory() as workspace:
        run_command(workspace, "demo")
        quality = run_command(workspace, "quality", "--method", "hdbscan", "--property", "class")
        sizes = run_command(workspace, "landscape", "--method", "hdbscan")
        mixtures = run_command(workspace, "landscape", "--method", "gmm")
        compared = ("--property", "class", "--corrections", "--recut")
        corrections = run_command(workspace, "quality", "--method", "gmm", *compared)["corrections"]
    parts = {
        "card": report_card(quality["card"]),
        "against": agreement_table(quality["against"]),
        "alarms": bullet_list(quality["alarms"]),
        "corrections": correction_table(corrections),
        "sizes": bullet_list([*suggestion_sentences(sizes), *sizes["cliffs"]]),
        "components": bullet_list(suggestion_sentences(mixtures)),
    }
    text = PAGE.read_text(encoding="utf-8")
    for name, part in parts.items():
        marks = rf"(<!-- {name} -->\n).*?(<!-- end -->)"
        text = re.sub(marks, lambda m, part=part: f"{m[1]}{part}\n{m[2]}", text, flags=re.DOTALL)
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
