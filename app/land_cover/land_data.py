"""Land cover in a workspace: its data set and its finished runs."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from app.session.cache import cached_image, cached_result
from core.artifacts.keys import make_key
from core.land.data.bands import Bands
from core.land.data.dataset import Dataset, adapt_terms
from core.land.data.nomenclature import Legend, attribution_text
from core.land.data.patch_reading import ReadablePatch, read_readable_patch
from core.land.data.pixel_sampling import SampleSettings, default_draw
from core.land.evaluation.protocols import Protocol, possible_protocols
from core.land.evaluation.scorers import choose_scorer
from core.land.models.classifiers import MethodSettings
from core.land.models.features import FeatureSpec
from core.pipeline.land.cell_results import CellResult
from core.pipeline.land.class_maps import CLASS_MAPS, StoredModel, open_model
from core.pipeline.land.land_workspace import (
    flair_folder,
    has_own_images,
    images_record,
    is_look_alike,
    open_dataset,
)
from core.pipeline.land.repeated_training import REPEATS, RepeatedRun, Stability
from core.pipeline.land.run_titles import protocol_titles
from core.pipeline.land.study import Study, StudySettings
from core.pipeline.land.study_cells import CELLS, StudyRun
from core.pipeline.land.study_results import finished_runs
from core.pipeline.workspace import Workspace
from core.raster.byte_rasters import read_byte_raster
from core.types import ByteArray


@dataclass(frozen=True)
class Land:
    """The land cover data that a page displays.

    `is_synthetic` is True for generated data; `version` is a key that changes when files are added
    or removed.
    """

    workspace: Workspace
    dataset: Dataset
    is_synthetic: bool
    version: str

    @property
    def is_own(self) -> bool:
        """True for imported images of the user's own."""
        return self.dataset.layout.is_own

    @property
    def credit(self) -> str:
        """Citation and licence of FLAIR's data; for synthetic data, of the data imitated."""
        return attribution_text(look_alike=self.is_synthetic, is_hub=self.dataset.layout.is_hub)

    def adapt(self, text: str) -> str:
        """Return a text in the terms of the data; see `adapt_terms`."""
        return adapt_terms(text, is_own=self.is_own)

    @property
    def protocol_titles(self) -> dict[Protocol, str]:
        """The short titles of all protocols."""
        return protocol_titles(is_own=self.is_own)

    @property
    def legend(self) -> Legend:
        """The classes of the data set."""
        return self.dataset.layout.legend

    @property
    def bands(self) -> Bands:
        """The bands of the images."""
        return self.dataset.layout.bands

    def key(self, name: str, **values: Any) -> str:
        """Return the cache key of a result that depends on the data set and on `values`."""
        inputs = {"version": self.version, "name": name, "values": values}
        return make_key("land cover", 1, inputs)


def open_land(workspace: Workspace) -> Land:
    """Find the patches of a workspace; raises ChipscapeError if there are no data."""
    folder = images_record(workspace) if has_own_images(workspace) else flair_folder(workspace)
    folders = [path for pattern in ("*", "*/*", "*/*/*") for path in folder.glob(pattern)]
    times = [path.stat().st_mtime_ns for path in (folder, *folders)]
    version = make_key("land cover", 1, {"root": str(folder), "n": len(times), "last": max(times)})
    dataset = cached_result(version, lambda: open_dataset(workspace))
    assert dataset is not None
    return Land(workspace, dataset, is_look_alike(workspace), version)


def readable_patch(land: Land, index: int) -> ReadablePatch:
    """Return the bands and the labels of a patch, as far as they can be read."""
    patch = land.dataset.patches[index]
    return cached_image(land.key("patch", index=index), lambda: read_readable_patch(patch))


def list_runs(land: Land) -> list[StudyRun]:
    """Return the finished runs on these data, oldest first."""
    cells = sorted(path.name for path in (land.workspace.artifacts / CELLS.name).glob("*"))
    key = land.key("runs", cells=cells)
    return cached_result(key, lambda: [*finished_runs(land.workspace, land.dataset)]) or []


def run_result(land: Land, run: StudyRun) -> CellResult:
    """Return the scores of a finished run."""
    key = land.key("result", run=run.key)
    result = cached_result(key, lambda: CELLS.read(land.workspace.store, run))
    assert result is not None
    return result


def run_stability(land: Land, group: Mapping[Protocol, StudyRun]) -> Stability | None:
    """Return the repeated training of a model, by the first protocol that has it, or None."""
    store = land.workspace.store
    for run in group.values():
        read = partial(REPEATS.read, store, RepeatedRun(run))
        stability = cached_result(land.key("stability", run=run.key), read)
        if stability is not None:
            return replace(stability, scorer=choose_scorer(land.legend))
    return None


def class_map_folder(land: Land, run: StudyRun) -> Path | None:
    """Return the folder of a run's class maps; None if none were stored."""
    return CLASS_MAPS.read(land.workspace.store, run)


def read_class_map(land: Land, run: StudyRun, patch: str) -> ByteArray | None:
    """Return a run's predicted classes of a patch, (h, w); None if there is no class map."""
    folder = class_map_folder(land, run)
    if folder is None or not (path := folder / f"{patch}.tif").is_file():
        return None
    key = land.key("class map", run=run.key, patch=patch)
    class_map: ByteArray = cached_image(key, lambda: read_byte_raster(path, 1)[0][0])
    return class_map


def run_model(land: Land, run: StudyRun) -> StoredModel | None:
    """Return the model that was stored with a run's class maps; None if there is none."""
    maps = CLASS_MAPS.find(land.workspace.store, run)
    return open_model(maps) if maps else None


def curve_run(land: Land, method: MethodSettings, spec: FeatureSpec) -> StudyRun:
    """Return the run for a label economy or a tree; it holds out domains if there are several."""
    sample = SampleSettings(draw=default_draw(land.dataset))
    settings = StudySettings(possible_protocols(land.dataset)[0], sample=sample)
    return StudyRun(Study(land.workspace, settings, land.dataset), method, spec)
