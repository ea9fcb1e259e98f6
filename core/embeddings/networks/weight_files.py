"""Find, fingerprint and read weight files and the ``config.json`` next to them.

Objects are never unpickled.
"""

import hashlib
import logging
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from pickle import UnpicklingError  # noqa: TID251  only caught, because torch raises it
from typing import TYPE_CHECKING, Any

from core.embeddings.encoder import EncoderCard, Identity
from core.errors import WeightsError
from core.settings import EmbedSettings

if TYPE_CHECKING:
    from torch import nn

_log = logging.getLogger(__name__)

# Time limit of the connection test, longer than a slow connection needs. Without the test, a
# machine without a network would wait 23 s for the hub's own five retries.
_PROBE_SECONDS = 5
_N_LISTED = 3
# Limits of a PyTorch checkpoint, which is a zip file: torch.save never compresses, and the largest
# encoder's file has 1.2 GB. A compressed file could expand to any size in memory.
_MAX_RATIO = 4
_MAX_UNPACKED_BYTES = 16 * 2**30


@dataclass(frozen=True)
class WeightFile:
    """A weight file on this machine, and its checksum of 64 hexadecimal digits."""

    path: Path
    sha256: str


def find_weights(card: EncoderCard, setting: str, folder: Path) -> WeightFile:
    """Return the weight file of an encoder, downloading it if it is not on this machine.

    The file is looked up in the setting (a file, or a folder that contains it), then in the
    workspace's weights folder, then in the hub's cache, and finally on the hub. In a folder,
    ``ENCODER/FILE`` is preferred to ``FILE``. Raises WeightsError if the file cannot be found; the
    one-line message says which file to download and where to save it.
    """
    path = find_local_weights(card, setting, folder) or _download(card, folder)
    return WeightFile(path, weights_fingerprint(path))


def find_local_weights(card: EncoderCard, setting: str, folder: Path) -> Path | None:
    """Return the path that `find_weights` would use, or None if it would have to download it.

    Raises WeightsError if the setting names a file that does not exist.
    """
    root = Path(setting).expanduser() if setting else folder
    paths = [root / card.name / card.weights_file, root / card.weights_file]
    if setting and not root.is_dir():
        paths = [root]
    path = next((path for path in paths if path.is_file()), None)
    if setting and not path:
        raise _file_error(paths[-1], card, "there is no such weight file")
    if path:
        return path

    from huggingface_hub import try_to_load_from_cache

    cached = try_to_load_from_cache(card.hub_id, card.weights_file, revision=card.revision)
    return Path(cached) if isinstance(cached, str) else None


def weights_identity(card: EncoderCard, settings: EmbedSettings, weights: WeightFile) -> Identity:
    """Return an encoder's identity, which holds the checksum of its weight file, not the path."""
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


def weights_fingerprint(path: Path) -> str:
    """Return a file's SHA-256 in hexadecimal; reread only if its size or time stamp has changed."""
    try:
        status = path.stat()
        return _digest(path, status.st_size, status.st_mtime_ns)
    except OSError as error:
        raise WeightsError(f"the file cannot be read: {error.strerror}", where=str(path)) from error


@lru_cache(maxsize=64)
def _digest(path: Path, size: int, time_ns: int) -> str:  # noqa: ARG001
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_checkpoint(
    path: Path, card: EncoderCard, prefix: str = "", rows: Mapping[str, Sequence[int]] | None = None
) -> dict[str, Any]:
    """Read a checkpoint: safetensors, or PyTorch's format with tensors and plain values only.

    With a prefix, only the keys that begin with it are returned, without it. `rows` names large
    tables, by their full keys, of which only some rows are needed. Raises WeightsError if the file
    is truncated, damaged, of another format, or contains any other object.
    """
    rows = rows or {}
    if path.suffix == ".safetensors":
        state = _read_safetensors(path, card, prefix, rows)
    else:
        state = {
            key: value[list(rows[key])] if key in rows else value
            for key, value in _read_pytorch(path, card).items()
            if key.startswith(prefix)
        }
    return {key.removeprefix(prefix): value for key, value in state.items()}


def load_checkpoint(
    network: "nn.Module", state: Mapping[str, Any], path: Path, card: EncoderCard
) -> None:
    """Load weights, converted to the network's dtypes; the network may be on device "meta".

    Raises WeightsError with the first keys that are missing, unknown, of another shape or not
    finite. `path` is only used in that message.
    """
    expected = network.state_dict()
    no_tensors = [key for key, value in state.items() if not hasattr(value, "isfinite")]
    if no_tensors:
        raise _file_error(path, card, f"the file has no tensor named {_listed(no_tensors)}")
    problems = {
        "missing keys": [key for key in expected if key not in state],
        "unknown keys": [key for key in state if key not in expected],
        "wrong shapes": [
            f"{key} is {tuple(state[key].shape)}, not {tuple(tensor.shape)}"
            for key, tensor in expected.items()
            if key in state and state[key].shape != tensor.shape
        ],
    }
    mismatch = "; ".join(f"{kind}: {_listed(keys)}" for kind, keys in problems.items() if keys)
    if mismatch:
        raise _file_error(path, card, f"the file does not fit {card.name}: {mismatch}")
    not_finite = [key for key, tensor in state.items() if not bool(tensor.isfinite().all())]
    if not_finite:
        raise _file_error(path, card, f"values are not finite in {_listed(not_finite)}")
    # Tensors are copied, because rounding in kernels depends on their alignment in memory.
    copies = {key: tensor.to(expected[key].dtype, copy=True) for key, tensor in state.items()}
    network.load_state_dict(copies, strict=True, assign=True)


