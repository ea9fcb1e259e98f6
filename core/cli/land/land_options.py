"""The options that the `chipscape flair` commands share, and the session built from them."""

from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Annotated, Any, TypeVar, cast

from core.cli import shared_options as shared
from core.errors import SettingsError
from core.land.context.extra_features import EXTRAS, RECOMMENDED
from core.land.data.dataset import Dataset
from core.land.data.download import FetchSettings
from core.land.data.pixel_sampling import SampleSettings, default_draw
from core.land.data.sentinel import SentinelSettings
from core.land.evaluation.protocols import TITLES
from core.land.evaluation.scorers import SCORER_TITLES, ScorerName
from core.land.images.image_import import ImportSettings
from core.land.models.classifier_table import CLASSIFIERS
from core.land.models.classifiers import MethodSettings
from core.land.models.features import FeatureSpec
from core.land.models.regularisation import REGULARISATIONS, RegularisationSettings
from core.pipeline.land.land_workspace import data_credit, has_own_images, open_dataset
from core.pipeline.land.study import Study, StudySettings
from core.pipeline.land.study_cells import StudyRun
from core.pipeline.workspace import Workspace
from core.tables import read_toml, require_known, settings_from_table

PRESETS = ("default", "notebook")
TABLES: dict[str, type[Any]] = {
    "fetch": FetchSettings,
    "import": ImportSettings,
    "sample": SampleSettings,
    "dates": SentinelSettings,
    "features": FeatureSpec,
    "method": MethodSettings,
    "regularisation": RegularisationSettings,
    "study": StudySettings,
}
"""The tables that a settings file may contain, with the classes of their settings."""

Settings = TypeVar("Settings")
ProtocolOption = Annotated[str, shared.option(f"One of {', '.join(TITLES)}.")]
MethodOption = Annotated[
    str | None, shared.option(f"One of {', '.join(CLASSIFIERS)}. [default: knn]")
]
ScorerOption = Annotated[
    str,
    shared.option(
        'flair: confusions with "other" are errors; flair-hub: "other" is left out, and absent '
        "classes count as 0. [default: that of the publishers of the data]"
    ),
]


@dataclass(frozen=True)
class LandSession:
    """The workspace, options and settings of a FLAIR command.

    Options of a command override the tables of the settings file; None means that an option was
    left out. `model_options` names the options that describe a model. All methods raise
    SettingsError for unknown names and values out of bounds.
    """

    workspace: Workspace
    as_json: bool
    seed: int = 0
    preset: str = "default"
    tables: dict[str, Any] = field(default_factory=dict)
    model_options: tuple[str, ...] = ()

    def refuse_model_options(self) -> None:
        """Raise SettingsError if an option was given that describes a model.

        For commands that only read files, on which such an option would have no effect.
        """
        if self.model_options:
            raise SettingsError(
                "this option has no effect on this command",
                where=", ".join(self.model_options),
                remedy="Leave it out, and use it with the commands that train models.",
            )

    @property
    def credit(self) -> str:
        """Citation and licence of the data."""
        return data_credit(self.workspace)

    def settings(self, kind: type[Settings], table: str, **options: Any) -> Settings:
        """Return settings of the given class from their table and the options."""
        values = {name: value for name, value in options.items() if value is not None}
        table_values = self.tables.get(table, {}) | values
        return cast(Settings, settings_from_table(kind, table_values, f"settings.{table}"))

    def all_settings(self) -> dict[str, Any]:
        """Return every setting as nested tables, in the form that --settings reads."""
        settings = {name: self.settings(kind, name) for name, kind in TABLES.items()}
        settings |= {"features": self.features(), "method": self.method()}
        settings["sample"] = self.sample(self.dataset() if has_own_images(self.workspace) else None)
        tables = {name: asdict(values) for name, values in settings.items()}
        # These two are tables of their own.
        for name in ("sample", "dates"):
            del tables["study"][name]
        # TOML has no tuples.
        for table, names in (("features", ["extras"]), ("import", ["bands", "series_bands"])):
            tables[table] |= {name: list(tables[table][name]) for name in names}
        return tables

    def sample(self, dataset: Dataset | None, **options: bool | None) -> SampleSettings:
        """Return how training pixels are drawn; without a setting, that depends on the data."""
        if dataset is None or "draw" in self.tables.get("sample", {}):
            return self.settings(SampleSettings, "sample", seed=self.seed or None, **options)
        draw = default_draw(dataset)
        return self.settings(SampleSettings, "sample", draw=draw, seed=self.seed or None, **options)

    def method(self, **options: Any) -> MethodSettings:
        """Return the classifier and its parameters."""
        return self.settings(MethodSettings, "method", seed=self.seed or None, **options)

    def features(self, **options: bool | None) -> FeatureSpec:
        """Return the features; the preset "notebook" selects the original notebook's arithmetic."""
        notebook = self.preset == "notebook" or None
        return self.settings(FeatureSpec, "features", preset_notebook=notebook, **options)

    def regularisation(self) -> RegularisationSettings:
        """Return how class maps are smoothed."""
        return self.settings(RegularisationSettings, "regularisation")

    def dataset(self) -> Dataset:
        """Find the patches of the workspace."""
        return open_dataset(self.workspace)

    def study(self, protocol: str = "", other: str = "") -> Study:
        """Return the study; `other`, "with" or "without", overrides the settings unless empty."""
        settings = self.settings(StudySettings, "study", protocol=protocol or None)
        dataset = self.dataset()
        if other and not dataset.layout.legend.has_other:
            raise SettingsError(
                'these data have no class "other" that could be left out of training',
                where="--other",
                remedy="Leave out this option; all classes are trained and scored.",
            )
        sample = self.sample(dataset, other={"with": True, "without": False}.get(other))
        if sample.nomenclature != "reduced":
            raise SettingsError(
                "models are trained and scored in the reduced nomenclature only",
                where="settings.sample.nomenclature",
                remedy='Remove it, or set it to "reduced".',
            )
        dates = self.settings(SentinelSettings, "dates")
        return Study(self.workspace, replace(settings, sample=sample, dates=dates), dataset)

    def run(self, protocol: str = "", **method: Any) -> StudyRun:
        """Return the run for the session's settings; `method` overrides those of the classifier."""
        settings, spec = self.method(**method), self.features()
        return StudyRun(self.study(protocol), settings, spec)


