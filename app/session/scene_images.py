"""Images of chips, their surroundings and scenes, in the form that the browser reads; cached."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from app.session.cache import cached_image, shared_rendering, stage_result
from app.widgets.images import data_uri
from core.chips.chip_set import ChipSet
from core.input_settings import DisplaySettings
from core.mapping import Surroundings, native_step
from core.pipeline import chip_images
from core.pipeline.chip_images import ChipPosition
from core.pipeline.view import View
from core.raster.rendering import Rendering
from core.raster.spectral.spectral_indices import SpectralIndex
from core.types import ByteArray, DoubleArray

T = TypeVar("T")
Lens = DisplaySettings | SpectralIndex
"""How one image is displayed: its bands and stretch, or a spectral index."""
NO_SQUARES: DoubleArray = np.zeros((0, 4, 2))


@dataclass(frozen=True)
class SceneImage:
    """An image of part of a scene, in the form that the browser reads.

    The rings of the footprints, (k, 2) each, and the squares of the chips, (n, 4, 2), are in pixels
    of the image; the gsd is in metres on the ground per pixel of the image. `neighbours` are the
    rows of other chips in the image, with their squares in `neighbour_squares`, (m, 4, 2).
    """

    uri: str
    width: int
    height: int
    footprints: list[list[DoubleArray]]
    squares: DoubleArray
    gsd: float | None
    neighbours: list[int]
    neighbour_squares: DoubleArray


def surroundings(
    view: View, chips: ChipSet, row: int, side: int, lens: Lens | None = None
) -> SceneImage:
    """Return an image of a chip's surroundings, `side` scene pixels wide."""

    def draw(rendering: Rendering | SpectralIndex) -> SceneImage:
        part = chip_images.read_surroundings(view, chips, row, side, rendering)
        return _scene_image(part, chip_images.neighbour_squares(chips, row, part))

    scene, values = chips.facts["scene"].iloc[row], {"row": row, "side": side}
    return _displayed_image(view, "chips", "surroundings", scene, draw, lens, **values)


def chip_pixels(
    view: View, chips: ChipSet, row: int, lens: Lens | None = None
) -> tuple[ByteArray, int]:
    """Return a chip's image, read from its scene, and the width of its pixels in scene pixels."""

    def draw(rendering: Rendering | SpectralIndex) -> tuple[ByteArray, int]:
        facts = {str(name): value for name, value in chips.facts.iloc[row].items()}
        return chip_images.read_chip_pixels(view, chips, row, rendering), native_step(facts)

    scene = chips.facts["scene"].iloc[row]
    return _displayed_image(view, "chips", "pixels", scene, draw, lens, row=row)


def is_scene_present(view: View, chips: ChipSet, row: int) -> bool:
    """Return True if the scene of a chip is in raw/."""
    name = chips.facts["scene"].iloc[row]
    return any(scene.report.name == name and scene.present for scene in view.survey.scenes)


def chip_position(view: View, chips: ChipSet, row: int) -> ChipPosition | None:
    """Return where a chip is; None if its scene has no CRS."""

    def locate() -> ChipPosition | None:
        return chip_images.locate_chip(view, chips, row)

    return stage_result(view, "chips", "position", locate, row=row)


def overview(view: View, scene: str) -> SceneImage:
    """Return an image of a whole scene with its footprints."""

    def draw(rendering: Rendering | SpectralIndex) -> SceneImage:
        return _scene_image(chip_images.read_overview(view, scene, rendering))

    return _displayed_image(view, "scenes", "overview", scene, draw)


def _displayed_image(
    view: View,
    stage: str,
    name: str,
    scene: str,
    draw: Callable[[Rendering | SpectralIndex], T],
    lens: Lens | None = None,
    **values: Any,
) -> T:
    """Return an image of a scene, by default in the requested bands and stretch."""
    rendering: Rendering | SpectralIndex
    if isinstance(lens, SpectralIndex):
        rendering, look = lens, repr(lens)
    else:
        report = next(s.report for s in view.survey.scenes if s.report.name == scene)
        rendering = shared_rendering(view.workspace, report.dtype, report.bands, lens)
        look = f"{rendering.bands} {rendering.limits.tolist()}"
    key = view.key(stage, name=name, scene=scene, look=look, **values)
    return cached_image(key, lambda: draw(rendering))


def _scene_image(
    part: Surroundings, neighbours: tuple[list[int], DoubleArray] = ([], NO_SQUARES)
) -> SceneImage:
    height, width = part.image.shape[:2]
    uri = data_uri(part.image, lossy=True)
    shapes = part.footprints, part.squares
    return SceneImage(uri, width, height, *shapes, part.gsd, *neighbours)
