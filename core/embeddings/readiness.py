"""Whether an encoder could run now, found out without loading it."""

from dataclasses import dataclass
from pathlib import Path

from core.embeddings import registry
from core.embeddings.joined_encoder import part_names
from core.embeddings.networks.weight_files import bring, local_file
from core.errors import SettingsError, WeightsError
from core.settings import EmbedSettings


@dataclass(frozen=True)
class Readiness:
    """Whether an encoder could run now.

    Attributes
    ----------
    ready : bool
        True if it needs no weights, or they are on this machine. Their content is not looked at.
    needs : str
        What is missing, in one or two sentences; empty where nothing is.
    """

    ready: bool
    needs: str = ""


def readiness(name: str, settings: EmbedSettings, weights_folder: Path) -> Readiness:
    """Say whether an encoder could run now, or which file it needs.

    Nothing is downloaded and no network is asked: weights that the hub would give when there is a
    connection count as missing, and the answer names them.

    Parameters
    ----------
    name : str
        A name from the registry, or several joined by "+".
    settings : EmbedSettings
        Its weights are looked at.
    weights_folder : Path
        The workspace's folder of weights.
    """
    try:
        cards = [registry.card(part) for part in part_names(name)]
        found = [
            card
            for card in cards
            if card.needs_weights and not local_file(card, settings.weights, weights_folder)
        ]
    except (SettingsError, WeightsError) as error:
        return Readiness(False, str(error))
    return Readiness(not found, " ".join(bring(card, weights_folder) for card in found))
