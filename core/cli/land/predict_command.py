"""`chipscape flair predict`: class maps of patches that have no labels."""

from pathlib import Path
from typing import Annotated

from core.cli.console import counted, reporter, show_result
from core.cli.land import result_texts as texts
from core.cli.land.land_options import LandSession, with_land_session
from core.cli.shared_options import option
from core.errors import TooFewError
from core.land.models.classifiers import absent_classes, describe_untrained_classes
from core.pipeline.land.run_titles import configuration_title
from core.pipeline.land.study_cells import StudyRun


@with_land_session
def predict_patches_command(
    session: LandSession,
    method: Annotated[str | None, option("Classifier. [default: knn]")] = None,
    fusion: Annotated[bool | None, option("Add Sentinel. [default: no]")] = None,
    robust: Annotated[bool | None, option("Scale with RobustScaler. [default: no]")] = None,
    normalised: Annotated[bool | None, option("Divide spectra by intensity. [default: no]")] = None,
    intensity: Annotated[bool | None, option("Add intensity as a feature. [default: no]")] = None,
    other: Annotated[
        bool | None, option('Train with "other", so that it is predicted too. [default: no]')
    ] = None,
    out: Annotated[
        Path | None, option("Folder for the class maps. [default: results/class_maps/]", "--out")
    ] = None,
) -> None:
    """Train on all labelled training patches, and write class maps of the patches without masks."""
    features = {"robust": robust, "normalised": normalised, "intensity": intensity}
    spec, settings = session.features(fusion=fusion, **features), session.method(method=method)
    training = "" if other is None else "with" if other else "without"
    study = session.study("patches", training)
    where = str(study.dataset.root)
    if not study.dataset.unlabelled:
        raise TooFewError(
            "all patches have masks, so there is nothing to predict",
            where=where,
            remedy="Add images without masks, such as a folder flair_aerial_test, or use "
            "`chipscape flair run --maps` for class maps of labelled patches.",
        )
    folder = out or session.workspace.results / "class_maps"
    run = StudyRun(study, settings, spec, session.regularisation())
    with reporter() as listen:
        result = run.predict_unlabelled(folder, listen("patches"))
    problems = [str(problem) for problem in result.problems]
    if not result.patches:
        raise TooFewError("no patch could be predicted", where=where, remedy=problems[0])
    names = [study.dataset.unlabelled[index].name for index in result.patches]
    sampled = study.sampled(study.folds[0].train, spec)
    legend = study.dataset.layout.legend
    notes = describe_untrained_classes([absent_classes(sampled.labels, legend)], legend)
    table = {
        "folder": str(folder),
        "maps": [f"{name}.tif" for name in names],
        "unlabelled": len(study.dataset.unlabelled),
        "training_patches": len(study.folds[0].train),
        "title": configuration_title(run),
        "method": settings.method,
        "features": spec.title,
        **texts.preset_field(spec),
        "notes": notes,
        "problems": problems,
        "attribution": session.credit,
    }
    written = counted(len(names), "class map")
    lines = [
        f"{configuration_title(run)}{texts.notebook_remark(spec)}",
        f"{written} of {len(study.dataset.unlabelled)} patches without masks in {folder}",
        *texts.note_lines(notes),
        *(f"problem: {problem}" for problem in problems),
        session.credit,
    ]
    show_result(session.as_json, table, lines)
