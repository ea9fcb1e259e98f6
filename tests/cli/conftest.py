"""A command of the command line in this process, and settings that take little time."""

import pytest

from core import cli

QUICK = {
    "chips": {"size": 32},
    "gmm": {"n_components": 2, "n_init": 1},
    "projection": {"n_iter": 50},
}


@pytest.fixture
def call(capsys, monkeypatch):
    """Run one command; return its exit code, its output and its messages."""

    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["chipscape", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        output = capsys.readouterr()
        return end.value.code or 0, output.out, output.err

    return run
