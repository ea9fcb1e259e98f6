"""Download of FLAIR's toy data set; an interrupted download can be resumed."""

import json
import logging
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path

from core.artifacts.keys import file_checksum
from core.disk import disk_error
from core.errors import ChipscapeError, SettingsError, WorkspaceError
from core.progress import Progress, report_step, silent
from core.tables import Checked, bounded

log = logging.getLogger(__name__)

# Source: the Colab version of the original notebook (see docs/land_cover.md).
TOY_URL = (
    "https://storage.gra.cloud.ovh.net/v1/AUTH_366279ce616242ebb14161b7991a8461/defi-ia/"
    "flair_data_2/flair_2_toy_dataset.zip"
)
CHUNK = 1 << 20
"""Number of bytes to read at once."""
# Client errors after which another attempt may succeed.
_TRANSIENT = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)


@dataclass(frozen=True)
class FetchSettings(Checked):
    """The source of the data, and limits on the download.

    Attributes
    ----------
    url : str
        The address of the zip archive, http or https.
    sha256 : str
        The checksum of the archive; empty to accept any archive that passes its own CRC checks.
    timeout : float
        Seconds without data after which an attempt fails.
    attempts : int
        Number of attempts before the download fails.
    most_gigabytes : float
        Unpacked size above which the archive is refused.
    most_files : int
        Number of files above which the archive is refused.
    """

    url: str = TOY_URL
    sha256: str = ""
    timeout: float = bounded(30.0, 0.1, 3600)
    attempts: int = bounded(5, 1, 100)
    most_gigabytes: float = bounded(60.0, 0.000001, 100_000)
    most_files: int = bounded(100_000, 1, 10_000_000)


class _StalePart(Exception):
    """The partial file of an earlier attempt does not match the file on the server."""


def download_file(settings: FetchSettings, target: Path, report: Progress = silent) -> str:
    """Download a file and return its SHA-256, continuing the partial file of an earlier attempt.

    Until the target is complete it is called `<name>.part`; this partial file remains if the
    listener asks to stop. Progress is counted in bytes.

    Raises
    ------
    SettingsError
        If the address is not http or https.
    ChipscapeError
        If the server cannot be reached, all attempts fail, or the checksum differs.
    WorkspaceError
        If the file cannot be written.
    """
    if not settings.url.lower().startswith(("http://", "https://")):
        raise SettingsError(f"{settings.url!r} is not an http address", where="url")
    part = target.with_name(f"{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _download_part(settings, part, report)
        checksum = file_checksum(part)
        if settings.sha256 and checksum != settings.sha256.lower():
            _delete_part(part)
            raise ChipscapeError(
                f"the file was deleted: its checksum is {checksum}, not {settings.sha256.lower()}",
                where=settings.url,
                remedy="Try again; if the checksum stays the same, the file on the server changed.",
            )
        part.replace(target)
        _note_path(part).unlink(missing_ok=True)
    except OSError as error:
        raise disk_error(error, part, target) or WorkspaceError(
            "the file cannot be written", where=str(target), remedy=f"{error}."
        ) from error
    return checksum


def _download_part(settings: FetchSettings, part: Path, report: Progress) -> None:
    """Complete the partial file in as many attempts as the settings allow."""
    for attempt in range(1, settings.attempts + 1):
        try:
            _resume(settings, part, report)
            return
        except (_StalePart, OSError, HTTPException) as error:
            if isinstance(error, _StalePart):
                _delete_part(part)
            log.warning("attempt %d of %d: %s", attempt, settings.attempts, _describe(error))
            if attempt == settings.attempts or _is_final(error, part):
                raise _download_error(settings, error) from error
        time.sleep(min(0.1 * 2**attempt, settings.timeout))


def _resume(settings: FetchSettings, part: Path, report: Progress) -> None:
    """Append the missing bytes to the partial file in one request."""
    size, version = _read_part(part, settings.url)
    # FetchSettings accepts http and https only, so no file is opened.
    request = urllib.request.Request(  # noqa: S310
        settings.url, headers={"User-Agent": "chipscape"}
    )
    if size:
        request.add_header("Range", f"bytes={size}-")
        request.add_header("If-Range", version)
    try:
        response = urllib.request.urlopen(  # noqa: S310
            request, timeout=settings.timeout
        )
    except urllib.error.HTTPError as error:
        with error:
            if error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                raise _StalePart(
                    "the partial file is longer than the file on the server"
                ) from error
        raise
    with response:
        if size and response.status == HTTPStatus.PARTIAL_CONTENT:
            if not str(response.headers.get("Content-Range", "")).startswith(f"bytes {size}-"):
                raise _StalePart("the server sent a different range from the one requested")
        else:
            size = 0
        length = response.headers.get("Content-Length")
        total = size + int(length) if length else 0
        version = response.headers.get("ETag") or response.headers.get("Last-Modified") or ""
        # A weak tag does not guarantee equal bytes (RFC 9110, 13.1.5).
        version = "" if version.startswith("W/") else version
        note = {"url": settings.url, "version": version}
        _note_path(part).write_text(json.dumps(note), encoding="utf-8")
        with part.open("ab" if size else "wb") as file:
            while block := response.read(CHUNK):
                file.write(block)
                size += len(block)
                report_step(report, size, total or size, part.stem)
    if total and size < total:
        raise ConnectionError(f"the connection was lost after {size} of {total} bytes")


def _read_part(part: Path, url: str) -> tuple[int, str]:
    """Return the size of a partial file and its version on the server; (0, "") if unusable."""
    try:
        note = json.loads(_note_path(part).read_bytes())
        size = part.stat().st_size
    except (OSError, ValueError):
        return 0, ""
    if not isinstance(note, dict) or note.get("url") != url or not note.get("version"):
        return 0, ""
    return size, str(note["version"])


def _is_final(error: Exception, part: Path) -> bool:
    """Return True if another attempt cannot succeed."""
    if isinstance(error, urllib.error.HTTPError):
        return error.code < 500 and error.code not in _TRANSIENT
    file = getattr(error, "filename", None)
    return isinstance(error, OSError) and str(file) in (str(part), str(_note_path(part)))


def _describe(error: object) -> str:
    """Return the reason for an error without the prefixes that urllib adds."""
    if isinstance(error, urllib.error.HTTPError):
        return f"the server answered {error.code}, {error.reason}"
    reason = getattr(error, "reason", error)
    return getattr(reason, "strerror", None) or str(reason)


def _download_error(settings: FetchSettings, error: Exception) -> ChipscapeError:
    return ChipscapeError(
        f"the file cannot be downloaded ({_describe(error)})",
        where=settings.url,
        remedy="Check the network and run the command again to resume the download, or "
        "download the file yourself and unpack it into the flair/ folder of the workspace.",
    )


def _note_path(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _delete_part(part: Path) -> None:
    part.unlink(missing_ok=True)
    _note_path(part).unlink(missing_ok=True)
