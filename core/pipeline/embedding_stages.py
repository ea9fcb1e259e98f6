"""The stages of the embeddings: fitting the encoder, then encoding scene by scene.

The parameters that an encoder fits to a sample of the chips are a separate artifact. It is kept
when scenes are added, so that existing embeddings do not change.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from core.artifacts.blocks import Blocks
from core.artifacts.formats import read_array, read_arrays, read_json, write_arrays, write_json
from core.artifacts.store import Artifact, Step, Store
from core.chips.chip_set import ChipSet, Outline
from core.chips.scaling import Scaling
from core.compute.dask_cluster import active_client
from core.compute.work_streams import map_groups
from core.embeddings import registry
from core.embeddings.block_encoding import (
    SceneEncoding,
    WorkerEncoder,
    write_blocks,
    write_blocks_on_workers,
)
from core.embeddings.encoder import Encoder, Fitted, needs_footprints
from core.embeddings.encoding import encode_rows, encoder_notes, fit_encoder, require_covered
from core.pipeline.chip_stages import open_chip_set, outline_chips, usable_artifacts
from core.pipeline.encoders.scene_footprints import fill_missing_rows, scene_footprints
from core.pipeline.inputs.encoder_files import encoder_sources
from core.pipeline.stage import Resolve, Stage
from core.pipeline.view import View
from core.pipeline.workspace import Workspace
from core.progress import Progress, report_step
from core.settings import EmbedSettings
from core.types import AnyArray, FloatArray

# Rows per block of an unfinished artifact; an interruption loses at most the current block.
BLOCK = 1024
# Several scenes may be embedded at the same time, but they share one encoder.
_LOADING = Lock()
# Name of the input with the key of the earlier fit that a new fit extends.
KEPT = "kept"


@dataclass(frozen=True)
class EncoderFit:
    """The encoder's fitted parameters, and the scaling of each dtype."""

    fitted: Fitted
    scalings: Mapping[str, Scaling]


@dataclass(frozen=True)
class _Encoding:
    """The encoder, its fit and the chips, each loaded when it is first needed.

    `scene_embeddings` holds the embeddings of each scene if they were computed during the fit.
    """

    view: View
    fit_inputs: Mapping[str, Any]
    scene_embeddings: list[FloatArray] = field(default_factory=list)

    @property
    def settings(self) -> EmbedSettings:
        return self.view.settings.embed

    @property
    def store(self) -> Store:
        return self.view.workspace.store

    @cached_property
    def chip_set(self) -> ChipSet:
        chips = open_chip_set(self.view.artifacts["chips"], self.view.settings.chips.bands)
        # A band that was constant when the encoder was fitted may vary in scenes added later.
        unused = tuple(band for band in chips.bands if band not in self.fit_inputs["bands"])
        return dataclasses.replace(chips, constant_bands=unused).without_constant_bands()

    @cached_property
    def encoder(self) -> Encoder:
        weights = self.view.workspace.weights
        return registry.load_encoder(self.settings.encoder, self.settings, weights)

    @cached_property
    def fit(self) -> EncoderFit:
        """The encoder's fit, after checking that its scaling does not clip any scene too much."""
        artifact = ENCODER_FITS.make(self.store, self)
        fit = ENCODER_FITS.open(artifact)
        require_covered(fit.scalings, artifact.manifest["inputs"]["chips"], self.chip_set)
        return fit

    @cached_property
    def worker_encoder(self) -> WorkerEncoder:
        """The encoder for workers, to which its fit has been made available."""
        folder = ENCODER_FITS.make(self.store, self).folder / "fitted"
        weights = self.view.workspace.weights
        return WorkerEncoder.share(self.encoder, self.settings, weights, folder)


@dataclass(frozen=True)
class _SceneEmbeddings:
    encoding: _Encoding
    chips_key: str
    index: int


