"""`chipscape land estimate`: the time, memory and disk space of a land-cover job."""

from typing import Annotated, cast

from core.cli.console import show_result
from core.cli.estimate_command import estimate_lines
from core.cli.land.land_options import LandSession, with_land_session
from core.cli.shared_options import option, require_choice
from core.land.evaluation.protocols import TITLES, possible_protocols
from core.pipeline.estimates.job_estimate import cost_model
from core.pipeline.estimates.land_estimate import (
    LandCommand,
    LandJob,
    baseline_jobs,
    estimate_land,
    grid_jobs,
)
from core.pipeline.estimates.land_work import LAND_READERS
from core.pipeline.estimates.machine_speed import ensure_speed

GRID = "grid"
JOBS = ("run", "maps", "predict", "bench", "recut", "economy", GRID)


@with_land_session
def estimate_land_command(
    session: LandSession,
    job: Annotated[str, option(f"One of {', '.join(JOBS)}. [default: run]", "--job")] = "run",
    method: Annotated[str | None, option("Classifier, such as knn, hdbscan or gmm.")] = None,
    protocol: Annotated[str, option(f"One of {', '.join(TITLES)}. [default: all possible]")] = "",
) -> None:
    """Estimate the time, memory and disk space of a command of `chipscape land`.

    Times are wall times on this machine without other load. Results that exist cost nothing.
    """
    require_choice(job, JOBS, "--job")
    if protocol:
        require_choice(protocol, TITLES, "--protocol")
    dataset = session.dataset()
    protocols = [protocol] if protocol else (possible_protocols(dataset) or ["patches"])
    if job not in ("run", "maps"):
        # These commands take a single protocol.
        protocols = protocols[:1]
    ensure_speed()
    jobs: list[LandJob] = []
    for name in protocols:
        run = session.run(name, method=method)
        if job == GRID:
            jobs += [*grid_jobs(run), *baseline_jobs(run.study)]
        else:
            jobs.append(LandJob(run, cast(LandCommand, job)))
    if job == "run" and not protocol:
        # Without a protocol, the stability and the optimism gap are measured as well.
        jobs.append(LandJob(jobs[0].run, "repeats"))
    workspace = session.workspace
    estimate = estimate_land(jobs, cost_model(workspace.store, LAND_READERS))
    workspace.checksums.save()
    result = {"job": job, "patches": len(dataset.patches), **estimate.as_table()}
    show_result(session.as_json, result, estimate_lines(estimate))