def read_flair_session(
    workspace: shared.WorkspaceOption = None,
    as_json: shared.JsonOption = False,
    settings: Annotated[
        Path | None,
        shared.option(f"TOML file with any of the tables {', '.join(TABLES)}.", "--settings"),
    ] = None,
    preset: Annotated[
        str,
        shared.option(
            "notebook: the original notebook's arithmetic, errors included, for comparison.",
            "--preset",
        ),
    ] = "default",
    seed: Annotated[int, shared.option("Seed of all random draws. [default: 0]", "--seed")] = 0,
    features: Annotated[
        str | None,
        shared.option(
            f"Extra features, separated by commas: {RECOMMENDED} (the recommended ones), "
            f"{', '.join(EXTRAS)}, tokens:ENCODER. [default: none]",
            "--features",
        ),
    ] = None,
    season: Annotated[
        str | None,
        shared.option(
            "What --fusion uses of the Sentinel series: mean (of the year), months (12 composites "
            "of the observations clear at the pixel), or indices (the mean, and the course of NDVI "
            "and others over the year). [default: mean]",
            "--season",
        ),
    ] = None,
    interpolation: Annotated[
        str | None,
        shared.option(
            "How Sentinel values reach the pixels: blocks, or smooth (bilinear). [default: blocks]",
            "--interpolation",
        ),
    ] = None,
    regularisation: Annotated[
        str | None,
        shared.option(
            f"Smoothing of class maps: {', '.join(REGULARISATIONS)}. [default: none]",
            "--regularisation",
        ),
    ] = None,
    scheduler: shared.SchedulerOption = "",
    exchange: shared.ExchangeOption = "",
) -> LandSession:
    """Assemble a session from the settings file and the options."""
    shared.require_choice(preset, PRESETS, "--preset")
    tables = read_toml(settings) if settings else {}
    # The land-cover settings of a file that `chipscape settings` has printed.
    tables = tables.get(shared.LAND_TABLE, tables)
    check_tables(tables, str(settings))
    choices: dict[str, Any] = {"season": season, "interpolation": interpolation}
    if features is not None:
        names = [] if features == "none" else [name.strip() for name in features.split(",")]
        choices["extras"] = names
    choices = {name: value for name, value in choices.items() if value is not None}
    if choices:
        tables["features"] = tables.get("features", {}) | choices
    if regularisation is not None:
        smoothing = tables.get("regularisation", {}) | {"regularisation": regularisation}
        tables["regularisation"] = smoothing
    opened = shared.connect_workspace(workspace, scheduler, exchange)
    options = {"--features": features, "--regularisation": regularisation}
    options |= {"--season": season, "--interpolation": interpolation}
    options["--preset"] = preset if preset != "default" else None
    named = tuple(name for name, value in options.items() if value is not None)
    return LandSession(opened, as_json, seed, preset, tables, named)


def check_tables(tables: Mapping[str, Any], source: str) -> None:
    """Raise SettingsError for tables and names that are no land-cover settings."""
    for name, table in tables.items():
        if name not in TABLES or not isinstance(table, dict):
            raise SettingsError(
                f"{name!r} is not a table of land-cover settings",
                where=source,
                remedy=f"Known tables: {', '.join(TABLES)}.",
            )
        # Settings with a factory are tables of their own, such as `sample`.
        known = [item.name for item in fields(TABLES[name]) if item.default is not MISSING]
        require_known(table, known, source, f"{name}.")


def bounds_text(name: str) -> str:
    """Return the bounds of a classifier's parameter, such as "1 to 1,000"."""
    low, high = MethodSettings.__dataclass_fields__[name].metadata["bounds"]
    return f"{low:,} to {high:,}"


def scorer_choice(name: str) -> ScorerName | None:
    """Return the scorer that --scorer names; None if it was left out."""
    if name:
        shared.require_choice(name, SCORER_TITLES, "--scorer")
    return cast(ScorerName, name) if name else None


with_land_session = shared.with_options(read_flair_session)
