"""Files in raw/ that change at a random moment of a run: no result of the changed input is kept."""

import os
import random
import shutil
import sys
import time
from collections import Counter

import pytest
import tomli_w

from core.pipeline.results.verification import verify_workspace
from core.pipeline.workspace import Workspace
from tests.faults.command_runner import command_runners
from tests.pipeline.conftest import QUICK

SEED = os.environ.get("CHIPSCAPE_KILL_SEED")


def truncate(path):
    os.truncate(path, path.stat().st_size // 2)


def overwrite(path):
    """Invert some pixels in place; size and modification time stay."""
    status, content = path.stat(), bytearray(path.read_bytes())
    for position in range(len(content) // 2, len(content) // 2 + 2000):
        content[position] ^= 0xFF
    with path.open("r+b") as file:
        file.write(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def replace(path):
    """Put the other scene in its place, as a copy of a new version does."""
    part = path.with_name(".part")
    shutil.copyfile(path.with_name("b.tif"), part)
    part.replace(path)


def remove(path):
    path.unlink()


def swap(path):
    """Replace the scene, and put it back after a moment."""
    original = path.with_name(".original")
    path.rename(original)
    shutil.copyfile(path.with_name("b.tif"), path)
    time.sleep(0.02)
    original.replace(path)


CHANGES = (truncate, overwrite, replace, remove, swap)


def check_changes(workspace, data_files, tmp_path, n, seed):
    settings = tmp_path / "quick.toml"
    settings.write_text(tomli_w.dumps(QUICK))
    numbers, codes = random.Random(seed), Counter()
    with command_runners(tmp_path, 1) as (runner,):

        def run(root, *options):
            return runner.run("run", "--workspace", root, "--settings", settings, *options)

        alone = run(workspace.root)
        assert alone.code == 0, alone.output
        expected = data_files(workspace.root)
        root = tmp_path / "changed"
        for i in range(n):
            shutil.rmtree(root, ignore_errors=True)
            shutil.copytree(workspace.raw, root / "raw")
            change, moment = CHANGES[i % len(CHANGES)], numbers.uniform(0, alone.seconds)
            case = f"seed {seed}, number {i}: {change.__name__} after {moment:.3f} s"
            runner.start("run", "--workspace", root, "--settings", settings)
            time.sleep(moment)
            change(root / "raw" / "a.tif")
            outcome = runner.wait()
            assert outcome.code in (0, 1), (case, outcome.output)
            assert "Unexpected" not in outcome.output, (case, outcome.output)
            codes[change.__name__, outcome.code] += 1

            shutil.copy2(workspace.raw / "a.tif", root / "raw" / "a.tif")
            # A run that was completed with the other scene has fitted the encoder to it, and such a
            # fit stays until it is asked for again.
            outcome = run(root, *(["--refit"] if outcome.code == 0 else []))
            assert outcome.code == 0, (case, outcome.output)
            files = data_files(root)
            assert expected.keys() <= files.keys(), case
            differing = [name for name in expected if files[name] != expected[name]]
            assert differing == [], case
            assert verify_workspace(Workspace.at(root)).is_intact, case
    lines = [f"{name:10} exit code {code}: {n:3}" for (name, code), n in sorted(codes.items())]
    sys.stdout.write("\n".join([f"\nseed {seed}", *lines, ""]))


def test_changed__at_random_moments(workspace, data_files, tmp_path):
    check_changes(workspace, data_files, tmp_path, n=3, seed=int(SEED or 0))


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_changed__many_times(workspace, data_files, tmp_path):
    seed = int(SEED or random.randrange(10**6))
    check_changes(workspace, data_files, tmp_path, n=60, seed=seed)
