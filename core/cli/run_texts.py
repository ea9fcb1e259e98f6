"""The lines of text that describe a run on the command line."""

from collections.abc import Iterator

from core.cli.console import counted
from core.cli.quality_commands import describe_noise
from core.pipeline.projections.kept_projections import describe_scores
from core.pipeline.run import Run


def run_lines(run: Run) -> Iterator[str]:
    """Yield the lines that describe a finished run: its stages, notes and counts."""
    summary = run.summary()
    for name, state in run.stages.items():
        yield f"{name:<12} {state:<9} {run.seconds[name]:7.2f} s"
    yield from (f"note: {note}" for note in summary["notes"])
    if run.scores:
        yield describe_scores(run.scores)
    total = f"{counted(summary['chips'], 'chip')} from {counted(summary['scenes'], 'scene')}"
    if run.labelling:
        total += f" · {counted(run.labelling.n_clusters, 'cluster')}{describe_noise(run)}"
    yield total
