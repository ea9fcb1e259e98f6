"""Class maps fitted to labelled regions, and exports of the labels, as files for QGIS."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from core.artifacts.formats import write_atomically
from core.artifacts.keys import make_key
from core.errors import SettingsError, TooFewError
from core.export.qgis_style import class_map_qml, region_qml
from core.export.region_layer import write_region_layer
from core.land.data.dataset import SIDE, Dataset, Problem
from core.land.data.window_reading import image_version
from core.land.labelling.label_regions import Region, RegionHistory
from core.land.labelling.region_fit import RegionFit, all_patches, collect_pixels, fit_regions
from core.land.labelling.region_pixels import check_label_features, fill_regions, image_name
from core.land.models.features import FeatureSpec
from core.land.models.regularisation import RegularisationSettings
from core.land.models.scene_maps import SceneModel
from core.pipeline.land.image_prediction import PredictedImages, map_images
from core.pipeline.land.labelling.region_file import load_regions, regions_path
from core.pipeline.land.land_workspace import data_credit, open_dataset
from core.pipeline.run import Reporter
from core.pipeline.workspace import Workspace
from core.raster.byte_rasters import write_palette_strips
from core.raster.scene import Scene, read_scene
from core.types import ByteArray

POLYGONS, RASTERS, CLASS_TABLE = "polygons", "rasters", "classes.csv"
"""Names of the folders and the file of an export of labels."""


@dataclass(frozen=True)
class LabelledMaps:
    """Class maps of images from labelled regions, with the classifier's evaluation."""

    fit: RegionFit
    images: PredictedImages
    problems: tuple[Problem, ...]


@dataclass(frozen=True)
class ExportedLabels:
    """The files of an export of labels: one of polygons and a raster for each labelled image."""

    folder: Path
    images: tuple[str, ...]
    n_regions: int
    problems: tuple[Problem, ...]


def labelled_workspace(workspace: Workspace) -> tuple[Dataset, RegionHistory]:
    """Return the data set of a workspace and its labelled regions; TooFewError without any."""
    dataset = open_dataset(workspace)
    history = load_regions(workspace, dataset.layout.legend)
    if not history.regions():
        raise TooFewError(
            "no regions have been labelled",
            where=str(regions_path(workspace)),
            remedy="Label regions in the app: Land cover data, Label regions.",
        )
    return dataset, history


def map_labelled_images(
    workspace: Workspace,
    images: Sequence[Path],
    spec: FeatureSpec,
    regularisation: RegularisationSettings,
    folder: Path,
    listen: Reporter,
) -> LabelledMaps:
    """Fit a classifier to all labelled regions, and write a class map of each image.

    Without `images`, these are all images of an imported folder, or the labelled patches of FLAIR.
    Images are classified block by block; an interrupted run continues where it stopped.
    """
    check_label_features(spec)
    dataset, history = labelled_workspace(workspace)
    regions, legend = history.regions(), history.legend()
    pixels, problems = collect_pixels(dataset, regions, spec, listen("labelled regions"))
    fit = fit_regions(pixels, legend)
    labelled = _labelled_images(dataset, regions)
    inputs = {
        "regions": [asdict(region) for region in regions],
        "classes": [asdict(cover) for cover in legend.classes],
        "images": {name: image_version(path) for name, path in labelled.items()},
        "spec": asdict(spec),
        "regularisation": asdict(regularisation),
    }
    layout = replace(dataset.layout, legend=legend)
    key = make_key("label map", 1, inputs)
    model = SceneModel(fit.predictor, layout, spec, None, key, regularisation)
    if not images:
        every_image = [patch.image for patch in all_patches(dataset)]
        images = list(dict.fromkeys(every_image if dataset.layout.rule else labelled.values()))
    mapped = map_images(model, images, folder, data_credit(workspace), listen)
    if not mapped.maps:
        remedy = "; ".join(map(str, mapped.problems[:3]))
        raise TooFewError("no image could be classified", where=str(folder), remedy=remedy)
    return LabelledMaps(fit, mapped, (*problems, *mapped.problems))


def export_labels(workspace: Workspace, folder: Path) -> ExportedLabels:
    """Write the labelled regions as polygons (GeoPackage) and rasters (GeoTIFF), with styles.

    There is one file of each kind for each labelled image, and a table of the classes. Raises
    SettingsError if two labelled images have the same name.
    """
    dataset, history = labelled_workspace(workspace)
    regions, covers = history.regions(), history.classes()
    images = _labelled_images(dataset, regions)
    stems = [path.stem for path in images.values()]
    repeated = next((stem for stem in stems if stems.count(stem) > 1), None)
    if repeated is not None:
        raise SettingsError(f"two labelled images are named {repeated}", where="labelled regions")
    if not images:
        raise TooFewError(
            "none of the labelled images is in the data set",
            where=str(regions_path(workspace)),
            remedy="Import the folder with these images again, or label regions on other images.",
        )
    credit, palette = data_credit(workspace), history.legend().palette()
    for name, path in images.items():
        members = [region for region in regions if region.image == name]
        scene = read_scene(path)
        layer = folder / POLYGONS / f"{path.stem}.gpkg"
        write_atomically(layer, lambda part: write_region_layer(part, members, covers, scene))  # noqa: B023
        write_atomically(layer.with_suffix(".qml"), region_qml(covers))
        raster = folder / RASTERS / f"{path.stem}.tif"
        strips = _label_strips(members, scene)
        write_atomically(
            raster,
            lambda part: write_palette_strips(part, strips, palette, path, credit),  # noqa: B023
        )
        write_atomically(raster.with_suffix(".qml"), class_map_qml(covers))
    write_atomically(folder / CLASS_TABLE, _class_table(history))
    absent = sorted({region.image for region in regions} - images.keys())
    problems = tuple(Problem(name, "the image is not in the data set") for name in absent)
    n_regions = sum(region.image in images for region in regions)
    return ExportedLabels(folder, tuple(images), n_regions, problems)


def _labelled_images(dataset: Dataset, regions: Sequence[Region]) -> dict[str, Path]:
    """Return the images that have regions, by their name in regions."""
    names = {region.image for region in regions}
    images = {image_name(dataset, patch): patch.image for patch in all_patches(dataset)}
    return {name: path for name, path in images.items() if name in names}


def _label_strips(regions: Sequence[Region], scene: Scene) -> Iterator[ByteArray]:
    for top in range(0, scene.height, SIDE):
        box = (0, top, scene.width, min(top + SIDE, scene.height))
        yield np.ascontiguousarray(fill_regions(regions, box)[0])


def _class_table(history: RegionHistory) -> str:
    """Return the classes as the CSV that `chipscape land import --classes` reads."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["value", "name", "colour"])
    writer.writerows([cover.value, cover.name, cover.colour] for cover in history.classes())
    return stream.getvalue()
