"""Images of chips, their surroundings and whole scenes, and measures of the chips' appearance."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from core import mapping
from core.artifacts.formats import read_table, write_table
from core.chips.chip_set import ChipSet
from core.clusters.evaluation.appearance import measure_appearance
from core.input_settings import DisplaySettings
from core.pipeline.scene_survey import SurveyedScene
from core.pipeline.stage import Stage
from core.pipeline.view import View
from core.progress import Progress, report_step
from core.types import ByteArray

# Number of chips measured at a time: 256 chips of 128 x 128 pixels in four bands take 70 MB.
_BLOCK = 256


def read_surroundings(
    view: View,
    chips: ChipSet,
    row: int,
    side: int,
    display: DisplaySettings = mapping.DEFAULT_DISPLAY,
) -> mapping.Surroundings:
    """Read the part of a scene around a chip, with outlines of the chip and its footprint.

    `row` is the chip's row in the set. The part has `side` scene pixels along each side.
    """
    facts = _facts_of(chips, row)
    scene = _find_scene(view, facts["scene"])
    footprints = scene.footprints()
    footprint = footprints.pixels[footprints.index == facts["annotation"]][0]
    return mapping.chip_surroundings(scene.path, facts, footprint, side, display=display)


def read_chip_pixels(
    view: View, chips: ChipSet, row: int, display: DisplaySettings = mapping.DEFAULT_DISPLAY
) -> ByteArray:
    """Read one chip at the scene's native resolution, uint8 (h, w, 4)."""
    facts = _facts_of(chips, row)
    scene = _find_scene(view, facts["scene"])
    return mapping.read_native_chip(scene.path, facts, display=display)


def read_overview(
    view: View, scene_name: str, display: DisplaySettings = mapping.DEFAULT_DISPLAY
) -> mapping.Surroundings:
    """Read a whole scene with the footprints of its annotations, if it has any."""
    scene = _find_scene(view, scene_name)
    footprints = scene.footprints().pixels if scene.usable else np.empty(0, object)
    return mapping.scene_overview(scene.path, footprints, None, display=display)


def _facts_of(chips: ChipSet, row: int) -> dict[str, Any]:
    return {str(name): value for name, value in chips.facts.iloc[row].items()}


def _find_scene(view: View, name: str) -> SurveyedScene:
    return next(scene for scene in view.survey.scenes if scene.report.name == name)


def _measure_chips(chips: ChipSet, folder: Path, report: Progress) -> dict[str, Any]:
    tables = []
    for start in range(0, len(chips), _BLOCK):
        rows = np.arange(start, min(start + _BLOCK, len(chips)))
        pixels = chips.read_scaled(rows, chips.display_scalings)
        tables.append(measure_appearance(pixels, chips.read_masks(rows), chips.bands))
        report_step(report, int(rows[-1]) + 1, len(chips), "appearance of the chips")
    write_table(folder / "appearance.parquet", pd.concat(tables, ignore_index=True))
    return {"n": len(chips)}


APPEARANCE: Stage[ChipSet, pd.DataFrame] = Stage(
    name="appearance",
    version=1,
    inputs=lambda chips: {"chips": list(chips.keys)},
    compute=_measure_chips,
    open=lambda artifact: read_table(artifact.folder / "appearance.parquet"),
)
