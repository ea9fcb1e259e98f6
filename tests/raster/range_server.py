"""A web server that serves byte ranges of the files in one folder.

It runs as a separate process, since rasterio may hold the GIL while it waits for a response.
"""

import http.server
import sys
from pathlib import Path


class RangeHandler(http.server.BaseHTTPRequestHandler):
    """Answer GET with ranges and HEAD, and log each request to a file."""

    folder, log = Path(), Path()

    def _respond(self, with_body: bool) -> None:
        path = self.folder / self.path.lstrip("/")
        byte_range = self.headers.get("Range", "")
        with self.log.open("a") as log:
            log.write(f"{self.path} {byte_range}\n")
        if not path.is_file():
            self.send_error(404)
            return
        content = path.read_bytes()
        first, last = 0, len(content) - 1
        if byte_range:
            begin, _, end = byte_range.removeprefix("bytes=").partition("-")
            first, last = int(begin), min(int(end or last), last)
        part = content[first : last + 1]
        self.send_response(206 if byte_range else 200)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("ETag", f'"{len(content)}-{path.stat().st_mtime_ns}"')
        self.send_header("Content-Range", f"bytes {first}-{last}/{len(content)}")
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        if with_body:
            self.wfile.write(part)

    def do_GET(self) -> None:
        self._respond(True)

    def do_HEAD(self) -> None:
        self._respond(False)

    def log_message(self, *_: object) -> None:
        pass


if __name__ == "__main__":
    RangeHandler.folder, RangeHandler.log = Path(sys.argv[1]), Path(sys.argv[2])
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), RangeHandler) as server:
        sys.stdout.write(f"{server.server_port}\n")
        sys.stdout.flush()
        server.serve_forever()
