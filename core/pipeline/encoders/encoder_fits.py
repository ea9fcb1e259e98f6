"""What an encoder learnt from a sample, in an artifact of its own, kept when scenes are added."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.artifacts.formats import read_arrays, read_json, write_arrays, write_json
from core.artifacts.store import Artifact, Step, Store
from core.chips.chip_set import ChipSet, Outline
from core.chips.scaling import Scaling
from core.embeddings.encoder import Fitted, Identity
from core.errors import DegenerateError
from core.settings import EmbedSettings

VERSION = 1
# The input of a fit that goes on with another one's, which it names by key.
KEPT = "kept"
# Chips of a new scene that are held against the kept scaling, and the share of their values that
# may lie beyond it: 0.2 % do in the scenes it was learnt from.
LOOKED_AT = 100
MOST_OUTSIDE = 0.2


@dataclass(frozen=True)
class Fit:
    """What encoding needs to know of the data."""

    fitted: Fitted
    scalings: Mapping[str, Scaling]


def fit_step(identity: Identity, chips: Outline, settings: EmbedSettings) -> Step:
    """The step that fits an encoder on these chips."""
    inputs = {
        "encoder": dict(identity),
        "bands": chips.bands,
        "size": chips.size,
        "sample": settings.sample,
        "dtypes": chips.dtypes,
        "chips": chips.keys,
    }
    return Step("encoders", VERSION, inputs)


def kept_fit(store: Store, wanted: Step) -> Step | None:
    """The fit of just these chips, else the latest of the same encoder whose scenes are all there.

    Scenes that are added are encoded with the fit there is, so that the vectors of the chips
    there were stay as they are; where they are of a new dtype, by a step that adds a scaling for it
    and keeps the rest. A fit of whose scenes one is gone is not kept: what an encoder
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
        if not alike or not set(inputs["chips"]) <= here:
            continue
        if set(inputs["dtypes"]) >= set(wanted.inputs["dtypes"]):
            return Step("encoders", VERSION, inputs)
        # A dtype that was not there: what was learnt stays, a scaling of the new scenes joins it.
        more = {"dtypes": wanted.inputs["dtypes"], "scaled_on": wanted.inputs["chips"]}
        return Step("encoders", VERSION, {**inputs, **more, KEPT: artifact.key})
    return None


def extend(store: Store, wanted: Step, scalings: Mapping[str, Scaling]) -> Fit | None:
    """A kept fit with the scalings of more dtypes; None where the step keeps none."""
    if KEPT not in wanted.inputs:
        return None
    old = next(a for a in store.all("encoders") if a.key == wanted.inputs[KEPT])
    kept = read_fit(old)
    return Fit(kept.fitted, {**scalings, **kept.scalings})


def kept_note(artifact: Artifact, chips: Outline) -> tuple[str, ...]:
    """What to say where the fit is older than some of the scenes."""
    knows = len(artifact.manifest["inputs"]["chips"])
    if knows == len(chips.keys):
        return ()
    here = len(chips.keys)
    return (f"encoder and scaling learnt from {knows} of {here} scenes, kept; --refit learns anew",)


def require_covered(fit: Fit, artifact: Artifact, chip_set: ChipSet) -> None:
    """Refuse to encode a scene that was added where the kept scaling would flatten it.

    Raises
    ------
    DegenerateError
        If more than `MOST_OUTSIDE` of a scene's valid values lie beyond the scaling's ends.
    """
    known = set(artifact.manifest["inputs"]["chips"])
    for part in chip_set.parts:
        if part.key in known:
            continue
        one = ChipSet((part,), chip_set.bands)
        pixels, mask = one.read(one.spread(LOOKED_AT))
        scaling = fit.scalings[part.pixels.dtype.name]
        outside = scaling.outside(pixels, mask)
        if outside > MOST_OUTSIDE:
            raise DegenerateError(
                f"{outside:.0%} of its values lie outside the range that the scaling was learnt "
                "on, so its chips would look alike",
                where=part.scene,
                remedy="Learn the encoder anew from all scenes: --refit, or Learn anew on the page "
                "Embeddings.",
            )


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
