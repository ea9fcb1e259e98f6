"""The stages of a search: windows over a scene, and the windows of the examples, embedded."""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from core.artifacts.blocks import Blocks
from core.artifacts.formats import read_array, write_array
from core.artifacts.store import Artifact
from core.embeddings.joined_encoder import part_names
from core.embeddings.raster_encoder import is_raster_encoder
from core.embeddings.registry import load_encoder
from core.errors import SceneError, SettingsError
from core.pipeline.embedding_stages import ENCODER_FITS, EncoderFit
from core.pipeline.inputs.scene_files import scene_sources
from core.pipeline.scene_survey import SurveyedScene
from core.pipeline.stage import Stage
from core.pipeline.view import View
from core.progress import Progress, report_step
from core.raster.scene import Scene, read_scene
from core.raster.sidecars import sidecar_files
from core.search.scene_scan import (
    WindowEncoder,
    WindowGrid,
    block_length,
    pixel_sides,
    plan_grid,
    surrounding_centres,
    window_settings,
)
from core.types import AnyArray, BoolArray, DoubleArray, FloatArray

# Distance of the windows next to an example, as a fraction of the objects' side. On the demo, they
# help the ranker to find the centres of objects more than windows at a distance of 0.5 or 1 do.
SURROUNDING_DISTANCE = 0.75


@dataclass(frozen=True)
class WindowKind:
    """How windows are cut and embedded: as the chips of a complete view, but with one side.

    `side` is the side on the ground in metres, or in pixels of scenes without a CRS; `fit` is that
    of the encoder, see `core.pipeline.scene_search.examples.make_query`.
    """

    view: View
    side: float
    fit: Artifact

    @property
    def inputs(self) -> dict[str, Any]:
        """What determines the embedding of a window, apart from its scene and its centre."""
        return {"fit": self.fit.key, "side": self.side}

    @property
    def bands(self) -> tuple[str, ...]:
        """The bands that the encoder was fitted to."""
        return tuple(self.fit.manifest["inputs"]["bands"])

    def open_fit(self, scene: Scene) -> EncoderFit:
        """Return the encoder's fit.

        Raises SceneError if the scene has other bands, or another data type, than the scenes of
        the view.
        """
        fit, bands = ENCODER_FITS.open(self.fit), self.bands
        missing = [band for band in bands if band not in scene.bands]
        if missing or scene.dtype not in fit.scalings:
            problem = (
                f"it lacks the band {missing[0]!r}" if missing else f"its dtype is {scene.dtype}"
            )
            raise SceneError(
                f"{problem}, unlike the scenes of the examples",
                where=scene.path.name,
                remedy="Search scenes of the same kind.",
            )
        return fit

    def encoder_for(self, scene: Scene) -> WindowEncoder:
        """Return the encoder for windows of a scene; raises the errors of `open_fit`."""
        settings, fit = self.view.settings, self.open_fit(scene)
        encoder = load_encoder(settings.embed.encoder, settings.embed, self.view.workspace.weights)
        return WindowEncoder(
            encoder,
            fit.fitted,
            fit.scalings[scene.dtype],
            self.bands,
            window_settings(settings.chips, self.side),
        )


@dataclass(frozen=True)
class SceneScan:
    """A scene whose windows are embedded on a grid with a step in scene pixels."""

    kind: WindowKind
    scene: SurveyedScene
    step: int

    @property
    def margin(self) -> float:
        """The context around an object in its window, as a fraction of the object's side."""
        settings = self.kind.view.settings.chips
        return 0.0 if settings.extent else settings.margin


@dataclass(frozen=True)
class ScannedScene:
    """The embeddings of the windows of a scene.

    `embeddings`, float32 (n, dim), are memory-mapped; only the rows of `usable` windows, (n,), hold
    embeddings. Without any usable window there are no columns.
    """

    grid: WindowGrid
    embeddings: FloatArray
    usable: BoolArray


