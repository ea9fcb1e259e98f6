"""The settings of a run: read from its record, and described in a name."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from core.clusters.methods.method_table import method_of
from core.embeddings.registry import replace_removed
from core.settings import RunSettings
from core.tables import settings_from_table


def without_refit(settings: RunSettings) -> RunSettings:
    """Return the settings of a result; fitting an encoder again is a request and not a setting."""
    return replace(settings, embed=replace(settings.embed, refit=False))


def default_run_name(settings: RunSettings, n_clusters: int | None) -> str:
    """Return a name for a run, such as ``"texture, Gaussian mixture, 8 clusters"``."""
    if n_clusters is None:
        return settings.embed.encoder
    count = "1 cluster" if n_clusters == 1 else f"{n_clusters} clusters"
    return f"{settings.embed.encoder}, {method_of(settings).title}, {count}"


def read_run_settings(table: Mapping[str, Any], where: str) -> RunSettings:
    """Return the settings of a run from its table; a removed encoder is replaced."""
    settings: RunSettings = settings_from_table(RunSettings, table, where)
    encoder = replace_removed(settings.embed.encoder)
    if encoder == settings.embed.encoder:
        return settings
    return replace(settings, embed=replace(settings.embed, encoder=encoder))
