"""`chipscape flair survey|maps|bench|recut`: what the pages about land cover are drawn from."""

import dataclasses
from collections.abc import Sequence

from core.cli.console import emit, reporter, say
from core.cli.flair.flair_options import FlairSession, credit, with_flair
from core.cli.flair.method_commands import ProtocolOption, features, study
from core.cli.flair.result_texts import number, preset_of
from core.flair.data.file_discovery import discover
from core.flair.models.classifiers import MethodSettings
from core.pipeline.flair import study_results, tree_bench
from core.pipeline.flair.flair_workspace import folder_of


@with_flair
def survey(session: FlairSession) -> None:
    """Read every file once and keep class counts and a sample of pixels for the charts."""
    dataset = discover(folder_of(session.workspace))
    with reporter() as listen:
        made = study_results.make_survey(
            session.workspace, dataset, listen("survey"), listen("sample")
        )
    _tell(session, {"artifact": str(made.folder), **made.counts})


@with_flair
def maps(session: FlairSession, protocol: ProtocolOption = "") -> None:
    """Keep the class maps of a configuration (tables `method`, `features`) for the pages."""
    method = session.settings(MethodSettings, "method", seed=session.seed or None)
    spec = features(session)
    work = study(session, protocol or None)
    with reporter() as listen:
        notes = work.cell(method, spec, listen("patches")).notes
        made = study_results.make_maps(work, method, spec, listen("maps"))
    _tell(session, {"artifact": str(made.folder), **made.counts, **preset_of(spec)}, notes)


@with_flair
def bench(session: FlairSession, protocol: ProtocolOption = "") -> None:
    """Keep HDBSCAN's tree and held-out pixels, so that the page's sliders answer at once."""
    method = session.settings(MethodSettings, "method", seed=session.seed or None)
    spec = features(session)
    work = study(session, protocol or None)
    with reporter() as listen:
        made = tree_bench.make_bench(
            work, dataclasses.replace(method, method="hdbscan"), spec, listen("tree")
        )
        notes = study_results.notes(work, spec, n_folds=1)
    _tell(session, {"artifact": str(made.folder), **made.counts, **preset_of(spec)}, notes)


@with_flair
def recut(session: FlairSession, protocol: ProtocolOption = "") -> None:
    """Cut HDBSCAN's tree (table `method`), name its clusters, and keep what they score."""
    method = session.settings(MethodSettings, "method", seed=session.seed or None)
    spec = features(session)
    work = study(session, protocol or None)
    with reporter() as listen:
        made = tree_bench.make_recut(
            work, dataclasses.replace(method, method="hdbscan"), spec, listen("cut")
        )
        notes = study_results.notes(work, spec, n_folds=1)
    found = tree_bench.open_recut(made)
    facts: dict[str, object] = {
        "miou": number(found.scores.miou),
        "reliability": number(found.naming.mean_reliability),
        "weighted_reliability": number(found.naming.weighted_reliability),
        "reliability_after_knn": number(found.after.mean_reliability),
        "weighted_reliability_after_knn": number(found.after.weighted_reliability),
    }
    facts |= preset_of(spec)
    _tell(session, {"artifact": str(made.folder), **made.counts, **facts}, notes)


COMMANDS = (survey, maps, bench, recut)


def _tell(
    session: FlairSession, facts: dict[str, object], notes: Sequence[str] | None = None
) -> None:
    if session.as_json:
        told = {} if notes is None else {"notes": list(notes)}
        emit({**facts, **told, "attribution": credit(session)})
        return
    for name, value in facts.items():
        say(f"{name:<10} {value}")
    for note in notes or ():
        say(f"note: {note}")
    say(credit(session))
