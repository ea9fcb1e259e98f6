"""Chips of new scenes, cut and embedded exactly as those of an existing result were."""

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.artifacts.keys import make_key
from core.artifacts.store import Artifact
from core.chips.chip_set import ChipSet
from core.embeddings.encoding import require_covered
from core.embeddings.registry import encoder_identity
from core.errors import ChipscapeError, SceneError, SettingsError, TooFewError, WeightsError
from core.pipeline.chip_stages import chip_artifacts, open_chip_set, open_chips, usable_artifacts
from core.pipeline.cluster_stages import open_reduction, property_columns
from core.pipeline.embedding_stages import ENCODER_FITS, embed_with_fit
from core.pipeline.run_stages import make_artifacts, with_artifacts
from core.pipeline.scene_survey import Survey, SurveyedScene
from core.pipeline.view import View
from core.pipeline.workspace import Workspace
from core.progress import Progress, silent
from core.reduction.pca import standardise_columns
from core.types import DoubleArray


class ScenesFolder(Workspace):
    """A workspace whose scenes are in another folder; results are stored in the workspace.

    The folder is another workspace, or holds the scenes themselves; nothing is written to it.
    """

    def __init__(self, workspace: Workspace, folder: Path) -> None:
        super().__init__(workspace.root)
        inner = folder / "raw"
        self._scenes = (inner if inner.is_dir() else folder).resolve()

    @property
    def raw(self) -> Path:
        """The folder that holds the scenes."""
        return self._scenes

    @property
    def annotations(self) -> Path:
        """Annotations made in the app belong to the workspace's own scenes, not to these."""
        return self._scenes / "annotations"


@dataclass(frozen=True)
class NewChips:
    """Chips of scenes that are not part of a result.

    Attributes
    ----------
    view : View
        The settings and the store of the result, with the new scenes and their chips.
    chips : ChipSet or None
        None if no scene could be used.
    refused : mapping of str to str
        The reason for each scene that could not be used, by file name.
    """

    view: View
    chips: ChipSet | None
    refused: Mapping[str, str]


def find_new_scenes(view: View, survey: Survey) -> tuple[SurveyedScene, ...]:
    """Return the usable scenes of a survey that are not part of a view, or that have changed."""
    known = {artifact.key for artifact in view.artifacts.get("scenes", ())}
    return tuple(scene for scene in survey.usable if scene.artifact.key not in known)


def cut_new_chips(
    view: View, scenes: Sequence[SurveyedScene], report: Progress = silent
) -> NewChips:
    """Cut the chips of new scenes with the settings and the bands of a complete view.

    A scene is refused if it lacks a band, cannot be read, has another data type than the scenes of
    the view, or has too many values outside the range that the encoder's scaling was fitted to.
    """
    cut = usable_artifacts(view.artifacts["chips"])
    bands, dtypes = tuple(cut[0].counts["bands"]), {str(a.counts["dtype"]) for a in cut}
    chip_settings = dataclasses.replace(view.settings.chips, bands=bands)
    settings = dataclasses.replace(view.settings, chips=chip_settings)
    fit, artifacts, refused = view.artifacts["embeddings"][0], [], {}
    for scene in scenes:
        survey = dataclasses.replace(view.survey, scenes=(scene,))
        try:
            scene_view = View(view.workspace, settings, survey)
            artifact = usable_artifacts(make_artifacts(scene_view, chip_artifacts, report))[0]
            _require_comparable(artifact, fit, dtypes)
        except ChipscapeError as error:
            refused[scene.report.path] = str(error)
        else:
            artifacts.append(artifact)
    accepted = tuple(scene for scene in scenes if scene.report.path not in refused)
    new_view = View(view.workspace, settings, dataclasses.replace(view.survey, scenes=accepted))
    if artifacts:
        new_view = with_artifacts(new_view, "chips", artifacts)
    chips = open_chip_set(artifacts, bands) if artifacts else None
    return NewChips(new_view, chips, refused)


def standardise_new_chips(view: View, new: NewChips, report: Progress = silent) -> DoubleArray:
    """Embed new chips with the encoder's fit of a view, and standardise them as its reduction does.

    Returns one row per chip, (m, d). Raises SettingsError if the embeddings of the view were
    corrected for a confounder, and WeightsError if the encoder's weights have changed.
    """
    settings, workspace = view.settings.reduction, view.workspace
    if settings.harmonisation != "none" or settings.nuisance != "none":
        raise SettingsError(
            "the embeddings of this result were corrected for a confounder, and the correction "
            "depends on all scenes",
            where="assign",
            remedy="Compute the result again with the new scenes, or assign them to a result "
            "without corrections.",
        )
    fit, embed = view.artifacts["embeddings"][0], view.settings.embed
    identity = encoder_identity(embed.encoder, embed, workspace.weights, workspace.checksums.of)
    if make_key("encoder", 1, identity) != make_key(
        "encoder", 1, fit.manifest["inputs"]["encoder"]
    ):
        raise WeightsError(
            "the weights of the encoder are not those of this result",
            where=embed.encoder,
            remedy="Provide the same weight file again, or compute the result again.",
        )
    reduction = open_reduction(view)
    if reduction is None or new.chips is None:
        raise TooFewError("there are no new chips", where="assign")
    embeddings = embed_with_fit(new.view, fit, report)
    properties = property_columns(new.chips, open_chips(view))
    return standardise_columns(reduction, embeddings, properties, settings)


def _require_comparable(artifact: Artifact, fit: Artifact, dtypes: Collection[str]) -> None:
    """Raise SceneError or DegenerateError if the encoder's fit does not suit the chips."""
    name, dtype = str(artifact.counts["scene"]), str(artifact.counts["dtype"])
    if dtype not in dtypes:
        raise SceneError(
            f"its values are {dtype}, those of the existing result {' or '.join(sorted(dtypes))}",
            where=name,
            remedy="Compute the result again with this scene.",
        )
    chips = open_chip_set([artifact])
    unused = tuple(band for band in chips.bands if band not in fit.manifest["inputs"]["bands"])
    encoded = dataclasses.replace(chips, constant_bands=unused).without_constant_bands()
    require_covered(ENCODER_FITS.open(fit).scalings, fit.manifest["inputs"]["chips"], encoded)
