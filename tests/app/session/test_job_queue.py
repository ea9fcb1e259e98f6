from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.session import job_queue
from app.session.job_queue import MOST_WAITING, check_queue, find_blocking_job, find_next_job
from core.errors import ChipscapeError


@dataclass(eq=False)
class FakeJob:
    name: str
    owner: str = ""
    group: str = ""
    turn: int = -1
    ended: bool = False

    @property
    def is_waiting(self):
        return not self.ended and self.turn < 0

    @property
    def is_working(self):
        return not self.ended and self.turn >= 0


def run_all(jobs, limit):
    """Begin and end jobs until none is left; return the names in the order of their beginning."""
    order, n = [], 0
    while True:
        while job := find_next_job(jobs, limit):
            job.turn, n = n, n + 1
            order.append(job.name)
        working = [job for job in jobs if job.is_working]
        if not working:
            return order
        min(working, key=lambda job: job.turn).ended = True


def test_next_job__sessions_take_turns_in_one_workspace():
    jobs = [FakeJob(f"a{i}", "a", "w") for i in range(4)]
    jobs += [FakeJob("b0", "b", "w"), FakeJob("c0", "c", "w"), FakeJob("b1", "b", "w")]
    assert run_all(jobs, 2) == ["a0", "b0", "c0", "a1", "b1", "a2", "a3"]


def test_next_job__sessions_take_turns_between_workspaces():
    jobs = [FakeJob(f"a{i}", "a", f"w{i}") for i in range(4)]
    jobs += [FakeJob("b0", "b", "w9")]
    assert run_all(jobs, 2) == ["a0", "b0", "a1", "a2", "a3"]


def test_next_job__session_with_fewer_running_jobs_comes_first():
    a, b = FakeJob("a0", "a", "x", turn=5), FakeJob("b0", "b", "y", turn=6)
    ended = FakeJob("a1", "a", "z", turn=7, ended=True)
    waiting = [FakeJob("b1", "b", "u"), FakeJob("c0", "c", "v")]
    assert find_next_job([a, b, ended, *waiting], 3).name == "c0"
    assert find_next_job([a, b, ended, *waiting], 2) is None


OWNERS, GROUPS = st.sampled_from("abc"), st.sampled_from(["", "u", "v", "w"])


@given(st.lists(st.tuples(OWNERS, GROUPS), max_size=12), st.integers(1, 4))
def test_queue__every_job_begins_within_the_limits(requests, limit):
    jobs = [FakeJob(str(i), owner, group) for i, (owner, group) in enumerate(requests)]
    order, n = [], 0
    for _ in range(2 * len(jobs) + 1):
        while job := find_next_job(jobs, limit):
            assert find_blocking_job(job, jobs, limit) is None
            job.turn, n = n, n + 1
            order.append(job)
            working = [job for job in jobs if job.is_working]
            assert len(working) <= limit
            groups = [job.group for job in working if job.group]
            assert len(groups) == len(set(groups))
        for job in jobs:
            if job.is_waiting:
                assert find_blocking_job(job, jobs, limit).is_working
        if working := [job for job in jobs if job.is_working]:
            working[-1].ended = True
    assert sorted(int(job.name) for job in order) == list(range(len(jobs)))


def test_blocking_job__is_the_one_of_the_same_workspace_if_there_is_one():
    other, same = FakeJob("other", "a", "u", turn=0), FakeJob("same", "a", "w", turn=1)
    job = FakeJob("job", "b", "w")
    assert find_blocking_job(job, [other, same, job], 2) is same
    assert find_blocking_job(job, [other, same, job], 9) is same


def test_queue__number_of_waiting_jobs_of_a_session_is_limited():
    jobs = [FakeJob(str(i), "a") for i in range(MOST_WAITING)]
    check_queue(jobs, "b")
    check_queue(jobs[1:], "a")
    with pytest.raises(ChipscapeError, match="10 of your jobs are waiting already"):
        check_queue(jobs, "a")


@pytest.mark.parametrize(("text", "limit"), [("", 2), ("5", 5), ("0", 1), ("many", 2), ("-3", 2)])
def test_limit__of_running_jobs_comes_from_the_environment(monkeypatch, text, limit):
    monkeypatch.setenv("CHIPSCAPE_JOBS", text)
    assert job_queue.read_job_limit() == limit
