"""`chipscape flair survey`, `maps`, `bench`, `recut`, `economy`: data for the land-cover pages."""

import dataclasses
from collections.abc import Iterator
from itertools import chain, groupby
from operator import itemgetter
from typing import Any

from core.artifacts.store import Artifact
from core.cli.console import reporter, show_result
from core.cli.land import result_texts as texts
from core.cli.land.land_options import LandSession, ProtocolOption, with_land_session
from core.land.data.dataset import adapt_terms
from core.land.evaluation.economy_verdict import (
    KIND_TITLES,
    economy_answer,
    economy_sentences,
    economy_verdict,
    point_rows,
)
from core.land.evaluation.label_economy import LabelEconomy
from core.land.models.classifiers import MethodSettings
from core.pipeline.land.class_maps import CLASS_MAPS
from core.pipeline.land.economy_stage import ECONOMIES
from core.pipeline.land.run_titles import configuration_title
from core.pipeline.land.study_cells import CELLS
from core.pipeline.land.study_results import study_notes, survey_files
from core.pipeline.land.tree_bench import BENCHES, RECUTS, make_recut


@with_land_session
def survey_command(session: LandSession) -> None:
    """Read every file once; store class counts and a sample of pixels for charts."""
    session.refuse_model_options()
    with reporter() as listen:
        artifact = survey_files(session.workspace, session.dataset(), listen)
    _show_artifact(session, artifact)


@with_land_session
def maps_command(session: LandSession, protocol: ProtocolOption = "") -> None:
    """Store the class maps of the configuration in the tables `method` and `features`."""
    run = dataclasses.replace(session.run(protocol), regularisation=session.regularisation())
    with reporter() as listen:
        notes = CELLS.open(run.make(CELLS, listen("patches"))).notes
        artifact = run.make(CLASS_MAPS, listen("maps"))
    _show_artifact(session, artifact, notes, **texts.preset_field(run.spec))


@with_land_session
def bench_command(session: LandSession, protocol: ProtocolOption = "") -> None:
    """Store HDBSCAN's tree and held-out pixels, so that the page can cut the tree quickly."""
    run = session.run(protocol, method="hdbscan")
    with reporter() as listen:
        artifact = run.make(BENCHES, listen("tree"))
        notes = study_notes(run.study, run.spec, n_folds=1)
    _show_artifact(session, artifact, notes, **texts.preset_field(run.spec))


@with_land_session
def recut_command(session: LandSession, protocol: ProtocolOption = "") -> None:
    """Cut HDBSCAN's tree by the table `method`, name and score the clusters, store the result."""
    run = session.run(protocol, method="hdbscan")
    with reporter() as listen:
        artifact = make_recut(run, listen("cut"))
        notes = study_notes(run.study, run.spec, n_folds=1)
    cut = RECUTS.open(artifact)
    notes = [*cut.notes, *notes]
    values = {"miou": cut.scores.miou}
    for suffix, naming in (("", cut.naming), ("_after_knn", cut.after)):
        values[f"reliability{suffix}"] = naming.mean_reliability
        values[f"weighted_reliability{suffix}"] = naming.weighted_reliability
    facts = {name: texts.json_number(value) for name, value in values.items()}
    _show_artifact(session, artifact, notes, **facts, **texts.preset_field(run.spec))


@with_land_session
def economy_command(session: LandSession, protocol: ProtocolOption = "") -> None:
    """Compute the mIoU for each number of labels, assigned to pixels or to clusters."""
    run = session.run(protocol)
    with reporter() as listen:
        artifact = run.make(ECONOMIES, listen("economy"))
        economy = ECONOMIES.open(artifact)
        notes = study_notes(run.study, run.spec)
    table = point_rows(economy.points)
    # Of the classifier's settings, the curve depends on the number of neighbours.
    title = configuration_title(dataclasses.replace(run, method=MethodSettings(k=run.method.k)))
    result: dict[str, Any] = {"title": title, "features": run.spec.title}
    result |= texts.preset_field(run.spec)
    is_own = run.study.dataset.layout.is_own
    lines = chain(
        _economy_lines(f"{title}{texts.notebook_remark(run.spec)}", economy, is_own=is_own),
        texts.note_lines(notes),
        [session.credit],
    )
    result |= {
        "verdict": economy_verdict(economy.points),
        "answer": adapt_terms(economy_answer(economy), is_own=is_own),
        "seconds": artifact.manifest["seconds"],
        "draws": economy.n_draws,
        "areas": economy.n_areas,
        "left_out_fraction": economy.left_out,
    }
    result |= {"points": table, "notes": notes, "attribution": session.credit}
    show_result(session.as_json, result, lines)


def _economy_lines(title: str, economy: LabelEconomy, *, is_own: bool) -> Iterator[str]:
    yield title
    for kind, rows in groupby(point_rows(economy.points), itemgetter("kind")):
        yield f"{KIND_TITLES[kind].capitalize()}:"
        for row in rows:
            yield (
                f"{row['n_labels']:>8} labels  mIoU {row['miou']:.3f} ({row['low']:.3f} to "
                f"{row['high']:.3f})  {row['title']}"
            )
    yield from (adapt_terms(text, is_own=is_own) for text in economy_sentences(economy))


def _show_artifact(
    session: LandSession, artifact: Artifact, notes: list[str] | None = None, **facts: Any
) -> None:
    result = {"artifact": str(artifact.folder), **artifact.counts, **facts}
    lines = [f"{name:<10} {value}" for name, value in result.items()]
    lines += [*texts.note_lines(notes or ()), session.credit]
    result |= ({} if notes is None else {"notes": notes}) | {"attribution": session.credit}
    show_result(session.as_json, result, lines)
