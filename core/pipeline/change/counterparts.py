"""The stage that cuts and embeds the chips of one scene again, from a scene of the same ground.

The counterpart of a chip is cut around the same footprint with the same settings, and embedded with
the same fit of the encoder, so that the two embeddings can be compared.
"""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from core.artifacts.formats import RowFile, read_array, read_table, write_array, write_table
from core.artifacts.store import Artifact
from core.change.scene_pairs import place_on_scene
from core.chips.chip_set import ChipSet, SceneChips
from core.chips.extraction import cut_chips
from core.embeddings.encoding import encode_rows
from core.embeddings.registry import load_encoder
from core.pipeline.chip_stages import CHIPS
from core.pipeline.embedding_stages import ENCODER_FITS
from core.pipeline.encoders.scene_footprints import scene_footprints
from core.pipeline.inputs.scene_files import scene_sources
from core.pipeline.scene_search.scan_stages import raster_inputs
from core.pipeline.scene_survey import SurveyedScene
from core.pipeline.stage import Stage
from core.pipeline.view import View
from core.progress import Progress
from core.raster.scene import read_scene
from core.types import DoubleArray, FloatArray, IntArray


@dataclass(frozen=True)
class ChipsElsewhere:
    """The chips of one scene of a view with embeddings, and another scene to cut them from."""

    view: View
    chips: Artifact
    grid: bool
    target: SurveyedScene


@dataclass(frozen=True)
class Counterparts:
    """The counterparts of those chips of a scene whose footprints lie wholly on another scene.

    `rows`, (n,), are the rows of the chips in their scene. The chips' facts are those of the scene
    that they were annotated in; `valid_fraction` is that of the counterparts.
    """

    rows: IntArray
    chips: SceneChips
    embeddings: FloatArray
    valid_fraction: DoubleArray

    def __len__(self) -> int:
        return len(self.rows)


def _counterpart_inputs(subject: ChipsElsewhere) -> dict[str, Any]:
    fit = subject.view.artifacts["embeddings"][0]
    # The key of the chips covers the settings that they were cut with.
    return {**raster_inputs(subject.target), "chips": subject.chips.key, "fit": fit.key}


def _cut_counterparts(subject: ChipsElsewhere, folder: Path, report: Progress) -> dict[str, Any]:
    view, part = subject.view, CHIPS.open(subject.chips)
    settings, bands = view.settings.chips, tuple(subject.chips.counts["bands"])
    if subject.grid:
        settings = dataclasses.replace(settings, margin=0.0, extent=0.0)
    scene = read_scene(subject.target.path)
    footprints, rows = place_on_scene(scene, scene_footprints(view.survey, part))
    n, side = len(rows), settings.size
    valid_fraction: DoubleArray = np.zeros(n)
    with (
        RowFile(folder / "chips.npy", (n, len(bands), side, side), scene.dtype) as values,
        RowFile(folder / "mask.npy", (n, side, side), "uint8") as mask,
    ):
        if n:
            for cut in cut_chips(scene, footprints, bands, settings, report, is_grid=subject.grid):
                values.write(cut.rows, cut.values)
                mask.write(cut.rows, cut.mask)
                valid_fraction[cut.rows] = 1 - cut.mask.mean(axis=(1, 2))
    facts = part.facts.iloc[rows].reset_index(drop=True)
    write_table(folder / "facts.parquet", facts.assign(valid_fraction=valid_fraction))
    write_array(folder / "rows.npy", rows)
    if n:
        write_array(folder / "embeddings.npy", _embed(subject, _open_chips(folder, scene.name)))
    return {"chips": n, "scene": scene.name, "bands": list(bands)}


def _embed(subject: ChipsElsewhere, part: SceneChips) -> FloatArray:
    view, artifact = subject.view, subject.view.artifacts["embeddings"][0]
    fit, settings = ENCODER_FITS.open(artifact), view.settings.embed
    bands = tuple(subject.chips.counts["bands"])
    unused = tuple(band for band in bands if band not in artifact.manifest["inputs"]["bands"])
    chips = ChipSet((part,), bands, constant_bands=unused).without_constant_bands()
    encoder = load_encoder(settings.encoder, settings, view.workspace.weights)
    scaling = fit.scalings[part.pixels.dtype.name]
    rows = slice(0, len(part))
    return encode_rows(encoder, chips.parts[0], chips.bands, scaling, fit.fitted, rows)


def _open_chips(folder: Path, scene: str) -> SceneChips:
    facts = read_table(folder / "facts.parquet")
    return SceneChips(
        key=folder.name,
        scene=scene,
        pixels=read_array(folder / "chips.npy", mapped=len(facts) > 0),
        mask=read_array(folder / "mask.npy", mapped=len(facts) > 0),
        facts=facts,
        properties=pd.DataFrame(index=range(len(facts))),
    )


def _open_counterparts(artifact: Artifact) -> Counterparts:
    folder = artifact.folder
    chips = _open_chips(folder, str(artifact.counts["scene"]))
    rows = read_array(folder / "rows.npy")
    embeddings: FloatArray = np.zeros((0, 0), np.float32)
    if len(rows):
        embeddings = read_array(folder / "embeddings.npy")
    return Counterparts(rows, chips, embeddings, chips.facts["valid_fraction"].to_numpy(float))


COUNTERPARTS: Stage[ChipsElsewhere, Counterparts] = Stage(
    name="counterparts",
    version=1,
    inputs=_counterpart_inputs,
    compute=_cut_counterparts,
    load=_open_counterparts,
    sources=lambda s: scene_sources(s.view.workspace, s.target.path, raster_inputs(s.target)),
)
