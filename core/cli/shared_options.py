"""The options that commands share, and the settings they make."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from core import compute
from core.errors import SettingsError
from core.pipeline.workspace import Workspace
from core.settings import PRESETS, RunSettings
from core.tables import from_table, from_toml, merge


@dataclass(frozen=True)
class Session:
    """What a command works with."""

    workspace: Workspace
    settings: RunSettings
    as_json: bool


def _option(help_text: str, *names: str) -> Any:
    return typer.Option(*names, help=help_text, show_default=False)


def shared(
    workspace: Annotated[
        Path | None,
        _option("Workspace folder. [default: CHIPSCAPE_WORKSPACE, or data/]", "--workspace", "-w"),
    ] = None,
    as_json: Annotated[bool, _option("Print one JSON object on one line.", "--json")] = False,
    settings: Annotated[
        Path | None, _option("TOML file of settings, a table a stage.", "--settings")
    ] = None,
    preset: Annotated[str, _option(f"One of {', '.join(PRESETS)}.", "--preset")] = "default",
    seed: Annotated[int | None, _option("Seed of clustering and projection.", "--seed")] = None,
    scheduler: Annotated[str, _option("Address of a Dask scheduler.", "--scheduler")] = "",
    verify: Annotated[bool, _option("Read all inputs again.", "--verify")] = False,
    encoder: Annotated[str | None, _option("texture, satdino-small-16, resnet50 ...")] = None,
    weights: Annotated[str | None, _option("Weight file or folder of the encoder.")] = None,
    bands_rule: Annotated[
        str | None, _option("Of more than three bands: first or triples.")
    ] = None,
    precision: Annotated[str | None, _option("auto (half on CUDA) or full.")] = None,
    refit: Annotated[bool, _option("Learn the encoder anew from all scenes.", "--refit")] = False,
    chip_size: Annotated[int | None, _option("Pixels along a chip's side.")] = None,
    margin: Annotated[float | None, _option("Context, as a share of the longer side.")] = None,
    extent: Annotated[float | None, _option("Side in metres; 0 fits each box.")] = None,
    align: Annotated[str | None, _option("north or long-axis.")] = None,
    background: Annotated[str | None, _option("keep or mask.")] = None,
    bands: Annotated[str | None, _option("Names of bands, comma-separated.")] = None,
    method: Annotated[str | None, _option("gmm, hdbscan, kmeans or ward.")] = None,
    n_components: Annotated[int | None, _option("Gaussians in the mixture.")] = None,
    covariance: Annotated[str | None, _option("auto, full, tied, diag, spherical.")] = None,
    n_clusters: Annotated[int | None, _option("Clusters of k-means and Ward.")] = None,
    noise: Annotated[str | None, _option("HDBSCAN's noise: keep, nearest or soft.")] = None,
    min_cluster_size: Annotated[int | None, _option("HDBSCAN's smallest cluster.")] = None,
    min_samples: Annotated[int | None, _option("HDBSCAN's neighbours, self not counted.")] = None,
    perplexity: Annotated[float | None, _option("t-SNE's neighbours; 0 is automatic.")] = None,
) -> Session:
    """Assemble a session: preset, then file, then what stands on the command line."""
    if preset not in PRESETS:
        raise SettingsError(f"{preset!r} is not one of {', '.join(PRESETS)}", where="--preset")
    given = locals()
    table = merge(PRESETS[preset], from_toml(settings) if settings else {})
    for name, path in _PLACES.items():
        if given[name] is not None:
            table = merge(table, _nested(path, given[name]))
    if refit:
        table = merge(table, _nested("embed.refit", refit))
    if n_clusters is not None:
        table = merge(table, _nested("ward.n_clusters", n_clusters))
    for path in ("gmm.seed", "projection.seed") if seed is not None else ():
        table = merge(table, _nested(path, seed))
    if bands is not None:
        names = [name.strip() for name in bands.split(",") if name.strip()]
        table = merge(table, _nested("chips.bands", names))
    if scheduler:
        compute.connect(scheduler)
    chosen = from_table(RunSettings, table, str(settings) if settings else "settings")
    return Session(Workspace.at(workspace, verify=verify), chosen, as_json)


_PLACES = {
    "encoder": "embed.encoder",
    "weights": "embed.weights",
    "bands_rule": "embed.bands_rule",
    "precision": "embed.precision",
    "chip_size": "chips.size",
    "margin": "chips.margin",
    "extent": "chips.extent",
    "align": "chips.align",
    "background": "chips.background",
    "method": "method",
    "n_components": "gmm.n_components",
    "covariance": "gmm.covariance",
    "n_clusters": "kmeans.n_clusters",
    "noise": "noise.method",
    "min_cluster_size": "cut.min_cluster_size",
    "min_samples": "tree.min_samples",
    "perplexity": "projection.perplexity",
}


def given_by(
    shared_options: Callable[..., Any], command: Callable[..., None]
) -> Callable[..., None]:
    """Give a command the options of a function, and what it makes of them as first argument."""
    own = list(inspect.signature(command).parameters.values())[1:]
    common = list(inspect.signature(shared_options).parameters.values())

    @wraps(command)
    def run(**given: Any) -> None:
        session = shared_options(**{p.name: given.pop(p.name) for p in common})
        command(session, **given)

    parameters = [p.replace(kind=p.KEYWORD_ONLY) for p in (*own, *common)]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in parameters}
    return run


def with_session(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command every shared option, and the session they make as its first argument."""
    return given_by(shared, command)


def _nested(path: str, value: Any) -> dict[str, Any]:
    first, _, rest = path.partition(".")
    return {first: _nested(rest, value) if rest else value}
