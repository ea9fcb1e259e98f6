"""What an encoder learnt from a sample, in an artifact of its own, kept when scenes are added."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.artifacts.formats import read_arrays, read_json, write_arrays, write_json
from core.artifacts.store import Artifact, Step, Store
from core.chips.chipset import ChipSet
from core.chips.scaling import Scaling
from core.embeddings.encoder import Fitted, Identity
from core.settings import EmbedSettings

VERSION = 1


@dataclass(frozen=True)
class Fit:
    """What encoding needs to know of the data."""

    fitted: Fitted
    scalings: Mapping[str, Scaling]


def fit_step(identity: Identity, chip_set: ChipSet, settings: EmbedSettings) -> Step:
    """The step that fits an encoder on these chips."""
    inputs = {
        "encoder": dict(identity),
        "bands": chip_set.bands,
        "size": chip_set.size,
        "sample": settings.sample,
        "dtypes": chip_set.dtypes,
        "chips": chip_set.keys,
    }
    return Step("encoders", VERSION, inputs)


def kept_fit(store: Store, wanted: Step) -> Step | None:
    """The fit of just these chips, else the latest of the same encoder whose scenes are all there.

    Scenes that are added are encoded with the fit there is, so that the vectors of the chips
    there were stay as they are. A fit of whose scenes one is gone is not kept: what an encoder
    learnt from data that the user took away should not live on in the answer.
    """
    if store.find(wanted):
        return wanted
    here = set(wanted.inputs["chips"])
    for artifact in reversed(store.all("encoders")):
        inputs = artifact.manifest["inputs"]
        alike = artifact.manifest["version"] == VERSION and all(
            _plain(inputs[name]) == _plain(wanted.inputs[name])
            for name in ("encoder", "bands", "size", "sample")
        )
        covers = set(inputs["dtypes"]) >= set(wanted.inputs["dtypes"])
        if alike and covers and set(inputs["chips"]) <= here:
            return Step("encoders", VERSION, inputs)
    return None


def write_fit(folder: Path, fit: Fit, chip_set: ChipSet) -> dict[str, Any]:
    """Write a fit into an unfinished artifact."""
    write_arrays(folder / "fitted", fit.fitted)
    write_json(folder / "scaling.json", {d: dataclasses.asdict(s) for d, s in fit.scalings.items()})
    return {"chips": len(chip_set)}


def read_fit(artifact: Artifact) -> Fit:
    """Read a finished fit."""
    rules = read_json(artifact.folder / "scaling.json")
    scalings = {
        dtype: Scaling(tuple(rule["low"]), tuple(rule["high"]), rule["rule"])
        for dtype, rule in rules.items()
    }
    return Fit(read_arrays(artifact.folder / "fitted"), scalings)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
