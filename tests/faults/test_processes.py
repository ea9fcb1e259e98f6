"""Several processes on one workspace: each result is computed once, and nothing is mixed up."""

import shutil
import threading

import pytest
import tomli_w

from core.artifacts.sweep import list_leftovers
from core.pipeline.results.run_records import list_run_records
from core.pipeline.results.verification import verify_workspace
from core.pipeline.workspace import Workspace
from tests.faults.command_runner import command_runners
from tests.pipeline.conftest import QUICK

# Each process runs its commands in order; all share one workspace.
SETTINGS = ([], ["--n-components", "2"], ["--method", "hdbscan"], ["--chip-size", "24"])
AFTER = (["export", "--format", "csv"], ["screen"], ["verify"], ["clean"])
BUSY = "another process is computing results"


def run_together(runners, commands):
    """Run one list of commands in each runner at the same time; returns their outcomes."""
    outcomes = [[] for _ in runners]

    def work(number):
        for words in commands[number]:
            outcomes[number].append((words, runners[number].run(*words)))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(len(runners))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [outcome for lines in outcomes for outcome in lines]


def check_together(workspace, data_files, tmp_path, n, n_rounds):
    settings = tmp_path / "quick.toml"
    settings.write_text(tomli_w.dumps(QUICK))
    alone = tmp_path / "alone"
    (alone / "raw").mkdir(parents=True)
    for path in workspace.raw.iterdir():
        (alone / "raw" / path.name).write_bytes(path.read_bytes())

    def commands(root, number, *, with_clean):
        options = ["--workspace", root]
        for words in SETTINGS[:n]:
            yield ["run", *words, *options, "--settings", settings]
        words = AFTER[(number + 1) % 4 if with_clean else 0]
        yield [*words, *options, *(["--settings", settings] if number < 1 else [])]

    with command_runners(tmp_path, n) as runners:
        outcomes = run_together(runners[:1], [list(commands(alone, 0, with_clean=False))])
        assert [o.code for _, o in outcomes] == [0] * (n + 1), outcomes
        expected = data_files(alone)
        for _ in range(n_rounds):
            for folder in (workspace.artifacts, workspace.results):
                shutil.rmtree(folder, ignore_errors=True)
            lines = [list(commands(workspace.root, i, with_clean=i > 0)) for i in range(n)]
            # Neither do the processes start with the same stage.
            lines = [line[:-1][i:] + line[:-1][:i] + line[-1:] for i, line in enumerate(lines)]
            for words, outcome in run_together(runners, lines):
                is_refused = outcome.code == 1 and words[0] == "clean" and BUSY in outcome.output
                assert outcome.code == 0 or is_refused, (words, outcome.output)
            found = data_files(workspace.root)
            screens = {name for name in found if name.startswith("screen")}
            assert {k: v for k, v in found.items() if k not in screens} == expected
            assert verify_workspace(Workspace.at(workspace.root)).is_intact
            assert len(list_run_records(workspace)) == n
            assert list_leftovers(workspace.store) == []


def test_two_processes(workspace, data_files, tmp_path):
    check_together(workspace, data_files, tmp_path, n=2, n_rounds=1)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("n", "n_rounds"), [(2, 10), (4, 10)])
def test_processes__many_rounds(workspace, data_files, tmp_path, n, n_rounds):
    check_together(workspace, data_files, tmp_path, n, n_rounds)
