"""What an encoder would cost for the chips of a workspace, measured before anything runs."""

import dataclasses
import platform
import signal
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from core.artifacts.formats import read_json, write_json
from core.artifacts.keys import make_key
from core.chips.chip_set import ChipSet
from core.compute import n_workers
from core.embeddings import registry
from core.embeddings.cost_estimate import CostEstimate, estimate_cost
from core.embeddings.encoder import ChipBatch, Encoder
from core.embeddings.encoding import unit_scaling
from core.embeddings.networks.weight_files import find_local_weights
from core.errors import ArtifactError, ChipscapeError
from core.pipeline.encoders.encoder_comparison import settings_for
from core.pipeline.workspace import Workspace
from core.settings import EmbedSettings

VERSION = 1
# Most chips that an encoder is tried on; a slow one sees only the first few of them.
MOST_TRIED = 256


@dataclass(frozen=True)
class EncoderCost:
    """Whether an encoder could embed these chips now, and what that would cost.

    Attributes
    ----------
    encoder : str
    ready : bool
    needs : str
        What is missing, or why the encoder cannot take these chips; empty if nothing is wrong.
    estimate : CostEstimate or None
        None if the encoder is not ready or could not be tried.
    """

    encoder: str
    ready: bool
    needs: str = ""
    estimate: CostEstimate | None = None


def measure_encoder_cost(
    workspace: Workspace, chips: ChipSet, settings: EmbedSettings, encoder: str
) -> EncoderCost:
    """Try an encoder on a few of the chips, in a process of its own, and keep the result.

    The separate process makes sure that what was loaded for another encoder does not distort the
    memory figure. Nothing is downloaded, and an encoder that is not ready is not tried.
    """
    own_settings = settings_for(settings, encoder)
    readiness = registry.check_readiness(encoder, own_settings, workspace.weights)
    if not readiness.ready:
        return EncoderCost(encoder, False, readiness.needs)
    rows = chips.sample_rows(MOST_TRIED)
    scalings = chips.fit_scalings(MOST_TRIED)
    pixels, scaling = chips.read_scaled(rows, scalings), unit_scaling(len(chips.bands))
    if len(chips.dtypes) == 1:
        pixels, scaling = chips.read(rows)[0], scalings[chips.dtypes[0]]
    batch = ChipBatch(pixels, chips.read_masks(rows), scaling, chips.bands)
    cost = _try_in_process(encoder, (own_settings, workspace.weights, batch, len(chips)))
    write_json(_cost_file(workspace, chips, own_settings), dataclasses.asdict(cost))
    return cost


def find_encoder_cost(
    workspace: Workspace, chips: ChipSet, settings: EmbedSettings, encoder: str
) -> EncoderCost | None:
    """Return what was last measured on this machine for an encoder that is ready, or None."""
    own_settings = settings_for(settings, encoder)
    if not registry.check_readiness(encoder, own_settings, workspace.weights).ready:
        return None
    try:
        table = read_json(_cost_file(workspace, chips, own_settings))
        estimate = table.pop("estimate")
        return EncoderCost(**table, estimate=CostEstimate(**estimate) if estimate else None)
    except (ArtifactError, TypeError, KeyError):
        # Never measured, or written by another version.
        return None


def _cost_file(workspace: Workspace, chips: ChipSet, settings: EmbedSettings) -> Path:
    """The file of a measurement. Times belong to a machine, so it is no artifact."""
    files = [
        find_local_weights(registry.encoder_card(name), settings.weights, workspace.weights)
        for name in registry.encoders_needing_weights(settings.encoder)
    ]
    inputs = {
        "settings": dataclasses.asdict(settings),
        # A weight file that was replaced is another file.
        "weights": [[str(f), f.stat().st_size, f.stat().st_mtime_ns] for f in files if f],
        "chips": chips.keys,
        "machine": [platform.node(), n_workers()],
    }
    key = make_key("estimates", VERSION, inputs)
    return workspace.artifacts / "estimates" / f"{key}.json"


def _try_in_process(
    encoder: str, arguments: tuple[EmbedSettings, Path, ChipBatch, int]
) -> EncoderCost:
    """Try an encoder in a separate process and report what goes wrong there."""
    spawn = get_context("spawn")
    try:
        with ProcessPoolExecutor(1, mp_context=spawn, initializer=_default_signals) as pool:
            return EncoderCost(encoder, True, "", pool.submit(_try, *arguments).result())
    except ChipscapeError as error:
        return EncoderCost(encoder, True, str(error))
    except BrokenProcessPool:
        return EncoderCost(encoder, True, "Its process was ended; there may be too little memory.")


def _try(settings: EmbedSettings, weights_folder: Path, batch: ChipBatch, n: int) -> CostEstimate:
    """Measure an encoder; runs in the separate process."""
    from threadpoolctl import threadpool_limits

    def load() -> Encoder:
        return registry.load_encoder(settings.encoder, settings, weights_folder)

    # As the embedding itself does; see `core.embeddings.encoding`.
    with threadpool_limits(1, user_api="blas"):
        return estimate_cost(load, batch, n, settings.sample)


def _default_signals() -> None:
    """End without a message on an interrupt, which the parent reports."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
