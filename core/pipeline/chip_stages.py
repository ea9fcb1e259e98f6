"""The main job, stage by stage: chips, embeddings, reduction, clusters, projection.

Each stage is a pair: `*_step` says what is to be computed and under which key, without computing
anything; the function of the stage's name finds it or computes it.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from core.artifacts.formats import RowFile, read_array, read_table, write_table
from core.artifacts.store import Artifact, Blocks, Step
from core.chips.chip_set import ChipSet, Outline, SceneChips
from core.chips.chip_table import facts
from core.chips.common_bands import common_bands
from core.chips.extraction import extract
from core.embeddings import registry
from core.embeddings.encoding import encode_rows, encoder_notes, fit_encoder
from core.errors import SceneError, TooFewError
from core.pipeline.encoders.encoder_fits import (
    Fit,
    extend,
    fit_step,
    kept_fit,
    read_fit,
    require_covered,
    write_fit,
)
from core.pipeline.scene_survey import FoundScene, Survey
from core.pipeline.workspace import Workspace
from core.progress import Progress, silent, step
from core.raster.scene import read_scene
from core.raster.windows import chip_windows
from core.settings import ChipSettings, EmbedSettings
from core.types import AnyArray, DoubleArray

CHIPS_VERSION = 2
EMBEDDINGS_VERSION = 1
# Rows a block of an unfinished artifact: what a kill can cost.
BLOCK = 1024


def chip_bands(found: Survey, settings: ChipSettings) -> tuple[str, ...]:
    """The bands of the chips: those that the user named, or those common to all usable scenes."""
    bands = {scene.path.name: scene.report.bands for scene in found.usable}
    return common_bands(bands, settings.bands)


def chips_steps(found: Survey, settings: ChipSettings) -> list[Step]:
    """One step a usable scene."""
    wanted = dataclasses.asdict(settings) | {"bands": chip_bands(found, settings)}
    return [
        Step("chips", CHIPS_VERSION, {"scene": scene.artifact.key, "settings": wanted})
        for scene in found.usable
    ]


def chips(
    workspace: Workspace, found: Survey, settings: ChipSettings, report: Progress = silent
) -> tuple[ChipSet, list[Artifact]]:
    """Cut the chips of every usable scene; a scene that fails is left out by name.

    Raises
    ------
    TooFewError
        If no scene gives any chip.
    """
    bands = chip_bands(found, settings)
    artifacts = []
    total = sum(scene.report.annotations for scene in found.usable)
    before = 0
    for scene, wanted in zip(found.usable, chips_steps(found, settings), strict=True):
        shifted = _shifted(report, before, total)

        def compute(
            folder: Path, scene: FoundScene = scene, shifted: Progress = shifted
        ) -> dict[str, Any]:
            return _cut_scene(folder, scene, bands, settings, shifted)

        artifacts.append(workspace.store.make(wanted, compute))
        before += scene.report.annotations
    return open_chips(artifacts, bands), artifacts


def open_chips(artifacts: Sequence[Artifact], bands: tuple[str, ...]) -> ChipSet:
    """The chips of finished artifacts.

    Raises
    ------
    TooFewError
        If none of them holds any chip.
    """
    failed = [a.counts["error"] for a in artifacts if "error" in a.counts]
    parts = tuple(_open_part(a) for a in artifacts if "error" not in a.counts)
    if not parts:
        raise TooFewError("no scene gave any chip", remedy=" ".join(failed))
    unused = {
        f"band {band} of {a.counts['scene']} is not used: other scenes lack it"
        for a in artifacts
        for band in a.counts.get("unused", ())
    }
    notes = *(f"left out: {reason}" for reason in failed), *sorted(unused)
    chip_set = ChipSet(parts, bands, notes)
    if len(chip_set.dtypes) == 1:
        return chip_set
    rules = "; ".join(f"{d}: {s.rule}" for d, s in chip_set.display.items())
    note = f"the scenes' dtypes differ, each is brought to 0..1 by its own rule ({rules})"
    return dataclasses.replace(chip_set, notes=(*chip_set.notes, note))


def outline(artifacts: Sequence[Artifact]) -> Outline:
    """What keys are made of, from manifests alone: no table is opened."""
    good = [artifact for artifact in artifacts if "error" not in artifact.counts]
    if not good:
        raise TooFewError("no scene gave any chip")
    first = good[0].counts
    return Outline(
        keys=tuple(artifact.key for artifact in good),
        bands=tuple(first["bands"]),
        size=int(first["size"]),
        dtypes=tuple(sorted({str(artifact.counts["dtype"]) for artifact in good})),
    )


def embeddings_steps(chips: Outline, fit: Step) -> list[Step]:
    """One step a scene, so that a new scene leaves the others' embeddings alone."""
    return [
        Step("embeddings", EMBEDDINGS_VERSION, {"chips": key, "encoder": fit.key})
        for key in chips.keys
    ]


def embedding_fit(workspace: Workspace, chips: Outline, settings: EmbedSettings) -> Step:
    """The step of the encoder's fit: one that is kept from before, or that of these chips."""
    identity = registry.identity(settings.encoder, settings, workspace.weights)
    wanted = fit_step(identity, chips, settings)
    return wanted if settings.refit else kept_fit(workspace.store, wanted) or wanted


