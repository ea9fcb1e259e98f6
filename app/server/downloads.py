"""Downloads that a route sends piece by piece: files, and tables written while they are sent.

Streamlit's own download button reads the whole file into the memory of the server, where it stays
as long as the page is open.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path
from secrets import token_hex
from urllib.parse import quote

import streamlit as st
from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse

from app.map.tile_routes import serve_nothing
from app.map.tile_shelf import Shelf, share_value

# A file may be replaced by a new export, so a browser must not keep it.
HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
# Without it, the address of a file could be computed from its path.
_SECRET = token_hex(16)


@dataclass(frozen=True)
class Download:
    """The name under which a browser saves a download, its type, and the file or its pieces.

    `content` is the path of a file, or a function that yields pieces of any size.
    """

    name: str
    mime: str
    content: Path | Callable[[], Iterator[bytes]]


downloads: Shelf[Download] = Shelf(256)


def download_link(label: str, download: Download, inputs: str) -> None:
    """Draw a link that looks like a button and downloads; `inputs` must change with the content."""
    address = share_value(downloads, "downloads", f"{_SECRET}|{download.name}|{inputs}", download)
    name = escape(download.name)
    st.html(f'<a class="cs-download" href="{address}" download="{name}">{escape(label)}</a>')


def serve_download(request: Request) -> Response:
    """Send a download, ``/chipscape/downloads/{key}``; a 404 if its file no longer exists."""
    download = downloads.get(request.path_params["key"])
    if download is None:
        return serve_nothing(request)
    disposition = f"attachment; filename*=utf-8''{quote(download.name)}"
    headers = {**HEADERS, "Content-Disposition": disposition}
    content = download.content
    if not isinstance(content, Path):
        return StreamingResponse(content(), media_type=download.mime, headers=headers)
    if not content.is_file():
        return serve_nothing(request)
    return FileResponse(content, media_type=download.mime, headers=headers)
