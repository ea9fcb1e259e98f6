"""The commands for the main stages; each makes a few calls of the pipeline."""

import sys
import time
from collections.abc import Iterator
from itertools import chain
from typing import Annotated

import tomli_w
import typer

from core.cli import (
    assign_command,
    edit_command,
    encoder_commands,
    estimate_command,
    export_command,
    input_commands,
    label_commands,
    quality_commands,
    result_commands,
    verify_command,
)
from core.cli.console import counted, emit, machine_read, remark, reporter, show_result
from core.cli.encoder_commands import agreed_class_attribute
from core.cli.land.land_app import flair_app, land_app
from core.cli.land.land_options import LandSession, check_tables
from core.cli.quality_commands import parse_range, prepare_counts, require_count, run_displayed
from core.cli.run_texts import run_lines
from core.cli.search import changes_command, find_command, scan_command
from core.cli.shared_options import LAND_TABLE, Session, option, require_choice, with_session
from core.pipeline.demo_workspace import ensure_demo
from core.pipeline.encoders.satdino_protocol import PROTOCOLS, run_satdino_protocol
from core.pipeline.estimates.machine_speed import ensure_speed
from core.pipeline.results.displayed_result import stored_survey
from core.pipeline.run import keep_run, run_pipeline
from core.pipeline.run_results import score_run
from core.pipeline.run_stages import STAGE_NAMES
from core.pipeline.scene_survey import survey_scenes
from core.pipeline.workspace import ROOT
from core.raster.scene_report import SceneReport
from core.tables import settings_table

