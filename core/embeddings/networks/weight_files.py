"""Weight files: found, fingerprinted, and read without unpickling anything."""

import hashlib
import logging
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from pickle import UnpicklingError  # noqa: TID251  to be caught only: torch raises it
from typing import TYPE_CHECKING, Any

from core.embeddings.encoder import EncoderCard, Identity
from core.errors import WeightsError
from core.settings import EmbedSettings

if TYPE_CHECKING:
    from torch import Tensor, nn

_log = logging.getLogger(__name__)

# Longer than a slow link needs; the hub's own five retries take 23 s where there is no network.
PROBE_SECONDS = 5
_NAMED_KEYS = 3


@dataclass(frozen=True)
class WeightFile:
    """A weight file on this machine.

    Attributes
    ----------
    path : Path
    sha256 : str
        Of the whole file, 64 hexadecimal digits.
    origin : str
        Where it was found: a path, or ``hub_id@commit`` for one from the hub's cache.
    """

    path: Path
    sha256: str
    origin: str


def find_weights(card: EncoderCard, given: str, folder: Path) -> WeightFile:
    """Find the weights of an encoder: the path given, the workspace's folder, then the hub.

    Parameters
    ----------
    card : EncoderCard
    given : str
        A file, or a folder that holds ``card.weights_file``; empty to look in the other places.
    folder : Path
        The workspace's folder of weights; ``folder/name/file`` is looked for before
        ``folder/file``.

    Raises
    ------
    WeightsError
        In one line with the file to bring and where to put it.
    """
    path = local_file(card, given, folder) or _from_hub(card, folder)
    cached = path.parent.parent.name == "snapshots"
    origin = f"{card.hub_id}@{path.parent.name}" if cached else str(path)
    return WeightFile(path, fingerprint(path), origin)


def local_file(card: EncoderCard, given: str, folder: Path) -> Path | None:
    """The weights of an encoder if they are on this machine: as `find_weights`, without fetching.

    Raises
    ------
    WeightsError
        If a path is given and there is no such file.
    """
    names = Path(card.name) / card.weights_file, Path(card.weights_file)
    if given:
        chosen = Path(given).expanduser()
        inside = [chosen / name for name in names] if chosen.is_dir() else [chosen]
        found = [path for path in inside if path.is_file()]
        if not found:
            raise WeightsError(
                "there is no such weight file", where=str(inside[-1]), remedy=bring(card)
            )
        return found[0]
    for name in names:
        if (folder / name).is_file():
            return folder / name
    return _from_cache(card)


def identify(card: EncoderCard, settings: EmbedSettings, weights: WeightFile) -> Identity:
    """What sets an encoder with weights apart; the file's place does not, its content does."""
    return {
        "name": card.name,
        "version": card.version,
        "sha256": weights.sha256,
        "revision": card.revision,
        "input_size": settings.input_size,
        "statistics": settings.statistics,
        "bands_rule": settings.bands_rule,
        "precision": settings.precision,
    }


def fingerprint(path: Path) -> str:
    """SHA-256 of a file's content, hexadecimal; read once while its size and time stay the same."""
    try:
        status = path.stat()
        return _digest(path, status.st_size, status.st_mtime_ns)
    except OSError as error:
        raise WeightsError(f"cannot be read: {error.strerror}", where=str(path)) from error


@lru_cache(maxsize=64)
def _digest(path: Path, size: int, time_ns: int) -> str:  # noqa: ARG001
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_state(path: Path, card: EncoderCard) -> dict[str, Any]:
    """Read a checkpoint: safetensors, or PyTorch's format with tensors and plain values only.

    Raises
    ------
    WeightsError
        For a file that is truncated, of another format, or holds any other object.
    """
    if path.suffix == ".safetensors":
        return _read_safetensors(path, card)
    if not zipfile.is_zipfile(path):
        raise WeightsError(
            "is cut off or is not a PyTorch checkpoint (of version 1.6 on)",
            where=str(path),
            remedy=bring(card),
        )
    _require_whole(path, card)
    return _read_checkpoint(path, card)


def _require_whole(path: Path, card: EncoderCard) -> None:
    """Check the checksums inside a checkpoint, which PyTorch does not look at."""
    try:
        with zipfile.ZipFile(path) as parts:
            broken = parts.testzip()
    except (zipfile.BadZipFile, OSError) as error:
        raise WeightsError(f"is damaged ({error})", where=str(path), remedy=bring(card)) from error
    if broken:
        raise WeightsError(f"is damaged in {broken}", where=str(path), remedy=bring(card))


