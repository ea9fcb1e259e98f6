"""Getting FLAIR's toy data: a download that resumes where it stopped."""

import hashlib
import json
import logging
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from core.errors import ChipscapeError, SettingsError, WorkspaceError
from core.progress import Progress, silent, step
from core.tables import Checked, bounded

log = logging.getLogger(__name__)

# As the notebook's colab edition names it.
TOY = (
    "https://storage.gra.cloud.ovh.net/v1/AUTH_366279ce616242ebb14161b7991a8461/defi-ia/"
    "flair_data_2/flair_2_toy_dataset.zip"
)
CHUNK = 1 << 20
AGENT = "chipscape"


@dataclass(frozen=True)
class FetchSettings(Checked):
    """Where the data come from, and how much is believed of them.

    Attributes
    ----------
    url : str
        The zip's address, http or https.
    sha256 : str
        The zip's checksum; empty to take it as it comes (its own check sums are tested anyway).
    timeout : float
        Seconds without a byte after which an attempt is given up.
    attempts : int
        How often a broken connection is taken up again.
    most_gigabytes : float
        Unpacked size above which the archive is refused.
    most_files : int
        Number of files above which it is refused.
    """

    url: str = TOY
    sha256: str = ""
    timeout: float = bounded(30.0, 0.1, 3600)
    attempts: int = bounded(5, 1, 100)
    most_gigabytes: float = bounded(60.0, 0.000001, 100_000)
    most_files: int = bounded(100_000, 1, 10_000_000)


class _Stale(Exception):
    """What was kept of an earlier attempt does not belong to what the server has now."""


def download(settings: FetchSettings, target: Path, report: Progress = silent) -> str:
    """Download a file; what an earlier attempt left beside it is continued.

    Parameters
    ----------
    settings : FetchSettings
    target : Path
        The file to write; until it is whole it is called `<name>.part`.
    report : Progress
        Called with bytes.

    Returns
    -------
    str
        Its SHA-256.

    Raises
    ------
    SettingsError
        If the address is not http or https.
    ChipscapeError
        If the server cannot be reached, breaks off too often, or the checksum differs.
    WorkspaceError
        If the file cannot be written.
    Cancelled
        If the listener asked to stop; what was loaded is kept.
    """
    if not settings.url.lower().startswith(("http://", "https://")):
        raise SettingsError(f"{settings.url!r} is not an http address", where="url")
    part = target.with_name(f"{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        for attempt in range(1, settings.attempts + 1):
            try:
                _continue(settings, part, report)
                break
            except _Stale as stale:
                _forget(part)
                reason: Exception = stale
            except (OSError, HTTPException) as error:
                if _is_final(error, part):
                    raise _unreachable(settings, error) from error
                reason = error
            log.warning("attempt %d of %d: %s", attempt, settings.attempts, _why(reason))
            if attempt == settings.attempts:
                raise _unreachable(settings, reason) from reason
            time.sleep(min(0.1 * 2**attempt, settings.timeout))
        found = checksum(part)
        if settings.sha256 and found != settings.sha256.lower():
            _forget(part)
            raise ChipscapeError(
                f"has the checksum {found}, not {settings.sha256.lower()}: deleted",
                where=settings.url,
                remedy="Try again; if it stays so, the file on the server is another one.",
            )
        part.replace(target)
        _note(part).unlink(missing_ok=True)
    except OSError as error:
        raise WorkspaceError("cannot be written", where=str(target), remedy=str(error)) from error
    return found


def _continue(settings: FetchSettings, part: Path, report: Progress) -> None:
    """Load what is missing; returns when all of it is there."""
    have, version = _kept(part, settings.url)
    request = urllib.request.Request(settings.url, headers={"User-Agent": AGENT})
    if have:
        request.add_header("Range", f"bytes={have}-")
        request.add_header("If-Range", version)
    try:
        answer = urllib.request.urlopen(request, timeout=settings.timeout)
    except urllib.error.HTTPError as error:
        with error:
            if error.code == 416:
                raise _Stale("the server has less than what was kept") from error
        raise
    with answer:
        if have and answer.status == 206:
            if not str(answer.headers.get("Content-Range", "")).startswith(f"bytes {have}-"):
                raise _Stale("the server sent another part than was asked for")
        else:
            have = 0
        length = answer.headers.get("Content-Length")
        total = have + int(length) if length else 0
        version = answer.headers.get("ETag") or answer.headers.get("Last-Modified") or ""
        # A weak tag does not promise equal bytes (RFC 9110, 13.1.5).
        version = "" if version.startswith("W/") else version
        note = {"url": settings.url, "version": version}
        _note(part).write_text(json.dumps(note), encoding="utf-8")
        with part.open("ab" if have else "wb") as file:
            while block := answer.read(CHUNK):
                file.write(block)
                have += len(block)
                step(report, have, total or have, part.stem)
    if total and have < total:
        raise ConnectionError(f"broke off after {have} of {total} bytes")


def _kept(part: Path, url: str) -> tuple[int, str]:
    """Bytes of an earlier attempt that can be continued, and which version they belong to."""
    try:
        note = json.loads(_note(part).read_bytes())
        size = part.stat().st_size
    except (OSError, ValueError):
        return 0, ""
    if not isinstance(note, dict) or note.get("url") != url or not note.get("version"):
        return 0, ""
    return size, str(note["version"])


def _is_final(error: Exception, part: Path) -> bool:
    """True if trying again cannot help."""
    if isinstance(error, urllib.error.HTTPError):
        return error.code < 500 and error.code not in (408, 429)
    written_to = getattr(error, "filename", None)
    return isinstance(error, OSError) and str(written_to) in (str(part), str(_note(part)))


def _why(error: object) -> str:
    """The system's own words, without the wrapping of Python's."""
    if isinstance(error, urllib.error.HTTPError):
        return f"the server answers {error.code}, {error.reason}"
    reason = getattr(error, "reason", error)
    return getattr(reason, "strerror", None) or str(reason)


def _unreachable(settings: FetchSettings, error: Exception) -> ChipscapeError:
    return ChipscapeError(
        f"cannot be downloaded ({_why(error)})",
        where=settings.url,
        remedy="Check the network; the same command goes on from where it stopped. Or download "
        "it yourself and unpack it into the workspace's flair/ folder.",
    )


def _note(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _forget(part: Path) -> None:
    part.unlink(missing_ok=True)
    _note(part).unlink(missing_ok=True)


def checksum(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
