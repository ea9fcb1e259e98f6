"""`chipscape flair run`: one method, judged by each protocol."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from core.cli.console import emit, reporter, say
from core.cli.flair.flair_options import FlairSession, credit, with_flair
from core.cli.flair.method_commands import ProtocolOption, attempt, features, refuse_empty, study
from core.cli.flair.result_texts import clusters, facts, line, marked, preset_of
from core.errors import ChipscapeError, SettingsError
from core.flair.evaluation.protocols import TITLES, Protocol
from core.flair.models.classifiers import MethodSettings
from core.flair.models.features import FeatureSpec
from core.pipeline.flair.flair_workspace import folder_of
from core.pipeline.flair.study_cells import CellResult, gap

OTHER = ("", "without", "with", "both")


@with_flair
def run(
    session: FlairSession,
    method: Annotated[str | None, typer.Option(help="knn, hdbscan, gmm, kmeans ...")] = None,
    fusion: Annotated[bool | None, typer.Option(help="Sentinel beside the aerial bands.")] = None,
    robust: Annotated[bool | None, typer.Option(help="RobustScaler.")] = None,
    normalised: Annotated[bool | None, typer.Option(help="Divide spectra by intensity.")] = None,
    intensity: Annotated[bool | None, typer.Option(help="Append the intensity.")] = None,
    k: Annotated[int | None, typer.Option(help="Neighbours that vote.")] = None,
    min_cluster_size: Annotated[int | None, typer.Option(help="Smallest cluster.")] = None,
    min_samples: Annotated[int | None, typer.Option(help="Not counting the pixel itself.")] = None,
    n_clusters: Annotated[int | None, typer.Option(help="Of gmm and kmeans.")] = None,
    protocol: ProtocolOption = "",
    other: Annotated[
        str,
        typer.Option(
            help='Teach "other": without, with, or both. [default: the settings\']',
            show_default=False,
        ),
    ] = "",
    maps: Annotated[Path | None, typer.Option(help="Folder for class maps, GeoTIFF.")] = None,
) -> None:
    """Classify by one method and judge it by each protocol, with the optimism gap."""
    chosen = session.settings(
        MethodSettings,
        "method",
        method=method,
        k=k,
        min_cluster_size=min_cluster_size,
        min_samples=min_samples,
        n_clusters=n_clusters,
        seed=session.seed or None,
    )
    spec = features(
        session, fusion=fusion, robust=robust, normalised=normalised, intensity=intensity
    )
    found = {
        taught: _judged(session, chosen, spec, protocol, taught, maps) for taught in _taught(other)
    }
    if session.as_json:
        emit(_told(session, chosen, spec, found, maps))
        return
    for taught, results in found.items():
        said = f', taught {taught} "other"' if taught else ""
        say(f"{chosen.method}, {spec.title}{said}{marked(spec)}")
        for name, result in results.items():
            say(f"{name:<8} {line(result)}  ({TITLES[name]})")
            if not isinstance(result, ChipscapeError) and (told := clusters(result)):
                say(f"{'':<8} {told}")
        worked = _worked(results)
        difference = gap(worked)
        if difference is not None:
            say(f"optimism gap (training patches minus domains left out): {difference:+.3f}")
        for note in dict.fromkeys(n for result in worked.values() for n in result.notes):
            say(f"note: {note}")
    say(credit(session))


def _judged(
    session: FlairSession,
    method: MethodSettings,
    spec: FeatureSpec,
    protocol: str,
    taught: str,
    maps: Path | None,
) -> dict[Protocol, CellResult | ChipscapeError]:
    """The results by protocol; `taught` is "with" or "without", or empty for the settings'.

    A protocol that these data cannot be judged by has its error, unless all of them have.
    """
    results: dict[Protocol, CellResult | ChipscapeError] = {}
    for name in _protocols(session, protocol):
        with reporter() as listen:
            work = study(session, name, taught)
            results[name] = attempt(work, method, spec, listen(name))
            if maps is not None and not isinstance(results[name], ChipscapeError):
                folder = maps / name / taught if taught else maps / name
                work.write_maps(method, spec, folder, listen("maps"))
    refuse_empty(results.values())
    return results


def _worked(
    results: Mapping[Protocol, CellResult | ChipscapeError],
) -> dict[Protocol, CellResult]:
    return {p: r for p, r in results.items() if not isinstance(r, ChipscapeError)}


def _told(
    session: FlairSession,
    method: MethodSettings,
    spec: FeatureSpec,
    found: Mapping[str, Mapping[Protocol, CellResult | ChipscapeError]],
    maps: Path | None,
) -> dict[str, Any]:
    """What a run says in JSON; with "other" taught both ways, the second under its own name."""
    parts = [
        {
            "protocols": {p: facts(r) for p, r in results.items()},
            "optimism_gap": gap(_worked(results)),
            "notes": list(dict.fromkeys(n for r in _worked(results).values() for n in r.notes)),
        }
        for results in found.values()
    ]
    about = {"method": method.method, "features": spec.title, **preset_of(spec)}
    told: dict[str, Any] = {**about, **parts[0]}
    if len(parts) > 1:
        told["with_other"] = parts[1]
    return told | {"maps": str(maps) if maps else None, "attribution": credit(session)}


def _taught(other: str) -> tuple[str, ...]:
    if other not in OTHER:
        raise SettingsError(f"{other!r} is not one of without, with, both", where="--other")
    return ("without", "with") if other == "both" else (other,)


def _protocols(session: FlairSession, asked: str) -> list[Protocol]:
    """The protocol asked for, or every one that the data allow."""
    if asked:
        return [p for p in get_args(Protocol) if p == asked] or _unknown(asked)
    from core.flair.data.file_discovery import discover

    found = discover(folder_of(session.workspace))
    domains = {found.patches[i].domain for i in found.of("train")}
    possible = {"domains": len(domains) > 1, "patches": True, "test": bool(found.of("test"))}
    return [p for p in get_args(Protocol) if possible[p]]


def _unknown(asked: str) -> list[Protocol]:
    raise SettingsError(f"{asked!r} is not one of {', '.join(TITLES)}", where="--protocol")