def read_network_config(
    path: Path,
    card: EncoderCard,
    config_class: Any,
    required: Mapping[str, Any],
    dim: Callable[[Any], int],
    defaults: Mapping[str, Any] | None = None,
) -> Any:
    """Return a transformers configuration, from ``config.json`` next to the weights if it exists.

    The card's network must have the `required` values; `defaults` are further values to use if
    there is no ``config.json``. `dim` returns the length of one embedding for a configuration.
    Raises WeightsError if ``config.json`` is not valid or describes another network.
    """
    file = path.with_name("config.json")
    if not file.is_file():
        return config_class(**required, **(defaults or {}))
    try:
        config = config_class.from_json_file(file)
    except Exception as error:  # the library's validators raise exceptions of their own
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise WeightsError(
            f"the file is not a valid configuration ({reason})",
            where=str(file),
            remedy=f"Download config.json again from {card.source}, or delete it.",
        ) from error
    values = {name: getattr(config, name, None) for name in required}
    wrong = [f"{name} {value}" for name, value in values.items() if value != required[name]]
    if (n_features := dim(config)) != card.dim:
        wrong.append(f"{n_features} features")
    if wrong:
        raise WeightsError(
            f"the file does not describe the network {card.name}: {', '.join(wrong)}",
            where=str(file),
            remedy=f"Download {card.weights_file} and config.json from {card.source}.",
        )
    return config


def weights_remedy(card: EncoderCard, folder: Path | None = None) -> str:
    """Return the remedy for missing or faulty weights: the file's URL, and where to save it."""
    url = f"https://huggingface.co/{card.hub_id}/resolve/{card.revision}/{card.weights_file}"
    if folder is None:
        return f"The right file is {url}"
    path = folder / card.name / card.weights_file
    more = "".join(
        f", and {name} from the same page into the same folder" for name in card.more_files
    )
    return f"Download {url} to {path}{more}, or set the weight file to the path of your copy."


def _download(card: EncoderCard, folder: Path) -> Path:
    """Download the file into the hub's cache and return its path."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError

    from core.internals.hub_internals import probe_hub, transport_error

    _log.info("%s: downloading %s from %s", card.name, card.weights_file, card.hub_id)
    try:
        probe_hub(_PROBE_SECONDS)
        return Path(hf_hub_download(card.hub_id, card.weights_file, revision=card.revision))
    except (transport_error(), EntryNotFoundError, OSError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
        raise WeightsError(
            f"the weights are not on this machine and cannot be downloaded from the hub ({reason})",
            where=card.name,
            remedy=weights_remedy(card, folder),
        ) from error


def _read_safetensors(
    path: Path, card: EncoderCard, prefix: str, rows: Mapping[str, Sequence[int]]
) -> dict[str, Any]:
    import torch
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            state = {}
            for key in (key for key in file.keys() if key.startswith(prefix)):  # noqa: SIM118
                if key in rows:
                    table = file.get_slice(key)
                    state[key] = torch.cat([table[row : row + 1] for row in rows[key]])
                else:
                    state[key] = file.get_tensor(key)
            return state
    except (SafetensorError, OSError) as error:
        problem = f"the file is truncated or is not a safetensors file ({error})"
        raise _file_error(path, card, problem) from error


def _read_pytorch(path: Path, card: EncoderCard) -> dict[str, Any]:
    import torch

    if not zipfile.is_zipfile(path):
        problem = "the file is truncated or is not a PyTorch checkpoint (version 1.6 or later)"
        raise _file_error(path, card, problem)
    try:
        # PyTorch ignores the checksums inside the file.
        with zipfile.ZipFile(path) as archive:
            n_bytes = sum(member.file_size for member in archive.infolist())
            if n_bytes > min(_MAX_RATIO * path.stat().st_size, _MAX_UNPACKED_BYTES):
                problem = f"the file expands to {n_bytes / 2**20:,.0f} MiB, which is not plausible"
                raise _file_error(path, card, problem)
            damaged = archive.testzip()
        if damaged:
            raise _file_error(path, card, f"the file is damaged in {damaged}")
        state = torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        problem = "the file is damaged or contains non-tensor objects, which are never unpickled"
        raise _file_error(path, card, problem) from error
    except (zipfile.BadZipFile, RuntimeError, EOFError, OSError) as error:
        problem = "the file is damaged or is not a PyTorch checkpoint"
        raise _file_error(path, card, problem) from error
    if not isinstance(state, dict):
        problem = f"the file contains a {type(state).__name__}, not named tensors"
        raise _file_error(path, card, problem)
    return {str(key): value for key, value in state.items()}


def _file_error(path: Path, card: EncoderCard, problem: str) -> WeightsError:
    return WeightsError(problem, where=str(path), remedy=weights_remedy(card))


def _listed(names: Sequence[str]) -> str:
    """Return the first few names, and the number of further ones."""
    n_more = len(names) - _N_LISTED
    return ", ".join(names[:_N_LISTED]) + (f" and {n_more} more" if n_more > 0 else "")
