import json
import os
import sys
import time
from collections.abc import Iterator

import psutil
import pytest

from app.session.job_board import LOG_LINES, Board, Job

ROW = json.dumps({"stage": "chips", "done": 3, "total": 4, "note": "quay"})
REPORT = f"import sys; print({ROW!r}, file=sys.stderr, flush=True)"


def python(*lines: str) -> list[str]:
    return [sys.executable, "-c", "\n".join(lines)]


def until(condition, seconds: float = 10) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return False


@pytest.fixture
def board() -> Iterator[Board]:
    made = Board()
    yield made
    made.close()


def ended(job: Job) -> Job:
    job.wait(20)
    assert job.state != "running"
    return job


def test_job__result_is_last_line_of_output(board):
    job = ended(board.start("k", "t", python("print('{\"n\": 1}')", "print('{\"n\": 2}')")))
    assert job.state == "done"
    assert job.result == {"n": 2}
    assert job.error == ""


def test_job__progress_is_read_while_it_runs(board):
    job = board.start("k", "t", python(REPORT, "import time; time.sleep(30)"))
    assert until(lambda: job.stage == "chips")
    assert (job.done, job.total, job.note, job.state) == (3, 4, "quay", "running")
    assert job.fraction == 0.75


def test_job__no_total_has_no_fraction(board):
    job = ended(board.start("k", "t", python("pass")))
    assert job.fraction is None


def test_job__error_is_the_sentence_of_the_process(board):
    line = json.dumps({"error": "raw/: no scenes. Put GeoTIFFs there."})
    job = ended(
        board.start(
            "k", "t", python(f"import sys; sys.exit(print({line!r}, file=sys.stderr) or 1)")
        )
    )
    assert job.state == "failed"
    assert job.error == "raw/: no scenes. Put GeoTIFFs there."


def test_job__crash_without_a_sentence_names_code_and_last_words(board):
    job = ended(board.start("k", "t", python("raise SystemExit('out of luck')")))
    assert job.state == "failed"
    assert "exit code 1" in job.error
    assert "out of luck" in job.error


def test_job__command_that_does_not_exist_fails_in_words(board):
    job = ended(board.start("k", "t", ["/nowhere/at/all"]))
    assert job.state == "failed"
    assert "could not be started" in job.error


def test_job__second_command_waits_for_the_first_to_succeed(board, tmp_path):
    mark = tmp_path / "mark"
    second = python(f"open({str(mark)!r}, 'w')")
    assert ended(board.start("a", "t", python("raise SystemExit(3)"), second)).state == "failed"
    assert not mark.exists()
    assert ended(board.start("b", "t", python("pass"), second)).state == "done"
    assert mark.exists()


def test_cancel__polite_process_ends_within_two_seconds(board):
    job = board.start("k", "t", python(REPORT, "import time; time.sleep(60)"))
    assert until(lambda: job.stage == "chips")
    begun = time.monotonic()
    job.cancel()
    assert ended(job).state == "cancelled"
    assert time.monotonic() - begun < 2


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends it at once")
def test_cancel__deaf_process_and_its_child_are_killed_within_two_seconds(board):
    deaf = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"
    child = (
        "import subprocess,sys; c = subprocess.Popen([sys.executable, '-c', "
        f"{deaf + '; import time; time.sleep(60)'!r}])"
    )
    report = (
        'print(\'{"stage": "chips", "done": \' + str(c.pid) + \'}\', file=sys.stderr, flush=True)'
    )
    job = board.start("k", "t", python(deaf, child, report, "import time; time.sleep(60)"))
    assert until(lambda: job.done > 0)
    begun = time.monotonic()
    job.cancel()
    assert ended(job).state == "cancelled"
    assert time.monotonic() - begun < 2
    assert until(lambda: not psutil.pid_exists(job.done) or zombie(job.done), 2)


