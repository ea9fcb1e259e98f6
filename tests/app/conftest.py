"""A small computed workspace whose class names look like markup."""

import importlib
import pkgutil
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import app
from app.session import cache, recent_workspaces
from app.session.saved_settings import save_settings
from app.widgets.sliders import cluster_sliders
from core.pipeline.run import run_pipeline
from core.pipeline.workspace import Workspace
from core.settings import CutSettings, GmmSettings, ProjectionSettings, RunSettings, TreeSettings
from tests.quay_scene import write_quay_scene

# A page imports its modules when it is first opened, which may be late in a run of the tests. They
# are imported together, so that they fit each other even if a file is edited in the meantime.
for module in pkgutil.walk_packages(app.__path__, "app."):
    if module.name not in ("app.main", "app.script"):
        importlib.import_module(module.name)

EVIL = "<img src=x onerror=alert(1)>"
CLASSES = ("pirogue", EVIL, "**merchant** ship")
N = 36
QUICK = RunSettings(
    method="gmm",
    gmm=GmmSettings(n_components=2, n_init=1),
    tree=TreeSettings(n_dims=10, min_samples=5),
    cut=CutSettings(min_cluster_size=5),
    projection=ProjectionSettings(n_iter=50),
)


def write_scene(raw: Path, name: str = "quay", n: int = N) -> None:
    """Write a scene with n squares of three textures, whose classes look like markup."""
    write_quay_scene(raw, lambda i: {"class": CLASSES[i % 3], "number": i}, name, n)


@pytest.fixture(scope="session")
def computed(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace in which every stage is computed for the settings that the app starts from."""
    workspace = Workspace.at(tmp_path_factory.mktemp("computed"))
    write_scene(workspace.raw)
    run_pipeline(workspace, QUICK)
    return workspace


@pytest.fixture(autouse=True)
def automatic_jobs(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Start no jobs by opening a page, unless a test calls this function."""
    most = cluster_sliders.AUTOMATIC_AT_MOST
    monkeypatch.setattr(cluster_sliders, "AUTOMATIC_AT_MOST", 0)
    return lambda: monkeypatch.setattr(cluster_sliders, "AUTOMATIC_AT_MOST", most)


@pytest.fixture(autouse=True)
def ended_jobs() -> Iterator[None]:
    """End the jobs that a test leaves behind, so that those of the next test need not wait."""
    yield
    running = cache.job_board().running_jobs()
    for job in running:
        job.cancel()
    for job in running:
        job.wait(10)


@pytest.fixture
def home(computed: Workspace, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """The computed workspace, which the app opens."""
    monkeypatch.setenv("CHIPSCAPE_WORKSPACE", str(computed.root))
    # The app saves the settings that a test requests, as it does for users.
    save_settings(computed, QUICK)
    yield computed
    # A test may have opened another folder, with which new sessions would begin.
    (computed.root / recent_workspaces.FILE).unlink(missing_ok=True)


@pytest.fixture
def open_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Workspace, RunSettings], Workspace]:
    """A function that copies a workspace, which the app then opens with some settings."""

    def copy(workspace: Workspace, settings: RunSettings) -> Workspace:
        root = tmp_path / "workspace"
        shutil.copytree(workspace.root, root)
        monkeypatch.setenv("CHIPSCAPE_WORKSPACE", str(root))
        save_settings(Workspace.at(root), settings)
        return Workspace.at(root)

    return copy


@pytest.fixture
def with_scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Workspace]:
    """A function that writes a scene of n annotations into the workspace that the app opens."""

    def write(n: int, name: str = "quay") -> Workspace:
        monkeypatch.setenv("CHIPSCAPE_WORKSPACE", str(tmp_path))
        workspace = Workspace.at(tmp_path)
        write_scene(workspace.raw, name, n)
        return workspace

    return write
