"""The stages of the chips: cutting them, flagging and leaving out some, measuring appearance."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from core.artifacts.formats import read_array, read_table, write_array, write_table
from core.artifacts.row_target import RowTarget
from core.artifacts.store import Artifact, Store
from core.chips.band_range import BandRange
from core.chips.chip_measures import MeasureFiles
from core.chips.chip_set import ChipSet, Outline, SceneChips, constant_band_names, shared_band_names
from core.chips.chip_table import chip_facts
from core.chips.extraction import ChipFiles, write_chips
from core.chips.screening import FLAGS, flag_chips, unflagged_chips
from core.compute.work_streams import map_groups
from core.errors import SceneError, TooFewError, unknown_attribute_error
from core.pipeline.inputs.scene_files import scene_sources
from core.pipeline.labels.label_file import add_label_attribute
from core.pipeline.scene_survey import SurveyedScene
from core.pipeline.stage import Resolve, Stage
from core.pipeline.view import View
from core.pipeline.workspace import Workspace
from core.progress import Progress, silent
from core.raster.scene import read_scene
from core.raster.windows import chip_windows
from core.settings import ChipSettings
from core.types import DoubleArray


@dataclass(frozen=True)
class _SceneCut:
    """A scene, and the bands and settings with which its chips are cut."""

    workspace: Workspace
    scene: SurveyedScene
    bands: tuple[str, ...]
    settings: ChipSettings


@dataclass(frozen=True)
class _RemainingChips:
    """The chips of one scene, except those with a flag in `leave_out`."""

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
    is_grid = cut.scene.report.grid
    if is_grid:
        # The squares of a grid are the chips themselves; the margin is for annotations only.
        settings = dataclasses.replace(settings, margin=0.0, extent=0.0)
    try:
        scene = read_scene(cut.scene.path)
        windows = chip_windows(scene, footprints.pixels, settings, is_grid=is_grid)
        band_range = BandRange(len(cut.bands))
        valid_fraction: DoubleArray = np.zeros(n)
        shape = (n, len(cut.bands), side, side)
        files = ChipFiles(
            RowTarget.create(folder / "chips.npy", shape, scene.dtype),
            RowTarget.create(folder / "mask.npy", (n, side, side), "uint8"),
        )
        arguments = (scene, footprints.pixels, cut.bands, settings, files, report)
        for chips in write_chips(*arguments, is_grid=is_grid):
            band_range.merge(chips.bands)
            valid_fraction[chips.rows] = 1 - chips.n_masked / side**2
    except SceneError as error:
        # Without the chips of this scene, the others can still be used. If the file has changed,
        # nothing is stored; if not, the next run tries again.
        scene_sources(cut.workspace, cut.scene.path, cut.scene.artifact.manifest["inputs"])
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
        # If the user chose the bands, there is no note about the other bands.
        "unused": [] if settings.bands else [b for b in scene.bands if b not in cut.bands],
        "constant": [cut.bands[position] for position in band_range.constant],
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


def _flag_chips(cut: Sequence[Artifact], folder: Path, report: Progress) -> dict[str, Any]:
    folders = [artifact.folder for artifact in usable_artifacts(cut)]
    files = MeasureFiles(folders, folder / "measures.npy")
    flags = flag_chips(open_chip_set(cut), files, report)
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
            f"all {len(stays)} chips are left out, because they are flagged as "
            f"{' or '.join(chips.leave_out)}",
            where="screen.leave_out",
            remedy="Set fewer flags.",
        )
    part, counts = CHIPS.open(chips.cut[chips.index]), chips.cut[chips.index].counts
    start = sum(int(artifact.counts["chips"]) for artifact in chips.cut[: chips.index])
    rows = np.flatnonzero(stays[start : start + len(part)])
    write_array(folder / "chips.npy", part.pixels[rows])
    write_array(folder / "mask.npy", part.mask[rows])
    write_table(folder / "facts.parquet", part.facts.iloc[rows])
    write_table(folder / "properties.parquet", part.properties.iloc[rows])
    same = {name: counts[name] for name in ("scene", "bands", "dtype", "size")}
    same["constant"] = counts.get("constant", [])
    return {"chips": len(rows), **same, "left_out": len(part) - len(rows)}


CHIPS: Stage[_SceneCut, SceneChips] = Stage(
    name="chips",
    version=2,
    inputs=_cut_inputs,
    compute=_cut_scene,
    load=_open_scene_chips,
    sources=lambda c: scene_sources(c.workspace, c.scene.path, c.scene.artifact.manifest["inputs"]),
    is_rechecked=True,
)
SCREENING: Stage[Sequence[Artifact], pd.DataFrame] = Stage(
    name="screen",
    version=1,
    # All chips are flagged together, because near-duplicates can be in different scenes.
    inputs=lambda cut: {"chips": [artifact.key for artifact in cut]},
    compute=_flag_chips,
    load=lambda artifact: read_table(artifact.folder / "flags.parquet"),
)
REMAINING_CHIPS: Stage[_RemainingChips, SceneChips] = Stage(
    "chips", 1, _remaining_inputs, _write_remaining, _open_scene_chips
)


def chip_artifacts(view: View, resolve: Resolve, report: Progress) -> list[Artifact]:
    """Return an artifact per usable scene: its chips, except flagged ones that are left out."""
    cuts = _scene_cuts(view)
    sizes = [cut.scene.report.annotations for cut in cuts]
    artifacts = map_groups(partial(resolve, CHIPS), cuts, sizes, report)
    usable, leave_out = usable_artifacts(artifacts), view.settings.screen.leave_out
    if not leave_out:
        return artifacts
    store = view.workspace.store
    return [
        resolve(REMAINING_CHIPS, _RemainingChips(store, usable, index, leave_out))
        for index in range(len(usable))
    ]


def _scene_cuts(view: View) -> list[_SceneCut]:
    scenes, settings = view.survey.usable, view.settings.chips
    bands = shared_band_names({s.path.name: s.report.bands for s in scenes}, settings.bands)
    return [_SceneCut(view.workspace, scene, bands, settings) for scene in scenes]


def usable_artifacts(artifacts: Sequence[Artifact]) -> tuple[Artifact, ...]:
    """Return the artifacts that hold chips; artifacts of scenes that failed are left out.

    Raises TooFewError, with the reason for each scene, if no artifact holds chips.
    """
    usable = tuple(artifact for artifact in artifacts if "error" not in artifact.counts)
    if not usable:
        reasons = " ".join(artifact.counts["error"] for artifact in artifacts)
        raise TooFewError("no chips could be cut from any scene", remedy=reasons)
    return usable


def open_chip_set(artifacts: Sequence[Artifact], selection: Sequence[str] = ()) -> ChipSet:
    """Open the chips of finished artifacts; scenes that failed are left out and named in a note.

    Encoders use the bands in `selection` even if they are constant.
    """
    usable = usable_artifacts(artifacts)
    parts, bands = tuple(CHIPS.open(artifact) for artifact in usable), usable[0].counts["bands"]
    constant = _constant_bands(usable, selection)
    notes = (*_cut_notes(artifacts), *map(_constant_note, constant))
    chip_set = ChipSet(parts, tuple(bands), notes, constant)
    if len(chip_set.dtypes) == 1:
        return chip_set
    rules = "; ".join(f"{dtype}: {s.rule}" for dtype, s in chip_set.display_scalings.items())
    note = f"the scenes have different dtypes; each is scaled to 0..1 by its own rule ({rules})"
    return dataclasses.replace(chip_set, notes=(*chip_set.notes, note))


def open_chips(view: View) -> ChipSet | None:
    """Open the chips, with the user's labels as an attribute; None if they have not been cut."""
    if not (artifacts := view.artifacts.get("chips")):
        return None
    chip_set = open_chip_set(artifacts, view.settings.chips.bands)
    chip_set = add_label_attribute(chip_set, view.workspace)
    leave_out = view.settings.screen.leave_out
    if not leave_out:
        return chip_set
    cut = [CHIPS.find(view.workspace.store, scene_cut) for scene_cut in _scene_cuts(view)]
    n_left_out = sum(int(artifact.counts["left_out"]) for artifact in artifacts)
    note = f"{n_left_out} of {n_left_out + len(chip_set)} chips left out: {', '.join(leave_out)}"
    notes = (*_cut_notes([artifact for artifact in cut if artifact]), *chip_set.notes, note)
    return dataclasses.replace(chip_set, notes=notes)


