"""Images of a compared footprint and its surroundings, with the same ground on both dates."""

import numpy as np
import shapely

from core.change.scene_pairs import place_on_scene
from core.errors import SceneError
from core.pipeline.change.scene_comparison import SceneChanges
from core.raster.pixel_reader import Reader
from core.raster.rendering import Rendering
from core.raster.resampling import resample_chips
from core.raster.scene import read_scene
from core.raster.windows import chip_windows
from core.types import ByteArray, DoubleArray

# Side of the surroundings in sides of the chip, and of their image in pixels.
CONTEXT, IMAGE_SIDE = 2.5, 512
# Scene pixels per image pixel above which the scene is read from overviews, or averaged.
MOST_DENSITY = 4


def draw_on_date(
    changes: SceneChanges, row: int, date: int, rendering: Rendering, side: int = IMAGE_SIDE
) -> tuple[ByteArray, list[DoubleArray]]:
    """Return the surroundings of a row's footprint on the first (0) or second (1) date.

    The image, uint8 (side, side, 4), lies as the chip does; the rings of the footprint, (k, 2), are
    in its pixels. Raises SceneError if the scene is not in raw/ or cannot be read.
    """
    surveyed = changes.pair.scenes[date]
    if not surveyed.present:
        raise SceneError("the scene is not in raw/", where=surveyed.report.name)
    scene = read_scene(surveyed.path)
    shapes, _ = place_on_scene(scene, changes.footprints[[row]])
    windows = chip_windows(scene, shapes, changes.pair.view.settings.chips)
    centres, axes = np.stack([windows.column, windows.row], 1), CONTEXT * windows.axes()
    reach = np.abs(axes[0]).sum(axis=1) / 2
    density = 2 * reach.max() / side
    step = max(1, int(density / MOST_DENSITY))
    # The filter of the resampling reaches beyond the edges.
    low, high = centres[0] - reach - 2 * density - 2, centres[0] + reach + 2 * density + 2
    box = (*np.floor(low).astype(int).tolist(), *np.ceil(high).astype(int).tolist())
    with Reader(scene, rendering.bands) as reader:
        values, mask = resample_chips(reader.read(box, step), centres, axes, side)
    inverse = np.linalg.inv(axes[0])
    rings = [
        ((ring - centres[0]) @ inverse.T + 0.5) * side
        for ring in map(shapely.get_coordinates, shapely.get_parts(shapely.boundary(shapes)))
    ]
    return rendering.draw(values[0], mask[0]), rings
