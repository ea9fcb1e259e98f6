"""`chipscape flair`: labelled land cover on the command line."""

from typing import Annotated, Any

import typer

from core.cli.console import emit, reporter, say
from core.cli.flair.artifact_commands import COMMANDS as VIEWS
from core.cli.flair.flair_options import FlairSession, credit, with_flair
from core.cli.flair.method_commands import COMMANDS
from core.cli.flair.run_command import run
from core.flair.data.nomenclature import ATTRIBUTION
from core.pipeline.flair.flair_workspace import ensure_land_cover, folder_of, is_look_alike

app = typer.Typer(
    name="flair",
    help="Labelled land cover (FLAIR #2): classify its pixels with and without labels, and judge.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (run, *COMMANDS, *VIEWS):
    app.command()(command)


@app.command()
@with_flair
def demo(
    session: FlairSession,
    patches: Annotated[int, typer.Option(help="Patches in all, over three domains.")] = 12,
) -> None:
    """Write a procedural look-alike of FLAIR #2 to try everything on."""
    folder = folder_of(session.workspace)
    with reporter() as listen:
        written = ensure_land_cover(session.workspace, patches, session.seed, listen("land cover"))
    files = [str(path) for path in sorted(folder.iterdir())]
    if session.as_json:
        emit({"folder": str(folder), "written": written, "patches": patches, "files": files})
        return
    say(f"{'Written to' if written else 'Already in'} {folder}: {patches} patches")
    say(f"Next: chipscape flair describe --workspace {session.workspace.root}")


@app.command()
@with_flair
def fetch(
    session: FlairSession,
    url: Annotated[str | None, typer.Option(help="Address of the zip. [default: toy]")] = None,
    sha256: Annotated[str | None, typer.Option(help="Checksum that the zip must have.")] = None,
) -> None:
    """Download FLAIR #2's toy data and unpack them; an interrupted download goes on."""
    from core.flair.data.download import FetchSettings
    from core.pipeline.flair import flair_workspace

    wanted = session.settings(FetchSettings, "fetch", url=url, sha256=sha256)
    with reporter() as listen:
        done = flair_workspace.fetch(
            session.workspace, wanted, listen("download"), listen("unpack")
        )
    if session.as_json:
        emit(done | {"attribution": ATTRIBUTION})
        return
    state = "Fetched" if done["fetched"] else "Already there"
    say(f"{state}: {done['bytes'] / 1e6:.0f} MB from {done['url']}, SHA-256 {done['sha256']}")
    for path in done["files"]:
        say(f"    {path}")
    say(ATTRIBUTION)


@app.command()
@with_flair
def describe(
    session: FlairSession,
    nomenclature: Annotated[str, typer.Option(help="reduced or full.")] = "reduced",
) -> None:
    """Read every file once: what there is, the share of each class, and what is wrong."""
    from core.errors import SettingsError
    from core.flair.data.data_summary import describe as read_all
    from core.flair.data.file_discovery import discover

    if nomenclature not in ("reduced", "full"):
        raise SettingsError(f"{nomenclature!r} is not reduced or full", where="--nomenclature")
    dataset = discover(folder_of(session.workspace))
    with reporter() as listen:
        found = read_all(dataset, nomenclature, listen("patches"))  # type: ignore[arg-type]
    procedural = is_look_alike(session.workspace)
    if session.as_json:
        emit(found | {"look_alike": procedural, "attribution": credit(session)})
        return
    for split, facts in found["splits"].items():
        _say_split(split, facts)
    for problem in found["problems"]:
        say(f"problem: {problem}")
    say(found["matching"])
    say(credit(session))


def _say_split(split: str, facts: dict[str, Any]) -> None:
    domains, spread = facts["domains"], facts["classes_per_patch"]
    say(
        f"{split}: {facts['patches']} patches ({facts['fused']} with Sentinel) in {facts['areas']} "
        f"areas of {len(domains)} domains ({', '.join(domains[:6])}"
        f"{' ...' if len(domains) > 6 else ''}); {spread['min']} to {spread['max']} classes a "
        f"patch, {spread['mean']:.1f} on average"
    )
    for kind in facts["classes"]:
        if kind["pixels"]:
            say(
                f"    {kind['value']:>2} {kind['name']:<22} {kind['share']:7.2%}  "
                f"{kind['patches']} patches"
            )
