"""Class maps of whole images, block by block, so that memory does not grow with the image."""

import math
import shutil
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from core.artifacts.formats import read_array, read_json, write_array, write_atomically, write_json
from core.artifacts.row_target import RowTarget
from core.compute.dask_cluster import exchange_folder
from core.compute.work_streams import stream_from_workers, stream_results
from core.errors import ArtifactError, SceneError
from core.land.data.dataset import SIDE, Layout, Patch, SeriesDate
from core.land.data.patch_reading import RequiredData, read_all_pixels
from core.land.data.pixel_table import PixelTable
from core.land.data.window_reading import image_version, read_window
from core.land.models.features import Features, FeatureSpec, Scaler, build_features
from core.land.models.prediction import regularise_patch, required_data
from core.land.models.predictors import Predictor
from core.land.models.regularisation import UNSMOOTHED, RegularisationSettings
from core.progress import Progress, report_step, silent
from core.raster.byte_rasters import write_palette_strips
from core.raster.scene import Scene, read_scene
from core.types import AnyArray, BoolArray, ByteArray

_KEY = "key.json"
# The classes of the blocks that workers classify, a row for each.
_BLOCKS = "blocks.npy"


@dataclass(frozen=True)
class SceneModel:
    """A trained model with all that is needed to classify an image.

    `key` identifies the model and its settings: an interrupted map is continued only by the same
    model. `series` are the dates of the time series, if the features need one.
    """

    predictor: Predictor
    layout: Layout
    spec: FeatureSpec
    scaler: Scaler | None
    key: str
    regularisation: RegularisationSettings = UNSMOOTHED
    series: tuple[SeriesDate, ...] = ()


@dataclass(frozen=True)
class SceneMap:
    """A written class map.

    Attributes
    ----------
    counts : int64 array, (n + 1,)
        Number of pixels by class of the reduced nomenclature; 0 counts invalid pixels.
    n_blocks, n_resumed : int
        Number of blocks, and of those among them that an interrupted run had computed.
    """

    path: Path
    counts: AnyArray
    n_blocks: int
    n_resumed: int


@dataclass(frozen=True)
class _Block:
    """The features of the pixels of a block, and which of them are invalid, (h, w)."""

    features: Features
    table: PixelTable
    invalid: BoolArray


