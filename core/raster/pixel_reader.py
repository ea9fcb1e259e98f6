"""Reading pixels of a scene by window, so that no scene is ever held in memory."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import rasterio
from rasterio.enums import ColorInterp, MaskFlags, Resampling
from rasterio.windows import Window

from core.errors import SceneError
from core.raster.scene import READ_ERRORS, Scene, open_scene
from core.types import AnyArray, BoolArray

# Many programs fill gaps with the lowest float32 value, -3.4e38, without declaring it as nodata. An
# average that includes one such pixel among 10^8 is still below this limit; no real value is.
FILL_LIMIT = -1e30

# If a raster has nodata and alpha, GDAL uses only one and warns; `Reader._mask` uses both.
warnings.filterwarnings("ignore", category=rasterio.errors.NodataShadowWarning)

Box = tuple[int, int, int, int]
"""Left, top, right and bottom in whole pixels; right and bottom are excluded."""


@dataclass(frozen=True)
class Pixels:
    """The pixels of a part of a scene, whose upper-left corner lies at `left` and `top`.

    The values, (bands, h, w), have the native dtype. The mask, (h, w), is True where masked: by
    nodata (see `nodata_mask`), by alpha or a mask band, or because any band is invalid (see
    `invalid_values`). The step is the number of scene pixels per pixel of this part, across and
    down; above 1 after a decimated read.
    """

    values: AnyArray
    mask: BoolArray
    left: int
    top: int
    step: tuple[float, float] = (1.0, 1.0)

    def __post_init__(self) -> None:
        if self.values.shape[1:] != self.mask.shape:
            shapes = f"mask {self.mask.shape} and values {self.values.shape}"
            raise SceneError(f"the shapes of {shapes} do not match")


class Reader:
    """An open scene, as a context manager for use in one thread.

    `bands` names the bands to read, in order; by default, all are read. `all_valid` is True if the
    open file declares no nodata, alpha or mask; its values may still include NaN.
    """

    def __init__(self, scene: Scene, bands: tuple[str, ...] = ()) -> None:
        self.scene = scene
        positions = {name: position for position, name in enumerate(scene.bands)}
        self._positions = [positions[name] for name in bands or scene.bands]
        self._indexes = [1] if scene.palette else [scene.indexes[i] for i in self._positions]
        self._source: Any = None
        self.all_valid = False

    def __enter__(self) -> "Reader":
        self._source = open_scene(self.scene.path)
        self.all_valid = all(f == [MaskFlags.all_valid] for f in self._source.mask_flag_enums)
        return self

    def __exit__(self, *_: object) -> None:
        self._source.close()

    def read(self, box: Box, step: int = 1) -> Pixels:
        """Read a box, clipped to the scene; raises SceneError if it cannot be decoded.

        With a step above 1, about step x step pixels are averaged into one, from overviews if the
        file has them. If the step does not divide the box, `Pixels.step` holds the exact value.
        """
        left, top, right, bottom = clip_box(box, self.scene)
        size = (-(-(bottom - top) // step), -(-(right - left) // step))
        if 0 in size:
            empty = np.zeros((len(self._positions), 0, 0), self.scene.dtype)
            return Pixels(empty, np.zeros((0, 0), bool), left, top, (step, step))
        window = Window(left, top, right - left, bottom - top)
        # The mean of two palette values would be an unrelated colour.
        averaging = Resampling.mode if self.scene.palette else Resampling.average
        try:
            values: AnyArray = self._source.read(
                self._indexes,
                window=window,
                out_shape=(len(self._indexes), *size),
                resampling=averaging if step > 1 else Resampling.nearest,
            )
            mask = self._mask(window, size)
        except READ_ERRORS as error:
            raise SceneError(
                f"the file opens but cannot be read at columns {left} to {right}, rows {top} to "
                f"{bottom}",
                where=self.scene.path.name,
                remedy="It is damaged or incomplete: copy it again.",
            ) from error
        if self.scene.palette:
            values, transparent = expand_palette(values[0], self.scene.palette, self._positions)
            mask |= transparent
        mask |= invalid_values(values)
        steps = ((right - left) / size[1], (bottom - top) / size[0])
        return Pixels(values, mask, left, top, steps)

    def _mask(self, window: Window, size: tuple[int, int]) -> BoolArray:
        source = self._source
        if self.all_valid:
            return np.zeros(size, bool)
        if not any(value is not None for value in source.nodatavals):
            return np.asarray(source.dataset_mask(out_shape=size, window=window) == 0)
        bands = nodata_bands(source.nodatavals, self.scene, self._indexes)
        band_masks = source.read_masks(bands, out_shape=(len(bands), *size), window=window) == 0
        mask = nodata_mask(band_masks, source.nodatavals, self.scene)
        # GDAL uses alpha only if there is no nodata; here both are used.
        if ColorInterp.alpha in source.colorinterp:
            alpha = source.colorinterp.index(ColorInterp.alpha) + 1
            mask |= source.read(alpha, out_shape=size, window=window) == 0
        return mask


def nodata_bands(
    nodatavals: Sequence[float | None], scene: Scene, indexes: Sequence[int]
) -> list[int]:
    """Return the numbers of the bands that `nodata_mask` needs, starting with `indexes`."""
    if scene.palette or not _is_nodata_colour(nodatavals, scene):
        return list(indexes)
    chosen = set(indexes)
    return [*indexes, *(i for i in scene.indexes if i not in chosen)]


def nodata_mask(
    band_masks: BoolArray, nodatavals: Sequence[float | None], scene: Scene
) -> BoolArray:
    """Combine the nodata masks of single bands into a mask of the scene, (h, w).

    In uint8 scenes with the same nodata value in all bands, a pixel is masked only if every band
    has that value: (255, 255, 254) is a colour, not a gap. In other scenes one band is enough.
    `band_masks`, (bands, h, w), covers the `nodata_bands`, and `nodatavals` covers all bands.
    """
    combine = np.all if _is_nodata_colour(nodatavals, scene) else np.any
    return np.asarray(combine(band_masks, axis=0))


def invalid_values(values: AnyArray) -> BoolArray:
    """Return a mask, (h, w), of NaN, infinite or fill values in any band of (bands, h, w)."""
    if values.dtype.kind != "f":
        return np.zeros(values.shape[1:], bool)
    return np.asarray(~(np.isfinite(values) & (values > FILL_LIMIT)).all(axis=0))


def _is_nodata_colour(nodatavals: Sequence[float | None], scene: Scene) -> bool:
    """Return True if nodata is a colour: the same uint8 value in all bands."""
    return scene.dtype == "uint8" and len({nodatavals[i - 1] for i in scene.indexes}) == 1


def expand_palette(
    stored: AnyArray, palette: tuple[tuple[int, int, int, int], ...], channels: list[int]
) -> tuple[AnyArray, BoolArray]:
    """Return the colours of stored values, uint8 (channels, h, w), and a transparency mask, (h, w).

    `channels` are the indexes of the colour channels to return: 0 red, 1 green, 2 blue.
    """
    table = np.array(palette, np.uint8)
    # The last entry of the palette is used for all values beyond it.
    rgba = table[np.minimum(stored.astype(np.intp), len(table) - 1)]
    return np.ascontiguousarray(np.moveaxis(rgba[..., channels], -1, 0)), rgba[..., 3] == 0


def clip_box(box: Box, scene: Scene) -> Box:
    """Return the part of a box that lies on the scene; it is empty if none does."""
    left, top, right, bottom = box
    left, right = (min(max(v, 0), scene.width) for v in (left, right))
    top, bottom = (min(max(v, 0), scene.height) for v in (top, bottom))
    return left, top, right, bottom


@dataclass(frozen=True)
class ReadCheck:
    """The fraction of valid pixels in a few blocks of a scene, 0..1.

    The notes report values that were masked although the file does not declare them as nodata.
    """

    valid_fraction: float
    notes: tuple[str, ...] = ()


def check_blocks(scene: Scene) -> ReadCheck:
    """Read the blocks at the corners, the edges and the centre of a scene.

    A truncated file can be opened, since its header is intact, but raises SceneError here.
    """
    n_rows, n_columns = (min(side, 1024) for side in scene.block_shape)
    columns = sorted({0, (scene.width - 1) // 2, scene.width - 1})
    rows = sorted({0, (scene.height - 1) // 2, scene.height - 1})
    n_valid = n_pixels = n_fill = 0
    with Reader(scene) as reader:
        for row, column in product(rows, columns):
            left, top = column // n_columns * n_columns, row // n_rows * n_rows
            part = reader.read((left, top, left + n_columns, top + n_rows))
            n_valid += int((~part.mask).sum())
            n_pixels += part.mask.size
            if part.values.dtype.kind == "f" and part.mask.any():
                is_fill = np.isfinite(part.values) & (part.values <= FILL_LIMIT)
                n_fill += int(is_fill.any(axis=0).sum())
    is_stated = scene.nodata is not None and scene.nodata <= FILL_LIMIT
    note = (
        f"{n_fill / n_pixels:.1%} of the sampled pixels are about -3.4e38. They are treated as "
        "nodata, although the file does not declare this value as nodata."
    )
    return ReadCheck(n_valid / n_pixels, (note,) if n_fill and not is_stated else ())
