"""The command line: the same stages as the app, by the same code."""

import gc

from core.cli.console import guarded


def main() -> None:
    """Run one command; every error is a sentence, every exit code has its meaning.

    0 done, 1 a clear error of input or environment, 2 wrong usage, 130 interrupted.
    """
    from core.cli.stage_commands import app  # typer and the stages, only when asked

    # Modules stay until the end: a full collection need not walk through them, 0.1 s each time.
    gc.freeze()
    guarded(app)
