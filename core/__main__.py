"""Entry point of ``python -m core``, which runs the command line."""

from core.cli import main

main()