def _fit(encoding: _Encoding, folder: Path, _: Progress) -> dict[str, Any]:
    chips, sample = encoding.chip_set, encoding.settings.sample
    scalings = chips.fit_scalings(sample)
    fit = extended_fit(encoding.store, encoding.fit_inputs, scalings)
    if fit is None:
        fitted, embeddings = fit_encoder(encoding.encoder, chips, scalings, sample)
        fit = EncoderFit(fitted, scalings)
        if embeddings is not None:
            ends = np.cumsum([len(part) for part in chips.parts])
            encoding.scene_embeddings.extend(np.split(embeddings, ends[:-1]))
    notes = encoder_notes(encoding.encoder, chips, fit.scalings)
    write_arrays(folder / "fitted", fit.fitted)
    table = {dtype: dataclasses.asdict(scaling) for dtype, scaling in fit.scalings.items()}
    write_json(folder / "scaling.json", table)
    return {"chips": len(chips), "notes": list(notes)}


def _open_fit(artifact: Artifact) -> EncoderFit:
    table = read_json(artifact.folder / "scaling.json")
    scalings = {
        dtype: Scaling(tuple(row["low"]), tuple(row["high"]), row["rule"])
        for dtype, row in table.items()
    }
    return EncoderFit(read_arrays(artifact.folder / "fitted"), scalings)


def _embed(subject: _SceneEmbeddings, folder: Path, report: Progress) -> dict[str, Any]:
    encoding, embedded = subject.encoding, subject.encoding.scene_embeddings
    with _LOADING:
        fit, chips, encoder = encoding.fit, encoding.chip_set, encoding.encoder
    part = chips.parts[subject.index]
    scaling = fit.scalings[part.pixels.dtype.name]
    located = needs_footprints(encoder)
    footprints = scene_footprints(encoding.view.survey, part) if located else None

    def encode(rows: slice) -> FloatArray:
        arguments = (encoder, part, chips.bands, scaling, fit.fitted, rows, footprints)
        return embedded[subject.index][rows] if embedded else encode_rows(*arguments)

    blocks = Blocks(folder, len(part), BLOCK)
    if active_client() is None or embedded:
        written = write_blocks(blocks, encode)
    else:
        with _LOADING:
            shared = encoding.worker_encoder
        cut = usable_artifacts(encoding.view.artifacts["chips"])[subject.index]
        positions = tuple(cut.counts["bands"].index(band) for band in chips.bands)
        ids = part.facts["chip_id"].tolist()
        bands = (positions, chips.bands)
        scene = SceneEncoding(shared, cut.folder, ids, *bands, scaling, footprints)
        width = encode(slice(0, 1)).shape[1]
        written = write_blocks_on_workers(blocks, scene, width)
    # Closed here, not by the garbage collector, so that cancelled blocks are cancelled at once.
    with closing(written):
        for n_written in written:
            report_step(report, n_written, len(part), part.scene)
    notes = fill_missing_rows(folder / "embeddings.npy", part) if located else ()
    return {"chips": len(part), "scene": part.scene, "notes": list(notes)}


def _encoder_state(encoding: _Encoding) -> object:
    return encoder_sources(
        encoding.view.workspace, encoding.settings, encoding.fit_inputs["encoder"]
    )


ENCODER_FITS: Stage[_Encoding, EncoderFit] = Stage(
    "encoders", 1, lambda encoding: encoding.fit_inputs, _fit, _open_fit, _encoder_state
)
EMBEDDINGS: Stage[_SceneEmbeddings, AnyArray] = Stage(
    name="embeddings",
    version=1,
    inputs=lambda subject: {
        "chips": subject.chips_key,
        "encoder": ENCODER_FITS.step(subject.encoding).key,
    },
    compute=_embed,
    load=lambda artifact: read_array(artifact.folder / "embeddings.npy", mapped=True),
    sources=lambda subject: _encoder_state(subject.encoding),
)


def embedding_artifacts(view: View, resolve: Resolve, report: Progress) -> list[Artifact]:
    """Return the artifacts of the encoder's fit and of the embeddings of each scene."""
    outline = outline_chips(view.artifacts["chips"], view.settings.chips.bands)
    encoding = _Encoding(view, fit_inputs(view.workspace, outline, view.settings.embed))
    artifacts = [resolve(ENCODER_FITS, encoding)]
    usable = usable_artifacts(view.artifacts["chips"])
    scenes = [_SceneEmbeddings(encoding, chips.key, i) for i, chips in enumerate(usable)]
    sizes = [int(artifact.counts["chips"]) for artifact in usable]
    return [*artifacts, *map_groups(partial(resolve, EMBEDDINGS), scenes, sizes, report)]


