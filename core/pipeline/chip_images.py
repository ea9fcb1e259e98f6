"""Images of chips, their surroundings and whole scenes, and measures of the chips' appearance."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
from pyproj import CRS

from core import mapping
from core.artifacts.formats import read_array, read_table, write_array, write_table
from core.chips.chip_set import ChipSet
from core.clusters.evaluation.appearance import measure_appearance
from core.errors import BandError, SceneError, WorkspaceError
from core.input_settings import DisplaySettings
from core.pipeline.inputs.scene_files import scene_sources
from core.pipeline.scene_survey import Survey, SurveyedScene
from core.pipeline.stage import Stage
from core.pipeline.view import View
from core.pipeline.workspace import Workspace
from core.progress import Progress, report_step
from core.raster.geodesy import WGS84, crs_transformer, north_direction
from core.raster.rendering import (
    Rendering,
    displayed_band_positions,
    sample_percentiles,
    stretch_limits,
    stretch_percentiles,
)
from core.raster.scene import read_scene
from core.raster.spectral.spectral_indices import SpectralIndex
from core.tables import read_toml, settings_from_table
from core.types import ByteArray, DoubleArray

log = logging.getLogger(__name__)

# Number of chips measured at a time: 256 chips of 128 x 128 pixels in four bands take 70 MB.
_BLOCK = 256
# In a workspace with more scenes, the stretch is fitted to this many, evenly spaced by name.
_SCENES_SAMPLED = 64


@dataclass(frozen=True)
class _SampledBands:
    """A scene, and the bands whose values are sampled."""

    workspace: Workspace
    scene: SurveyedScene
    bands: tuple[str, ...]


def _write_sample(sampled: _SampledBands, folder: Path, _: Progress) -> dict[str, Any]:
    sample = sample_percentiles(read_scene(sampled.scene.path), sampled.bands)
    write_array(folder / "percentiles.npy", sample)
    return {"bands": list(sampled.bands)}


SAMPLES: Stage[_SampledBands, DoubleArray] = Stage(
    name="percentiles",
    # Version 1 also stored the missing sample of a scene that could not be read at the time.
    version=2,
    inputs=lambda sampled: {"scene": sampled.scene.artifact.key, "bands": sampled.bands},
    compute=_write_sample,
    load=lambda artifact: read_array(artifact.folder / "percentiles.npy"),
    sources=lambda sampled: scene_sources(
        sampled.workspace, sampled.scene.path, sampled.scene.artifact.manifest["inputs"]
    ),
    is_rechecked=True,
)


def display_path(workspace: Workspace) -> Path:
    """Return the path of the file that holds the bands and the stretch that the app displays."""
    return workspace.root / "app" / "display.toml"


def read_display(workspace: Workspace) -> DisplaySettings:
    """Read the bands and the stretch that the app displays; the defaults if none were chosen.

    Raises SettingsError if the file cannot be read.
    """
    path = display_path(workspace)
    if not path.is_file():
        return DisplaySettings()
    return cast(DisplaySettings, settings_from_table(DisplaySettings, read_toml(path), str(path)))


def _find_sample(sampled: _SampledBands) -> DoubleArray:
    """Return the sample of a scene; it is not stored if the scene has changed."""
    try:
        return SAMPLES.open(SAMPLES.make(sampled.workspace.store, sampled))
    except WorkspaceError:
        log.debug("the sample of %s is not stored", sampled.scene.path.name)
    except SceneError:
        # A damaged scene is reported where it is opened; the other scenes are still displayed.
        return np.full((len(sampled.bands), 1), np.nan)
    try:
        return sample_percentiles(read_scene(sampled.scene.path), sampled.bands)
    except (SceneError, BandError):
        return np.full((len(sampled.bands), 1), np.nan)


def find_rendering(
    workspace: Workspace,
    survey: Survey,
    dtype: str,
    bands: tuple[str, ...],
    display: DisplaySettings = mapping.DEFAULT_DISPLAY,
) -> Rendering:
    """Return how a scene or chip with these dtype and bands is displayed everywhere.

    The limits are fitted to all scenes of the workspace with the same dtype and the displayed
    bands, so that the same values have the same colours in every scene, and in every image of it.
    """
    names = tuple(bands[i] for i in displayed_band_positions(bands, display))
    scenes = [
        scene
        for scene in survey.scenes
        if scene.present and scene.report.dtype == dtype and set(names) <= {*scene.report.bands}
    ]
    numbers = np.linspace(0, len(scenes) - 1, min(_SCENES_SAMPLED, len(scenes))).round()
    samples = [
        _find_sample(_SampledBands(workspace, scenes[i], names)) for i in numbers.astype(int)
    ]
    samples = samples or [np.full((len(names), 1), np.nan)]
    return Rendering(names, stretch_limits(samples, dtype, stretch_percentiles(display)))


def find_chip_renderings(
    workspace: Workspace,
    survey: Survey,
    chips: ChipSet,
    display: DisplaySettings = mapping.DEFAULT_DISPLAY,
) -> dict[str, Rendering]:
    """Return the rendering of the chips of each scene, by name, for `mapping.chip_thumbnails`.

    The displayed bands are those of the scene, unless the chips were cut without them. Scenes that
    are no longer in the workspace are left out.
    """
    reports = {scene.report.name: scene.report for scene in survey.scenes if scene.report.ok}
    renderings: dict[str, Rendering] = {}
    for part in chips.parts:
        if part.scene not in reports:
            continue
        bands = reports[part.scene].bands
        if not {bands[i] for i in displayed_band_positions(bands, display)} <= {*chips.bands}:
            bands = chips.bands
        dtype = part.pixels.dtype.name
        renderings[part.scene] = find_rendering(workspace, survey, dtype, bands, display)
    return renderings


def read_surroundings(
    view: View,
    chips: ChipSet,
    row: int,
    side: int,
    rendering: Rendering | SpectralIndex | None = None,
) -> mapping.Surroundings:
    """Read the part of a scene around a chip, with outlines of the chip and its footprint.

    `row` is the chip's row in the set. The part has `side` scene pixels along each side. Raises
    SceneError if the scene is no longer in raw/.
    """
    facts = _facts_of(chips, row)
    scene = _find_scene(view, facts["scene"])
    if not scene.present:
        raise SceneError(
            "the surroundings cannot be displayed, because the scene is no longer in raw/",
            where=scene.path.name,
            remedy="Put it back.",
        )
    footprints = scene.footprints()
    footprint = footprints.pixels[footprints.index == facts["annotation"]][0]
    return mapping.chip_surroundings(scene.path, facts, footprint, side, rendering=rendering)


def neighbour_squares(
    chips: ChipSet, row: int, part: mapping.Surroundings
) -> tuple[list[int], DoubleArray]:
    """Return the rows of the other chips in the surroundings of a chip, and their squares.

    The squares, (n, 4, 2), are in pixels of the image; the centre of each lies on the image.
    """
    facts = chips.facts
    rows = np.flatnonzero((facts["scene"] == facts["scene"].iloc[row]).to_numpy())
    rows = rows[rows != row]
    squares = part.place(mapping.chip_window(facts.iloc[rows]).corners())
    height, width = part.image.shape[:2]
    centres = squares.mean(axis=1)
    inside = ((centres >= 0) & (centres < (width, height))).all(axis=1)
    return rows[inside].tolist(), squares[inside]


@dataclass(frozen=True)
class ChipPosition:
    """Where a chip is: the centroid of its footprint, and the direction of north there.

    Attributes
    ----------
    crs : str
        Authority code or name of the scene's CRS.
    x, y : float
        Easting and northing in the units of that CRS, or longitude and latitude.
    longitude, latitude : float
        In degrees on WGS 84.
    north : float or None
        See `core.raster.geodesy.north_direction`.
    geographic : bool
        Whether the units of the CRS are degrees.
    """

    crs: str
    x: float
    y: float
    longitude: float
    latitude: float
    north: float | None
    geographic: bool


def locate_chip(view: View, chips: ChipSet, row: int) -> ChipPosition | None:
    """Return where a chip is; None if its scene has no CRS."""
    facts = _facts_of(chips, row)
    scene = read_scene(_find_scene(view, facts["scene"]).path)
    longitude, latitude = float(facts["longitude"]), float(facts["latitude"])
    if not scene.crs or not np.isfinite([longitude, latitude]).all():
        return None
    crs = CRS.from_user_input(scene.crs)
    authority = crs.to_authority(min_confidence=70)
    x, y = crs_transformer(WGS84, scene.crs).transform(longitude, latitude)
    north = north_direction(scene.crs, scene.transform, facts["column"], facts["row"])
    name = ":".join(authority) if authority else crs.name
    return ChipPosition(name, x, y, longitude, latitude, north, crs.is_geographic)


def read_chip_pixels(
    view: View, chips: ChipSet, row: int, rendering: Rendering | SpectralIndex | None = None
) -> ByteArray:
    """Read one chip at the scene's native resolution, uint8 (h, w, 4).

    If the scene is no longer in raw/, the image is the stored chip in its stored resolution.
    """
    facts = _facts_of(chips, row)
    scene = _find_scene(view, facts["scene"])
    if not scene.present:
        renderings = {scene.report.name: rendering} if isinstance(rendering, Rendering) else {}
        image: ByteArray = mapping.chip_thumbnails(chips, [row], renderings)[0]
        return image
    return mapping.read_native_chip(scene.path, facts, rendering=rendering)


def read_overview(
    view: View, scene_name: str, rendering: Rendering | SpectralIndex | None = None
) -> mapping.Surroundings:
    """Read a whole scene with the footprints of its annotations, if it has any."""
    scene = _find_scene(view, scene_name)
    footprints = scene.footprints().pixels if scene.usable else np.empty(0, object)
    return mapping.scene_overview(scene.path, footprints, None, rendering=rendering)


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
    load=lambda artifact: read_table(artifact.folder / "appearance.parquet"),
)