app = typer.Typer(
    name="chipscape",
    help="Cut chips from annotated imagery, embed them, and cluster them into kinds of objects.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(flair_app, name="flair")
app.add_typer(land_app, name="land")
app.add_typer(label_commands.app, name="label")


def _run_until(session: Session, until: str) -> None:
    with reporter() as listen:
        run = run_pipeline(session.workspace, session.settings, listen, until)
    keep_run(run)
    show_result(session.as_json, run.summary(), run_lines(run))


@with_session
def demo_command(session: Session) -> None:
    """Write a synthetic harbour: scenes and annotations for trying out the commands."""
    # The demo is never mixed into the user's own raw/.
    is_default = session.workspace.root == ROOT / "data"
    workspace = session.workspace.demo if is_default else session.workspace
    with reporter() as listen:
        written = ensure_demo(workspace, session.settings.projection.seed, listen("demo"))
    paths = [str(path) for path in sorted(workspace.raw.iterdir())]
    result = {"workspace": str(workspace.root), "written": written, "files": paths}
    state = f"{'Written to' if written else 'Already in'} {workspace.raw}"
    lines = (state, f"Next: chipscape run --workspace {workspace.root}")
    show_result(session.as_json, result, lines)


@with_session
def scenes_command(session: Session) -> None:
    """List the scenes, with the numbers of annotations and any problems."""
    with reporter() as listen:
        survey = survey_scenes(session.workspace, listen("scenes"), session.settings.scenes)
    result = {"scenes": [report.as_table() for report in survey.reports]}
    lines = (line for report in survey.reports for line in _scene_lines(report))
    show_result(session.as_json, result, lines)
    if not survey.scenes:
        remark(f"No scenes (*.tif, *.tiff) in {session.workspace.raw}.")
    if not any(report.ok for report in survey.reports):
        sys.exit(1)


def _scene_lines(report: SceneReport) -> Iterator[str]:
    gsd = f"{report.gsd:.3g} m" if report.gsd else "no scale"
    # A file that cannot be opened has no bands.
    size = (
        f", {report.crs or 'no CRS'}, {gsd}, {report.width} x {report.height}, "
        f"{counted(len(report.bands), 'band')} {report.dtype}, "
        f"{counted(report.annotations, 'annotation')}"
    )
    state = "ok" if report.ok else "NOT USABLE"
    yield f"{report.path}: {state}{size if report.bands else ''}"
    yield from (f"    {message}" for message in (report.error, *report.warnings) if message)


@with_session
def chips_command(session: Session) -> None:
    """Cut a chip around each annotation."""
    _run_until(session, "chips")


@with_session
def embed_command(session: Session) -> None:
    """Embed the chips."""
    _run_until(session, "embeddings")


@with_session
def cluster_command(
    session: Session,
    sweep: Annotated[
        str, option("Fit every number of clusters in a range, such as 2:20, in advance.")
    ] = "",
) -> None:
    """Cluster the chips with a Gaussian mixture, HDBSCAN, k-means or Ward's hierarchy."""
    counts = parse_range(sweep, "--sweep") if sweep else []
    if counts:
        require_count(session.settings.method)
    with reporter() as listen:
        # Sliders of the app act on the displayed result, even if scenes were added since.
        survey = stored_survey(session.workspace, session.settings) if machine_read() else None
        run = run_pipeline(session.workspace, session.settings, listen, "clusters", survey)
        message = prepare_counts(run, counts, listen("mixtures")) if counts else ""
    lines = chain(run_lines(run), [message] if message else [])
    show_result(session.as_json, run.summary(), lines)


@with_session
def project_command(session: Session) -> None:
    """Project the chips to two dimensions with t-SNE."""
    _run_until(session, "projection")


@with_session
def run_command(
    session: Session,
    until: Annotated[
        str, typer.Option(help=f"Last stage: {', '.join(STAGE_NAMES)}.")
    ] = STAGE_NAMES[-1],
) -> None:
    """Run every stage; existing results are not computed again."""
    _run_until(session, until)


@with_session
def score_command(
    session: Session,
    property_name: Annotated[
        str, option("Attribute to score against. [default: guessed]", "--property")
    ] = "",
    protocol: Annotated[
        str, option("satdino: the published kNN protocol, which scores only the encoder.")
    ] = "",
) -> None:
    """Score clusters and embeddings against an attribute of the annotations."""
    if protocol:
        require_choice(protocol, PROTOCOLS, "--protocol")
    until = "chips" if protocol else "clusters"
    with reporter() as listen:
        run = run_displayed(session, listen, until)
        attribute = property_name or agreed_class_attribute(run)
        if protocol:
            result = run_satdino_protocol(run.view, attribute, listen(protocol))
        else:
            result = score_run(run, attribute)
    texts = {name: f"{v:.3f}" if isinstance(v, float) else v for name, v in result.items()}
    lines = (f"{name:<32} {v}" for name, v in texts.items() if v not in ((), []))
    show_result(session.as_json, result, lines)


@with_session
def settings_command(session: Session) -> None:
    """Print every setting as TOML for --settings, land-cover settings in the table `land`."""
    check_tables(session.land_tables, f"settings, {LAND_TABLE}")
    land = LandSession(session.workspace, session.as_json, tables=dict(session.land_tables))
    table = settings_table(session.settings) | {LAND_TABLE: land.all_settings()}
    if session.as_json:
        emit(table)
    else:
        sys.stdout.write(tomli_w.dumps(table))


@with_session
def warm_up_command(session: Session) -> None:
    """Compile numerical code now, so that its first use does not take longer."""
    from core.clusters.methods.density.hdbscan_tree import compile_hdbscan
    from core.neighbours.nearest import compile_searches
    from core.raster.resampling import compile_resampling
    from core.reduction.tsne_gradient import compile_tsne

    remark("Compiling numerical code. This can take two minutes and is needed only once.")
    started = time.perf_counter()
    compile_hdbscan()
    compile_resampling()
    compile_searches()
    compile_tsne()
    ensure_speed()
    if session.as_json:
        emit({"seconds": round(time.perf_counter() - started, 3)})


COMMANDS = {
    "demo": demo_command,
    "scenes": scenes_command,
    "chips": chips_command,
    "embed": embed_command,
    "cluster": cluster_command,
    "project": project_command,
    "run": run_command,
    "score": score_command,
    "settings": settings_command,
    "warm-up": warm_up_command,
}
for commands in (
    COMMANDS,
    encoder_commands.COMMANDS,
    estimate_command.COMMANDS,
    quality_commands.COMMANDS,
    export_command.COMMANDS,
    input_commands.COMMANDS,
    result_commands.COMMANDS,
    assign_command.COMMANDS,
    changes_command.COMMANDS,
    find_command.COMMANDS,
    scan_command.COMMANDS,
    verify_command.COMMANDS,
    edit_command.COMMANDS,
):
    for name, command in commands.items():
        app.command(name=name)(command)
for name, command in input_commands.FORMER_NAMES.items():
    app.command(name=name, hidden=True)(command)
