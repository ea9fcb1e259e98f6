"""Summary of a data set: counts of patches and classes, and problems with the files."""

from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.compute.work_streams import stream_results
from core.errors import SceneError
from core.land.data.dataset import Dataset, Patch, Problem, merge_problems
from core.land.data.nomenclature import CITATION, HUB_CITATION, LICENCE, Nomenclature
from core.land.data.patch_reading import RequiredData, read_aerial, read_mask
from core.land.data.pixel_sampling import SampleSettings, sample_pixels
from core.land.data.pixel_table import PixelTable
from core.land.data.sentinel import MATCHING_NOTE, SentinelSettings, empty_months, patch_super_patch
from core.land.layouts.hub_reading import HUB_MATCHING_NOTE
from core.land.season.raster_series import read_composites
from core.land.season.sentinel_planes import block_means, season_planes
from core.progress import Progress, report_step, silent
from core.types import AnyArray

N_SURVEYED = 600
"""Average number of pixels per patch that a survey samples."""


@dataclass(frozen=True)
class FileSurvey:
    """The result of reading every file of a data set.

    Attributes
    ----------
    counts : int64 array, (p, 20)
        Number of pixels by patch and class (full nomenclature); column 0 counts those without one.
    sample : PixelTable
        Equally many pixels of each class (full nomenclature), or all pixels of a smaller class.
    """

    counts: AnyArray
    problems: tuple[str, ...]
    sample: PixelTable


def summarise_dataset(
    dataset: Dataset, nomenclature: Nomenclature = "reduced", report: Progress = silent
) -> dict[str, Any]:
    """Read every file of a data set once and summarise it.

    The summary contains, for each split, the numbers of patches and areas, the domains, the class
    shares and the classes per patch; and all problems, the citation and the licence.
    """
    counts, problems = count_class_pixels(dataset, report)
    citation = HUB_CITATION if dataset.layout.is_hub else CITATION
    return {
        "root": str(dataset.root),
        "nomenclature": nomenclature,
        "splits": summarise_splits(dataset, counts, nomenclature),
        "problems": [str(problem) for problem in problems],
        "empty_months": list_empty_months(dataset),
        "matching": "" if dataset.layout.rule else matching_note(dataset),
        "citation": "" if dataset.layout.rule else citation,
        "licence": "" if dataset.layout.rule else LICENCE,
    }


def count_class_pixels(
    dataset: Dataset, report: Progress = silent
) -> tuple[AnyArray, list[Problem]]:
    """Count the pixels of each patch by class of the full nomenclature, int64 (p, 20).

    Column 0 counts pixels without a class; the row of a patch that cannot be read is 0. Also
    returns all problems, those of the data set first and then those of each patch.
    """
    problems = list(dataset.problems)
    counts = np.zeros((len(dataset.patches), len(dataset.layout.legend.classes) + 1), np.int64)
    with closing(stream_results(_inspect_patch, dataset.patches)) as results:
        for index, result in enumerate(results):
            report_step(report, index + 1, len(dataset.patches), dataset.patches[index].name)
            counts[index] = result[0]
            problems += result[1]
    return counts, merge_problems(problems)


def survey_dataset(
    dataset: Dataset, counting: Progress = silent, sampling: Progress = silent
) -> FileSurvey:
    """Read every file once, count the classes, and sample pixels for charts.

    Raises TooFewError if no patch can be used.
    """
    counts, problems = count_class_pixels(dataset, counting)
    fused = [index for index, patch in enumerate(dataset.patches) if patch.has_series]
    indexes = fused or list(range(len(dataset.patches)))
    settings = SampleSettings("stratified", N_SURVEYED, other=True, nomenclature="full")
    needs = RequiredData(sentinel=bool(fused))
    sample = sample_pixels(dataset, indexes, settings, needs, sampling)
    return FileSurvey(counts, tuple(map(str, problems)), sample)


def summarise_splits(
    dataset: Dataset, counts: AnyArray, nomenclature: Nomenclature = "reduced"
) -> dict[str, dict[str, Any]]:
    """Summarise the counts of `count_class_pixels` for the splits that have patches."""
    return {
        split: _summarise_split(dataset, counts, split, nomenclature)
        for split in ("train", "test")
        if dataset.split_indexes(split)
    }


