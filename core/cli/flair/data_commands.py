"""`chipscape flair demo`, `fetch` and `describe`: labelled land cover in a workspace."""

from typing import Annotated, Any, get_args

import typer

from core.cli.console import emit, reporter, say
from core.cli.flair.flair_options import FlairSession, with_flair_session
from core.errors import SettingsError
from core.flair.data.nomenclature import ATTRIBUTION, Nomenclature
from core.pipeline.flair.flair_workspace import (
    ensure_land_cover,
    fetch_toy_data,
    flair_folder,
    is_look_alike,
)


@with_flair_session
def patches_demo_command(
    session: FlairSession,
    patches: Annotated[int, typer.Option(help="Number of patches, over three domains.")] = 12,
) -> None:
    """Write a procedural look-alike of FLAIR #2 to try everything on."""
    folder = flair_folder(session.workspace)
    with reporter() as listen:
        written = ensure_land_cover(session.workspace, patches, session.seed, listen("land cover"))
    files = [str(path) for path in sorted(folder.iterdir())]
    if session.as_json:
        emit({"folder": str(folder), "written": written, "patches": patches, "files": files})
        return
    say(f"{'Written to' if written else 'Already in'} {folder}: {patches} patches")
    say(f"Next: chipscape flair describe --workspace {session.workspace.root}")


@with_flair_session
def fetch_command(
    session: FlairSession,
    url: Annotated[
        str | None, typer.Option(help="Address of the zip. [default: the toy data]")
    ] = None,
    sha256: Annotated[str | None, typer.Option(help="Checksum that the zip must have.")] = None,
) -> None:
    """Download FLAIR #2's toy data and unpack them; an interrupted download is continued."""
    from core.flair.data.download import FetchSettings

    settings = session.settings(FetchSettings, "fetch", url=url, sha256=sha256)
    with reporter() as listen:
        result = fetch_toy_data(session.workspace, settings, listen("download"), listen("unpack"))
    if session.as_json:
        emit(result | {"attribution": ATTRIBUTION})
        return
    state = "Downloaded" if result["fetched"] else "Already there"
    say(f"{state}: {result['bytes'] / 1e6:.0f} MB from {result['url']}")
    say(f"SHA-256 {result['sha256']}")
    for path in result["files"]:
        say(f"    {path}")
    say(ATTRIBUTION)


@with_flair_session
def describe_command(
    session: FlairSession,
    nomenclature: Annotated[str, typer.Option(help="reduced or full.")] = "reduced",
) -> None:
    """Read every file once: list patches, class shares, and problems with the files."""
    from core.flair.data.data_summary import summarise_dataset

    if nomenclature not in get_args(Nomenclature):
        raise SettingsError(f"{nomenclature!r} is not reduced or full", where="--nomenclature")
    dataset = session.dataset()
    with reporter() as listen:
        summary = summarise_dataset(dataset, nomenclature, listen("patches"))  # type: ignore[arg-type]
    if session.as_json:
        look_alike = is_look_alike(session.workspace)
        emit(summary | {"look_alike": look_alike, "attribution": session.credit})
        return
    for split, facts in summary["splits"].items():
        _say_split(split, facts)
    for problem in summary["problems"]:
        say(f"problem: {problem}")
    say(summary["matching"])
    say(session.credit)


COMMANDS = {"demo": patches_demo_command, "fetch": fetch_command, "describe": describe_command}


def _say_split(split: str, facts: dict[str, Any]) -> None:
    domains, per_patch = facts["domains"], facts["classes_per_patch"]
    say(
        f"{split}: {facts['patches']} patches ({facts['fused']} with Sentinel) in {facts['areas']} "
        f"areas of {len(domains)} domains ({', '.join(domains[:6])}"
        f"{' ...' if len(domains) > 6 else ''}); {per_patch['min']} to {per_patch['max']} classes "
        f"per patch, {per_patch['mean']:.1f} on average"
    )
    for cover in facts["classes"]:
        if cover["pixels"]:
            say(
                f"    {cover['value']:>2} {cover['name']:<22} {cover['share']:7.2%}  "
                f"{cover['patches']} patches"
            )
