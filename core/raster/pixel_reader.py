"""The only place where pixels are read: by window, never the whole scene."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import rasterio
from rasterio.enums import ColorInterp, MaskFlags, Resampling
from rasterio.windows import Window

from core.errors import SceneError
from core.raster.scene import Scene, open_scene
from core.types import AnyArray, BoolArray

# Programs fill with float32's lowest value, -3.4e38, and do not always say so; an average with one
# such pixel among 10^8 is still below this. Nothing that is measured comes near.
LOWEST = -1e30

# Nodata beside alpha: GDAL looks at one of them and warns; `_mask` counts both.
warnings.filterwarnings("ignore", category=rasterio.errors.NodataShadowWarning)

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in whole pixels; right and bottom excluded."""


@dataclass(frozen=True)
class Pixels:
    """A part of a scene.

    Attributes
    ----------
    values : array, (bands, h, w), native dtype
    mask : bool array, (h, w)
        True where masked: nodata as `holes` has it, hidden by alpha or a mask band, or `no_number`
        in any band.
    left, top : int
        The upper-left corner in the scene's pixels.
    step : tuple of float
        Scene pixels to one pixel here, across and down; above 1 where the read was decimated.
    """

    values: AnyArray
    mask: BoolArray
    left: int
    top: int
    step: tuple[float, float] = (1.0, 1.0)

    def __post_init__(self) -> None:
        if self.values.shape[1:] != self.mask.shape:
            raise SceneError(f"mask {self.mask.shape} beside values {self.values.shape}")


