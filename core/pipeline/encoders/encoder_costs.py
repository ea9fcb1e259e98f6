"""Estimate the time and memory that encoders need for the chips of a workspace."""

import dataclasses
import platform
import signal
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from core.artifacts.formats import read_json, write_json
from core.artifacts.keys import make_key
from core.chips.chip_set import ChipSet
from core.compute.cores import n_workers
from core.embeddings import registry
from core.embeddings.cost_estimate import CostEstimate, estimate_cost
from core.embeddings.encoder import ChipBatch, ChipFootprints, Encoder
from core.embeddings.encoding import unit_scaling
from core.embeddings.joined_encoder import part_names
from core.embeddings.networks.weight_files import find_local_weights
from core.embeddings.raster_encoder import is_raster_encoder
from core.errors import ArtifactError, ChipscapeError, SceneError
from core.pipeline.encoders.encoder_comparison import settings_for
from core.pipeline.encoders.scene_footprints import scene_footprints
from core.pipeline.scene_survey import Survey
from core.pipeline.workspace import Workspace
from core.settings import EmbedSettings

VERSION = 1
# Maximum number of chips that an encoder is tried on; a slow encoder is tried on fewer.
MOST_TRIED = 256


@dataclass(frozen=True)
class EncoderCost:
    """Whether an encoder can embed some chips now, and the time and memory that it needs.

    `needs` says what is missing, or why the encoder cannot embed the chips; it is empty if there
    is no problem. There is no estimate if the encoder is not ready or could not be tried.
    """

    encoder: str
    ready: bool
    needs: str = ""
    estimate: CostEstimate | None = None


def measure_encoder_cost(
    workspace: Workspace,
    chips: ChipSet,
    settings: EmbedSettings,
    encoder: str,
    survey: Survey | None = None,
) -> EncoderCost:
    """Try an encoder on a few of the chips, in a separate process, and store the result.

    In a separate process, memory that another encoder uses does not distort the estimate. Nothing
    is downloaded, and an encoder that is not ready is not tried. `survey` holds the footprints, for
    encoders that need them.
    """
    own_settings = settings_for(settings, encoder)
    readiness = registry.check_readiness(encoder, own_settings, workspace.weights)
    if not readiness.ready:
        return EncoderCost(encoder, False, readiness.needs)
    chips = chips.without_constant_bands()
    rows = chips.sample_rows(MOST_TRIED)
    scalings = chips.fit_scalings(MOST_TRIED)
    pixels, scaling = chips.read_scaled(rows, scalings), unit_scaling(len(chips.bands))
    if len(chips.dtypes) == 1:
        pixels, scaling = chips.read(rows)[0], scalings[chips.dtypes[0]]
    footprints = None
    if survey and any(map(is_raster_encoder, part_names(encoder))):
        try:
            parts = [scene_footprints(survey, part) for part in chips.parts]
        except SceneError as error:
            return EncoderCost(encoder, True, str(error))
        footprints = ChipFootprints(np.concatenate(parts)[rows], slice(0, len(rows)))
    batch = ChipBatch(pixels, chips.read_masks(rows), scaling, chips.bands, footprints)
    cost = _try_in_process(encoder, (own_settings, workspace.weights, batch, len(chips)))
    write_json(_cost_file(workspace, chips, own_settings), dataclasses.asdict(cost))
    return cost


def find_encoder_cost(
    workspace: Workspace, chips: ChipSet, settings: EmbedSettings, encoder: str
) -> EncoderCost | None:
    """Return an encoder's stored estimate; None if the encoder is not ready or was not tried."""
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
    """Return an estimate's file. It is not an artifact, because times depend on the machine."""
    files = [
        find_local_weights(registry.encoder_card(name), settings.weights, workspace.weights)
        for name in registry.encoders_needing_weights(settings.encoder)
    ]
    inputs = {
        "settings": dataclasses.asdict(settings),
        # A weight file that was replaced has another size or modification time.
        "weights": [[str(f), f.stat().st_size, f.stat().st_mtime_ns] for f in files if f],
        "chips": chips.keys,
        "machine": [platform.node(), n_workers()],
    }
    key = make_key("estimates", VERSION, inputs)
    return workspace.artifacts / "estimates" / f"{key}.json"


def _try_in_process(
    encoder: str, arguments: tuple[EmbedSettings, Path, ChipBatch, int]
) -> EncoderCost:
    """Try an encoder in a separate process; errors there are described in the result."""
    spawn = get_context("spawn")
    try:
        with ProcessPoolExecutor(1, mp_context=spawn, initializer=_default_signals) as pool:
            return EncoderCost(encoder, True, "", pool.submit(_try, *arguments).result())
    except ChipscapeError as error:
        return EncoderCost(encoder, True, str(error))
    except BrokenProcessPool:
        return EncoderCost(encoder, True, "Its process ended unexpectedly; memory may be too low.")


def _try(settings: EmbedSettings, weights_folder: Path, batch: ChipBatch, n: int) -> CostEstimate:
    """Measure an encoder; runs in the separate process."""
    from threadpoolctl import threadpool_limits

    def load() -> Encoder:
        return registry.load_encoder(settings.encoder, settings, weights_folder)

    # One BLAS thread, as in `core.embeddings.encoding`.
    with threadpool_limits(1, user_api="blas"):
        return estimate_cost(load, batch, n, settings.sample)


def _default_signals() -> None:
    """Make an interrupt end this process without a message, because the parent reports it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
