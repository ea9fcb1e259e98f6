"""No request leaves the machine: every process has a proxy that records what it is asked for."""

import json
import os
import socketserver
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

pytestmark = pytest.mark.browser
SCHEMES = ("http", "https", "all", "ftp")
# Runs in every Python process: records the names that are looked up and the addresses that are
# contacted, which a program that ignores the proxy could not hide.
RECORD_SOCKETS = """
import ipaddress, os, sys

def record(event, arguments):
    if event == "socket.getaddrinfo":
        host = arguments[0]
    elif event in ("socket.connect", "socket.sendto"):
        host = arguments[1][0] if isinstance(arguments[1], tuple) else None
    else:
        return
    host = host.decode() if isinstance(host, bytes) else host
    if host in (None, "", "localhost", "0.0.0.0", "::"):
        return
    try:
        local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = False
    if not local:
        with open(os.environ["RECORDED_SOCKETS"], "a") as file:
            file.write(f"{event} {host} by {sys.argv}\\n")

sys.addaudithook(record)
"""


class RecordingProxy(socketserver.ThreadingTCPServer):
    """An HTTP proxy that refuses every request and remembers its first line."""

    daemon_threads = True

    def __init__(self):
        self.requests = []
        super().__init__(("127.0.0.1", 0), _RefusingHandler)

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_address[1]}"


class _RefusingHandler(socketserver.StreamRequestHandler):
    def handle(self):
        self.server.requests.append(self.rfile.readline(2000).decode("latin-1").strip())
        self.wfile.write(b"HTTP/1.1 502 Refused\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


@pytest.fixture
def recorder(tmp_path, monkeypatch):
    """A recording proxy that all processes use from now on, and a record of their sockets."""
    with RecordingProxy() as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        for scheme in SCHEMES:
            for name in (f"{scheme}_proxy", f"{scheme.upper()}_PROXY"):
                monkeypatch.setenv(name, proxy.address)
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.setenv(name, "127.0.0.1,localhost")
        hook, sockets = tmp_path / "hook", tmp_path / "sockets.txt"
        hook.mkdir()
        sockets.touch()
        (hook / "sitecustomize.py").write_text(RECORD_SOCKETS)
        path = os.pathsep.join(filter(None, [str(hook), os.environ.get("PYTHONPATH", "")]))
        monkeypatch.setenv("PYTHONPATH", path)
        monkeypatch.setenv("RECORDED_SOCKETS", str(sockets))
        # Otherwise a machine that is configured to be offline would hide a request.
        for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
            monkeypatch.delenv(name, raising=False)
        proxy.sockets = lambda: sockets.read_text().splitlines()
        yield proxy
        proxy.shutdown()


def run_python(*arguments):
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_recorder__records_requests_and_sockets(recorder):
    run_python("-c", "import requests; requests.get('http://a.example/x', timeout=5)")
    assert recorder.requests == ["GET http://a.example/x HTTP/1.1"]
    assert recorder.sockets() == []
    run_python("-c", "import socket; socket.socket().connect_ex(('192.0.2.1', 9))")
    run_python("-c", "import socket; socket.getaddrinfo('b.invalid', 80)")
    assert [line.split()[1] for line in recorder.sockets()] == ["192.0.2.1", "b.invalid"]


@pytest.mark.long
def test_commands__send_nothing(recorder, tmp_path):
    root = tmp_path / "work"
    commands = [
        ("demo",),
        ("scenes",),
        ("run", "--method", "gmm", "--until", "projection"),
        ("export", "--format", "gpkg,report", "--out", tmp_path / "out"),
        ("runs",),
    ]
    for name, *options in commands:
        process = run_python("-m", "core", name, "--workspace", root, "--json", *options)
        assert process.returncode == 0, process.stderr
        assert json.loads(process.stdout.splitlines()[-1])
    assert recorder.requests == []
    assert recorder.sockets() == []


def connect_from(url, origin):
    """Try to open Streamlit's WebSocket; return the status of the refusal, or 101."""
    address = f"{url.replace('http', 'ws', 1)}/_stcore/stream"
    try:
        with connect(address, origin=origin, open_timeout=30, proxy=None):
            return 101
    except InvalidStatus as refusal:
        return refusal.response.status_code


def test_server__foreign_pages_cause_no_request_and_do_not_stop_it(recorder, serve, tmp_path):
    server = serve(tmp_path / "work")
    assert connect_from(server.url, origin=server.url) == 101
    foreign = ("http://evil.example", "null", "http://localhost:3000", "http://10.0.0.1:8501")
    for origin in foreign:
        # Streamlit refuses some of them too, but only after it has asked for the address.
        assert connect_from(server.url, origin=origin) == 403
    for path in ("", "/_stcore/health", "/explore", "/chipscape/texts/x"):
        for headers in ({"Origin": foreign[0]}, {"Host": "evil.example"}):
            request = urllib.request.Request(server.url + path, headers=headers)
            with pytest.raises(urllib.error.HTTPError) as refusal:
                urllib.request.urlopen(request, timeout=30)
            assert refusal.value.code == 403
    assert recorder.requests == []
    assert recorder.sockets() == []
    log = server.log.read_text()
    assert "Traceback" not in log
    assert "external IP" not in log


@pytest.mark.long
def test_server__on_all_networks_asks_nobody_for_its_address(recorder, serve, tmp_path):
    serve(tmp_path / "work", "--server.address", "0.0.0.0")
    assert recorder.requests == []
    assert recorder.sockets() == []


@pytest.mark.long
def test_pages__first_visit_with_the_demo_sends_nothing(recorder, serve, visit, tmp_path):
    (tmp_path / "work" / "demo").mkdir(parents=True)
    server = serve(tmp_path / "work")
    visitor = visit(server)
    visitor.page.set_default_timeout(240_000)
    visitor.page.goto(server.url)
    visitor.frame.locator(".nsewdrag").first.wait_for()
    visitor.page.locator(".st-key-cs_job").wait_for(state="hidden")
    for name in ("scenes", "chips", "embeddings", "clusters", "map", "runs"):
        visitor.go(name)
    time.sleep(1)
    assert visitor.foreign_requests() == []
    assert recorder.requests == []
    assert recorder.sockets() == []
