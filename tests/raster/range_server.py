"""A web server of one folder that gives ranges; a process of its own, since rasterio may hold the
interpreter's lock while it waits for an answer."""

import http.server
import sys
from pathlib import Path


class Ranges(http.server.BaseHTTPRequestHandler):
    """Ranges and HEAD; what was asked for is noted in a file."""

    folder, log = Path(), Path()

    def _send(self, body: bool) -> None:
        path = self.folder / self.path.lstrip("/")
        wanted = self.headers.get("Range", "")
        with self.log.open("a") as noted:
            noted.write(f"{self.path} {wanted}\n")
        if not path.is_file():
            self.send_error(404)
            return
        content = path.read_bytes()
        first, last = 0, len(content) - 1
        if wanted:
            begin, _, end = wanted.removeprefix("bytes=").partition("-")
            first, last = int(begin), min(int(end or last), last)
        part = content[first : last + 1]
        self.send_response(206 if wanted else 200)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("ETag", f'"{len(content)}-{path.stat().st_mtime_ns}"')
        self.send_header("Content-Range", f"bytes {first}-{last}/{len(content)}")
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        if body:
            self.wfile.write(part)

    def do_GET(self) -> None:
        self._send(True)

    def do_HEAD(self) -> None:
        self._send(False)

    def log_message(self, *_: object) -> None:
        pass


if __name__ == "__main__":
    Ranges.folder, Ranges.log = Path(sys.argv[1]), Path(sys.argv[2])
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Ranges) as served:
        sys.stdout.write(f"{served.server_port}\n")
        sys.stdout.flush()
        served.serve_forever()
