"""The stage of token features: every patch of a data set described by an encoder, and stored."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from core.artifacts.formats import read_json, write_array, write_json
from core.artifacts.store import Artifact
from core.embeddings.encoder import ChipBatch, Encoder, Fitted
from core.embeddings.registry import encoder_identity, load_encoder
from core.errors import SceneError, TooFewError
from core.land.context.image_bands import ImageBands
from core.land.context.token_grids import TokenFolder, TokenGrid, fit_principal_axes
from core.land.data.dataset import Dataset, Patch
from core.land.data.patch_reading import read_aerial
from core.pipeline.land.token_encoding import encode_token_grid, sample_windows
from core.pipeline.stage import Stage
from core.pipeline.workspace import Workspace
from core.progress import Progress, report_step
from core.settings import EmbedSettings
from core.types import BandsRule

# Windows in all for fitting an encoder that learns, and tokens in all for the principal axes.
_SAMPLED_WINDOWS, _SAMPLED_TOKENS = 2000, 20_000
_RGB = {"red", "green", "blue"}


@dataclass(frozen=True)
class TokenSubject:
    """The patches of a data set, also those without labels, and an encoder."""

    workspace: Workspace
    dataset: Dataset
    encoder: str

    @property
    def patches(self) -> tuple[Patch, ...]:
        """All patches, those without labels last."""
        return (*self.dataset.patches, *self.dataset.unlabelled)

    @property
    def fitted_patches(self) -> tuple[Patch, ...]:
        """The patches whose images, but not labels, the encoder and the axes are fitted to."""
        indexes = self.dataset.split_indexes("train")
        return tuple(self.dataset.patches[i] for i in indexes) or self.patches

    def settings(self) -> EmbedSettings:
        """Return the encoder's settings: all bands in triples unless red, green and blue exist."""
        names = {name.lower() for name in self.dataset.layout.bands.names}
        rule: BandsRule = "first" if names >= _RGB or len(names) == 1 else "triples"
        return EmbedSettings(encoder=self.encoder, bands_rule=rule)

    def load(self) -> Encoder:
        """Load the encoder; raises WeightsError if its weights are missing."""
        return load_encoder(self.encoder, self.settings(), self.workspace.weights)


def _token_inputs(subject: TokenSubject) -> dict[str, Any]:
    checksum = subject.workspace.checksums.of
    folder = subject.workspace.weights
    return {
        "encoder": dict(encoder_identity(subject.encoder, subject.settings(), folder)),
        "fitted": [patch.name for patch in subject.fitted_patches],
        "patches": [[p.name, checksum(p.image), p.window] for p in subject.patches],
    }


def _write_tokens(subject: TokenSubject, folder: Path, report: Progress) -> dict[str, Any]:
    encoder = subject.load()
    fitted = _fit_encoder(encoder, subject)
    patches, fitted_names = subject.patches, {patch.name for patch in subject.fitted_patches}
    grids, sampled, n_each = [], [], -(-_SAMPLED_TOKENS // max(1, len(fitted_names)))
    for step, patch in enumerate(patches, start=1):
        grid = _encode_patch(encoder, fitted, patch)
        report_step(report, step, len(patches), patch.name)
        if grid is None:
            continue
        # Written complete at first, because the axes need tokens of all patches.
        write_array(folder / f"{patch.name}.npy", grid.values)
        grids.append((patch.name, grid.step))
        if patch.name in fitted_names:
            tokens = grid.values.reshape(-1, grid.values.shape[-1])
            sampled.append(tokens[:: -(-len(tokens) // n_each)])
    if not sampled:
        raise TooFewError("no patch could be read", where=subject.encoder)
    axes = fit_principal_axes(np.concatenate(sampled))
    for name, _ in grids:
        path = folder / f"{name}.npy"
        write_array(path, axes.project(np.load(path, allow_pickle=False)))
    write_json(folder / "tokens.json", {"encoder": subject.encoder, "step": grids[0][1]})
    return {"patches": len(grids), "dimensions": len(axes.centre)}


def _fit_encoder(encoder: Encoder, subject: TokenSubject) -> Fitted:
    """Fit an encoder that learns to windows of the fitted patches; others learn nothing."""
    if not encoder.card.learns:
        return {}
    patches = subject.fitted_patches
    n_each = -(-_SAMPLED_WINDOWS // len(patches))
    batches: list[ChipBatch] = []
    for seed, patch in enumerate(patches):
        image = _read_image(patch)
        if image is not None:
            batches.append(sample_windows(image, n_each, seed))
    if not batches:
        raise TooFewError("no patch could be read", where=subject.encoder)
    pixels, mask = (np.concatenate([getattr(b, name) for b in batches]) for name in _CHIP_ARRAYS)
    return encoder.fit(replace(batches[0], pixels=pixels, mask=mask))


_CHIP_ARRAYS = ("pixels", "mask")


def _encode_patch(encoder: Encoder, fitted: Fitted, patch: Patch) -> TokenGrid | None:
    image = _read_image(patch)
    return None if image is None else encode_token_grid(encoder, fitted, image)


def _read_image(patch: Patch) -> ImageBands | None:
    """Read a patch; None if it cannot be read, which is reported where its pixels are read."""
    try:
        return ImageBands(read_aerial(patch), patch.layout.bands)
    except SceneError:
        return None


def _open_tokens(artifact: Artifact) -> TokenFolder:
    about = read_json(artifact.folder / "tokens.json")
    return TokenFolder(artifact.folder, about["encoder"], int(about["step"]))


TOKENS: Stage[TokenSubject, TokenFolder] = Stage(
    "flair-tokens", 1, _token_inputs, _write_tokens, _open_tokens, _token_inputs
)
"""Token features of every patch, reduced to principal components."""