def attribute_values(chips: ChipSet, attribute: str) -> list[Any]:
    """Return an attribute's value for each chip; raises SettingsError if no annotation has it."""
    if attribute not in chips.properties:
        raise unknown_attribute_error(attribute, chips.properties.columns)
    return chips.properties[attribute].tolist()


def outline_chips(artifacts: Sequence[Artifact], selection: Sequence[str] = ()) -> Outline:
    """Return the values that identify chips in keys, read from manifests alone, not from tables.

    Encoders use the bands in `selection` even if they are constant.
    """
    usable = usable_artifacts(artifacts)
    counts = usable[0].counts
    constant = _constant_bands(usable, selection)
    return Outline(
        keys=tuple(artifact.key for artifact in usable),
        bands=tuple(band for band in counts["bands"] if band not in constant),
        size=int(counts["size"]),
        dtypes=tuple(sorted({str(artifact.counts["dtype"]) for artifact in usable})),
    )


def screen_chips(view: View, report: Progress = silent) -> pd.DataFrame:
    """Return the flags of all chips of a view, computing them if necessary."""
    cut = usable_artifacts(view.artifacts.get("chips", ()))
    return SCREENING.open(SCREENING.make(view.workspace.store, cut, report))


def find_flags(view: View) -> pd.DataFrame | None:
    """Return the flags of all chips of a view, or None if they have not been screened."""
    artifacts = view.artifacts.get("chips")
    return SCREENING.read(view.workspace.store, usable_artifacts(artifacts)) if artifacts else None


def _constant_bands(artifacts: Sequence[Artifact], selection: Sequence[str]) -> tuple[str, ...]:
    """Return the constant bands; they are unknown for chips cut by earlier versions."""
    constant = [] if selection else [artifact.counts.get("constant", []) for artifact in artifacts]
    return constant_band_names(artifacts[0].counts["bands"], constant)


def _constant_note(band: str) -> str:
    return (
        f"band {band!r} has a single value in the chips of each scene, so encoders do not use it; "
        "to use it, choose the bands"
    )


def _cut_notes(artifacts: Sequence[Artifact]) -> tuple[str, ...]:
    errors = [f"left out: {a.counts['error']}" for a in artifacts if "error" in a.counts]
    unused = {
        f"band {band} of {artifact.counts['scene']} is not used: other scenes lack it"
        for artifact in artifacts
        for band in artifact.counts.get("unused", ())
    }
    return (*errors, *sorted(unused))
