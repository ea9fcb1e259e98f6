"""Runs whose chips, embeddings, flags and overviews are computed by real worker processes."""

import os
import shutil
import signal
import threading
import time

import pytest

from core.chips import chip_measures
from core.compute import dask_cluster, work_streams, worker_results
from core.compute.cores import machine_mark
from core.compute.dask_cluster import connect_scheduler, disconnect
from core.embeddings import block_encoding
from core.errors import Cancelled, ClusterError, WeightsError
from core.input_settings import DisplaySettings
from core.pipeline import embedding_stages, overview_stage
from core.pipeline.chip_stages import screen_chips
from core.pipeline.overview_stage import build_all_overviews
from core.pipeline.run import run_pipeline
from core.pipeline.scene_survey import survey_scenes
from core.pipeline.workspace import Workspace
from core.raster import tiles

SETTINGS = {
    "embed": {"encoder": "texture+colour", "sample": 30},
    "chips": {"background": "mask", "align": "long-axis"},
}


@pytest.fixture(scope="module")
def client():
    connected = connect_scheduler("local:2")
    yield connected
    disconnect(connected)


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch):
    monkeypatch.setattr(embedding_stages, "BLOCK", 4)
    monkeypatch.setattr(chip_measures, "BLOCK", 4)
    monkeypatch.setattr("core.chips.extraction.CELL_SIDES", (32, 64))


@pytest.fixture
def in_threads(workspace, settings, data_files, monkeypatch):
    """The data files of a run in threads; the workspace is without results again."""
    with monkeypatch.context() as patch:
        patch.setattr(work_streams, "active_client", lambda: None)
        patch.setattr(embedding_stages, "active_client", lambda: None)
        patch.setattr(chip_measures, "active_client", lambda: None)
        screen_chips(run_pipeline(workspace, settings(**SETTINGS), until="embeddings").view)
    files = data_files(workspace.root)
    shutil.rmtree(workspace.artifacts)
    return files


def write_late(target, *_):
    """Take the place of writing overviews, and leave a mark when it is too late to cancel."""
    time.sleep(3)
    (target.file.parents[3] / "late").touch()


def run_on_workers(workspace, settings, **options):
    table = settings(**SETTINGS)
    run = run_pipeline(Workspace.at(workspace.root), table, until="embeddings", **options)
    screen_chips(run.view)
    return run


@pytest.fixture(autouse=True)
def _measured_elsewhere(monkeypatch):
    """Measuring chips in this process, not on a worker, fails the test."""
    process = os.getpid()
    measure = chip_measures._measure

    def refuse(*arguments):
        assert os.getpid() != process or work_streams.active_client() is None
        return measure(*arguments)

    monkeypatch.setattr(chip_measures, "_measure", refuse)


@pytest.mark.usefixtures("client")
def test_run__equal_bytes_from_threads_and_workers(workspace, settings, data_files, in_threads):
    reports = []

    def listen(stage):
        return lambda completed, total, _: bool(reports.append((stage, completed, total)))

    run = run_on_workers(workspace, settings, reporter=listen)
    assert len(run.chips) == 40
    assert data_files(workspace.root) == in_threads
    for stage in ("chips", "embeddings"):
        completed = [n for name, n, total in reports if name == stage and total == 40]
        assert max(completed) == 40
        assert len(completed) >= 10


def test_run__a_worker_is_killed_while_it_embeds(
    client, workspace, settings, data_files, in_threads
):
    killed, lock = [], threading.Lock()

    def listen(stage):
        def report(completed, _total, _note):
            with lock:
                if stage == "embeddings" and not killed:
                    killed.extend(client.run(os.getpid).values())
                    for process in killed:
                        os.kill(process, signal.SIGKILL)
            return False

        return report

    run_on_workers(workspace, settings, reporter=listen)
    assert len(killed) == 2
    assert not set(killed) & set(client.run(os.getpid).values())
    assert data_files(workspace.root) == in_threads


@pytest.mark.usefixtures("client")
def test_run__continues_after_it_was_stopped(workspace, settings, data_files, in_threads):
    def stop_halfway(stage):
        return lambda completed, total, _: stage == "embeddings" and 2 * completed >= total

    with pytest.raises(Cancelled):
        run_on_workers(workspace, settings, reporter=stop_halfway)
    counts = []

    def listen(stage):
        return lambda n, *_: bool(counts.append(n) if stage == "embeddings" else None)

    run_on_workers(workspace, settings, reporter=listen)
    assert len(counts) < 10
    assert data_files(workspace.root) == in_threads


