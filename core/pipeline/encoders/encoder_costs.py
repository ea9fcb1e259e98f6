"""What an encoder would take for the chips of a workspace, before anything runs."""

import dataclasses
import platform
import signal
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from core.artifacts.formats import read_json, write_json
from core.artifacts.keys import make_key
from core.chips.chip_set import ChipSet
from core.compute import n_workers
from core.embeddings import registry
from core.embeddings.cost_estimate import Estimate, estimate
from core.embeddings.encoder import ChipBatch
from core.embeddings.encoding import unit_scaling
from core.embeddings.networks.weight_files import local_file
from core.embeddings.readiness import readiness
from core.errors import ArtifactError, ChipscapeError
from core.pipeline.encoders.encoder_comparison import settings_for
from core.pipeline.workspace import Workspace
from core.settings import EmbedSettings

VERSION = 1
# Chips that an encoder is tried on at most; a slow one sees the first few of them.
TRIED = 256


@dataclass(frozen=True)
class Outlook:
    """Whether an encoder could embed these chips now, and what that would take.

    Attributes
    ----------
    encoder : str
    ready : bool
    needs : str
        What is missing, or why it cannot take these chips; empty where nothing is wrong.
    estimate : Estimate or None
        None where it is not ready, or could not be tried.
    """

    encoder: str
    ready: bool
    needs: str = ""
    estimate: Estimate | None = None


def outlook(
    workspace: Workspace, chip_set: ChipSet, settings: EmbedSettings, encoder: str
) -> Outlook:
    """Try an encoder on a few of the chips, in a process of its own, and keep what was found.

    In a process of its own, so that what was loaded for another one does not flatter its memory.
    Nothing is downloaded; one that is not ready is not tried.
    """
    chosen = settings_for(settings, encoder)
    state = readiness(encoder, chosen, workspace.weights)
    if not state.ready:
        return Outlook(encoder, False, state.needs)
    rows = chip_set.spread(TRIED)
    scalings = chip_set.fit_scalings(TRIED)
    pixels, scaling = chip_set.unit(rows, scalings), unit_scaling(len(chip_set.bands))
    if len(chip_set.dtypes) == 1:
        pixels, scaling = chip_set.read(rows)[0], scalings[chip_set.dtypes[0]]
    batch = ChipBatch(pixels, chip_set.masked(rows), scaling, chip_set.bands)
    found = _tried(encoder, (chosen, workspace.weights, batch, len(chip_set)))
    write_json(_outlook_file(workspace, chip_set, chosen), dataclasses.asdict(found))
    return found


def known_outlook(
    workspace: Workspace, chip_set: ChipSet, settings: EmbedSettings, encoder: str
) -> Outlook | None:
    """What `outlook` found last on this machine for an encoder that is ready, None if not asked."""
    chosen = settings_for(settings, encoder)
    if not readiness(encoder, chosen, workspace.weights).ready:
        return None
    try:
        table = read_json(_outlook_file(workspace, chip_set, chosen))
        measured = table.pop("estimate")
        return Outlook(**table, estimate=Estimate(**measured) if measured else None)
    except (ArtifactError, TypeError, KeyError):
        # Never measured, or written by another version.
        return None


def _outlook_file(workspace: Workspace, chip_set: ChipSet, settings: EmbedSettings) -> Path:
    """Where an outlook lies: times belong to a machine, so it is no artifact."""
    files = [
        local_file(registry.card(name), settings.weights, workspace.weights)
        for name in registry.needing(settings.encoder)
    ]
    inputs = {
        "settings": dataclasses.asdict(settings),
        # A file that was brought anew is another one.
        "weights": [[str(f), f.stat().st_size, f.stat().st_mtime_ns] for f in files if f],
        "chips": chip_set.keys,
        "machine": [platform.node(), n_workers()],
    }
    key = make_key("estimates", VERSION, inputs)
    return workspace.artifacts / "estimates" / f"{key}.json"


def _tried(encoder: str, asked: tuple[EmbedSettings, Path, ChipBatch, int]) -> Outlook:
    """Try an encoder in a process of its own; what goes wrong there is told."""
    spawn = get_context("spawn")
    try:
        with ProcessPoolExecutor(1, mp_context=spawn, initializer=_quiet) as pool:
            return Outlook(encoder, True, "", pool.submit(_try, *asked).result())
    except ChipscapeError as error:
        return Outlook(encoder, True, str(error))
    except BrokenProcessPool:
        return Outlook(encoder, True, "Its process was ended; the memory may not suffice.")


def _try(settings: EmbedSettings, weights_folder: Path, batch: ChipBatch, n: int) -> Estimate:
    """Run in the process of its own."""
    from threadpoolctl import threadpool_limits

    def load() -> Any:
        return registry.load(settings.encoder, settings, weights_folder)

    # As the embedding itself does, see `core.embeddings.encoding`.
    with threadpool_limits(1, user_api="blas"):
        return estimate(load, batch, n, settings.sample)


def _quiet() -> None:
    """An interrupt is for the parent to tell; the child ends without a word."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