def list_empty_months(dataset: Dataset) -> dict[str, list[str]]:
    """Return by patch the months with Sentinel dates, none of which passes the default filter.

    The mean over the year is that of the other months. Patches without such months are left out,
    and so are those whose Sentinel files cannot be read.
    """
    months: dict[str, list[str]] = {}
    for patch in dataset.patches:
        if patch.has_sentinel:
            with suppress(SceneError):
                months[patch.name] = empty_months(patch_super_patch(patch, SentinelSettings()))
    return {name: names for name, names in months.items() if names}


def matching_note(dataset: Dataset) -> str:
    """State how the pixels of Sentinel are matched to those of the images."""
    return HUB_MATCHING_NOTE if dataset.layout.is_hub else MATCHING_NOTE


def prior_shift(train: Mapping[str, Any], test: Mapping[str, Any]) -> float:
    """Return the total variation distance, 0..1, between the class shares of two splits.

    It is the fraction of pixels that would have to change class for both splits to have the same
    shares. `train` and `test` are values of the result of `summarise_splits`.
    """
    first, second = (
        np.array([cover["share"] for cover in split["classes"]]) for split in (train, test)
    )
    return 0.5 * float(np.abs(first - second).sum())


def _inspect_patch(patch: Patch) -> tuple[AnyArray, list[Problem]]:
    """Return the counts of a patch by class of the full nomenclature, and its problems."""
    problems: list[Problem] = []
    n_values = len(patch.layout.legend.classes) + 1
    counts = np.zeros(n_values, np.int64)
    try:
        read_aerial(patch)
        labels, problem = read_mask(patch)
        problems += [problem] if problem else []
        counts = np.bincount(labels.ravel(), minlength=n_values)
    except SceneError as error:
        problems.append(Problem(patch.name, f"it is left out ({error})"))
    if not patch.has_series:
        return counts, problems
    try:
        if patch.series:
            composites, _ = read_composites(patch)
            notes = season_planes(composites, patch.layout.series_bands.names, "months").notes
            return counts, problems + [Problem(patch.name, note) for note in notes]
        super_patch = patch_super_patch(patch, SentinelSettings())
        block_means(super_patch, patch.name)
        if super_patch.all_covered:
            reason = "no Sentinel date passes the filter, so the clearest one is used"
            problems.append(Problem(patch.name, reason))
    except SceneError as error:
        bands = "the bands of its image" if patch.series else "its aerial bands"
        problems.append(Problem(patch.name, f"only {bands} are used ({error})"))
    return counts, problems


def _summarise_split(
    dataset: Dataset, counts: AnyArray, split: str, nomenclature: Nomenclature
) -> dict[str, Any]:
    indexes = dataset.split_indexes(split)
    patches = [dataset.patches[index] for index in indexes]
    table = counts[list(indexes)]
    legend = dataset.layout.legend
    if nomenclature == "reduced" and legend.has_other:
        table[:, legend.other] = table[:, legend.other :].sum(axis=1)
        table[:, legend.other + 1 :] = 0
    total = int(table[:, 1:].sum())
    # A patch that could not be read has no counts; it must not count as one with 0 classes.
    readable = table[table.sum(axis=1) > 0]
    per_patch = (readable[:, 1:] > 0).sum(axis=1) if len(readable) else np.zeros(1, np.int64)
    return {
        "patches": len(patches),
        "unreadable": len(patches) - len(readable),
        "fused": sum(patch.has_series for patch in patches),
        "domains": sorted({patch.domain for patch in patches}),
        "areas": len({patch.area_id for patch in patches}),
        "pixels": total,
        "unlabelled": int(table[:, 0].sum()),
        "classes_per_patch": {
            "min": int(per_patch.min()),
            "max": int(per_patch.max()),
            "mean": round(float(per_patch.mean()), 3),
        },
        "classes": [
            {
                "value": cover.value,
                "name": cover.name,
                "colour": cover.colour,
                "pixels": int(table[:, cover.value].sum()),
                "share": float(table[:, cover.value].sum() / total) if total else 0.0,
                "patches": int((table[:, cover.value] > 0).sum()),
            }
            for cover in (legend.classes if nomenclature == "full" else legend.listed)
        ],
    }