@pytest.mark.usefixtures("client")
def test_run__finished_blocks_are_kept_if_the_cluster_fails(
    workspace, settings, data_files, in_threads, monkeypatch
):
    await_result, n_results = work_streams.await_result, []

    def fail_late(client, future, *arguments):
        n_results.extend([1] if "embed_block" in future.key else [])
        if len(n_results) > 4:
            raise ClusterError("the connection to the Dask scheduler was lost")
        return await_result(client, future, *arguments)

    monkeypatch.setattr(work_streams, "await_result", fail_late)
    with pytest.raises(ClusterError):
        run_on_workers(workspace, settings)
    ledgers = list((workspace.artifacts / ".partial").glob("embeddings-*/blocks.done"))
    assert sum(len(ledger.read_text().split()) for ledger in ledgers) > 0
    monkeypatch.setattr(work_streams, "await_result", await_result)
    run_on_workers(workspace, settings)
    assert data_files(workspace.root) == in_threads


@pytest.mark.usefixtures("client")
def test_run__costs_of_workers_are_no_evidence_for_this_machine(workspace, settings):
    run = run_on_workers(workspace, settings)
    machines = {a.manifest["machine"] for a in run.view.artifacts["chips"]}
    assert machines == {"cluster"}
    # The encoder's fit stays in this process.
    assert run.view.artifacts["embeddings"][0].manifest["machine"] == machine_mark()


@pytest.mark.usefixtures("client")
def test_run__a_damaged_scene_is_left_out(workspace, settings):
    raster = workspace.raw / "b.tif"
    os.truncate(raster, raster.stat().st_size // 2)
    run = run_on_workers(workspace, settings)
    assert len(run.chips) == 20
    assert any("b.tif" in note for note in run.notes()), run.notes()


@pytest.mark.usefixtures("client")
def test_run__a_worker_with_other_weights_is_refused(workspace, settings, monkeypatch):
    monkeypatch.setattr(block_encoding, "_identity_text", lambda _: "another identity")
    with pytest.raises(WeightsError, match="a worker has other weights"):
        run_on_workers(workspace, settings)


def test_run__through_an_object_store(
    client, workspace, settings, data_files, in_threads, tmp_path_factory, monkeypatch
):
    store = tmp_path_factory.mktemp("store")
    monkeypatch.setattr(dask_cluster, "_exchange", f"file://{store}/exchange")
    (store / "exchange").mkdir()
    n_objects = []

    def listen(_stage):
        return lambda *_: bool(n_objects.append(len(list(store.rglob("*.npy")))))

    run_on_workers(workspace, settings, reporter=listen)
    assert data_files(workspace.root) == in_threads
    assert max(n_objects) > 0
    # Only the arrays of the encoder's fit remain until the command ends.
    fitted = len([name for name in in_threads if name.startswith("encoders") and "npy" in name])
    assert len(list(store.rglob("*.npy"))) == fitted


@pytest.mark.usefixtures("client")
@pytest.mark.parametrize("exchange", [False, True])
def test_overviews__equal_bytes_from_threads_and_workers(
    make_scene, data_files, tmp_path, tmp_path_factory, monkeypatch, exchange
):
    for name in ("first", "second"):
        make_scene(f"{name}.tif", height=2100, width=300, photometric="RGB")
    workspace = Workspace.at(tmp_path)
    survey = survey_scenes(workspace)
    with monkeypatch.context() as patch:
        patch.setattr(work_streams, "active_client", lambda: None)
        patch.setattr(overview_stage, "active_client", lambda: None)
        build_all_overviews(workspace, survey, DisplaySettings())
    expected = data_files(tmp_path, "overviews")
    assert len(expected) == 2
    shutil.rmtree(workspace.artifacts / "overviews")
    # This process cannot read scenes, so the workers have to.
    monkeypatch.setattr(tiles, "Reader", None)
    store = tmp_path_factory.mktemp("store")
    if exchange:
        monkeypatch.setattr(dask_cluster, "_exchange", f"file://{store}")
    reports = []
    states = build_all_overviews(
        workspace, survey, DisplaySettings(), lambda *step: bool(reports.append(step))
    )
    assert states == {"first": "built", "second": "built"}
    assert data_files(tmp_path, "overviews") == expected
    assert reports[-1][:2] == (4200, 4200)
    assert list(store.iterdir()) == []


@pytest.mark.usefixtures("client")
def test_overviews__can_be_cancelled_while_a_worker_writes(make_scene, tmp_path, monkeypatch):
    make_scene("large.tif", height=2100, width=300, photometric="RGB")
    workspace = Workspace.at(tmp_path)
    survey = survey_scenes(workspace)
    monkeypatch.setattr(worker_results, "POLL_SECONDS", 0.001)
    monkeypatch.setattr(overview_stage, "_fill_target", write_late)
    with pytest.raises(Cancelled):
        build_all_overviews(workspace, survey, DisplaySettings(), lambda *_: True)
    assert not (tmp_path / "late").exists()
    assert list((workspace.artifacts / "overviews").glob("[!.]*")) == []
