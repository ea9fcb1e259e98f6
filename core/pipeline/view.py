"""A view: a workspace with settings, and the artifacts that exist for these settings."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from core.artifacts.keys import make_key
from core.artifacts.store import Artifact
from core.pipeline.scene_survey import Survey
from core.pipeline.workspace import Workspace
from core.settings import RunSettings


@dataclass(frozen=True)
class View:
    """A workspace, its scenes, settings and artifacts, as a page or a command uses them.

    `artifacts` maps the name of each complete run stage to its artifacts. `reason` says why the
    next stage cannot be looked up, for example missing weights; it is empty if that stage simply
    has not been computed.
    """

    workspace: Workspace
    settings: RunSettings
    survey: Survey
    artifacts: Mapping[str, tuple[Artifact, ...]] = field(default_factory=dict)
    reason: str = ""

    def has(self, stage: str) -> bool:
        """Return True if a stage is complete for these settings."""
        return stage in self.artifacts

    def key(self, stage: str, *tables: str, **values: Any) -> str:
        """Return a key that changes with a stage's result and with the given settings and values.

        `tables` names the fields of `RunSettings` that affect the result in addition to the stage,
        and `values` holds everything else that affects it.
        """
        settings = {name: getattr(self.settings, name) for name in tables}
        inputs = {
            "root": str(self.workspace.root),
            "stage": stage,
            "artifacts": [artifact.key for artifact in self.artifacts.get(stage, ())],
            "settings": {n: v if isinstance(v, str) else asdict(v) for n, v in settings.items()},
            "values": values,
        }
        return make_key("view", 1, inputs)
