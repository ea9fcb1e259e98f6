"""Images of chips, their surroundings and whole scenes, read from the scenes of a view."""

from typing import Any

import numpy as np

from core import mapping
from core.chips.chip_set import ChipSet
from core.input_settings import DisplaySettings
from core.pipeline.scene_survey import SurveyedScene
from core.pipeline.view import View
from core.types import ByteArray


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
