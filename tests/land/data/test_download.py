import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from core.errors import Cancelled, ChipscapeError, SettingsError, WorkspaceError
from core.land.data.download import FetchSettings, download_file

BODY = np.random.default_rng(0).bytes(3_000_000)
SHA = hashlib.sha256(BODY).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """A server that can cut connections, ignore ranges, change its file, or fail."""

    protocol_version = "HTTP/1.1"
    body: ClassVar[bytes] = BODY
    etag: ClassVar[str] = '"one"'
    breaks: ClassVar[list[int]] = []
    codes: ClassVar[list[int]] = []
    ranges: ClassVar[bool] = True
    requests: ClassVar[list[tuple[str | None, str | None]]] = []
    shifted: ClassVar[int] = 0

    def do_GET(self) -> None:
        cls = type(self)
        requested = self.headers.get("Range")
        cls.requests.append((requested, self.headers.get("If-Range")))
        if cls.codes:
            self.send_response(cls.codes.pop(0))
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        start = 0
        if requested and cls.ranges and self.headers.get("If-Range") == cls.etag:
            start = int(requested.removeprefix("bytes=").rstrip("-")) + cls.shifted
            if start >= len(cls.body):
                self.send_response(416)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(206)
            size = len(cls.body)
            self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
        else:
            self.send_response(200)
        part = cls.body[start:]
        self.send_header("Content-Length", str(len(part)))
        if cls.etag:
            self.send_header("ETag", cls.etag)
        self.end_headers()
        limit = cls.breaks.pop(0) if cls.breaks else len(part)
        self.wfile.write(part[:limit])
        if limit < len(part):
            self.close_connection = True

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[type[Handler]]:
    """A separate server for each test; its address is `url`."""
    handler = type("TestHandler", (Handler,), {"breaks": [], "codes": [], "requests": []})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        handler.url = f"http://127.0.0.1:{running.server_port}/toy.zip"  # type: ignore[attr-defined]
        thread = threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield handler
        running.shutdown()
        thread.join()


def settings(server: Any, **changes: Any) -> FetchSettings:
    return FetchSettings(**{"url": server.url, "timeout": 5.0, "attempts": 3} | changes)


def test_download__complete_file(server: Any, tmp_path: Path) -> None:
    reports: list[tuple[int, int]] = []
    target = tmp_path / "deep" / "toy.zip"

    def listen(n_bytes: int, total: int, note: str) -> bool:
        reports.append((n_bytes, total))
        assert note == "toy.zip"
        return False

    assert download_file(settings(server, sha256=SHA.upper()), target, listen) == SHA
    assert target.read_bytes() == BODY
    assert reports[-1] == (len(BODY), len(BODY))
    assert [p.name for p in target.parent.iterdir()] == ["toy.zip"]
    assert server.requests == [(None, None)]


def test_download__resumes_after_a_lost_connection(server: Any, tmp_path: Path) -> None:
    server.breaks.extend([1_200_000, 700_000])
    download_file(settings(server), tmp_path / "toy.zip")
    assert (tmp_path / "toy.zip").read_bytes() == BODY
    assert len(server.requests) == 3
    assert server.requests[1] == ("bytes=1200000-", '"one"')
    assert server.requests[2] == ("bytes=1900000-", '"one"')