def zombie(pid: int) -> bool:
    return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_cancel__before_the_second_command_stops_it(board, tmp_path):
    mark = tmp_path / "mark"
    job = board.start(
        "k", "t", python(REPORT, "import time; time.sleep(60)"), python(f"open({str(mark)!r}, 'w')")
    )
    assert until(lambda: job.stage == "chips")
    job.cancel()
    assert ended(job).state == "cancelled"
    assert not mark.exists()


def test_cancel__of_finished_job_changes_nothing(board):
    job = ended(board.start("k", "t", python("pass")))
    job.cancel()
    assert job.state == "done"


def test_board__one_flight_per_key(board):
    first = board.start("k", "t", python("import time; time.sleep(60)"))
    assert board.start("k", "t", python("pass")) is first
    assert board.start("other", "t", python("pass")) is not first


def test_board__work_after_other_work_waits_its_turn(board, tmp_path):
    mark = tmp_path / "mark"
    slow = python(REPORT, "import time; time.sleep(60)")
    first = board.start("here one", "t", slow, after="here")
    second = board.start("here two", "t", python(f"open({str(mark)!r}, 'w')"), after="here")
    other = board.start("there", "t", python("pass"), after="there")
    assert ended(other).state == "done"
    assert until(lambda: first.stage == "chips")
    assert second.waits_for is first
    assert not mark.exists()
    first.cancel()
    assert ended(second).state == "done"
    assert mark.exists()


def test_cancel__of_waiting_work_never_begins_it(board, tmp_path):
    mark = tmp_path / "mark"
    board.start("here one", "t", python("import time; time.sleep(60)"), after="here")
    second = board.start("here two", "t", python(f"open({str(mark)!r}, 'w')"), after="here")
    begun = time.monotonic()
    second.cancel()
    assert ended(second).state == "cancelled"
    assert time.monotonic() - begun < 2
    assert not mark.exists()


def test_board__close_stops_all_before_it_waits_for_any(monkeypatch):
    board, done = Board(), []
    cancel, wait = Job.cancel, Job.wait
    monkeypatch.setattr(Job, "cancel", lambda job: (done.append("cancel"), cancel(job)))
    monkeypatch.setattr(Job, "wait", lambda job, s=None: (done.append("wait"), wait(job, s)))
    jobs = [board.start(key, "t", python("import time; time.sleep(60)")) for key in "ab"]
    board.close()
    assert done == ["cancel", "cancel", "wait", "wait"]
    assert [job.state for job in jobs] == ["cancelled", "cancelled"]


def test_board__ended_key_starts_anew(board):
    first = ended(board.start("k", "t", python("pass")))
    assert board.start("k", "t", python("pass")) is not first


def test_board__log_is_bounded(board):
    job = ended(board.start("k", "t", python(
        "import sys", f"[print(i, file=sys.stderr) for i in range({LOG_LINES + 50})]"
    )))  # fmt: skip
    assert len(job.lines) == LOG_LINES
    assert job.lines[-1] == str(LOG_LINES + 49)


def test_board__forgets_only_what_has_ended(board):
    running = board.start("a", "t", python("import time; time.sleep(60)"))
    ended(board.start("b", "t", python("pass")))
    board.forget("a")
    board.forget("b")
    assert board.jobs() == [running]


def test_board__close_ends_every_process():
    board = Board()
    job = board.start("k", "t", python(REPORT, "import time; time.sleep(60)"))
    assert until(lambda: job.process is not None and job.stage == "chips")
    board.close()
    assert job.process is not None
    assert job.process.poll() is not None


def test_job__parent_asks_for_progress_as_json_lines(board):
    job = ended(board.start("k", "t", python(
        "import os, json", "print(json.dumps({'as': os.environ['CHIPSCAPE_PROGRESS']}))"
    )))  # fmt: skip
    assert job.result == {"as": "jsonl"}
    assert "CHIPSCAPE_PROGRESS" not in os.environ
