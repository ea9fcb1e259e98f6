"""A synthetic data set of three patches, generated once and copied for each module."""

import shutil

import pytest

from core.pipeline.land.land_workspace import ensure_land_cover, flair_folder
from core.pipeline.workspace import Workspace


@pytest.fixture(scope="session")
def look_alike(tmp_path_factory):
    workspace = Workspace(tmp_path_factory.mktemp("look-alike"))
    ensure_land_cover(workspace, 3)
    return flair_folder(workspace)


@pytest.fixture(scope="module")
def workspace(look_alike, tmp_path_factory):
    """A workspace with one patch in each of two training domains and of one test domain."""
    root = tmp_path_factory.mktemp("land")
    shutil.copytree(look_alike, root / "flair")
    return Workspace.at(root)