def test_download__resumes_in_another_run(server: Any, tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        download_file(
            settings(server), tmp_path / "toy.zip", lambda n_bytes, *_: n_bytes > 1_500_000
        )
    n_bytes = (tmp_path / "toy.zip.part").stat().st_size
    assert 1_500_000 < n_bytes < len(BODY)
    assert not (tmp_path / "toy.zip").exists()
    download_file(settings(server, sha256=SHA), tmp_path / "toy.zip")
    assert server.requests[1][0] == f"bytes={n_bytes}-"


def test_download__file_changed_on_the_server(server: Any, tmp_path: Path) -> None:
    server.breaks.append(1_000_000)
    with pytest.raises(ChipscapeError):
        download_file(settings(server, attempts=1), tmp_path / "toy.zip")
    server.etag, server.body = '"two"', BODY[::-1]
    download_file(settings(server), tmp_path / "toy.zip")
    assert (tmp_path / "toy.zip").read_bytes() == BODY[::-1]


def test_download__another_address_is_not_resumed(server: Any, tmp_path: Path) -> None:
    server.breaks.append(1_000_000)
    with pytest.raises(ChipscapeError):
        download_file(settings(server, attempts=1), tmp_path / "toy.zip")
    download_file(settings(server, url=server.url + "?other"), tmp_path / "toy.zip")
    assert server.requests[1] == (None, None)
    assert (tmp_path / "toy.zip").read_bytes() == BODY


@pytest.mark.parametrize(("etag", "ranges"), [('"one"', False), ("", True), ('W/"one"', True)])
def test_download__server_without_ranges_or_tags(
    server: Any, tmp_path: Path, etag: str, ranges: bool
) -> None:
    server.etag, server.ranges = etag, ranges
    server.breaks.append(1_000_000)
    download_file(settings(server), tmp_path / "toy.zip")
    assert (tmp_path / "toy.zip").read_bytes() == BODY
    second = ("bytes=1000000-", '"one"') if not ranges else (None, None)
    assert server.requests == [(None, None), second]


def test_download__partial_file_is_longer_than_the_file(server: Any, tmp_path: Path) -> None:
    server.breaks.append(2_000_000)
    with pytest.raises(ChipscapeError):
        download_file(settings(server, attempts=1), tmp_path / "toy.zip")
    server.body = BODY[:1_000_000]
    download_file(settings(server), tmp_path / "toy.zip")
    assert (tmp_path / "toy.zip").read_bytes() == BODY[:1_000_000]


def test_download__server_sends_a_wrong_range(server: Any, tmp_path: Path) -> None:
    server.breaks.append(1_000_000)
    server.shifted = 7
    download_file(settings(server), tmp_path / "toy.zip")
    assert (tmp_path / "toy.zip").read_bytes() == BODY


def test_download__checksum_differs(server: Any, tmp_path: Path) -> None:
    with pytest.raises(ChipscapeError, match="checksum"):
        download_file(settings(server, sha256="0" * 64), tmp_path / "toy.zip")
    assert list(tmp_path.iterdir()) == []


def test_download__server_errors(server: Any, tmp_path: Path) -> None:
    server.codes.extend([503, 500])
    download_file(settings(server), tmp_path / "toy.zip")
    assert len(server.requests) == 3
    server.codes.append(404)
    with pytest.raises(ChipscapeError, match="404"):
        download_file(settings(server), tmp_path / "other.zip")
    assert len(server.requests) == 4


def test_download__too_many_lost_connections(server: Any, tmp_path: Path) -> None:
    server.breaks.extend([10, 10, 10])
    with pytest.raises(ChipscapeError, match="the connection was lost after 30 of 3000000 bytes"):
        download_file(settings(server), tmp_path / "toy.zip")
    assert (tmp_path / "toy.zip.part").stat().st_size == 30


def test_download__no_server(tmp_path: Path) -> None:
    closed = FetchSettings(url="http://127.0.0.1:9/toy.zip", attempts=1, timeout=2.0)
    with pytest.raises(ChipscapeError, match="Check the network"):
        download_file(closed, tmp_path / "toy.zip")


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://host/x", "toy.zip"])
def test_download__only_http(tmp_path: Path, url: str) -> None:
    with pytest.raises(SettingsError, match="not an http address"):
        download_file(FetchSettings(url=url), tmp_path / "toy.zip")


def test_download__cannot_be_written(server: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(WorkspaceError):
        download_file(settings(server), tmp_path / "file" / "toy.zip")
    (tmp_path / "toy.zip.part").mkdir()
    with pytest.raises(ChipscapeError):
        download_file(settings(server), tmp_path / "toy.zip")
