import pytest

from core.pipeline.estimates.cost_evidence import CostCorrection
from core.pipeline.estimates.cost_laws import PROGRAM_BYTES, PROGRAM_SECONDS, CostLaw
from core.pipeline.estimates.job_estimate import (
    CostModel,
    FreeSpace,
    JobEstimate,
    StepEstimate,
    computed_step,
    describe_bytes,
    describe_range,
    describe_seconds,
    unknown_step,
)
from core.pipeline.estimates.machine_speed import MachineSpeed
from core.pipeline.estimates.work_amounts import Work

MEASURED = MachineSpeed(1.0, 2, measured=True)


def step(seconds=10.0, **values):
    return StepEstimate("Chips", "estimated", seconds, seconds / 2, seconds * 2, **values)


def test_job__adds_times_and_takes_the_largest_memory():
    first, second = step(10, bytes=1e9, disk=5.0), step(20, bytes=3e9, disk=7.0)
    job = JobEstimate((first, second))
    assert job.seconds == 30 + PROGRAM_SECONDS
    assert job.bytes == 3e9
    assert job.disk == 12
    low, high = job.seconds_range
    assert low < job.seconds < high


def test_job__computed_steps_cost_nothing():
    job = JobEstimate((computed_step("Chips"), computed_step("Clusters")))
    assert (job.seconds, job.bytes, job.sentence) == (0, 0, "Already computed")
    assert JobEstimate((computed_step("Chips"), step(10))).seconds == 10 + PROGRAM_SECONDS


def test_job__without_a_basis_there_is_no_number():
    job = JobEstimate((unknown_step("Embeddings", "resnet50 has not been used."),))
    assert job.sentence == "No estimate yet: resnet50 has not been used."
    assert (job.as_table()["seconds"], job.as_table()["complete"]) == (None, False)
    assert job.as_table()["steps"][0]["seconds"] is None


def test_job__unknown_steps_are_named():
    job = JobEstimate((step(60), unknown_step("Embeddings", "not used yet.")))
    assert "plus embeddings, for which there is no estimate yet" in job.sentence
    assert job.as_table()["seconds"] == 60 + PROGRAM_SECONDS


def test_job__warns_of_too_little_memory_and_disk_space():
    space = FreeSpace(memory=2e9, disk=1e9)
    assert JobEstimate((step(bytes=1e9, disk=1e8),), space).warnings == ()
    memory, disk = JobEstimate((step(bytes=4e9, disk=5e9),), space).warnings
    assert "4 GB of memory, and 2 GB are free" in memory
    assert "5 GB of disk space, and 1 GB are free" in disk


def test_model__needs_the_speed_of_the_machine_or_former_results():
    work = Work("projections", 5)
    assert CostModel(MachineSpeed()).estimate("Plot", work).state == "unknown"
    assert CostModel(MEASURED).estimate("Plot", work).state == "estimated"
    corrected = {"projections": CostCorrection(2.0, 1.3)}
    assert CostModel(MachineSpeed(), corrected).estimate("Plot", work).state == "estimated"


def test_model__former_results_correct_the_law_and_narrow_the_range():
    work = Work("projections", 5)
    plain = CostModel(MEASURED).estimate("Plot", work)
    corrected = CostModel(MEASURED, {"projections": CostCorrection(3.0, 1.2)}).estimate("P", work)
    assert corrected.seconds == pytest.approx(3 * plain.seconds)
    assert corrected.high / corrected.low < plain.high / plain.low


def test_model__faster_machines_take_less_time():
    work = Work("projections", 5)
    fast = CostModel(MachineSpeed(2.0, 2, measured=True)).estimate("Plot", work)
    assert fast.seconds == pytest.approx(CostModel(MEASURED).estimate("Plot", work).seconds / 2)
    assert fast.bytes > PROGRAM_BYTES


def test_model__encoder_without_a_law():
    work = [Work("resnet50", 3), Work("resnet50", 1)]
    assert CostModel(MEASURED).estimate("Embeddings", work).state == "unknown"
    learned = {"resnet50": CostCorrection(law=CostLaw("million values", 0, 2.0))}
    assert CostModel(MEASURED, learned).estimate("Embeddings", work).seconds == 8


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "less than 1 s"),
        (4.4, "4 s"),
        (47, "45 s"),
        (88, "90 s"),
        (100, "1.7 min"),
        (1234, "21 min"),
        (5400, "1.5 h"),
        (90_000, "25 h"),
    ],
)
def test_describe_seconds__has_few_digits(seconds, text):
    assert describe_seconds(seconds) == text


def test_describe_range__names_the_unit_once():
    assert describe_range(90, 360) == "1.5 to 6 min"
    assert describe_range(30, 120) == "30 s to 2 min"
    assert describe_range(0.1, 0.4) == "less than 1 s"


def test_describe_bytes():
    assert [describe_bytes(n) for n in (4.4e6, 123e6, 960e6, 12.34e9)] == [
        "4 MB",
        "120 MB",
        "0.96 GB",
        "12 GB",
    ]
