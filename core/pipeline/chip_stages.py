"""The stages of the chips: cutting them, flagging them, and leaving flagged ones out."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from core.artifacts.formats import RowFile, read_array, read_table, write_array, write_table
from core.artifacts.store import Artifact, Store
from core.chips.chip_set import ChipSet, Outline, SceneChips
from core.chips.chip_table import chip_facts
from core.chips.common_bands import shared_band_names
from core.chips.extraction import cut_chips
from core.chips.screening import FLAGS, flag_chips, unflagged_chips
from core.errors import SceneError, TooFewError
from core.pipeline.scene_survey import Survey, SurveyedScene
from core.pipeline.stage import Resolve, Stage
from core.pipeline.view import View
from core.progress import Progress, shifted, silent
from core.raster.scene import read_scene
from core.raster.windows import chip_windows
from core.settings import ChipSettings
from core.types import DoubleArray


@dataclass(frozen=True)
class _SceneCut:
    """A scene whose chips are cut."""

    scene: SurveyedScene
    bands: tuple[str, ...]
    settings: ChipSettings


@dataclass(frozen=True)
class _RemainingChips:
    """The chips of one scene without those that are left out."""

    store: Store
    cut: tuple[Artifact, ...]
    index: int
    leave_out: tuple[str, ...]


def _cut_inputs(cut: _SceneCut) -> dict[str, Any]:
    settings = dataclasses.asdict(cut.settings) | {"bands": cut.bands}
    return {"scene": cut.scene.artifact.key, "settings": settings}


def _cut_scene(cut: _SceneCut, folder: Path, report: Progress) -> dict[str, Any]:
    settings, footprints = cut.settings, cut.scene.footprints()
    n, side = len(footprints), settings.size
    if cut.scene.report.grid:
        # The squares of a grid are the chips themselves, whatever margin annotations get.
        settings = dataclasses.replace(settings, margin=0.0, extent=0.0)
    try:
        scene = read_scene(cut.scene.path)
        windows = chip_windows(scene, footprints.pixels, settings)
        valid_fraction: DoubleArray = np.zeros(n)
        with (
            RowFile(folder / "chips.npy", (n, len(cut.bands), side, side), scene.dtype) as values,
            RowFile(folder / "mask.npy", (n, side, side), "uint8") as mask,
        ):
            for chips in cut_chips(scene, footprints.pixels, cut.bands, settings, report):
                values.write(chips.rows, chips.values)
                n_masked = np.count_nonzero(chips.mask, axis=(1, 2))
                # The file is zero to begin with, so chips without masked pixels are not written.
                mask.write(chips.rows[n_masked > 0], chips.mask[n_masked > 0])
                valid_fraction[chips.rows] = 1 - n_masked / side**2
    except SceneError as error:
        # The key covers the file's content: once the file is replaced, it is tried again.
        for name in ("chips.npy", "mask.npy"):
            (folder / name).unlink(missing_ok=True)
        return {"error": str(error), "chips": 0}
    facts = chip_facts(scene.name, footprints, windows, valid_fraction)
    write_table(folder / "facts.parquet", facts)
    write_table(folder / "properties.parquet", footprints.properties)
    return {
        "chips": n,
        "scene": scene.name,
        "bands": list(cut.bands),
        # If the user chose the bands, the others need no remark.
        "unused": [] if settings.bands else [b for b in scene.bands if b not in cut.bands],
        "dtype": scene.dtype,
        "size": settings.size,
    }


def _open_scene_chips(artifact: Artifact) -> SceneChips:
    folder = artifact.folder
    facts = read_table(folder / "facts.parquet")
    return SceneChips(
        key=artifact.key,
        scene=str(artifact.counts["scene"]),
        pixels=read_array(folder / "chips.npy", mapped=True),
        mask=read_array(folder / "mask.npy", mapped=True),
        facts=facts,
        properties=read_table(folder / "properties.parquet").reindex(range(len(facts))),
    )


def _flag_chips(cut: Sequence[Artifact], folder: Path, _: Progress) -> dict[str, Any]:
    flags = flag_chips(open_chip_set(cut))
    write_table(folder / "flags.parquet", flags)
    return {"chips": len(flags)} | {flag: int(flags[flag].sum()) for flag in FLAGS}


def _remaining_inputs(chips: _RemainingChips) -> dict[str, Any]:
    return {
        "chips": chips.cut[chips.index].key,
        "screen": SCREENING.step(chips.cut).key,
        "leave_out": sorted(set(chips.leave_out)),
    }


def _write_remaining(chips: _RemainingChips, folder: Path, _: Progress) -> dict[str, Any]:
    flags = SCREENING.open(SCREENING.make(chips.store, chips.cut))
    stays = unflagged_chips(flags, chips.leave_out)
    if not stays.any():
        raise TooFewError(
            f"all {len(stays)} chips are left out as {', '.join(chips.leave_out)}",
            where="screen.leave_out",
            remedy="Name fewer flags.",
        )
    part = CHIPS.open(chips.cut[chips.index])
    start = sum(int(artifact.counts["chips"]) for artifact in chips.cut[: chips.index])
    rows = np.flatnonzero(stays[start : start + len(part)])
    write_array(folder / "chips.npy", part.pixels[rows])
    write_array(folder / "mask.npy", part.mask[rows])
    write_table(folder / "facts.parquet", part.facts.iloc[rows])
    write_table(folder / "properties.parquet", part.properties.iloc[rows])
    return {
        "chips": len(rows),
        "scene": part.scene,
        "bands": list(chips.cut[chips.index].counts["bands"]),
        "dtype": part.pixels.dtype.name,
        "size": int(part.pixels.shape[-1]),
        "left_out": len(part) - len(rows),
    }


CHIPS: Stage[_SceneCut, SceneChips] = Stage(
    name="chips", version=2, inputs=_cut_inputs, compute=_cut_scene, open=_open_scene_chips
)
SCREENING: Stage[Sequence[Artifact], pd.DataFrame] = Stage(
    name="screen",
    version=1,
    # All chips together, because near-duplicates are sought among all of them.
    inputs=lambda cut: {"chips": [artifact.key for artifact in cut]},
    compute=_flag_chips,
    open=lambda artifact: read_table(artifact.folder / "flags.parquet"),
)
REMAINING_CHIPS: Stage[_RemainingChips, SceneChips] = Stage(
    name="chips",
    version=1,
    inputs=_remaining_inputs,
    compute=_write_remaining,
    open=_open_scene_chips,
)


def chip_bands(survey: Survey, settings: ChipSettings) -> tuple[str, ...]:
    """Return the bands of the chips: those that are set, or those that all usable scenes share."""
    bands = {scene.path.name: scene.report.bands for scene in survey.usable}
    return shared_band_names(bands, settings.bands)


def chip_artifacts(view: View, resolve: Resolve, report: Progress) -> list[Artifact]:
    """The chips of every usable scene, without those that the screening leaves out."""
    total = sum(scene.report.annotations for scene in view.survey.usable)
    artifacts, n_cut = [], 0
    for cut in _scene_cuts(view):
        artifacts.append(resolve(CHIPS, cut, shifted(report, n_cut, total)))
        n_cut += cut.scene.report.annotations
    require_chips(artifacts)
    leave_out = view.settings.screen.leave_out
    if not leave_out:
        return artifacts
    usable = tuple(artifact for artifact in artifacts if "error" not in artifact.counts)
    store = view.workspace.store
    return [
        resolve(REMAINING_CHIPS, _RemainingChips(store, usable, index, leave_out))
        for index in range(len(usable))
    ]


def _scene_cuts(view: View) -> list[_SceneCut]:
    settings = view.settings.chips
    bands = chip_bands(view.survey, settings)
    return [_SceneCut(scene, bands, settings) for scene in view.survey.usable]


def require_chips(artifacts: Sequence[Artifact]) -> None:
    """Refuse chip artifacts none of which holds any chip.

    Raises
    ------
    TooFewError
        With the reasons of all scenes.
    """
    errors = [artifact.counts["error"] for artifact in artifacts if "error" in artifact.counts]
    if len(errors) == len(artifacts):
        raise TooFewError("no scene gave any chip", remedy=" ".join(errors))


def open_chip_set(artifacts: Sequence[Artifact]) -> ChipSet:
    """Open the chips of finished artifacts; scenes that failed are left out and named in a note."""
    require_chips(artifacts)
    parts = tuple(CHIPS.open(a) for a in artifacts if "error" not in a.counts)
    bands = next(tuple(a.counts["bands"]) for a in artifacts if "error" not in a.counts)
    chip_set = ChipSet(parts, bands, _cut_notes(artifacts))
    if len(chip_set.dtypes) == 1:
        return chip_set
    rules = "; ".join(f"{dtype}: {s.rule}" for dtype, s in chip_set.display_scalings.items())
    note = f"the scenes have different dtypes, each is scaled to 0..1 by its own rule ({rules})"
    return dataclasses.replace(chip_set, notes=(*chip_set.notes, note))


def open_chips(view: View) -> ChipSet | None:
    """Open the chips of a view; None if they have not been cut."""
    artifacts = view.artifacts.get("chips")
    if not artifacts:
        return None
    chip_set = open_chip_set(artifacts)
    leave_out = view.settings.screen.leave_out
    if not leave_out:
        return chip_set
    cut = [CHIPS.find(view.workspace.store, scene_cut) for scene_cut in _scene_cuts(view)]
    n_left_out = count_left_out(artifacts)
    note = f"{n_left_out} of {n_left_out + len(chip_set)} chips left out: {', '.join(leave_out)}"
    notes = (*_cut_notes([artifact for artifact in cut if artifact]), *chip_set.notes, note)
    return dataclasses.replace(chip_set, notes=notes)


def outline_chips(artifacts: Sequence[Artifact]) -> Outline:
    """Return what keys are made of, from manifests alone: no table is opened."""
    require_chips(artifacts)
    usable = [artifact for artifact in artifacts if "error" not in artifact.counts]
    counts = usable[0].counts
    return Outline(
        keys=tuple(artifact.key for artifact in usable),
        bands=tuple(counts["bands"]),
        size=int(counts["size"]),
        dtypes=tuple(sorted({str(artifact.counts["dtype"]) for artifact in usable})),
    )


def screen_chips(view: View, report: Progress = silent) -> pd.DataFrame:
    """Return the flags of all chips of a view, computed if need be."""
    cut = [a for a in view.artifacts.get("chips", ()) if "error" not in a.counts]
    return SCREENING.open(SCREENING.make(view.workspace.store, cut, report))


def find_flags(view: View) -> pd.DataFrame | None:
    """Return the flags of all chips of a view, or None if they have not been screened."""
    cut = [a for a in view.artifacts.get("chips", ()) if "error" not in a.counts]
    return SCREENING.read(view.workspace.store, cut)


def count_left_out(artifacts: Sequence[Artifact]) -> int:
    """Return how many chips the screening left out of finished artifacts."""
    return sum(int(artifact.counts.get("left_out", 0)) for artifact in artifacts)


def _cut_notes(artifacts: Sequence[Artifact]) -> tuple[str, ...]:
    errors = [f"left out: {a.counts['error']}" for a in artifacts if "error" in a.counts]
    unused = {
        f"band {band} of {artifact.counts['scene']} is not used: other scenes lack it"
        for artifact in artifacts
        for band in artifact.counts.get("unused", ())
    }
    return (*errors, *sorted(unused))
