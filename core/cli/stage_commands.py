"""The commands, each a few calls of the pipeline."""

import sys
import time
from pathlib import Path
from typing import Annotated

import tomli_w
import typer

from core.cli import cluster_commands, encoder_commands, input_commands, overview_commands
from core.cli.console import counted, emit, remark, reporter, say
from core.cli.flair import data_commands
from core.cli.shared_options import Session, with_session
from core.errors import SettingsError
from core.pipeline import plan
from core.pipeline.demo_workspace import ensure_demo
from core.pipeline.encoders.satdino_protocol import PROTOCOLS, judge
from core.pipeline.run import STAGES, Run, landscape_of, run
from core.pipeline.scene_survey import survey
from core.pipeline.workspace import ROOT
from core.tables import as_table

app = typer.Typer(
    name="chipscape",
    help="Cut chips from annotated imagery, embed and cluster them, see what kinds there are.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(data_commands.app, name="flair")
for command in (
    *encoder_commands.COMMANDS,
    *cluster_commands.COMMANDS,
    *overview_commands.COMMANDS,
    *input_commands.COMMANDS,
):
    app.command()(command)


def _stages(session: Session, until: str) -> None:
    with reporter() as listen:
        done = run(session.workspace, session.settings, listen, until)
    _tell_run(session, done)


def _tell_run(session: Session, done: Run) -> None:
    if session.as_json:
        emit(done.summary())
        return
    for name, state in done.stages.items():
        say(f"{name:<12} {state:<9} {done.seconds[name]:7.2f} s")
    for note in done.notes():
        say(f"note: {note}")
    summary = done.summary()
    parts = [f"{counted(summary['chips'], 'chip')} from {counted(summary['scenes'], 'scene')}"]
    if done.labelling:
        noise = cluster_commands.noise_in_words(done, done.labelling)
        parts.append(f"{counted(done.labelling.n_clusters, 'cluster')}{noise}")
    say(" · ".join(parts))


@app.command()
@with_session
def demo(session: Session) -> None:
    """Write the procedural harbour: scenes and annotations to try everything on."""
    # The demo is never mixed into the user's own raw/.
    shared = session.workspace.root == ROOT / "data"
    workspace = session.workspace.demo if shared else session.workspace
    with reporter() as listen:
        written = ensure_demo(workspace, session.settings.projection.seed, listen("demo"))
    paths = [str(path) for path in sorted(workspace.raw.iterdir())]
    if session.as_json:
        emit({"workspace": str(workspace.root), "written": written, "files": paths})
        return
    say(f"{'Written to' if written else 'Already in'} {workspace.raw}")
    say(f"Next: chipscape run --workspace {workspace.root}")


@app.command()
@with_session
def scenes(session: Session) -> None:
    """Say what scenes and annotations there are, and what is wrong with them."""
    with reporter() as listen:
        found = survey(session.workspace, listen("scenes"), session.settings.scenes)
    if session.as_json:
        emit({"scenes": [report.as_table() for report in found.reports]})
    for report in () if session.as_json else found.reports:
        gsd = f"{report.gsd:.3g} m" if report.gsd else "no scale"
        state = "ok" if report.ok else "NOT USABLE"
        say(
            f"{report.path}: {state}, {report.crs or 'no CRS'}, {gsd}, {report.width} x "
            f"{report.height}, {len(report.bands)} bands {report.dtype}, "
            f"{report.annotations} annotations"
        )
        for words in (report.error, *report.warnings):
            if words:
                say(f"    {words}")
    if not found.scenes:
        remark(f"No scenes (*.tif, *.tiff) in {session.workspace.raw}.")
    if not any(report.ok for report in found.reports):
        sys.exit(1)


@app.command()
@with_session
def chips(session: Session) -> None:
    """Cut a chip around each annotation."""
    _stages(session, "chips")


@app.command()
@with_session
def embed(session: Session) -> None:
    """Embed the chips."""
    _stages(session, "embeddings")


@app.command()
@with_session
def cluster(
    session: Session,
    sweep: Annotated[
        str, typer.Option(help="Prepare a range of numbers of clusters, such as 2:20.")
    ] = "",
) -> None:
    """Cluster the chips by a Gaussian mixture, HDBSCAN, k-means or Ward's hierarchy."""
    counts = cluster_commands.span(sweep, "--sweep") if sweep else []
    if counts:
        cluster_commands.require_swept(session.settings.method)
    with reporter() as listen:
        done = run(session.workspace, session.settings, listen, "clusters")
        words = cluster_commands.prepare(done, counts, listen("mixtures")) if counts else ""
    _tell_run(session, done)
    if words and not session.as_json:
        say(words)


@app.command()
@with_session
def project(session: Session) -> None:
    """Lay the chips out in two dimensions by t-SNE."""
    _stages(session, "projection")


@app.command(name="run")
@with_session
def run_all(
    session: Session,
    until: Annotated[str, typer.Option(help=f"Last stage: {', '.join(STAGES)}.")] = STAGES[-1],
) -> None:
    """Run every stage; what is there already is not computed again."""
    _stages(session, until)


@app.command()
@with_session
def score(
    session: Session,
    property_name: Annotated[
        str, typer.Option("--property", help="Property to score against; guessed if left out.")
    ] = "",
    protocol: Annotated[
        str, typer.Option(help="satdino: the published kNN protocol, of the encoder alone.")
    ] = "",
) -> None:
    """Score clusters and embeddings against a property of the annotations."""
    if protocol not in ("", *PROTOCOLS):
        known = ", ".join(PROTOCOLS)
        raise SettingsError(f"{protocol!r} is not one of {known}", where="--protocol")
    with reporter() as listen:
        until = "chips" if protocol else "clusters"
        done = run(session.workspace, session.settings, listen, until)
        guessed = property_name or encoder_commands.guess_property(done)
        result = (
            judge(done, guessed, listen(protocol))
            if protocol
            else plan.score(*done.clustered(), guessed)
        )
    if session.as_json:
        emit(result)
        return
    for name, value in result.items():
        say(f"{name:<32} {value:.3f}" if isinstance(value, float) else f"{name:<32} {value}")


@app.command()
@with_session
def export(
    session: Session,
    kind: Annotated[str, typer.Option("--format", help="csv, geojson, geoparquet or gpkg.")] = "",
    layout: Annotated[str, typer.Option(help="seed: the files of the seed pipeline.")] = "",
    out: Annotated[
        Path | None, typer.Option(help="Folder to write to. [default: results/]")
    ] = None,
) -> None:
    """Write the results for other programs."""
    from core.export.result_tables import FORMATS, write, write_seed_layout

    if layout not in ("", "seed"):
        raise SettingsError(f"{layout!r} is not a layout; there is: seed", where="--layout")
    if kind and kind not in FORMATS:
        raise SettingsError(f"{kind!r} is not one of {', '.join(FORMATS)}", where="--format")
    workspace = session.workspace
    if out and out.resolve().is_relative_to(workspace.raw.resolve()):
        raise SettingsError("raw/ is never written to", where="--out")
    with reporter() as listen:
        done = run(workspace, session.settings, listen)
    landscape = landscape_of(done)
    written: list[Path] = []
    if layout:
        places = (workspace.extracted, workspace.results)
        extracted, results = (out / p.name if out else p for p in places)
        written += write_seed_layout(landscape, extracted, results)
    if kind or not layout:
        written.append(write(landscape, out or workspace.results, kind or "geojson"))
    _tell_written(session, written, len(landscape.chips))


@app.command(name="settings")
@with_session
def show_settings(session: Session) -> None:
    """Print every setting as TOML, as --settings reads it."""
    table = as_table(session.settings)
    if session.as_json:
        emit(table)
        return
    sys.stdout.write(tomli_w.dumps(table))


@app.command(name="warm-up")
@with_session
def warm_up(session: Session) -> None:
    """Compile what compiles on first use, so that nobody waits for it later."""
    from core.clusters.methods import hdbscan_tree
    from core.neighbours import nearest
    from core.raster import resampling

    remark("Compiling what compiles on first use; this can take two minutes, once.")
    begun = time.perf_counter()
    hdbscan_tree.warm_up()
    resampling.warm_up()
    nearest.compile_searches()
    if session.as_json:
        emit({"seconds": round(time.perf_counter() - begun, 3)})


def _tell_written(session: Session, written: list[Path], n_chips: int) -> None:
    named = [path for path in written if path.suffix != ".npy" or path.name == "X_pca.npy"]
    if session.as_json:
        emit({"chips": n_chips, "files": len(written), "written": [str(path) for path in named]})
        return
    for path in named:
        say(f"written: {path}")
    if len(written) > len(named):
        say(f"written: {len(written) - len(named)} chips as .npy")
