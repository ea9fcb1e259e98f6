"""The order in which waiting jobs begin: sessions take turns, and few jobs run at a time."""

import os
from collections.abc import Iterable
from typing import Protocol, TypeVar

from core.errors import ChipscapeError

MOST_RUNNING = 2
"""Number of jobs that run at the same time, unless CHIPSCAPE_JOBS is another number."""
MOST_WAITING = 10
"""Number of jobs of one session that may wait."""


class QueuedJob(Protocol):
    """What the order depends on: `turn` is -1 while a job waits, then the number of its start."""

    group: str
    owner: str
    turn: int

    @property
    def is_waiting(self) -> bool:
        """True until the job begins or ends."""

    @property
    def is_working(self) -> bool:
        """True from the beginning of the job to its end."""


J = TypeVar("J", bound=QueuedJob)


def read_job_limit() -> int:
    """Return the number of jobs that may run at the same time, at least 1."""
    text = os.environ.get("CHIPSCAPE_JOBS", "")
    return max(1, int(text)) if text.isdecimal() else MOST_RUNNING


def find_next_job(jobs: Iterable[J], limit: int) -> J | None:
    """Return the waiting job that may begin, from all jobs in the order of their requests.

    One job of a group runs at a time, since its jobs write to the same workspace. Of the sessions
    with a job that may begin, the one that runs fewest jobs comes first, then the one whose last
    job began longest ago. The jobs of a session begin in the order of their requests.
    """
    jobs = list(jobs)
    working = [job for job in jobs if job.is_working]
    if len(working) >= limit:
        return None
    busy_groups = {job.group for job in working if job.group}
    candidates: dict[str, J] = {}
    for job in jobs:
        if job.is_waiting and job.group not in busy_groups:
            candidates.setdefault(job.owner, job)

    def precedence(job: J) -> tuple[int, int]:
        n_working = sum(other.owner == job.owner for other in working)
        return n_working, max(other.turn for other in jobs if other.owner == job.owner)

    return min(candidates.values(), key=precedence, default=None)


def find_blocking_job(job: J, jobs: Iterable[J], limit: int) -> J | None:
    """Return the job that a waiting job waits for; None if it may begin."""
    jobs = list(jobs)
    next_job = find_next_job(jobs, limit)
    if next_job is job:
        return None
    working = [other for other in jobs if other.is_working]
    same_group = [other for other in working if other.group and other.group == job.group]
    return (same_group or ([next_job] if next_job else working))[0]


def check_queue(jobs: Iterable[QueuedJob], owner: str) -> None:
    """Raise ChipscapeError if a session has as many waiting jobs as it may have."""
    if sum(job.is_waiting and job.owner == owner for job in jobs) >= MOST_WAITING:
        problem = f"{MOST_WAITING} of your jobs are waiting already"
        remedy = "Start this job when one of them has begun, or cancel one of them on the left"
        raise ChipscapeError(problem, remedy=remedy)
