"""Runs commands in forks of a process that has loaded the libraries, so that they start at once.

Reads one line per command: a JSON list of the file for its output and its arguments. Answers with
the number of its process, and, when it has ended, with its exit code.
"""

import json
import os
import sys

import fast_hdbscan  # noqa: F401
import geopandas  # noqa: F401
import matplotlib.backends.backend_agg  # noqa: F401
import openTSNE  # noqa: F401
import rasterio.features  # noqa: F401
import sklearn.ensemble
import sklearn.mixture
import sklearn.neighbors  # noqa: F401

from core.cli import main, stage_commands  # noqa: F401


def start_command(output: str, arguments: list[str]) -> int:
    """Start a command in a fork that leads its own group; return the fork's process number."""
    process = os.fork()
    if process == 0:
        os.setsid()
        descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for stream in (sys.stdout, sys.stderr):
            os.dup2(descriptor, stream.fileno())
        os.dup2(os.open(os.devnull, os.O_RDONLY), sys.stdin.fileno())
        sys.argv = ["chipscape", *arguments]
        main()
    return process


if __name__ == "__main__":
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    answers.write("ready\n")
    while line := sys.stdin.readline():
        process = start_command(*json.loads(line))
        answers.write(f"{process}\n")
        answers.write(f"{os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])}\n")
