"""Scenes by address: GeoTIFFs on a web server that the user named in `raw/urls.txt`, one a line.

Nothing else leads to the network. A remote scene has a path like any other, `raw/urls.txt/NAME`,
which is no file: only `open_scene` knows that it stands for an address.
"""

from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import quote, unquote, urlsplit
from urllib.request import Request, urlopen

from core.errors import SceneError

LIST = "urls.txt"
SCHEMES = ("http", "https")
SUFFIXES = (".tif", ".tiff")
MOST_BYTES = 2**20
SECONDS = 10


def is_remote(path: Path) -> bool:
    """True if a scene's path stands for an address."""
    return path.parent.name == LIST and path.parent.is_file()


def home(path: Path) -> Path:
    """The folder that a scene's annotations lie in."""
    return path.parent.parent if is_remote(path) else path.parent


def find_remote(folder: Path) -> list[Path]:
    """A path for each line of the list, sorted; a line that is no address gets one too."""
    there = folder / LIST
    if not there.is_file() or not there.resolve().is_relative_to(folder.resolve()):
        return []
    return sorted(there / name for name in _lines(there))


def address(path: Path) -> str:
    """The address that a remote scene's path stands for.

    Raises
    ------
    SceneError
        If it is gone from the list, or is no http or https address of a GeoTIFF.
    """
    line = _lines(path.parent).get(path.name, "")
    try:
        parts = urlsplit(line)
        plain = parts.scheme.lower() in SCHEMES and parts.hostname and not parts.username
        fits = plain and parts.path.lower().endswith(SUFFIXES)
    except ValueError:
        fits = False
    if not fits:
        raise SceneError(
            f"{line!r} is no address of a GeoTIFF",
            where=LIST,
            remedy="Expected http:// or https://, without a password, ending in .tif or .tiff.",
        )
    return line


def gdal_name(path: Path) -> str:
    """What GDAL opens: ranges of the one file, no listing, no files beside it."""
    options = f"empty_dir=yes&use_head=yes&max_retry=2&retry_delay=1&timeout={3 * SECONDS}"
    return f"/vsicurl?{options}&url={quote(address(path), safe='')}"


def fingerprint(path: Path) -> dict[str, Any]:
    """What tells one version of a remote file from the next: the server's own words."""
    try:
        with urlopen(Request(address(path), method="HEAD"), timeout=SECONDS) as answer:
            told = {n: answer.headers.get(n, "") for n in ("ETag", "Last-Modified")}
            return {"url": address(path), "bytes": answer.headers.get("Content-Length", "")} | told
    except SceneError as error:
        return {"refused": str(error)}
    except (URLError, OSError, ValueError) as error:
        return {"url": address(path), "unreachable": type(error).__name__}


def _lines(there: Path) -> dict[str, str]:
    """Addresses by the name of their scene; the first of two with one name."""
    with there.open(encoding="utf-8", errors="replace") as opened:
        text = opened.read(MOST_BYTES)
    found: dict[str, str] = {}
    for line in (line.strip() for line in text.splitlines()):
        if line and not line.startswith("#"):
            name = Path(unquote(urlsplit(line).path)).name if "[" not in line else ""
            found.setdefault(name or "address.tif", line)
    return found
