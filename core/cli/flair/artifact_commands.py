"""`chipscape flair survey`, `maps`, `bench`, `recut`, `economy`: what the land-cover pages show."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from core.artifacts.store import Artifact
from core.cli.console import emit, reporter, say
from core.cli.flair import result_texts as texts
from core.cli.flair.flair_options import FlairSession, ProtocolOption, with_flair_session
from core.flair.evaluation.economy_verdict import economy_answer
from core.pipeline.flair.class_maps import CLASS_MAPS
from core.pipeline.flair.economy_stage import ECONOMIES
from core.pipeline.flair.study_cells import CELLS
from core.pipeline.flair.study_results import study_notes, survey_files
from core.pipeline.flair.tree_bench import BENCHES, RECUTS, make_recut


@with_flair_session
def survey_command(session: FlairSession) -> None:
    """Read every file once; store class counts and a sample of pixels for charts."""
    with reporter() as listen:
        artifact = survey_files(session.workspace, session.dataset(), listen)
    _show_artifact(session, artifact)


@with_flair_session
def maps_command(session: FlairSession, protocol: ProtocolOption = "") -> None:
    """Store the class maps of a configuration (tables `method` and `features`)."""
    run = session.run(protocol)
    with reporter() as listen:
        notes = CELLS.open(run.make(CELLS, listen("patches"))).notes
        artifact = run.make(CLASS_MAPS, listen("maps"))
    _show_artifact(session, artifact, texts.preset_field(run.spec), notes)


@with_flair_session
def bench_command(session: FlairSession, protocol: ProtocolOption = "") -> None:
    """Store HDBSCAN's tree and held-out pixels, so that the page can cut the tree at once."""
    run = session.run(protocol, method="hdbscan")
    with reporter() as listen:
        artifact = run.make(BENCHES, listen("tree"))
        notes = study_notes(run.study, run.spec, n_folds=1)
    _show_artifact(session, artifact, texts.preset_field(run.spec), notes)


@with_flair_session
def recut_command(session: FlairSession, protocol: ProtocolOption = "") -> None:
    """Cut HDBSCAN's tree (table `method`), name and score its clusters, and store the result."""
    run = session.run(protocol, method="hdbscan")
    with reporter() as listen:
        artifact = make_recut(run, listen("cut"))
        notes = study_notes(run.study, run.spec, n_folds=1)
    cut = RECUTS.open(artifact)
    values = {
        "miou": cut.scores.miou,
        "reliability": cut.naming.mean_reliability,
        "weighted_reliability": cut.naming.weighted_reliability,
        "reliability_after_knn": cut.after.mean_reliability,
        "weighted_reliability_after_knn": cut.after.weighted_reliability,
    }
    facts = {name: texts.json_number(value) for name, value in values.items()}
    _show_artifact(session, artifact, facts | texts.preset_field(run.spec), notes)


@with_flair_session
def economy_command(session: FlairSession, protocol: ProtocolOption = "") -> None:
    """Compute the mIoU reached per number of labels, given to pixels or to clusters."""
    run = session.run(protocol)
    spec = run.spec
    with reporter() as listen:
        points = ECONOMIES.open(run.make(ECONOMIES, listen("economy")))
        notes = study_notes(run.study, spec)
    if session.as_json:
        table = [dataclasses.asdict(point) for point in points]
        result = {
            "features": spec.title,
            **texts.preset_field(spec),
            "points": table,
            "notes": notes,
        }
        emit({**result, "attribution": session.credit})
        return
    say(f"{spec.title}{texts.notebook_remark(spec)}")
    for point in points:
        say(
            f"{point.n_labels:>8} labels  mIoU {point.miou:.3f} ({point.low:.3f} to "
            f"{point.high:.3f})  {point.method}: {point.rule}"
        )
    say(economy_answer(points))
    texts.say_notes(notes, session.credit)


COMMANDS = {
    "survey": survey_command,
    "maps": maps_command,
    "bench": bench_command,
    "recut": recut_command,
    "economy": economy_command,
}


def _show_artifact(
    session: FlairSession,
    artifact: Artifact,
    facts: dict[str, Any] | None = None,
    notes: Sequence[str] | None = None,
) -> None:
    result = {"artifact": str(artifact.folder), **artifact.counts, **(facts or {})}
    if session.as_json:
        notes_field = {} if notes is None else {"notes": list(notes)}
        emit({**result, **notes_field, "attribution": session.credit})
        return
    for name, value in result.items():
        say(f"{name:<10} {value}")
    texts.say_notes(notes or (), session.credit)
