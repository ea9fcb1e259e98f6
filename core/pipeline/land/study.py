"""A land-cover study: a data set, its folds, and the pixels that are sampled from them."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from core.artifacts.integrity import file_mark
from core.artifacts.keys import Checksums
from core.errors import TooFewError
from core.land.context.token_grids import token_encoder_names
from core.land.data.bands import SENTINEL_BANDS
from core.land.data.dataset import FLAIR_LAYOUT, Dataset, Patch
from core.land.data.patch_reading import RequiredData
from core.land.data.pixel_sampling import SampleSettings, sample_pixels
from core.land.data.pixel_table import PixelTable
from core.land.data.sentinel import SentinelSettings
from core.land.data.window_reading import image_version
from core.land.evaluation.label_economy import DRAWS
from core.land.evaluation.protocols import Fold, Protocol, make_folds
from core.land.models.features import FeatureSpec
from core.land.models.prediction import required_data
from core.pipeline.land.land_workspace import open_dataset
from core.pipeline.land.token_stage import TOKENS, TokenSubject
from core.pipeline.stage import changed_input_error
from core.pipeline.workspace import Workspace
from core.progress import Progress, silent
from core.tables import Checked, bounded, one_of
from core.types import IntArray


@dataclass(frozen=True)
class StudySettings(Checked):
    """The settings that all runs of a study share.

    `n_folds` is the number of groups of domains, for the protocol "domains". `draws` is the number
    of random draws of the labelled pixels in a label economy; other results do not depend on it.
    """

    protocol: Protocol = one_of("domains", Protocol)
    n_folds: int = bounded(3, 2, 100)
    sample: SampleSettings = field(default_factory=SampleSettings)
    dates: SentinelSettings = field(default_factory=SentinelSettings)
    draws: int = bounded(DRAWS, 2, 100)


class Study:
    """The land-cover data of a workspace, by default all patches, divided into folds."""

    def __init__(
        self, workspace: Workspace, settings: StudySettings, dataset: Dataset | None = None
    ) -> None:
        self.workspace = workspace
        self.settings = settings
        self.dataset = dataset = dataset or open_dataset(workspace)
        self.folds = make_folds(dataset, settings.protocol, settings.n_folds)
        checksums, sample = workspace.checksums, settings.sample
        self._patch_inputs = cache(
            lambda index, sentinel: patch_inputs(checksums, dataset.patches[index], sentinel)
        )
        self._series_inputs = cache(lambda: series_inputs(checksums, dataset))
        # Training pixels stay in memory for further runs of the study.
        self._sampled = cache(lambda patches, needs: sample_pixels(dataset, patches, sample, needs))

    def data_inputs(self, patches: Sequence[int], spec: FeatureSpec) -> dict[str, Any]:
        """Return cache key inputs for some patches: names, checksums and sampling settings."""
        inputs: dict[str, Any] = {"sample": dataclasses.asdict(self.settings.sample)}
        inputs |= layout_inputs(self.dataset)
        if spec.fusion:
            inputs["dates"] = dataclasses.asdict(self.settings.dates)
            inputs |= self._series_inputs()
        if encoders := token_encoder_names(spec.extras):
            steps = [TOKENS.step(self._token_subject(name)) for name in encoders]
            inputs["tokens"] = [step.key for step in steps]
        return inputs | {"patches": [self._patch_inputs(index, spec.fusion) for index in patches]}

    def sampled(self, patches: Sequence[int], spec: FeatureSpec) -> PixelTable:
        """Return the training pixels of some patches.

        Raises TooFewError if no pixel remains, or the features need a time series and no patch of
        the data set has one.
        """
        if spec.fusion and not any(patch.has_series for patch in self.dataset.patches):
            raise TooFewError(
                "no patch has a time series of satellite images",
                where="fusion",
                remedy="Leave out --fusion, or import a series with `chipscape land import "
                "--series`.",
            )
        return self._sampled(tuple(patches), self.required_data(spec))

    def judges(self, fold: Fold, spec: FeatureSpec) -> PixelTable:
        """Sample held-out pixels of a fold at random, none of which is a training pixel.

        The class "other" is included, unless the protocol is "patches", which does not score it.
        Raises TooFewError if no pixel is left.
        """
        sample = SampleSettings(
            draw="random",
            other=self.settings.protocol != "patches",
            nomenclature=self.settings.sample.nomenclature,
            # With the same seed, a random sample would draw the training pixels.
            seed=(self.settings.sample.seed + 1) % 2**31,
        )
        table = sample_pixels(self.dataset, fold.test, sample, self.required_data(spec))
        training_pixels = self.sampled(fold.train, spec).pixel_numbers()
        held_out = table.take(~np.isin(table.pixel_numbers(), training_pixels))
        if not len(held_out):
            raise TooFewError(
                "all labelled pixels of the evaluated patches are training pixels",
                where=self.settings.protocol,
                remedy="Choose another protocol, or draw fewer training pixels (n_per_patch).",
            )
        return held_out

    def area_numbers(self, table: PixelTable) -> IntArray:
        """Return the number of the area that each pixel lies in, int32 (n,), from 0."""
        names = np.array([patch.area_id for patch in self.dataset.patches])[table.patch]
        return np.unique(names, return_inverse=True)[1].astype(np.int32)

    def file_states(self, spec: FeatureSpec) -> list[Any]:
        """Return the state of the files of all patches.

        Raises ChangedInputError if they are not those that the keys of the study describe.
        """
        states: list[Any] = []
        if spec.fusion and series_inputs(self.workspace.checksums, self.dataset) != (
            self._series_inputs()
        ):
            raise changed_input_error("time series")
        for index, patch in enumerate(self.dataset.patches):
            try:
                inputs = patch_inputs(self.workspace.checksums, patch, spec.fusion)
                files = (patch.image, patch.mask, patch.height)
                states += [file_mark(path) for path in files if path]
            except OSError as error:
                raise changed_input_error(patch.name) from error
            if inputs != self._patch_inputs(index, spec.fusion):
                raise changed_input_error(patch.name)
        return states

    def required_data(self, spec: FeatureSpec, report: Progress = silent) -> RequiredData:
        """Return the data that features need, after computing tokens that are not stored yet.

        Raises SettingsError for an unknown encoder, and WeightsError if its weights are missing.
        """
        folders = []
        for name in token_encoder_names(spec.extras):
            artifact = TOKENS.make(self.workspace.store, self._token_subject(name), report)
            folders.append(TOKENS.open(artifact))
        base = RequiredData(dates=self.settings.dates, tokens=tuple(folders))
        return required_data(spec, base)

    def _token_subject(self, encoder: str) -> TokenSubject:
        return TokenSubject(self.workspace, self.dataset, encoder)


def layout_inputs(dataset: Dataset) -> dict[str, Any]:
    """Return cache key inputs for the layout of a data set; none for that of FLAIR #1 and #2."""
    layout = dataset.layout
    if layout == FLAIR_LAYOUT:
        return {}
    inputs = dataclasses.asdict(layout)
    if layout.series_bands == SENTINEL_BANDS:
        # Earlier versions did not have other series, and their keys remain valid.
        del inputs["series_bands"]
    return {"layout": inputs}


