"""The stage that measures clusters before and after each correction of a confounder."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.artifacts.formats import read_json, write_json
from core.artifacts.store import Artifact
from core.clusters.evaluation.centring_losses import centring_warnings
from core.clusters.evaluation.correction_choice import CorrectionChoice, choose_correction
from core.clusters.evaluation.corrections import (
    N_RESAMPLES,
    Correction,
    CorrectionEffect,
    applicable_corrections,
    harmful_corrections,
    measure_effect,
)
from core.clusters.methods.method_table import method_of
from core.errors import ChipscapeError, TooFewError, unknown_attribute_error
from core.pipeline.chip_images import APPEARANCE
from core.pipeline.chip_stages import open_chips
from core.pipeline.cluster_stages import labelling_stage, open_labelling_artifact, read_points
from core.pipeline.run import Reporter
from core.pipeline.run_stages import (
    RUN_STAGES,
    STAGE_NAMES,
    complete_view,
    make_artifacts,
    with_artifacts,
    with_settings,
)
from core.pipeline.stage import Stage
from core.pipeline.view import View
from core.progress import Progress, report_step, silent

_BEFORE = ("current", "Current settings")


@dataclass(frozen=True)
class CorrectionComparison:
    """Measures of the clusters with the current settings (first) and with each correction.

    Attributes
    ----------
    attribute : str
        The class attribute with which the clusters are compared; empty for none.
    effects : tuple of CorrectionEffect
        A correction that the settings contain is compared with the settings without it.
    warnings : tuple of str
        Sentences on attributes whose differences centring by scene would remove.
    notes : tuple of str
        Sentences on corrections that were not compared.
    """

    attribute: str
    effects: tuple[CorrectionEffect, ...]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Subject:
    """A clustered view, the corrections to compare, and the class attribute."""

    view: View
    corrections: tuple[Correction, ...]
    attribute: str
    listen: Reporter = lambda _: silent


def compare_corrections(
    view: View, attribute: str, listen: Reporter = lambda _: silent, *, recut: bool = False
) -> CorrectionComparison:
    """Cluster with each correction, and measure the effect; existing results are reused.

    Corrections that need new chips are compared only if their embeddings exist or if `recut` is
    set, because cutting and embedding may take long. The view must have its reduction.

    Raises SettingsError if no annotation has the attribute (empty for none).
    """
    chips = open_chips(view)
    if chips is None or not view.has("clusters"):
        raise TooFewError("there are no clusters to correct", where="corrections")
    if attribute and attribute not in chips.properties:
        raise unknown_attribute_error(attribute, chips.properties.columns)
    subject = _Subject(view, _comparable_corrections(view, recut=recut), attribute, listen)
    return COMPARISON.open(COMPARISON.make(view.workspace.store, subject))


def find_correction_comparison(view: View, attribute: str) -> CorrectionComparison | None:
    """Return the stored comparison with the most corrections; None if there is none."""
    if not view.has("clusters"):
        return None
    for recut in (True, False):
        subject = _Subject(view, _comparable_corrections(view, recut=recut), attribute)
        if comparison := COMPARISON.read(view.workspace.store, subject):
            return comparison
    return None


def best_correction(comparison: CorrectionComparison, view: View) -> CorrectionChoice:
    """Return the best compared correction of a view, without those that remove an attribute."""
    chips = open_chips(view)
    assert chips is not None
    scenes = chips.facts["scene"].to_numpy()
    harmful = harmful_corrections(chips.properties, scenes, view.settings)
    return choose_correction(comparison.effects, comparison.attribute, harmful)


def _comparable_corrections(view: View, *, recut: bool) -> tuple[Correction, ...]:
    """Return the corrections whose embeddings exist; with `recut`, all that can be computed."""
    scenes = [scene.report.name for scene in view.survey.usable]
    return tuple(
        item
        for item in applicable_corrections(scenes)
        if recut
        or not item.needs_new_chips
        or complete_view(_corrected_view(view, item), "embeddings").has("embeddings")
    )


def list_corrected_views(view: View) -> list[View]:
    """Return the view and those with each correction that the app compares."""
    corrections = _comparable_corrections(view, recut=False)
    return [view, *(_corrected_view(view, correction) for correction in corrections)]


def _corrected_view(view: View, correction: Correction) -> View:
    """Return the view with, or without, a correction, and with the artifacts still valid."""
    changed = getattr(correction.toggle(view.settings), correction.table)
    return with_settings(view, **{correction.table: changed})


def _inputs(subject: _Subject) -> dict[str, Any]:
    view = subject.view
    return {
        # The key of the labelling covers all settings that the comparison starts from.
        "labelling": labelling_stage(method_of(view.settings)).step(view).key,
        "corrections": [correction.name for correction in subject.corrections],
        "attribute": subject.attribute,
        "n_resamples": N_RESAMPLES,
    }


def _compare(subject: _Subject, folder: Path, _: Progress) -> dict[str, Any]:
    view, listen = subject.view, subject.listen
    effects, notes = [_measure_view(_BEFORE, subject, view)], []
    report_step(listen("corrections"), 1, len(subject.corrections) + 1, _BEFORE[1])
    for number, correction in enumerate(subject.corrections, 2):
        title = correction.title
        if correction.is_applied(view.settings):
            title = f"Without {title[:1].lower()}{title[1:]}"
        try:
            corrected = _clustered_view(_corrected_view(view, correction), listen)
            effects.append(_measure_view((correction.name, title), subject, corrected))
        except ChipscapeError as error:
            notes.append(f"{title} was not compared: {error}")
        report_step(listen("corrections"), number, len(subject.corrections) + 1, title)
    chips = open_chips(view)
    assert chips is not None
    scenes = chips.facts["scene"].to_numpy()
    missing = set(applicable_corrections(scenes)) - set(subject.corrections)
    notes += [
        f"{correction.title} was not compared, because the chips would have to be cut and embedded "
        f"again. The command line does this: chipscape quality --corrections --recut."
        for correction in sorted(missing, key=lambda correction: correction.title)
    ]
    comparison = CorrectionComparison(
        subject.attribute,
        tuple(effects),
        tuple(centring_warnings(chips.properties, scenes)),
        tuple(notes),
    )
    write_json(folder / "corrections.json", dataclasses.asdict(comparison))
    return {"n_corrections": len(effects) - 1}


def _clustered_view(view: View, listen: Reporter) -> View:
    """Return the view with all artifacts up to the clusters, computing those that are missing."""
    for stage in RUN_STAGES[: STAGE_NAMES.index("clusters") + 1]:
        if not view.has(stage.name):
            artifacts = make_artifacts(view, stage.artifacts, listen(stage.name))
            view = with_artifacts(view, stage.name, artifacts)
    return view


def _measure_view(names: tuple[str, str], subject: _Subject, view: View) -> CorrectionEffect:
    chips = open_chips(view)
    assert chips is not None
    appearance = APPEARANCE.open(
        APPEARANCE.make(view.workspace.store, chips, subject.listen("appearance"))
    )
    measures = {name: appearance[name].to_numpy() for name in ("brightness", "sharpness")}
    attribute = subject.attribute
    return measure_effect(
        names,
        read_points(view),
        open_labelling_artifact(view.artifacts["clusters"][-1]),
        chips.facts.assign(**measures),
        chips.properties[attribute].tolist() if attribute else None,
        view.settings,
        subject.listen("stability"),
    )


def _open_comparison(artifact: Artifact) -> CorrectionComparison:
    table = read_json(artifact.folder / "corrections.json")
    effects = tuple(CorrectionEffect(**row) for row in table["effects"])
    return CorrectionComparison(
        table["attribute"], effects, tuple(table["warnings"]), tuple(table["notes"])
    )


COMPARISON: Stage[_Subject, CorrectionComparison] = Stage(
    "corrections", 1, _inputs, _compare, _open_comparison
)
