"""The command line, which runs the same stages as the app, with the same code."""

import os


def main() -> None:
    """Run one command; errors are printed as sentences.

    Exit codes: 0 done, 1 an error, 2 wrong usage, 130 interrupted, 143 terminated.
    """
    try:
        from core.cli.console import guarded
    except KeyboardInterrupt:
        os._exit(130)
    guarded(_run_command)


def _run_command() -> None:
    import gc

    from core.cli.stage_commands import app  # loads typer and all stages

    # Modules are never freed. Each full garbage collection that skips them saves 0.1 s.
    gc.freeze()
    app()
