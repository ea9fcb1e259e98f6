"""The command line, which runs the same stages as the app, with the same code."""

import gc

from core.cli.console import guarded


def main() -> None:
    """Run one command; errors are printed as sentences.

    Exit codes: 0 done, 1 an error, 2 wrong usage, 130 interrupted.
    """
    from core.cli.stage_commands import app  # loads typer and all stages

    # Modules are never freed. Each full garbage collection that skips them saves 0.1 s.
    gc.freeze()
    guarded(app)
