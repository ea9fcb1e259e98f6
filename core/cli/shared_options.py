"""The options that commands share, and the session that is built from them."""

import inspect
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from core.clusters.methods.method_table import METHODS, find_method
from core.compute.dask_cluster import connect_scheduler
from core.errors import SettingsError
from core.pipeline.results.current_file import load_current
from core.pipeline.results.run_records import find_run_record, read_record
from core.pipeline.workspace import Workspace
from core.settings import PRESETS, RunSettings
from core.tables import merge_tables, read_toml, settings_from_table, settings_table

CURRENT = "current"
"""Value of --settings that stands for the current result."""


def option(help_text: str, *names: str, variable: str | None = None) -> Any:
    """Return an option whose default is not printed; its help names the effective default.

    `variable` is the environment variable that is used if the option is not given.
    """
    # Typer would otherwise remove the square brackets with their content, as markup.
    return typer.Option(
        *names,
        help=help_text.replace("[default", r"\[default"),
        show_default=False,
        envvar=variable,
        show_envvar=False,
    )


def require_choice(value: str, choices: Iterable[str], where: str) -> None:
    """Raise SettingsError if a value is not one of the choices."""
    choices = list(choices)
    if value not in choices:
        raise SettingsError(f"{value!r} is not one of {', '.join(choices)}", where=where)


def split_names(text: str) -> list[str]:
    """Return the names in a comma-separated text."""
    return [name.strip() for name in text.split(",") if name.strip()]


def list_names(texts: Iterable[str] | None, known: Container[str]) -> list[str]:
    """Return the names in texts: each is a known name, or several names separated by commas."""
    lists = ([text] if text in known else split_names(text) for text in texts or ())
    return [name for names in lists for name in names]


WorkspaceOption = Annotated[
    Path | None,
    option("Workspace folder. [default: CHIPSCAPE_WORKSPACE, or data/]", "--workspace", "-w"),
]
JsonOption = Annotated[bool, option("Print one JSON object on one line.", "--json")]
SchedulerOption = Annotated[
    str,
    option(
        "Address of a Dask scheduler, or local:N for N worker processes. "
        "[default: CHIPSCAPE_SCHEDULER, or threads]",
        "--scheduler",
        variable="CHIPSCAPE_SCHEDULER",
    ),
]
ExchangeOption = Annotated[
    str,
    option(
        "Folder of an object store (s3://...) for workers that do not see the workspace; they must "
        "see the images of land-cover data under the same path. [default: CHIPSCAPE_EXCHANGE]",
        "--exchange",
        variable="CHIPSCAPE_EXCHANGE",
    ),
]
MinClusterSizeOption = Annotated[int | None, option("HDBSCAN's minimum cluster size.")]
MinSamplesOption = Annotated[int | None, option("HDBSCAN's neighbours, without the point itself.")]

LAND_TABLE = "land"
"""The table of land-cover settings in the settings that `chipscape settings` prints."""

# Options that set a single field of `RunSettings`.
_FIELDS = {
    "encoder": "embed.encoder",
    "weights": "embed.weights",
    "bands_rule": "embed.bands_rule",
    "precision": "embed.precision",
    "chip_size": "chips.size",
    "margin": "chips.margin",
    "extent": "chips.extent",
    "align": "chips.align",
    "background": "chips.background",
    "harmonisation": "reduction.harmonisation",
    "nuisance": "reduction.nuisance",
    "method": "method",
    "n_components": "gmm.n_components",
    "covariance": "gmm.covariance",
    "noise": "noise.method",
    "min_cluster_size": "cut.min_cluster_size",
    "min_samples": "tree.min_samples",
    "perplexity": "projection.perplexity",
    "exaggeration": "projection.exaggeration",
    "initialisation": "projection.initialisation",
    "metric": "projection.metric",
}


@dataclass(frozen=True)
class Session:
    """The workspace, the settings and the output format of a command.

    `land_tables` are the land-cover settings of the file, which other commands do not use.
    `options` are the settings that options of the command line set, as nested tables;
    `has_source` is True if --settings or --preset was given.
    """

    workspace: Workspace
    settings: RunSettings
    as_json: bool
    options: Mapping[str, Any] = field(default_factory=dict)
    has_source: bool = False
    land_tables: Mapping[str, Any] = field(default_factory=dict)

    def result_settings(self) -> RunSettings:
        """Return the settings of the current result, changed by options.

        Without a current result, or with --settings or --preset, these are `settings`.
        """
        current = None if self.has_source else load_current(self.workspace).settings
        if current is None:
            return self.settings
        table = merge_tables(settings_table(current), self.options)
        settings: RunSettings = settings_from_table(RunSettings, table, "settings")
        return settings


def connect_workspace(
    folder: Path | None, scheduler: str, exchange: str, *, verify: bool = False
) -> Workspace:
    """Open the workspace of a command, and connect to the Dask scheduler that its options name."""
    workspace = Workspace.at(folder, verify=verify)
    if scheduler:
        connect_scheduler(scheduler, workspace.root, exchange)
    return workspace