def map_scene(
    model: SceneModel, image: Path, path: Path, about: str = "", report: Progress = silent
) -> SceneMap:
    """Classify every pixel of an image and write the class map as a GeoTIFF with a colour table.

    Finished strips of 512 rows are stored next to the map until it is complete, and a run that was
    interrupted continues after them. Memory is bounded by a few blocks of 512 x 512 pixels and
    one strip. Raises SceneError if the image cannot be read or has other bands than the model.
    """
    scene = read_scene(image)
    n_bands = len(model.layout.bands)
    if len(scene.bands) != n_bands:
        raise SceneError(
            f"the image has {len(scene.bands)} bands, and the model was trained on {n_bands} "
            f"({', '.join(model.layout.bands.names)})",
            where=image.name,
        )
    parts = path.with_name(f".{path.stem}.parts")
    key = {"model": model.key, "image": [str(image), *image_version(image)]}
    _open_parts(parts, key)
    tops = range(0, scene.height, SIDE)
    n_columns = -(-scene.width // SIDE)
    counts = np.zeros(model.layout.legend.other + 1, np.int64)
    stored = {top for top in tops if _stored_strip(parts, top) is not None}
    patches = {top: _strip_patches(model, scene, top) for top in tops if top not in stored}
    pending = [patch for strip_patches in patches.values() for patch in strip_patches]
    with closing(_classify_blocks(model, pending, parts)) as blocks:
        for row, top in enumerate(tops):
            if top not in stored:
                strip = np.concatenate([next(blocks) for _ in patches[top]], axis=1)
                write_array(parts / f"{top:08}.npy", strip)
            else:
                strip = read_array(parts / f"{top:08}.npy")
            counts += np.bincount(strip.ravel(), minlength=len(counts))
            report_step(report, (row + 1) * n_columns, len(tops) * n_columns, image.name)

    def strips() -> Iterator[ByteArray]:
        for top in tops:
            yield read_array(parts / f"{top:08}.npy")

    palette = model.layout.legend.palette()
    write_atomically(path, lambda part: write_palette_strips(part, strips(), palette, image, about))
    shutil.rmtree(parts)
    return SceneMap(path, counts, len(tops) * n_columns, len(stored) * n_columns)


def _open_parts(parts: Path, key: Mapping[str, object]) -> None:
    """Create the folder of strips; strips of another model or image are deleted."""
    try:
        stored = read_json(parts / _KEY)
    except ArtifactError:
        stored = None
    if stored != key and parts.exists():
        shutil.rmtree(parts)
    parts.mkdir(parents=True, exist_ok=True)
    write_json(parts / _KEY, key)


def _stored_strip(parts: Path, top: int) -> ByteArray | None:
    try:
        strip: ByteArray = read_array(parts / f"{top:08}.npy")
    except ArtifactError:
        return None
    return strip


def _strip_patches(model: SceneModel, scene: Scene, top: int) -> list[Patch]:
    """Return the blocks of the strip that begins at a row."""
    bottom = min(top + SIDE, scene.height)
    boxes = [
        (left, top, min(left + SIDE, scene.width), bottom) for left in range(0, scene.width, SIDE)
    ]
    first = top // SIDE * len(boxes)
    return [
        Patch(
            number=f"{first + i:06}",
            split="test",
            domain="",
            area="",
            image=scene.path,
            mask=None,
            layout=model.layout,
            window=box,
            title=f"{scene.name} {first + i}",
            series=model.series,
        )
        for i, box in enumerate(boxes)
    ]


def _classify_blocks(
    model: SceneModel, patches: Sequence[Patch], parts: Path
) -> Generator[ByteArray]:
    """Yield the classes of blocks, (h, w), in order.

    The workers of a cluster read blocks and write their classes to a file in `parts`. Here, the
    next blocks are read while one is classified, which uses all cores itself.
    """
    target = RowTarget(parts / _BLOCKS, exchange_folder())
    tasks = list(enumerate(patches))
    stream = stream_from_workers(partial(_write_block, model, target), tasks) if patches else None
    if stream is None:
        read = partial(_read_block, spec=model.spec, scaler=model.scaler)
        with closing(stream_results(read, patches, local=True)) as blocks:
            for patch, block in zip(patches, blocks, strict=True):
                yield _classify(model, patch, block)
        return
    RowTarget.create(target.file, (len(patches), SIDE * SIDE), "uint8")
    with closing(stream):
        for (number, patch), receipt in zip(tasks, stream, strict=True):
            target.collect(np.array([number], np.int32), receipt)
            classes = read_array(target.file, mapped=True)[number, : math.prod(patch.shape)]
            yield classes.reshape(patch.shape)


def _write_block(model: SceneModel, target: RowTarget, task: tuple[int, Patch]) -> str:
    """Classify a block on a worker and write its classes to a row of the target."""
    number, patch = task
    classes = _classify(model, patch, _read_block(patch, spec=model.spec, scaler=model.scaler))
    row = np.zeros((1, SIDE * SIDE), np.uint8)
    row[0, : classes.size] = classes.ravel()
    return target.write(np.array([number], np.int32), row)


def _classify(model: SceneModel, patch: Patch, block: _Block) -> ByteArray:
    """Return the classes of a block, (h, w), with 0 for invalid pixels."""
    classes = model.predictor.predict(block.features, int(patch.number)).classes
    classes[block.invalid.ravel()] = 0
    if model.regularisation.changes_classes:
        classes = regularise_patch(block.table, classes, patch, model.regularisation)
    return classes.reshape(patch.shape)


def _read_block(patch: Patch, *, spec: FeatureSpec, scaler: Scaler | None) -> _Block:
    invalid: AnyArray = read_window(patch).mask
    table = read_all_pixels(patch, 0, required_data(spec, RequiredData()))
    return _Block(build_features(table, spec, scaler), table, invalid)