def embed_with_fit(view: View, fit: Artifact, report: Progress) -> FloatArray:
    """Embed the chips of a view with an existing fit of its encoder, float32 (n, dim).

    The chips need not be among those that the encoder was fitted to, but must have the bands and
    the data type of these; see `require_covered` for their values.
    """
    encoding = _Encoding(view, fit.manifest["inputs"])
    usable = usable_artifacts(view.artifacts["chips"])
    artifacts = [
        EMBEDDINGS.make(view.workspace.store, _SceneEmbeddings(encoding, chips.key, index), report)
        for index, chips in enumerate(usable)
    ]
    return np.asarray(join_embeddings(artifacts))


def join_embeddings(artifacts: Sequence[Artifact]) -> AnyArray:
    """Return the embeddings of several scenes as one matrix; memory-mapped if from one scene."""
    parts = [EMBEDDINGS.open(artifact) for artifact in artifacts]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def open_embeddings(view: View) -> AnyArray | None:
    """Open the embeddings of a view, float32 (n, dim); None if there are none."""
    artifacts = view.artifacts.get("embeddings")
    return join_embeddings(artifacts[1:]) if artifacts else None


def fit_inputs(workspace: Workspace, chips: Outline, settings: EmbedSettings) -> Mapping[str, Any]:
    """Return the inputs of the existing fit of the encoder or, without one, of a new fit.

    Added scenes are encoded with the existing fit. If they have a new dtype, only a scaling for
    this dtype is added to the fit. A fit to a scene that has since been removed is not used again,
    so that removed data have no influence on later results.
    """
    checksums = workspace.checksums
    identity = registry.encoder_identity(
        settings.encoder, settings, workspace.weights, checksums.of
    )
    checksums.save()
    inputs: dict[str, Any] = {
        "encoder": dict(identity),
        "bands": chips.bands,
        "size": chips.size,
        "sample": settings.sample,
        "dtypes": chips.dtypes,
        "chips": chips.keys,
    }
    step = Step(ENCODER_FITS.name, ENCODER_FITS.version, inputs)
    if settings.refit or workspace.store.find(step):
        return inputs
    return _kept_inputs(workspace.store, inputs) or inputs


def _kept_inputs(store: Store, inputs: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the inputs of the latest fit of the same encoder whose scenes all still exist."""
    chips = set(inputs["chips"])
    for artifact in reversed(store.all(ENCODER_FITS.name)):
        stored = artifact.manifest["inputs"]
        same = all(stored[name] == inputs[name] for name in ("encoder", "size", "sample"))
        same = same and list(stored["bands"]) == list(inputs["bands"])
        is_current = artifact.manifest["version"] == ENCODER_FITS.version
        if not (same and is_current and set(stored["chips"]) <= chips):
            continue
        if set(stored["dtypes"]) >= set(inputs["dtypes"]):
            return dict(stored)
        extension = {"dtypes": inputs["dtypes"], "scaled_on": inputs["chips"]}
        return {**stored, **extension, KEPT: artifact.key}
    return None


def extended_fit(
    store: Store, inputs: Mapping[str, Any], scalings: Mapping[str, Scaling]
) -> EncoderFit | None:
    """Return the earlier fit that the inputs extend, with scalings added; None for a new fit."""
    if KEPT not in inputs:
        return None
    artifact = next(a for a in store.all(ENCODER_FITS.name) if a.key == inputs[KEPT])
    fit = ENCODER_FITS.open(artifact)
    return EncoderFit(fit.fitted, {**scalings, **fit.scalings})


def kept_note(artifact: Artifact, chips: Outline) -> tuple[str, ...]:
    """Return a note for the user if the encoder was fitted to only some of the scenes."""
    n_fitted, n_scenes = len(artifact.manifest["inputs"]["chips"]), len(chips.keys)
    if n_fitted == n_scenes:
        return ()
    scenes = f"{n_fitted} of {n_scenes} scenes"
    return (f"encoder and scaling are fitted to only {scenes}; use --refit to fit them to all",)
