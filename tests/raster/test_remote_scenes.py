import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from shapely.geometry import box

from core.errors import SceneError
from core.pipeline.scene_survey import survey_scenes
from core.pipeline.workspace import Workspace
from core.raster.pixel_reader import Reader
from core.raster.remote_scenes import is_remote, remote_address, remote_fingerprint
from core.raster.scene import find_rasters, read_scene
from core.raster.scene_report import inspect_scene


class Server:
    """A web server: its folder, its address and the requests that it received."""

    def __init__(self, folder, log, port):
        self.folder, self.log = folder, log
        self.base = f"http://127.0.0.1:{port}"

    @property
    def requests(self):
        return [line.split(" ") for line in self.log.read_text().splitlines()]


@pytest.fixture
def server(tmp_path):
    folder, log = tmp_path / "server", tmp_path / "log"
    folder.mkdir()
    script = Path(__file__).with_name("range_server.py")
    with subprocess.Popen(
        [sys.executable, str(script), str(folder), str(log)], stdout=subprocess.PIPE, text=True
    ) as process:
        yield Server(folder, log, process.stdout.readline().strip())
        process.terminate()


@pytest.fixture
def list_addresses(tmp_path):
    def write(*lines):
        (tmp_path / "raw").mkdir(exist_ok=True)
        (tmp_path / "raw" / "urls.txt").write_text("\n".join(lines))
        return find_rasters(tmp_path / "raw")

    return write


def test_inspect_scene__a_remote_cog_is_read_in_ranges_and_annotated_from_raw(
    make_scene, make_annotations, to_ground, server, list_addresses, tmp_path
):
    content = np.random.default_rng(0).integers(0, 255, (3, 1500, 1500), np.uint8)
    file = make_scene("far.tif", content, folder=server.folder, tiled=True, overviews=(2, 4))
    (path,) = list_addresses("# a comment", f"{server.base}/far.tif", "")
    assert is_remote(path)
    make_annotations(tmp_path / "raw" / "far.tif", [to_ground(box(40, 40, 90, 80))])
    report, scene, footprints = inspect_scene(path)
    assert (report.ok, report.annotations, report.crs) == (True, 1, "EPSG:32631")
    assert footprints.pixels[0].bounds == pytest.approx((40, 40, 90, 80), abs=1e-3)
    with Reader(scene) as reader:
        assert np.array_equal(
            reader.read((900, 900, 1000, 1000)).values, content[:, 900:1000, 900:1000]
        )
    assert {path for path, _ in server.requests} == {"/far.tif"}
    ranges = [r.removeprefix("bytes=").split("-") for _, r in server.requests if r]
    assert ranges
    assert max(int(b) - int(a) for a, b in ranges) < file.stat().st_size / 2


def test_remote_fingerprint__a_new_version_has_another_key(
    make_scene, server, list_addresses, tmp_path
):
    make_scene("far.tif", folder=server.folder)
    (path,) = list_addresses(f"{server.base}/far.tif")
    workspace = Workspace.at(tmp_path)
    first = survey_scenes(workspace).scenes[0]
    assert first.report.ok
    assert survey_scenes(workspace).cached
    make_scene("far.tif", folder=server.folder, height=130)
    assert remote_fingerprint(path)["ETag"]
    assert survey_scenes(workspace).scenes[0].artifact.key != first.artifact.key


def test_read_scene__a_missing_remote_file_is_an_error(server, list_addresses):
    (path,) = list_addresses(f"{server.base}/none.tif")
    with pytest.raises(SceneError, match=r"^none\.tif: the file cannot be opened over the network"):
        read_scene(path)
    assert remote_fingerprint(path)["unreachable"] == "HTTPError"


@pytest.mark.parametrize(
    "line",
    [
        "file:///etc/passwd.tif",
        "/etc/passwd.tif",
        "ftp://a/b.tif",
        "http://a/b.vrt",
        "b",
        "http:///b.tif",
        "/vsizip//x.zip/b.tif",
        "http://me:secret@a/b.tif",
        "http://[bad/b.tif",
    ],
)
def test_remote_address__only_http_and_only_geotiffs(list_addresses, line):
    (path,) = list_addresses(line)
    with pytest.raises(SceneError):
        remote_address(path)
    report, _, _ = inspect_scene(path)
    assert not report.ok
    assert "is not the address of a GeoTIFF" in report.error
    assert "refused" in remote_fingerprint(path)


def test_find_rasters__a_list_that_is_a_link_is_not_followed(tmp_path):
    (tmp_path / "raw").mkdir()
    (tmp_path / "list").write_text("http://127.0.0.1:9/a.tif")
    (tmp_path / "raw" / "urls.txt").symlink_to(tmp_path / "list")
    assert find_rasters(tmp_path / "raw") == []
