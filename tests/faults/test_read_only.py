"""A finished workspace on a read-only disk: it can be read and exported to another folder."""

import json

import pytest
from typer.testing import CliRunner

from core.cli.stage_commands import app
from core.errors import WorkspaceError
from core.export.export_formats import FORMATS
from core.pipeline.run import keep_run, run_pipeline
from core.pipeline.workspace import Workspace


@pytest.fixture
def finished(workspace, settings, make_read_only):
    """A finished workspace that cannot be written to any longer."""
    keep_run(run_pipeline(workspace, settings()))
    workspace.checksums.save()
    make_read_only(workspace.root)
    return Workspace.at(workspace.root)


def invoke(*arguments):
    result = CliRunner().invoke(app, [*map(str, arguments), "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout.splitlines()[-1])


@pytest.mark.parametrize("layout", ["--format", "--layout"])
def test_export__to_another_folder(finished, tmp_path_factory, layout):
    out = tmp_path_factory.mktemp("elsewhere")
    kinds = "seed" if layout == "--layout" else ",".join(FORMATS)
    result = invoke("export", "--workspace", finished.root, layout, kinds, "--out", out)
    assert result["chips"] == 40
    assert len(list(out.iterdir())) == (2 if kinds == "seed" else len(FORMATS))
    assert result["run_id"]


def test_export__into_the_workspace_names_file_and_remedy(finished):
    with pytest.raises(WorkspaceError, match="cannot be written") as caught:
        invoke("export", "--workspace", finished.root)
    assert str(finished.results) in caught.value.where
    assert "--out" in caught.value.remedy


def test_run__another_result_names_folder_and_remedy(finished, settings):
    with pytest.raises(WorkspaceError, match="cannot be written") as caught:
        run_pipeline(finished, settings(gmm={"n_components": 2}))
    assert str(finished.artifacts) in caught.value.where


@pytest.mark.parametrize("command", ["scenes", "runs", "run"])
def test_command__that_only_reads(finished, command, settings):
    options = ["--settings", "current"] if command == "run" else []
    assert invoke(command, "--workspace", finished.root, *options)