def read_session(
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
    settings: Annotated[
        str, option("TOML file of settings, a run (name, id or record), or current.", "--settings")
    ] = "",
    preset: Annotated[str, option(f"One of {', '.join(PRESETS)}.", "--preset")] = "",
    seed: Annotated[int | None, option("Seed of clustering and projection.", "--seed")] = None,
    scheduler: SchedulerOption = "",
    exchange: ExchangeOption = "",
    verify: Annotated[bool, option("Recompute all checksums.", "--verify")] = False,
    encoder: Annotated[
        str | None, option("Encoder, such as texture, resnet50 or raster:PATH.")
    ] = None,
    weights: Annotated[str | None, option("Weight file or folder of the encoder.")] = None,
    bands_rule: Annotated[
        str | None, option("How to use more than three bands: first or triples.")
    ] = None,
    precision: Annotated[str | None, option("auto (half precision on CUDA) or full.")] = None,
    refit: Annotated[bool, option("Fit the encoder again, to all scenes.", "--refit")] = False,
    chip_size: Annotated[int | None, option("Side of a chip in pixels.")] = None,
    margin: Annotated[float | None, option("Margin as a share of the longer side.")] = None,
    extent: Annotated[float | None, option("Side in metres; 0 fits each annotation.")] = None,
    align: Annotated[str | None, option("Chip orientation: north or long-axis.")] = None,
    background: Annotated[str | None, option("Background of annotations: keep or mask.")] = None,
    bands: Annotated[str | None, option("Bands to use, comma-separated.")] = None,
    harmonisation: Annotated[
        str | None, option("Differences between scenes: none or centre.")
    ] = None,
    nuisance: Annotated[
        str | None, option("Effect to remove: none, brightness or sharpness.")
    ] = None,
    method: Annotated[str | None, option(f"One of {', '.join(METHODS)}.")] = None,
    n_components: Annotated[int | None, option("Number of Gaussians in the mixture.")] = None,
    covariance: Annotated[
        str | None, option("auto, shrunk, full, tied, diag or spherical.")
    ] = None,
    n_clusters: Annotated[int | None, option("Clusters for k-means and Ward.")] = None,
    noise: Annotated[str | None, option("HDBSCAN's noise: keep, nearest or soft.")] = None,
    min_cluster_size: MinClusterSizeOption = None,
    min_samples: MinSamplesOption = None,
    perplexity: Annotated[float | None, option("Perplexity of t-SNE; 0 is automatic.")] = None,
    exaggeration: Annotated[float | None, option("Exaggeration of t-SNE, 1 for none.")] = None,
    initialisation: Annotated[
        str | None, option("Initial positions of t-SNE: pca, spectral or random.")
    ] = None,
    metric: Annotated[str | None, option("Distance for t-SNE: euclidean or cosine.")] = None,
) -> Session:
    """Assemble a session: the preset, then the settings file, then the options."""
    if preset:
        require_choice(preset, PRESETS, "--preset")
    options = locals()
    values = {path: options[name] for name, path in _FIELDS.items()}
    values |= {"embed.refit": refit or None, "gmm.seed": seed, "projection.seed": seed}
    values["chips.bands"] = None if bands is None else split_names(bands)
    for record in METHODS.values():
        if record.count == "n_clusters":
            values[f"{record.table}.n_clusters"] = n_clusters
    table: dict[str, Any] = {}
    for path, value in values.items():
        if value is not None:
            parent, _, name = path.rpartition(".")
            table = merge_tables(table, {parent: {name: value}} if parent else {name: value})
    opened_workspace = connect_workspace(workspace, scheduler, exchange, verify=verify)
    stored = _read_source(settings, opened_workspace)
    land_tables = stored.pop(LAND_TABLE, {})
    base = merge_tables(PRESETS[preset or "default"], stored)
    source = settings or "settings"
    run_settings = settings_from_table(RunSettings, merge_tables(base, table), source)
    find_method(run_settings.method, where=f"{source}, method")
    has_source = bool(settings or preset)
    return Session(opened_workspace, run_settings, as_json, table, has_source, land_tables)


def _read_source(source: str, workspace: Workspace) -> dict[str, Any]:
    """Return the settings, as nested tables, of a TOML file, a run or the current result."""
    if not source:
        return {}
    if source == CURRENT:
        current = load_current(workspace).settings
        if current is None:
            raise SettingsError(
                "the workspace has no current result",
                where="--settings current",
                remedy="Run `chipscape run` first.",
            )
        return settings_table(current)
    path = Path(source).expanduser()
    if not path.is_file():
        if path.suffix:
            # A misspelt file is reported as such.
            return read_toml(path)
        return settings_table(find_run_record(source, workspace).settings)
    table = read_toml(path)
    is_record = "keys" in table and "settings" in table
    return settings_table(read_record(path).settings) if is_record else table


def with_options(read: Callable[..., Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator that adds the options of a function to those of a command.

    The command receives the function's result as its first argument.
    """
    shared = list(inspect.signature(read).parameters.values())

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        specific = list(inspect.signature(command).parameters.values())[1:]

        @wraps(command)
        def call(**arguments: Any) -> None:
            session = read(**{option.name: arguments.pop(option.name) for option in shared})
            command(session, **arguments)

        parameters = [option.replace(kind=option.KEYWORD_ONLY) for option in (*specific, *shared)]
        call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        call.__annotations__ = {option.name: option.annotation for option in parameters}
        return call

    return decorate


with_session = with_options(read_session)