def load_strictly(
    network: "nn.Module", state: Mapping[str, Any], where: Path, card: EncoderCard
) -> None:
    """Give a network its weights: every key, no other, the right shapes, all finite.

    Parameters
    ----------
    network : nn.Module
        May lie on the meta device; it gets the tensors in the dtypes it has.
    state : mapping of str to Tensor
    where : Path
        The file, for messages.

    Raises
    ------
    WeightsError
        With the first keys that are missing, unknown, of another shape or not finite.
    """
    expected = network.state_dict()
    odd = [key for key, value in state.items() if not hasattr(value, "isfinite")]
    if odd:
        raise WeightsError(
            f"holds no tensor under {_some(odd)}", where=str(where), remedy=bring(card)
        )
    wrong = [
        f"{key} is {tuple(state[key].shape)}, not {tuple(tensor.shape)}"
        for key, tensor in expected.items()
        if key in state and state[key].shape != tensor.shape
    ]
    missing = [key for key in expected if key not in state]
    unknown = [key for key in state if key not in expected]
    faults = ("lacks", missing), ("has unknown keys", unknown), ("has other shapes:", wrong)
    found = "; ".join(f"{what} {_some(keys)}" for what, keys in faults if keys)
    if found:
        raise WeightsError(
            f"does not fit {card.name}: {found}", where=str(where), remedy=bring(card)
        )
    bad = [key for key, tensor in state.items() if not _finite(tensor)]
    if bad:
        raise WeightsError(
            f"has values that are not finite in {_some(bad)}",
            where=str(where),
            remedy=bring(card),
        )
    # Fresh copies, because the kernels round differently with the alignment that a file gives.
    fresh = {key: tensor.to(expected[key].dtype, copy=True) for key, tensor in state.items()}
    network.load_state_dict(fresh, strict=True, assign=True)


def _from_cache(card: EncoderCard) -> Path | None:
    """The file in the hub's cache on this machine."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        return Path(
            hf_hub_download(
                card.hub_id, card.weights_file, revision=card.revision, local_files_only=True
            )
        )
    except LocalEntryNotFoundError:
        return None


def _from_hub(card: EncoderCard, folder: Path) -> Path:
    """The file downloaded into the hub's cache."""
    from huggingface_hub import constants, get_session, hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError

    # The base class is the transport's (httpx or requests, by the hub's version): lost connections.
    transport: type[Exception] = HfHubHTTPError.__mro__[1]
    _log.info("%s: fetching %s from %s", card.name, card.weights_file, card.hub_id)
    try:
        get_session().head(constants.ENDPOINT, timeout=PROBE_SECONDS)
        return Path(hf_hub_download(card.hub_id, card.weights_file, revision=card.revision))
    except (transport, EntryNotFoundError, OSError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
        raise WeightsError(
            f"the weights are not on this machine, and the hub does not give them ({reason})",
            where=card.name,
            remedy=bring(card, folder),
        ) from error


def bring(card: EncoderCard, folder: Path | None = None) -> str:
    """The remedy: the exact file, where it is, and where to put it."""
    source = f"https://huggingface.co/{card.hub_id}/resolve/{card.revision}/{card.weights_file}"
    if folder is None:
        return f"The right file is {source}"
    place = folder / card.name / card.weights_file
    return f"Bring {source} to {place}, or name it as the weight file (--weights)."


def _read_safetensors(path: Path, card: EncoderCard) -> dict[str, Any]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return dict(load_file(path))
    except (SafetensorError, OSError) as error:
        raise WeightsError(
            f"is cut off or is not a safetensors file ({error})",
            where=str(path),
            remedy=bring(card),
        ) from error


def _read_checkpoint(path: Path, card: EncoderCard) -> dict[str, Any]:
    import torch

    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        raise WeightsError(
            "holds objects other than tensors, which are never unpickled, or is damaged",
            where=str(path),
            remedy=bring(card),
        ) from error
    except (RuntimeError, EOFError, OSError) as error:
        raise WeightsError(
            "is damaged or is not a PyTorch checkpoint", where=str(path), remedy=bring(card)
        ) from error
    if not isinstance(state, dict):
        raise WeightsError(
            f"holds a {type(state).__name__}, not named tensors",
            where=str(path),
            remedy=bring(card),
        )
    return {str(key): value for key, value in state.items()}


def _finite(tensor: "Tensor") -> bool:
    return bool(tensor.isfinite().all())


def _some(names: list[str]) -> str:
    """The first few names and how many more there are."""
    rest = len(names) - _NAMED_KEYS
    return ", ".join(names[:_NAMED_KEYS]) + (f" and {rest} more" if rest > 0 else "")