@dataclass(frozen=True)
class ExampleWindows:
    """Chips of the view of a kind of window, by id, to be embedded as windows of that kind.

    The result are the embeddings of the windows of the examples, and of those against: the windows
    next to the examples, and those of the chips that were marked as examples against.
    """

    kind: WindowKind
    chip_ids: tuple[str, ...]
    facts: pd.DataFrame
    object_side: float
    counter_ids: tuple[str, ...] = ()


def require_pixel_encoder(encoder: str) -> None:
    """Raise SettingsError for an encoder that reads rasters of embeddings."""
    if any(map(is_raster_encoder, part_names(encoder))):
        raise SettingsError(
            "rasters of embeddings cannot be searched, because they describe footprints",
            where=encoder,
            remedy="Embed the chips with an encoder that reads their pixels.",
        )


def raster_inputs(scene: SurveyedScene) -> dict[str, Any]:
    """Return the checksums of a scene's raster; annotations do not matter to its windows."""
    inputs = scene.artifact.manifest["inputs"]
    names = {scene.path.name, *(path.name for path in sidecar_files(scene.path))}
    files = {name: checksum for name, checksum in inputs["files"].items() if name in names}
    return {"scene": inputs["scene"], "files": files, "shared": {}, "remote": inputs["remote"]}


def _scan_inputs(scan: SceneScan) -> dict[str, Any]:
    grid = {"step": scan.step, "margin": scan.margin}
    return raster_inputs(scan.scene) | scan.kind.inputs | grid


def _scan(scan: SceneScan, folder: Path, report: Progress) -> dict[str, Any]:
    try:
        return _embed_grid(scan, folder, report)
    except SceneError as error:
        # The other scenes can still be searched. If the file has changed, nothing is stored.
        scene_sources(scan.kind.view.workspace, scan.scene.path, raster_inputs(scan.scene))
        for file in folder.iterdir():
            file.unlink()
        return {"error": str(error), "windows": 0}


def _embed_grid(scan: SceneScan, folder: Path, report: Progress) -> dict[str, Any]:
    scene = read_scene(scan.scene.path)
    encoder = scan.kind.encoder_for(scene)
    grid = plan_grid(scene, scan.kind.side, scan.step, scan.margin)
    write_array(folder / "columns.npy", grid.columns)
    write_array(folder / "rows.npy", grid.rows)
    size = block_length(len(encoder.bands), encoder.settings.size, scene.dtype)
    blocks = Blocks(folder, len(grid), size)
    with ExitStack() as files:
        opened: tuple[Any, ...] = ()
        for rows in blocks.pending():
            embeddings, usable = encoder.embed(scene, grid.centres(rows))
            if not len(embeddings):
                # The length of an embedding is not known yet; such a block takes little time.
                report_step(report, rows.stop, len(grid), scene.name)
                continue
            if not opened:
                matrix = blocks.open_rows("embeddings.npy", (embeddings.shape[1],), "float32")
                flags = blocks.open_rows("usable.npy", (), "uint8")
                opened = tuple(map(files.enter_context, (matrix, flags)))
            numbers = rows.start + np.flatnonzero(usable)
            opened[0].write(numbers, embeddings)
            opened[1].write(np.arange(rows.start, rows.stop), usable.astype(np.uint8))
            blocks.finish(rows, *opened)
            report_step(report, rows.stop, len(grid), scene.name)
    return {"windows": len(grid), "scene": scene.name, "side": grid.side, "step": grid.step}


def _open_scan(artifact: Artifact) -> ScannedScene:
    folder, counts = artifact.folder, artifact.counts
    columns, rows = (read_array(folder / f"{name}.npy") for name in ("columns", "rows"))
    grid = WindowGrid(columns, rows, float(counts["side"]), int(counts["step"]))
    if not (folder / "usable.npy").is_file():
        nothing = np.zeros(len(grid), bool)
        return ScannedScene(grid, np.zeros((len(grid), 0), np.float32), nothing)
    embeddings = read_array(folder / "embeddings.npy", mapped=True)
    return ScannedScene(grid, embeddings, read_array(folder / "usable.npy") != 0)