def series_inputs(checksums: Checksums, dataset: Dataset) -> dict[str, Any]:
    """Return cache key inputs for the time series of your own images; none for Sentinel's.

    Raises SceneError if one of its files is missing.
    """
    series = next((patch.series for patch in dataset.patches if patch.series), ())
    inputs = []
    for entry in series:
        files = [path for path in (entry.image, entry.mask) if path]
        for path in files:
            image_version(path)
        inputs.append([entry.date, *map(checksums.of, files)])
    return {"series": inputs} if inputs else {}


def spec_inputs(spec: FeatureSpec) -> dict[str, Any]:
    """Return cache key inputs for the choice of features.

    The defaults of settings that earlier versions did not have are left out, so that the keys of
    those versions remain valid.
    """
    inputs, default = dataclasses.asdict(spec), FeatureSpec()
    for name in ("season", "interpolation"):
        if inputs[name] == getattr(default, name):
            del inputs[name]
    return inputs


def patch_inputs(checksums: Checksums, patch: Patch, sentinel: bool) -> list[Any]:
    """Return cache key inputs for a patch: its name, its area and the checksums of its files.

    With `sentinel`, the position of the patch in its super area and the checksums of the super
    area's files are added. Raises SceneError if an imported image or its labels are missing.
    """
    paths = [path for path in (patch.image, patch.mask, patch.height) if path]
    if patch.window is not None:
        for path in paths:
            image_version(path)
    files = [checksums.of(path) for path in paths]
    inputs: list[Any] = [patch.name, patch.area_id, *files]
    if patch.window is not None:
        inputs.append(patch.window)
    area = patch.super_area
    if not sentinel or area is None:
        return inputs
    return [*inputs, patch.centroid, *map(checksums.of, (area.data, area.masks, area.products))]
