"""The app behind nginx, under a path prefix."""

import dataclasses
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not shutil.which("nginx"), reason="nginx is not installed"),
]
GUIDE = Path(__file__).resolve().parents[2] / "docs" / "server.md"


def read_documented_block(language):
    """Return the first block of code in a language in the guide."""
    return GUIDE.read_text(encoding="utf-8").split(f"```{language}\n")[1].split("```")[0]


@pytest.fixture
def proxied(serve, plotted_scene, tmp_path):
    """A server under the prefix of the documentation, and the URL at which nginx offers it."""
    server = serve(plotted_scene.root, prefix="/chipscape-at-work")
    with socket.socket() as free_socket:
        free_socket.bind(("127.0.0.1", 0))
        port = free_socket.getsockname()[1]
    block = read_documented_block("nginx").replace("listen 80;", f"listen 127.0.0.1:{port};")
    block = block.replace("127.0.0.1:8501", f"127.0.0.1:{server.port}")
    assert f":{port}" in block
    assert f":{server.port}" in block
    folders = "\n".join(
        f"{name}_temp_path {tmp_path / name};"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    # A main process of root would give up the right to read the folder of the test.
    user = "user root;" if os.geteuid() == 0 else ""
    config = tmp_path / "nginx.conf"
    config.write_text(
        f"{user}\ndaemon off;\npid {tmp_path / 'pid'};\nerror_log {tmp_path / 'error.log'};\n"
        f"events {{}}\nhttp {{\naccess_log off;\n{folders}\n{block}\n}}\n"
    )
    command = [shutil.which("nginx"), "-c", str(config), "-p", str(tmp_path)]
    with subprocess.Popen(command) as nginx:
        try:
            behind_proxy = dataclasses.replace(server, port=port)
            wait_for(f"{behind_proxy.url}/_stcore/health")
            yield behind_proxy
        finally:
            nginx.terminate()


def wait_for(url):
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    pytest.fail(f"no answer from {url}")


@pytest.mark.long
def test_proxy__pages_plot_map_and_clicks_work_under_a_prefix(proxied, visit):
    visitor = visit(proxied)
    failures = []
    visitor.page.on("response", lambda answer: answer.status >= 400 and failures.append(answer.url))
    visitor.go("explore")
    visitor.wait_for_plot()
    point = visitor.isolated_point()
    visitor.click(point)
    visitor.page.get_by_test_id("stImage").first.wait_for()
    visitor.go("map")
    visitor.page.locator("canvas").first.wait_for()
    visitor.wait_until_idle()
    assert visitor.page.url.startswith(proxied.url)
    own = [url for url in visitor.requests if "/chipscape/" in url]
    assert any("/chipscape/points/" in url or "/chipscape/numbers/" in url for url in own)
    assert any("/chipscape/tiles/" in url for url in own)
    assert all(url.startswith(f"{proxied.url}/chipscape/") for url in own)
    assert visitor.foreign_requests() == []
    assert visitor.exceptions() == []
    # Streamlit looks for its server in each part of the path; the first attempt is a 404.
    assert [url for url in failures if "/_stcore/" not in url] == []


def test_proxy__health_is_reported_and_foreign_pages_are_refused(proxied):
    with urllib.request.urlopen(f"{proxied.url}/chipscape/health", timeout=30) as answer:
        assert json.load(answer)["status"] == "ok"
    for headers in ({"Origin": "http://evil.example"}, {"Host": "evil.example"}):
        request = urllib.request.Request(f"{proxied.url}/chipscape/health", headers=headers)
        with pytest.raises(urllib.error.HTTPError) as refusal:
            urllib.request.urlopen(request, timeout=30)
        assert refusal.value.code == 403
