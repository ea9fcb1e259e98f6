"""Remote scenes: GeoTIFFs on web servers whose addresses the user lists in `raw/urls.txt`.

The file holds one address per line, and nothing else causes network access. A remote scene has a
path like any other, `raw/urls.txt/NAME`. No such file exists; only `open_scene` translates the path
into its address.
"""

from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import quote, unquote, urlsplit
from urllib.request import Request, urlopen

from core.errors import SceneError
from core.raster.sidecars import RASTER_SUFFIXES

LIST = "urls.txt"
SCHEMES = ("http", "https")
MAX_LIST_BYTES = 2**20
TIMEOUT_SECONDS = 10


def is_remote(path: Path) -> bool:
    """Return True if a scene's path represents a web address."""
    return path.parent.name == LIST and path.parent.is_file()


def annotation_folder(path: Path) -> Path:
    """Return the folder that a scene's annotations lie in."""
    return path.parent.parent if is_remote(path) else path.parent


def find_remote_scenes(folder: Path) -> list[Path]:
    """Return a path for each line of the list, sorted; invalid addresses are included."""
    list_file = folder / LIST
    if not list_file.is_file() or not list_file.resolve().is_relative_to(folder.resolve()):
        return []
    return sorted(list_file / name for name in _addresses(list_file))


def remote_address(path: Path) -> str:
    """Return the web address that a remote scene's path represents.

    Raises SceneError if it is no longer in the list, or is not the address of a GeoTIFF.
    """
    address = _addresses(path.parent).get(path.name, "")
    try:
        parts = urlsplit(address)
        is_plain = parts.scheme.lower() in SCHEMES and parts.hostname and not parts.username
        is_valid = is_plain and parts.path.lower().endswith(RASTER_SUFFIXES)
    except ValueError:
        is_valid = False
    if not is_valid:
        raise SceneError(
            f"{address!r} is not the address of a GeoTIFF",
            where=LIST,
            remedy="Expected http:// or https://, without a password, ending in .tif or .tiff.",
        )
    return address


def gdal_path(path: Path) -> str:
    """Return the path by which GDAL reads byte ranges of this file and opens no other file."""
    options = f"empty_dir=yes&use_head=yes&max_retry=2&retry_delay=1&timeout={3 * TIMEOUT_SECONDS}"
    return f"/vsicurl?{options}&url={quote(remote_address(path), safe='')}"


def remote_fingerprint(path: Path) -> dict[str, Any]:
    """Return the HTTP headers that distinguish versions of a remote file."""
    try:
        address = remote_address(path)
    except SceneError as error:
        return {"refused": str(error)}
    try:
        # `remote_address` accepts http and https only, so no file is opened.
        request = Request(address, method="HEAD")  # noqa: S310
        with urlopen(request, timeout=TIMEOUT_SECONDS) as response:  # noqa: S310
            headers = {name: response.headers.get(name, "") for name in ("ETag", "Last-Modified")}
            return {"url": address, "bytes": response.headers.get("Content-Length", "")} | headers
    except (URLError, OSError, ValueError) as error:
        return {"url": address, "unreachable": type(error).__name__}


def _addresses(list_file: Path) -> dict[str, str]:
    """Return the listed addresses by scene name; of equal names, the first address is used."""
    with list_file.open(encoding="utf-8", errors="replace") as stream:
        text = stream.read(MAX_LIST_BYTES)
    addresses: dict[str, str] = {}
    for line in map(str.strip, text.splitlines()):
        if line and not line.startswith("#"):
            name = Path(unquote(urlsplit(line).path)).name if "[" not in line else ""
            addresses.setdefault(name or "address.tif", line)
    return addresses
