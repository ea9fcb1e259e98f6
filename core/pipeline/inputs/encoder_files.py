"""The rasters that an encoder reads, and whether they are still those that a key describes."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.artifacts.integrity import file_mark
from core.embeddings.joined_encoder import part_names
from core.embeddings.raster_encoder import is_raster_encoder
from core.embeddings.registry import encoder_identity
from core.errors import ChipscapeError
from core.pipeline.stage import changed_input_error
from core.pipeline.workspace import Workspace
from core.settings import EmbedSettings


def encoder_sources(
    workspace: Workspace, settings: EmbedSettings, identity: Mapping[str, Any]
) -> list[Any]:
    """Return the state of the rasters of embeddings that an encoder reads, given its identity.

    It is empty for other encoders: a network is loaded once, before anything is embedded. Raises
    ChangedInputError if the rasters are no longer those of the identity.
    """
    if not any(map(is_raster_encoder, part_names(settings.encoder))):
        return []
    states = []

    def checksum(path: Path) -> str:
        states.append(file_mark(path))
        return workspace.checksums.of(path)

    try:
        current = encoder_identity(settings.encoder, settings, workspace.weights, checksum)
    except (ChipscapeError, OSError) as error:
        raise changed_input_error(settings.encoder) from error
    first, second = (json.dumps(dict(i), sort_keys=True, default=list) for i in (current, identity))
    if first != second:
        raise changed_input_error(settings.encoder)
    return states
