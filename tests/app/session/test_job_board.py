import json
import os
import sys
import time
from collections.abc import Iterator

import psutil
import pytest

from app.session.job_board import LOG_LINES, Board, Job
from core.errors import ChipscapeError

ROW = json.dumps({"stage": "chips", "done": 3, "total": 4, "note": "quay"})
REPORT = f"import sys; print({ROW!r}, file=sys.stderr, flush=True)"


def python(*lines: str) -> list[str]:
    return [sys.executable, "-c", "\n".join(lines)]


def wait_until(condition, seconds: float = 10) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return False


@pytest.fixture
def board() -> Iterator[Board]:
    board = Board()
    yield board
    board.close()


def wait_for_end(job: Job) -> Job:
    job.wait(20)
    assert job.state != "running"
    return job


def test_job__result_is_the_last_line_of_output(board):
    job = wait_for_end(board.start("k", "t", python("print('{\"n\": 1}')", "print('{\"n\": 2}')")))
    assert job.state == "done"
    assert job.result == {"n": 2}
    assert job.error == ""


def test_job__progress_is_read_while_the_command_runs(board):
    job = board.start("k", "t", python(REPORT, "import time; time.sleep(30)"))
    assert wait_until(lambda: job.stage == "chips")
    assert (job.n_done, job.n_total, job.note, job.state) == (3, 4, "quay", "running")
    assert job.fraction == 0.75


def test_job__without_a_total_has_no_fraction(board):
    job = wait_for_end(board.start("k", "t", python("pass")))
    assert job.fraction is None


def test_job__error_is_the_message_of_the_command(board):
    line = json.dumps({"error": "raw/: no scenes. Put GeoTIFFs there."})
    job = wait_for_end(
        board.start(
            "k", "t", python(f"import sys; sys.exit(print({line!r}, file=sys.stderr) or 1)")
        )
    )
    assert job.state == "failed"
    assert job.error == "raw/: no scenes. Put GeoTIFFs there."


def test_job__crash_without_a_message_reports_exit_code_and_last_output(board):
    job = wait_for_end(board.start("k", "t", python("raise SystemExit('out of luck')")))
    assert job.state == "failed"
    assert "exit code 1" in job.error
    assert "out of luck" in job.error


def test_job__missing_command_fails_with_a_message(board):
    job = wait_for_end(board.start("k", "t", ["/nowhere/at/all"]))
    assert job.state == "failed"
    assert "could not be started" in job.error


def test_job__second_command_runs_only_if_the_first_succeeds(board, tmp_path):
    file = tmp_path / "file"
    second = python(f"open({str(file)!r}, 'w')")
    assert (
        wait_for_end(board.start("a", "t", python("raise SystemExit(3)"), second)).state == "failed"
    )
    assert not file.exists()
    assert wait_for_end(board.start("b", "t", python("pass"), second)).state == "done"
    assert file.exists()


def test_cancel__interrupted_process_ends_within_two_seconds(board):
    job = board.start("k", "t", python(REPORT, "import time; time.sleep(60)"))
    assert wait_until(lambda: job.stage == "chips")
    started = time.monotonic()
    job.cancel()
    assert wait_for_end(job).state == "cancelled"
    assert time.monotonic() - started < 2


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends the process at once")
def test_cancel__process_that_ignores_it_is_killed_with_its_child_within_two_seconds(board):
    ignoring = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"
    child = (
        "import subprocess,sys; c = subprocess.Popen([sys.executable, '-c', "
        f"{ignoring + '; import time; time.sleep(60)'!r}])"
    )
    report = (
        'print(\'{"stage": "chips", "done": \' + str(c.pid) + \'}\', file=sys.stderr, flush=True)'
    )
    job = board.start("k", "t", python(ignoring, child, report, "import time; time.sleep(60)"))
    assert wait_until(lambda: job.n_done > 0)
    started = time.monotonic()
    job.cancel()
    assert wait_for_end(job).state == "cancelled"
    assert time.monotonic() - started < 2
    assert wait_until(lambda: not psutil.pid_exists(job.n_done) or is_zombie(job.n_done), 2)


def is_zombie(pid: int) -> bool:
    return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_cancel__during_the_first_command_skips_the_second(board, tmp_path):
    file = tmp_path / "file"
    job = board.start(
        "k", "t", python(REPORT, "import time; time.sleep(60)"), python(f"open({str(file)!r}, 'w')")
    )
    assert wait_until(lambda: job.stage == "chips")
    job.cancel()
    assert wait_for_end(job).state == "cancelled"
    assert not file.exists()


def test_cancel__has_no_effect_on_a_finished_job(board):
    job = wait_for_end(board.start("k", "t", python("pass")))
    job.cancel()
    assert job.state == "done"


