"""The commands of the main stages, each a few calls of the pipeline."""

import sys
import time
from pathlib import Path
from typing import Annotated

import tomli_w
import typer

from core.cli import cluster_commands, encoder_commands, input_commands
from core.cli.cluster_commands import describe_noise, parse_range, prepare_counts, require_count
from core.cli.console import counted, emit, remark, reporter, say
from core.cli.encoder_commands import agreed_class_attribute
from core.cli.flair import flair_app
from core.cli.shared_options import Session, with_session
from core.errors import SettingsError
from core.pipeline.demo_workspace import ensure_demo
from core.pipeline.encoders.satdino_protocol import PROTOCOLS, run_satdino_protocol
from core.pipeline.run import Run, run_pipeline
from core.pipeline.run_results import collect_results, score_run
from core.pipeline.run_stages import STAGE_NAMES
from core.pipeline.scene_survey import survey_scenes
from core.pipeline.workspace import ROOT
from core.tables import settings_table

app = typer.Typer(
    name="chipscape",
    help="Cut chips from annotated imagery, embed and cluster them, and see what kinds there are.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(flair_app.app, name="flair")


def _run_until(session: Session, until: str) -> None:
    with reporter() as listen:
        run = run_pipeline(session.workspace, session.settings, listen, until)
    _show_run(session, run)


def _show_run(session: Session, run: Run) -> None:
    summary = run.summary()
    if session.as_json:
        emit(summary)
        return
    for name, state in run.stages.items():
        say(f"{name:<12} {state:<9} {run.seconds[name]:7.2f} s")
    for note in summary["notes"]:
        say(f"note: {note}")
    parts = [f"{counted(summary['chips'], 'chip')} from {counted(summary['scenes'], 'scene')}"]
    if run.labelling:
        parts.append(f"{counted(run.labelling.n_clusters, 'cluster')}{describe_noise(run)}")
    say(" · ".join(parts))


@app.command(name="demo")
@with_session
def demo_command(session: Session) -> None:
    """Write the procedural harbour: scenes and annotations to try everything on."""
    # The demo is never mixed into the user's own raw/.
    is_default = session.workspace.root == ROOT / "data"
    workspace = session.workspace.demo if is_default else session.workspace
    with reporter() as listen:
        written = ensure_demo(workspace, session.settings.projection.seed, listen("demo"))
    paths = [str(path) for path in sorted(workspace.raw.iterdir())]
    if session.as_json:
        emit({"workspace": str(workspace.root), "written": written, "files": paths})
        return
    say(f"{'Written to' if written else 'Already in'} {workspace.raw}")
    say(f"Next: chipscape run --workspace {workspace.root}")


@app.command(name="scenes")
@with_session
def scenes_command(session: Session) -> None:
    """List the scenes and their annotations, and what is wrong with them."""
    with reporter() as listen:
        survey = survey_scenes(session.workspace, listen("scenes"), session.settings.scenes)
    if session.as_json:
        emit({"scenes": [report.as_table() for report in survey.reports]})
    for report in () if session.as_json else survey.reports:
        gsd = f"{report.gsd:.3g} m" if report.gsd else "no scale"
        state = "ok" if report.ok else "NOT USABLE"
        say(
            f"{report.path}: {state}, {report.crs or 'no CRS'}, {gsd}, {report.width} x "
            f"{report.height}, {len(report.bands)} bands {report.dtype}, "
            f"{report.annotations} annotations"
        )
        for message in (report.error, *report.warnings):
            if message:
                say(f"    {message}")
    if not survey.scenes:
        remark(f"No scenes (*.tif, *.tiff) in {session.workspace.raw}.")
    if not any(report.ok for report in survey.reports):
        sys.exit(1)


@app.command(name="chips")
@with_session
def chips_command(session: Session) -> None:
    """Cut a chip around each annotation."""
    _run_until(session, "chips")


@app.command(name="embed")
@with_session
def embed_command(session: Session) -> None:
    """Embed the chips."""
    _run_until(session, "embeddings")


@app.command(name="cluster")
@with_session
def cluster_command(
    session: Session,
    sweep: Annotated[
        str, typer.Option(help="Prepare a range of numbers of clusters, such as 2:20.")
    ] = "",
) -> None:
    """Cluster the chips by a Gaussian mixture, HDBSCAN, k-means or Ward's hierarchy."""
    counts = parse_range(sweep, "--sweep") if sweep else []
    if counts:
        require_count(session.settings.method)
    with reporter() as listen:
        run = run_pipeline(session.workspace, session.settings, listen, "clusters")
        message = prepare_counts(run, counts, listen("mixtures")) if counts else ""
    _show_run(session, run)
    if message and not session.as_json:
        say(message)


@app.command(name="project")
@with_session
def project_command(session: Session) -> None:
    """Lay the chips out in two dimensions by t-SNE."""
    _run_until(session, "projection")


@app.command(name="run")
@with_session
def run_command(
    session: Session,
    until: Annotated[
        str, typer.Option(help=f"Last stage: {', '.join(STAGE_NAMES)}.")
    ] = STAGE_NAMES[-1],
) -> None:
    """Run every stage; what is there already is not computed again."""
    _run_until(session, until)


@app.command(name="score")
@with_session
def score_command(
    session: Session,
    property_name: Annotated[
        str, typer.Option("--property", help="Attribute to score against; guessed if left out.")
    ] = "",
    protocol: Annotated[
        str, typer.Option(help="satdino: the published kNN protocol, of the encoder alone.")
    ] = "",
) -> None:
    """Score clusters and embeddings against an attribute of the annotations."""
    if protocol not in ("", *PROTOCOLS):
        choices = ", ".join(PROTOCOLS)
        raise SettingsError(f"{protocol!r} is not one of {choices}", where="--protocol")
    with reporter() as listen:
        until = "chips" if protocol else "clusters"
        run = run_pipeline(session.workspace, session.settings, listen, until)
        attribute = property_name or agreed_class_attribute(run)
        if protocol:
            result = run_satdino_protocol(run.view, attribute, listen(protocol))
        else:
            result = score_run(run, attribute)
    if session.as_json:
        emit(result)
        return
    for name, value in result.items():
        say(f"{name:<32} {value:.3f}" if isinstance(value, float) else f"{name:<32} {value}")


@app.command(name="export")
@with_session
def export_command(
    session: Session,
    kind: Annotated[str, typer.Option("--format", help="csv, geojson, geoparquet or gpkg.")] = "",
    layout: Annotated[str, typer.Option(help="seed: the files of the seed pipeline.")] = "",
    out: Annotated[
        Path | None, typer.Option(help="Folder to write to. [default: results/]")
    ] = None,
) -> None:
    """Write the results for other programs."""
    from core.export.seed_layout import write_seed_layout
    from core.export.table_formats import FORMATS, write_results

    if layout not in ("", "seed"):
        raise SettingsError(f"{layout!r} is not a layout; there is: seed", where="--layout")
    if kind and kind not in FORMATS:
        raise SettingsError(f"{kind!r} is not one of {', '.join(FORMATS)}", where="--format")
    workspace = session.workspace
    if out and out.resolve().is_relative_to(workspace.raw.resolve()):
        raise SettingsError("raw/ is never written to", where="--out")
    with reporter() as listen:
        run = run_pipeline(workspace, session.settings, listen)
    results = collect_results(run)
    paths: list[Path] = []
    if layout:
        folders = (workspace.extracted, workspace.results)
        paths += write_seed_layout(results, *(out / f.name if out else f for f in folders))
    if kind or not layout:
        paths.append(write_results(results, out or workspace.results, kind or "geojson"))
    _show_written(session, paths, len(results.chips))


@app.command(name="settings")
@with_session
def settings_command(session: Session) -> None:
    """Print every setting as TOML, in the form that --settings reads."""
    table = settings_table(session.settings)
    if session.as_json:
        emit(table)
    else:
        sys.stdout.write(tomli_w.dumps(table))


@app.command(name="warm-up")
@with_session
def warm_up_command(session: Session) -> None:
    """Compile what is compiled on first use, so that nobody waits for it later."""
    from core.clusters.methods.hdbscan_tree import compile_hdbscan
    from core.neighbours.nearest import compile_searches
    from core.raster.resampling import compile_resampling

    remark("Compiling what is compiled on first use; this can take two minutes, once.")
    started = time.perf_counter()
    compile_hdbscan()
    compile_resampling()
    compile_searches()
    if session.as_json:
        emit({"seconds": round(time.perf_counter() - started, 3)})


def _show_written(session: Session, paths: list[Path], n_chips: int) -> None:
    listed = [path for path in paths if path.suffix != ".npy" or path.name == "X_pca.npy"]
    if session.as_json:
        emit({"chips": n_chips, "files": len(paths), "written": [str(path) for path in listed]})
        return
    for path in listed:
        say(f"written: {path}")
    if len(paths) > len(listed):
        say(f"written: {len(paths) - len(listed)} chips as .npy")


for module in (encoder_commands, cluster_commands, input_commands):
    for name, command in module.COMMANDS.items():
        app.command(name=name)(command)
for name, command in input_commands.FORMER_NAMES.items():
    app.command(name=name, hidden=True)(command)
