"""`chipscape quality` and `chipscape landscape`, and the options beside them."""

import json

import pandas as pd
import pytest

from core.cli import cluster_commands, guarded
from core.cli.commands import app
from core.errors import SettingsError
from core.pipeline.workspace import Workspace


@pytest.fixture
def call(add_scene, tmp_path, capsys):
    """Run one command in this process; its JSON, or its words where it failed."""
    add_scene("a", seed=0)
    settings = tmp_path / "quick.toml"
    settings.write_text("[chips]\nsize = 32\n[gmm]\nn_components = 3\nn_init = 2\n"
                        "[cut]\nmin_cluster_size = 5\n[projection]\nn_iter = 50\n")  # fmt: skip
    Workspace.at(tmp_path)

    def run(*words):
        where = ("--workspace", str(tmp_path), "--settings", str(settings), "--json")
        with pytest.raises(SystemExit) as left:
            guarded(lambda: app([words[0], *where, *words[1:]], standalone_mode=False))
        said = capsys.readouterr()
        if left.value.code:
            return said.err
        return json.loads(said.out.splitlines()[-1])

    return run