class Reader:
    """An open scene; a context manager, for use in one thread.

    Parameters
    ----------
    scene : Scene
    bands : tuple of str
        Names of the bands to read, in this order; empty for all.

    Attributes
    ----------
    all_valid : bool
        True if the open file has no nodata, alpha or mask; NaN may still be in it.
    """

    def __init__(self, scene: Scene, bands: tuple[str, ...] = ()) -> None:
        self.scene = scene
        where = dict(zip(scene.bands, scene.indexes, strict=True))
        self._indexes = [where[name] for name in bands or scene.bands]
        self._colours = [scene.bands.index(name) for name in bands or scene.bands]
        self._source: Any = None
        self.all_valid = False

    def __enter__(self) -> "Reader":
        self._source = open_scene(self.scene.path)
        flags = self._source.mask_flag_enums
        self.all_valid = all(flag == [MaskFlags.all_valid] for flag in flags)
        return self

    def __exit__(self, *_: object) -> None:
        self._source.close()

    def read(self, box: Box, step: int = 1) -> Pixels:
        """Read a box, clipped to the scene.

        Parameters
        ----------
        box : tuple of int
        step : int
            Above 1: about step x step pixels become one, by averaging, from overviews where the
            file has them; `Pixels.step` is exact, for a box that the step does not divide.

        Raises
        ------
        SceneError
            If the file cannot be decoded there.
        """
        left, top, right, bottom = clip(box, self.scene)
        size = (-(-(bottom - top) // step), -(-(right - left) // step))
        if 0 in size:
            empty = np.zeros((len(self._indexes), 0, 0), self.scene.dtype)
            return Pixels(empty, np.zeros((0, 0), bool), left, top, (step, step))
        window = Window(left, top, right - left, bottom - top)
        try:
            values = self._values(window, size, step)
            mask = self._mask(window, size)
        except (rasterio.errors.RasterioError, OSError) as error:
            raise SceneError(
                f"opens but cannot be read at columns {left} to {right}, rows {top} to {bottom}",
                where=self.scene.path.name,
                remedy="The file is damaged or cut off: copy it again.",
            ) from error
        if self.scene.palette:
            values, hidden = expand(values[0], self.scene.palette, self._colours)
            mask |= hidden
        mask |= no_number(values)
        steps = ((right - left) / size[1], (bottom - top) / size[0])
        return Pixels(values, mask, left, top, steps)

    def _values(self, window: Window, size: tuple[int, int], step: int) -> AnyArray:
        how: dict[str, Any] = {}
        if step > 1:
            # The mean of two palette values is another colour altogether.
            mean, most = Resampling.average, Resampling.mode
            how["resampling"] = most if self.scene.palette else mean
        indexes = [1] if self.scene.palette else self._indexes
        values: AnyArray = self._source.read(
            indexes, window=window, out_shape=(len(indexes), *size), **how
        )
        return values

    def _mask(self, window: Window, size: tuple[int, int]) -> BoolArray:
        source = self._source
        if self.all_valid:
            return np.zeros(size, bool)
        if not any(value is not None for value in source.nodatavals):
            masked: BoolArray = source.dataset_mask(out_shape=size, window=window) == 0
            return masked
        indexes = [1] if self.scene.palette else self._indexes
        asked = nodata_bands(source.nodatavals, self.scene, indexes)
        each = source.read_masks(asked, out_shape=(len(asked), *size), window=window)
        masked = holes(each == 0, source.nodatavals, self.scene)
        # GDAL looks at alpha only where there is no nodata; here both count.
        if ColorInterp.alpha in source.colorinterp:
            alpha = source.colorinterp.index(ColorInterp.alpha) + 1
            masked |= source.read(alpha, out_shape=size, window=window) == 0
        return masked


def nodata_bands(
    nodatavals: Sequence[float | None], scene: Scene, indexes: Sequence[int]
) -> list[int]:
    """Numbers of the bands that `holes` asks, where some are read: those first, in their order."""
    if scene.palette or not _as_colour(nodatavals, scene):
        return list(indexes)
    return [*indexes, *(i for i in scene.indexes if i not in indexes)]


def holes(each: BoolArray, nodatavals: Sequence[float | None], scene: Scene) -> BoolArray:
    """Where a scene has no data, (h, w), from where each of its `nodata_bands` has none.

    In uint8 scenes with one nodata for all bands a hole is where every band has it (255, 255, 254
    is a colour, not a hole); in all others one band is enough.

    Parameters
    ----------
    each : bool array, (bands, h, w)
    nodatavals : sequence of float or None
        Of all bands of the file.
    """
    found = each.all(axis=0) if _as_colour(nodatavals, scene) else each.any(axis=0)
    return np.asarray(found)


def no_number(values: AnyArray) -> BoolArray:
    """Where any band is NaN, infinite or below `LOWEST`, (h, w), of values (bands, h, w)."""
    if values.dtype.kind != "f":
        return np.zeros(values.shape[1:], bool)
    return np.asarray(~(np.isfinite(values) & (values > LOWEST)).all(axis=0))


def _as_colour(nodatavals: Sequence[float | None], scene: Scene) -> bool:
    """Whether nodata is a colour of all bands together."""
    return scene.dtype == "uint8" and len({nodatavals[i - 1] for i in scene.indexes}) == 1


def expand(
    stored: AnyArray, palette: tuple[tuple[int, int, int, int], ...], colours: list[int]
) -> tuple[AnyArray, BoolArray]:
    """Colours of stored palette values, (bands, h, w) uint8, and what the palette hides, (h, w).

    `colours` are positions in red, green, blue.
    """
    table = np.array(palette, np.uint8)
    # The palette's last entry stands for all values beyond it.
    shown = table[np.minimum(stored.astype(np.intp), len(table) - 1)]
    return np.ascontiguousarray(np.moveaxis(shown[..., colours], -1, 0)), shown[..., 3] == 0


def clip(box: Box, scene: Scene) -> Box:
    """The part of a box that lies on the scene; of no size where none does."""
    left, top, right, bottom = box
    left, right = (min(max(v, 0), scene.width) for v in (left, right))
    top, bottom = (min(max(v, 0), scene.height) for v in (top, bottom))
    return left, top, right, bottom


@dataclass(frozen=True)
class Tested:
    """What a look at a few blocks of a scene found.

    Attributes
    ----------
    valid : float
        Share of valid pixels, 0..1.
    notes : tuple of str
        What was masked that the file does not state as nodata.
    """

    valid: float
    notes: tuple[str, ...] = ()


def read_test(scene: Scene) -> float:
    """The share of valid pixels that `look_at_blocks` finds."""
    return look_at_blocks(scene).valid


def look_at_blocks(scene: Scene) -> Tested:
    """Read the blocks at the corners, the middle and the end, and say what share is valid.

    A file that was cut off opens by its header and fails here.

    Raises
    ------
    SceneError
        If one of them cannot be decoded.
    """
    rows, columns = (min(side, 1024) for side in scene.block)
    at_x = sorted({0, (scene.width - 1) // 2, scene.width - 1})
    at_y = sorted({0, (scene.height - 1) // 2, scene.height - 1})
    valid = total = lowest = 0
    with Reader(scene) as reader:
        for y in at_y:
            for x in at_x:
                left, top = x // columns * columns, y // rows * rows
                part = reader.read((left, top, left + columns, top + rows))
                valid += int((~part.mask).sum())
                total += part.mask.size
                if part.values.dtype.kind == "f" and part.mask.any():
                    low = np.isfinite(part.values) & (part.values <= LOWEST)
                    lowest += int(low.any(axis=0).sum())
    stated = scene.nodata is not None and scene.nodata <= LOWEST
    note = (
        f"{lowest / total:.1%} of its pixels are about -3.4e38, which the file does not state as "
        "nodata: taken as nodata"
    )
    return Tested(valid / total, (note,) if lowest and not stated else ())
