"""`chipscape flair demo`, `fetch`, `unpack` and `describe`: labelled land cover in a workspace."""

from collections.abc import Iterator
from typing import Annotated, Any, get_args

import tomli_w
import typer

from core.cli.console import counted, reporter, show_result
from core.cli.land.land_options import LandSession, with_land_session
from core.cli.shared_options import option
from core.errors import SettingsError, TooFewError
from core.land.data.dataset import Dataset, adapt_terms
from core.land.data.nomenclature import ATTRIBUTION, Nomenclature
from core.pipeline.land.land_workspace import (
    ensure_land_cover,
    fetch_toy_data,
    flair_folder,
    is_look_alike,
    unpack_data,
)

_WITHOUT_MASKS = ("patches without masks", "flair")


@with_land_session
def patches_demo_command(
    session: LandSession,
    patches: Annotated[int, typer.Option(help="Number of patches, in three domains.")] = 12,
) -> None:
    """Write a synthetic data set in the layout of FLAIR #2, for trying out the commands."""
    folder = flair_folder(session.workspace)
    with reporter() as listen:
        written = ensure_land_cover(session.workspace, patches, session.seed, listen("land cover"))
    files = [str(path) for path in sorted(folder.iterdir())]
    result = {"folder": str(folder), "written": written, "patches": patches, "files": files}
    state = f"{'Written to' if written else 'Already in'} {folder}: {patches} patches"
    lines = (state, f"Next: chipscape flair describe --workspace {session.workspace.root}")
    show_result(session.as_json, result, lines)


@with_land_session
def land_settings_command(session: LandSession) -> None:
    """Print every land-cover setting as TOML, in the form that --settings reads."""
    table = session.all_settings()
    show_result(session.as_json, table, tomli_w.dumps(table).splitlines())


@with_land_session
def fetch_command(
    session: LandSession,
    url: Annotated[str | None, option("URL of the zip file. [default: the toy data]")] = None,
    sha256: Annotated[str | None, option("Expected checksum of the zip file.")] = None,
) -> None:
    """Download FLAIR #2's toy data and unpack them; an interrupted download is continued."""
    from core.land.data.download import FetchSettings

    session.refuse_model_options()
    settings = session.settings(FetchSettings, "fetch", url=url, sha256=sha256)
    with reporter() as listen:
        result = fetch_toy_data(session.workspace, settings, listen("download"), listen("unpack"))
    state = "Downloaded" if result["fetched"] else "Already there"
    size = f"{result['bytes'] / 1e6:.0f} MB"
    lines = [f"{state}: {size} from {result['url']}", f"SHA-256 {result['sha256']}"]
    lines += [*(f"    {path}" for path in result["files"]), ATTRIBUTION]
    show_result(session.as_json, result | {"attribution": ATTRIBUTION}, lines)


@with_land_session
def unpack_command(session: LandSession) -> None:
    """Unpack the archives of single domains in flair/, of FLAIR #1 and #2 or FLAIR-HUB."""
    from core.land.data.download import FetchSettings

    session.refuse_model_options()
    settings = session.settings(FetchSettings, "fetch")
    with reporter() as listen:
        unpacked = unpack_data(session.workspace, settings, listen("archives"))
    folders = {str(archive): list(map(str, paths)) for archive, paths in unpacked.items()}
    lines = [f"{archive}: {', '.join(paths)}" for archive, paths in folders.items()]
    lines = lines or ["All archives were unpacked before."]
    lines += ["Next: chipscape flair describe", session.credit]
    table = {"unpacked": folders, "attribution": session.credit}
    show_result(session.as_json, table, lines)


@with_land_session
def describe_command(
    session: LandSession,
    nomenclature: Annotated[str, typer.Option(help="reduced or full.")] = "reduced",
) -> None:
    """Read every file once: list patches, class shares, and problems with the files."""
    from core.land.data.data_summary import summarise_dataset

    session.refuse_model_options()
    if nomenclature not in get_args(Nomenclature):
        raise SettingsError(
            f"{nomenclature!r} is not a nomenclature",
            where="--nomenclature",
            remedy='Use "reduced" or "full".',
        )
    dataset = session.dataset()
    with reporter() as listen:
        summary = summarise_dataset(dataset, nomenclature, listen("patches"))  # type: ignore[arg-type]
    _require_readable(dataset, summary)
    is_own = dataset.layout.is_own
    splits = summary["splits"].items()
    lines = [line for split, facts in splits for line in _split_lines(split, facts, is_own=is_own)]
    if n_unlabelled := len(dataset.unlabelled):
        noun, command = ("windows without labels", "land") if is_own else _WITHOUT_MASKS
        advice = f"see `chipscape {command} predict`"
        if not dataset.patches and is_own:
            advice = (
                "label regions in the app (Land cover data), then run `chipscape land label-map`"
            )
        lines.append(f"{noun}: {n_unlabelled}; {advice}")
    lines += [f"problem: {problem}" for problem in summary["problems"]]
    lines += [
        f"note: {name}: no Sentinel date of {', '.join(months)} passes the filter, so the mean is "
        "that of the other months"
        for name, months in summary["empty_months"].items()
    ]
    lines += filter(None, [summary["matching"], session.credit])
    summary["unlabelled"] = len(dataset.unlabelled)
    result = summary | {"look_alike": is_look_alike(session.workspace)}
    show_result(session.as_json, result | {"attribution": session.credit}, lines)


def _require_readable(dataset: Dataset, summary: dict[str, Any]) -> None:
    """Raise TooFewError if no patch with labels can be read."""
    splits = summary["splits"].values()
    if splits and all(split["unreadable"] == split["patches"] for split in splits):
        raise TooFewError(
            adapt_terms("no patch can be read", is_own=dataset.layout.is_own),
            where=str(dataset.root),
            remedy="; ".join(summary["problems"][:3]),
        )


def _split_lines(split: str, facts: dict[str, Any], *, is_own: bool) -> Iterator[str]:
    domains, per_patch = facts["domains"], facts["classes_per_patch"]
    names = f"({', '.join(domains[:6])}{' ...' if len(domains) > 6 else ''})"
    position = (
        f"({facts['fused']} with a time series) in {counted(len(domains), 'group')}"
        if is_own
        else f"({facts['fused']} with Sentinel) in {counted(facts['areas'], 'area')} of "
        f"{counted(len(domains), 'domain')}"
    )
    noun, nouns = ("window", "windows") if is_own else ("patch", "patches")
    yield (
        f"{split}: {facts['patches']} {nouns} {position} {names}; {per_patch['min']} to "
        f"{per_patch['max']} classes per {noun}, {per_patch['mean']:.1f} on average"
    )
    for cover in facts["classes"]:
        if cover["pixels"]:
            yield (
                f"    {cover['value']:>2} {cover['name']:<22} {cover['share']:7.2%}  "
                f"{cover['patches']} {nouns}"
            )