def test_board__one_running_job_per_key(board):
    first = board.start("k", "t", python("import time; time.sleep(60)"))
    assert board.start("k", "t", python("pass")) is first
    assert board.start("other", "t", python("pass")) is not first


def test_board__job_waits_for_earlier_jobs(board, tmp_path):
    file = tmp_path / "file"
    slow = python(REPORT, "import time; time.sleep(60)")
    first = board.start("a 1", "t", slow, group="a")
    second = board.start("a 2", "t", python(f"open({str(file)!r}, 'w')"), group="a")
    other = board.start("b", "t", python("pass"), group="b")
    assert wait_for_end(other).state == "done"
    assert wait_until(lambda: first.stage == "chips")
    assert second.waits_for is first
    assert not file.exists()
    first.cancel()
    assert wait_for_end(second).state == "done"
    assert file.exists()


def test_cancel__waiting_job_never_starts(board, tmp_path):
    file = tmp_path / "file"
    board.start("a 1", "t", python("import time; time.sleep(60)"), group="a")
    second = board.start("a 2", "t", python(f"open({str(file)!r}, 'w')"), group="a")
    started = time.monotonic()
    second.cancel()
    assert wait_for_end(second).state == "cancelled"
    assert time.monotonic() - started < 2
    assert not file.exists()


def test_board__close_cancels_all_jobs_before_it_waits_for_any(monkeypatch):
    board, calls = Board(), []
    cancel, wait = Job.cancel, Job.wait
    monkeypatch.setattr(Job, "cancel", lambda job: (calls.append("cancel"), cancel(job)))
    monkeypatch.setattr(Job, "wait", lambda job, s=None: (calls.append("wait"), wait(job, s)))
    jobs = [board.start(key, "t", python("import time; time.sleep(60)")) for key in "ab"]
    board.close()
    assert calls == ["cancel", "cancel", "wait", "wait"]
    assert [job.state for job in jobs] == ["cancelled", "cancelled"]


def test_board__key_of_an_ended_job_can_be_used_again(board):
    first = wait_for_end(board.start("k", "t", python("pass")))
    assert board.start("k", "t", python("pass")) is not first


def test_board__log_is_bounded(board):
    job = wait_for_end(
        board.start(
            "k",
            "t",
            python("import sys", f"[print(i, file=sys.stderr) for i in range({LOG_LINES + 50})]"),
        )
    )
    assert len(job.lines) == LOG_LINES
    assert job.lines[-1] == str(LOG_LINES + 49)


def test_board__forgets_only_ended_jobs(board):
    running = board.start("a", "t", python("import time; time.sleep(60)"))
    wait_for_end(board.start("b", "t", python("pass")))
    board.forget("a")
    board.forget("b")
    assert board.jobs() == [running]


def test_board__close_ends_every_process():
    board = Board()
    job = board.start("k", "t", python(REPORT, "import time; time.sleep(60)"))
    assert wait_until(lambda: job.process is not None and job.stage == "chips")
    board.close()
    assert job.process is not None
    assert job.process.poll() is not None


def test_job__command_reports_progress_as_json_lines(board):
    job = wait_for_end(
        board.start(
            "k",
            "t",
            python(
                "import os, json", "print(json.dumps({'as': os.environ['CHIPSCAPE_PROGRESS']}))"
            ),
        )
    )
    assert job.result == {"as": "jsonl"}
    assert "CHIPSCAPE_PROGRESS" not in os.environ


def test_board__sessions_take_turns_and_few_jobs_run_at_once(board):
    slow = python("import time; time.sleep(60)")
    jobs = [board.start(f"a{i}", f"a{i}", slow, group=f"a{i}", owner="a") for i in range(3)]
    late = board.start("b", "b", slow, group="b", owner="b")
    assert wait_until(lambda: all(job.process for job in jobs[:2]))
    assert [job.is_waiting for job in (*jobs, late)] == [False, False, True, True]
    assert jobs[2].waits_for is jobs[0]
    jobs[0].cancel()
    wait_for_end(jobs[0])
    # The second session comes before the third job of the first one.
    assert wait_until(lambda: late.process is not None)
    assert jobs[2].is_waiting
    assert jobs[2].process is None


def test_board__more_jobs_than_may_wait_are_refused(board):
    slow = python("import time; time.sleep(60)")
    for i in range(11):
        board.start(f"a{i}", "t", slow, group="a", owner="a")
    with pytest.raises(ChipscapeError, match="waiting already"):
        board.start("one more", "t", slow, group="a", owner="a")
    # A request for a job that exists already is not refused.
    assert board.start("a3", "t", slow, group="a", owner="a") is board.get("a3")
    assert board.start("b", "t", slow, group="a", owner="b").is_waiting
