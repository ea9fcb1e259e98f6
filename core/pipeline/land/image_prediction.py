"""Class maps of whole images, predicted by a run's model, with styles for QGIS."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from core.artifacts.formats import write_atomically
from core.artifacts.keys import make_key
from core.errors import SceneError, SettingsError
from core.export.qgis_style import class_map_qml
from core.land.context.token_grids import token_encoder_names
from core.land.data.dataset import Problem
from core.land.models.scene_maps import SceneMap, SceneModel, map_scene
from core.pipeline.land.land_workspace import data_credit
from core.pipeline.land.study import spec_inputs
from core.pipeline.land.study_cells import StudyRun
from core.pipeline.run import Reporter


@dataclass(frozen=True)
class PredictedImages:
    """The class maps of several images, and the images that could not be classified."""

    maps: tuple[SceneMap, ...]
    problems: tuple[Problem, ...]


def predict_images(
    run: StudyRun, images: Sequence[Path], folder: Path, listen: Reporter
) -> PredictedImages:
    """Train on the first fold of a run, and write a class map of each image into a folder.

    Next to each map, a style (.qml) holds the names and colours of the classes. Raises
    SettingsError if two images have the same name, or the features need Sentinel images or tokens.
    """
    patches = run.study.dataset.patches if run.spec.fusion else ()
    series = next((patch.series for patch in patches if patch.series), ())
    if run.spec.fusion and not series:
        raise SettingsError(
            "whole images have no Sentinel series", where="fusion", remedy="Leave out --fusion."
        )
    if tokens := token_encoder_names(run.spec.extras):
        raise SettingsError(
            f"tokens of encoders ({', '.join(tokens)}) are computed for the patches of a data set "
            "only",
            where="features",
            remedy="Leave them out of --features.",
        )
    _refuse_equal_names(images)
    fold, layout = run.study.folds[0], run.study.dataset.layout
    inputs: dict[str, Any] = {
        "taught": run.study.data_inputs(fold.train, run.spec),
        "method": asdict(run.method),
        "spec": spec_inputs(run.spec),
        "regularisation": asdict(run.regularisation),
    }
    fitted = run.fit(fold)
    model = SceneModel(
        fitted.fitted.model,
        layout,
        run.spec,
        fitted.scaler,
        make_key("scene-map", 1, inputs),
        run.regularisation,
        series,
    )
    return map_images(model, images, folder, data_credit(run.study.workspace), listen)


def map_images(
    model: SceneModel, images: Sequence[Path], folder: Path, credit: str, listen: Reporter
) -> PredictedImages:
    """Write a class map of each image into a folder, and next to it a style for QGIS (.qml).

    `credit` is written to the copyright tags. Raises SettingsError if two images have the same
    name.
    """
    _refuse_equal_names(images)
    maps: list[SceneMap] = []
    problems: list[Problem] = []
    for image in images:
        path = folder / f"{image.stem}.tif"
        try:
            maps.append(map_scene(model, image, path, credit, listen(image.name)))
        except SceneError as error:
            problems.append(Problem(image.name, f"it was not classified ({error})"))
            continue
        write_atomically(path.with_suffix(".qml"), class_map_qml(model.layout.legend.listed))
    return PredictedImages(tuple(maps), tuple(problems))


def _refuse_equal_names(images: Sequence[Path]) -> None:
    names = [image.stem for image in images]
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise SettingsError(f"two images are named {repeated}", where="images")