def embeddings(
    workspace: Workspace, chip_set: ChipSet, settings: EmbedSettings, report: Progress = silent
) -> tuple[AnyArray, list[Artifact]]:
    """Embed every chip, scene by scene, block by block.

    Returns
    -------
    matrix : float32 array, (n, dim)
    artifacts : list of Artifact
        The encoder's fit, then one a scene.

    Raises
    ------
    DegenerateError
        If a scene that was added lies outside the range that a kept fit knows.
    """
    wanted = embedding_fit(workspace, chip_set.outline, settings)
    steps = embeddings_steps(chip_set.outline, wanted)
    found = [workspace.store.find(one) for one in (wanted, *steps)]
    if all(found):
        artifacts = [a for a in found if a]
        return open_embeddings(artifacts[1:]), artifacts
    encoder = registry.load(settings.encoder, settings, workspace.weights)

    def fit_it(folder: Path) -> dict[str, Any]:
        scalings = chip_set.fit_scalings(settings.sample)
        fit = extend(workspace.store, wanted, scalings)
        if fit is None:
            fitted = fit_encoder(encoder, chip_set, scalings, settings.sample)
            fit = Fit(fitted, scalings)
        notes = encoder_notes(encoder, chip_set, fit.scalings)
        return {**write_fit(folder, fit, chip_set), "notes": list(notes)}

    fit_artifact = workspace.store.make(wanted, fit_it)
    fit = read_fit(fit_artifact)
    require_covered(fit, fit_artifact, chip_set)
    artifacts = [fit_artifact]
    before = 0
    for part, one in zip(chip_set.parts, steps, strict=True):
        shifted = _shifted(report, before, len(chip_set))

        def compute(
            folder: Path, part: SceneChips = part, shifted: Progress = shifted
        ) -> dict[str, Any]:
            return _embed_part(folder, encoder, part, chip_set.bands, fit, shifted)

        artifacts.append(workspace.store.make(one, compute))
        before += len(part)
    return open_embeddings(artifacts[1:]), artifacts


def open_embeddings(artifacts: Sequence[Artifact]) -> AnyArray:
    """The embeddings of finished artifacts as one matrix; mapped where it is of one piece."""
    parts = [read_array(a.folder / "embeddings.npy", mapped=True) for a in artifacts]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _cut_scene(
    folder: Path,
    found: FoundScene,
    bands: tuple[str, ...],
    settings: ChipSettings,
    report: Progress,
) -> dict[str, Any]:
    footprints = found.footprints()
    n = len(footprints)
    if found.report.grid:
        # A grid's squares are the chips themselves, whatever context annotations get.
        settings = dataclasses.replace(settings, margin=0.0, extent=0.0)
    try:
        scene = read_scene(found.path)
        windows = chip_windows(scene, footprints.pixels, settings)
        side = settings.size
        valid: DoubleArray = np.zeros(n)
        with (
            RowFile(folder / "chips.npy", (n, len(bands), side, side), scene.dtype) as values,
            RowFile(folder / "mask.npy", (n, side, side), "uint8") as mask,
        ):
            for cut in extract(scene, footprints.pixels, bands, settings, report):
                values.write(cut.rows, cut.values)
                masked = np.count_nonzero(cut.mask, axis=(1, 2))
                # The file is zeros already: what is not masked need not reach the disk.
                mask.write(cut.rows[masked > 0], cut.mask[masked > 0])
                valid[cut.rows] = 1 - masked / side**2
    except SceneError as error:
        # The key holds the file's content: copied anew, the scene is tried again.
        for name in ("chips.npy", "mask.npy"):
            (folder / name).unlink(missing_ok=True)
        return {"error": str(error), "chips": 0}
    write_table(folder / "facts.parquet", facts(scene.name, footprints, windows, valid))
    write_table(folder / "properties.parquet", footprints.properties)
    return {
        "chips": n,
        "scene": scene.name,
        "bands": list(bands),
        # Of bands that the user did not ask for nothing need be said.
        "unused": [] if settings.bands else [b for b in scene.bands if b not in bands],
        "dtype": scene.dtype,
        "size": settings.size,
    }


def _open_part(artifact: Artifact) -> SceneChips:
    folder = artifact.folder
    table = read_table(folder / "facts.parquet")
    return SceneChips(
        key=artifact.key,
        scene=str(artifact.counts["scene"]),
        pixels=read_array(folder / "chips.npy", mapped=True),
        mask=read_array(folder / "mask.npy", mapped=True),
        facts=table,
        properties=read_table(folder / "properties.parquet").reindex(range(len(table))),
    )


def _embed_part(
    folder: Path,
    encoder: Any,
    part: SceneChips,
    bands: tuple[str, ...],
    fit: Fit,
    report: Progress,
) -> dict[str, Any]:
    blocks = Blocks(folder, len(part), BLOCK)
    scaling = fit.scalings[part.pixels.dtype.name]
    matrix = None
    for rows in blocks.pending():
        vectors = encode_rows(encoder, part, bands, scaling, fit.fitted, rows)
        if matrix is None:
            matrix = blocks.array("embeddings.npy", (vectors.shape[1],), "float32")
        matrix[rows] = vectors
        blocks.finish(rows, matrix)
        step(report, rows.stop, len(part), part.scene)
    return {"chips": len(part), "scene": part.scene}


def _shifted(report: Progress, before: int, total: int) -> Progress:
    """Progress of one scene as progress of all."""
    return lambda done, _, note: report(before + done, total, note)