def _embed_examples(examples: ExampleWindows, folder: Path, report: Progress) -> dict[str, Any]:
    parts: dict[str, list[AnyArray]] = {"examples": [], "surroundings": []}
    marked = {*examples.chip_ids, *examples.counter_ids}
    chosen = examples.facts[examples.facts["chip_id"].isin(marked)]
    for name, group in chosen.groupby("scene", sort=True):
        report_step(report, sum(map(len, parts["examples"])), len(chosen), str(name))
        surveyed = next(s for s in examples.kind.view.survey.scenes if s.report.name == name)
        if not surveyed.present:
            raise SceneError(
                "it holds examples, but is no longer in raw/",
                where=surveyed.path.name,
                remedy="Put it back, or choose examples in other scenes.",
            )
        scene = read_scene(surveyed.path)
        encoder = examples.kind.encoder_for(scene)
        points: DoubleArray = group[["column", "row"]].to_numpy(np.float64)
        is_example = group["chip_id"].isin(examples.chip_ids).to_numpy()
        centres, against = points[is_example], [points[~is_example]]
        if len(centres):
            parts["examples"].append(encoder.embed(scene, centres)[0])
            distance = np.array(pixel_sides(scene, examples.object_side)) * SURROUNDING_DISTANCE
            against.insert(0, surrounding_centres(centres, distance))
        parts["surroundings"].append(encoder.embed(scene, np.concatenate(against))[0])
    for name, embeddings in parts.items():
        filled = [part for part in embeddings if len(part)] or [np.zeros((0, 0))]
        write_array(folder / f"{name}.npy", np.concatenate(filled).astype(np.float32))
    return {name: sum(map(len, embeddings)) for name, embeddings in parts.items()}


def _example_inputs(examples: ExampleWindows) -> dict[str, Any]:
    # The place of an example determines its window, so chips that are added to its scene do not.
    marked = {*examples.chip_ids, *examples.counter_ids}
    facts = examples.facts[examples.facts["chip_id"].isin(marked)].sort_values("chip_id")
    names = set(facts["scene"])
    scenes = [s for s in examples.kind.view.survey.scenes if s.report.name in names]
    return {
        "rasters": [raster_inputs(scene) for scene in scenes],
        "centres": facts[["column", "row"]].to_numpy(np.float64).round(6).tolist(),
        "ids": sorted(examples.chip_ids),
        "object": examples.object_side,
        **({"against": sorted(examples.counter_ids)} if examples.counter_ids else {}),
        **examples.kind.inputs,
    }


SCENE_SCANS: Stage[SceneScan, ScannedScene] = Stage(
    name="scans",
    version=1,
    inputs=_scan_inputs,
    compute=_scan,
    load=_open_scan,
    sources=lambda s: scene_sources(s.kind.view.workspace, s.scene.path, raster_inputs(s.scene)),
)
EXAMPLE_WINDOWS: Stage[ExampleWindows, tuple[FloatArray, FloatArray]] = Stage(
    name="scan_examples",
    version=2,
    inputs=_example_inputs,
    compute=_embed_examples,
    load=lambda artifact: (
        read_array(artifact.folder / "examples.npy"),
        read_array(artifact.folder / "surroundings.npy"),
    ),
)


def count_windows(scan: SceneScan) -> int:
    """Return the number of windows of a scan.

    Raises SettingsError if there are too many, and SceneError if the scene cannot be compared with
    the examples.
    """
    scene = read_scene(scan.scene.path)
    scan.kind.open_fit(scene)
    return len(plan_grid(scene, scan.kind.side, scan.step, scan.margin))
