"""Flags of all chips, kept as a table; and the chips without those that the user leaves out."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from core.artifacts.formats import read_table, write_array, write_table
from core.artifacts.store import Artifact, Step
from core.chips.chip_set import ChipSet, SceneChips
from core.chips.screening import FLAGS, kept, screen
from core.errors import TooFewError
from core.input_settings import ScreenSettings
from core.pipeline import chip_stages
from core.pipeline.workspace import Workspace
from core.types import BoolArray

SCREEN_VERSION = 1
KEPT_VERSION = 1


def screen_step(keys: Sequence[str]) -> Step:
    """The flags of the chips under some keys; near-duplicates are sought in all of them."""
    return Step("screen", SCREEN_VERSION, {"chips": list(keys)})


def screening(workspace: Workspace, chip_set: ChipSet) -> pd.DataFrame:
    """Flags of every chip, found or computed; see `core.chips.screening.screen`."""

    def compute(folder: Path) -> dict[str, Any]:
        table = screen(chip_set)
        write_table(folder / "flags.parquet", table)
        return {"chips": len(table)} | {flag: int(table[flag].sum()) for flag in FLAGS}

    made = workspace.store.make(screen_step(chip_set.keys), compute)
    return read_table(made.folder / "flags.parquet")


def find_screening(workspace: Workspace, keys: Sequence[str]) -> pd.DataFrame | None:
    """The flags of the chips under some keys, if they were found already."""
    made = workspace.store.find(screen_step(keys))
    return read_table(made.folder / "flags.parquet") if made else None


def left_out(kept_artifacts: Sequence[Artifact]) -> int:
    """How many chips the screening left out of finished artifacts."""
    return sum(int(artifact.counts.get("left_out", 0)) for artifact in kept_artifacts)


def kept_steps(keys: Sequence[str], settings: ScreenSettings) -> list[Step]:
    """One step a scene: its chips without those that are left out."""
    flags = screen_step(keys).key
    leave_out = sorted(set(settings.leave_out))
    return [
        Step("chips", KEPT_VERSION, {"chips": key, "screen": flags, "leave_out": leave_out})
        for key in keys
    ]


def leave_out(
    workspace: Workspace, chip_set: ChipSet, settings: ScreenSettings
) -> tuple[ChipSet, list[Artifact]]:
    """The chips that have none of the flags named; all others stay where they are.

    Raises
    ------
    SettingsError
        For a flag that does not exist.
    TooFewError
        If no chip stays.
    """
    stays = kept(screening(workspace, chip_set), settings.leave_out)
    if not stays.any():
        raise TooFewError(
            f"all {len(stays)} chips are left out as {', '.join(settings.leave_out)}",
            where="screen.leave_out",
            remedy="Name fewer flags.",
        )
    artifacts, start = [], 0
    steps = kept_steps(chip_set.keys, settings)
    for part, wanted in zip(chip_set.parts, steps, strict=True):
        mine = stays[start : start + len(part)]
        start += len(part)

        def compute(
            folder: Path, part: SceneChips = part, mine: BoolArray = mine
        ) -> dict[str, Any]:
            return _write(folder, part, mine, chip_set.bands)

        artifacts.append(workspace.store.make(wanted, compute))
    note = f"{(~stays).sum()} of {len(stays)} chips left out: {', '.join(settings.leave_out)}"
    left = chip_stages.open_chips(artifacts, chip_set.bands)
    return dataclasses.replace(left, notes=(*chip_set.notes, note)), artifacts


def _write(
    folder: Path, part: SceneChips, stays: BoolArray, bands: tuple[str, ...]
) -> dict[str, Any]:
    rows = np.flatnonzero(stays)
    write_array(folder / "chips.npy", part.pixels[rows])
    write_array(folder / "mask.npy", part.mask[rows])
    write_table(folder / "facts.parquet", part.facts.iloc[rows])
    write_table(folder / "properties.parquet", part.properties.iloc[rows])
    return {
        "chips": len(rows),
        "scene": part.scene,
        "bands": list(bands),
        "dtype": part.pixels.dtype.name,
        "size": int(part.pixels.shape[-1]),
        "left_out": len(part) - len(rows),
    }
