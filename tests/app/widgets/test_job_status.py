from streamlit.testing.v1 import AppTest

from app.session.job_board import Job
from app.widgets.job_status import describe_cluster


def draw(seconds, unknown=False, disk=0.0):
    """Return the captions and the warnings of an estimate's line."""

    def script(seconds, unknown, disk):
        import tempfile
        from pathlib import Path

        from app.widgets.job_status import estimate_line
        from core.errors import SettingsError
        from core.pipeline.estimates.job_estimate import (
            FreeSpace,
            JobEstimate,
            StepEstimate,
            computed_step,
            unknown_step,
        )
        from core.pipeline.workspace import Workspace

        workspace = Workspace.at(Path(tempfile.mkdtemp()))

        def estimate(model):
            if seconds is None:
                raise SettingsError("no")
            step = StepEstimate("Chips", "estimated", seconds, seconds / 2, 2 * seconds, 1e9, disk)
            steps = (step if seconds else computed_step("Chips"),)
            if unknown:
                steps = (unknown_step("Embeddings", "there is no basis."),)
            return JobEstimate(steps, FreeSpace(8e9, 1e9))

        estimate_line(workspace, None if seconds == -1 else estimate)

    page = AppTest.from_function(script, args=(seconds, unknown, disk)).run()
    assert not page.exception
    captions, warnings = ([e.value for e in es] for es in (page.caption, page.warning))
    return [text.replace("\\", "") for text in captions], warnings


def test_estimate_line__shows_time_and_memory():
    ((text,), warnings) = draw(178.0)
    assert text == "About 3 min (1.5 to 6 min), 1 GB of memory."
    assert warnings == []


def test_estimate_line__without_a_basis_there_is_no_number():
    for options in ({"seconds": -1}, {"seconds": None}, {"seconds": 10.0, "unknown": True}):
        assert draw(**options) == (["No estimate yet of time and memory."], [])


def test_estimate_line__nothing_if_everything_exists():
    assert draw(0) == ([], [])


def test_estimate_line__warns_of_a_full_disk():
    _, (warning,) = draw(178.0, disk=5e9)
    assert "5 GB of disk space" in warning


def test_cluster__link_to_the_dashboard_and_missing_workers():
    job = Job("key", "Running", [])
    assert describe_cluster(job) == ""
    job.lines.extend(["a note", "Dask's dashboard: http://127.0.0.1:8787/status"])
    link = "[Dask's dashboard](http://127.0.0.1:8787/status)"
    assert describe_cluster(job) == link
    job.lines.append("No Dask worker is connected to tcp://10.0.0.5:8786; waiting up to 5 minutes.")
    assert describe_cluster(job).startswith(f"{link} No Dask worker is connected")
