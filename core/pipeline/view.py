"""A view: a workspace under some settings, with the artifacts that are there for them."""

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
    """What a page or a command looks at.

    Attributes
    ----------
    workspace : Workspace
    settings : RunSettings
    survey : Survey
        The scenes.
    artifacts : mapping
        Finished artifacts by the name of their run stage; a stage that is incomplete is absent.
    reason : str
        Why no further stage can be looked up, for example missing weights; empty if the next one
        simply has not been computed.
    """

    workspace: Workspace
    settings: RunSettings
    survey: Survey
    artifacts: Mapping[str, tuple[Artifact, ...]] = field(default_factory=dict)
    reason: str = ""

    def has(self, stage: str) -> bool:
        """True if a stage is there for these settings."""
        return stage in self.artifacts

    def key(self, stage: str, *tables: str, **values: Any) -> str:
        """Return a key that changes whenever a stage's result, or a setting, changes.

        Parameters
        ----------
        stage : str
            A stage that is there.
        tables : str
            Fields of `RunSettings` on which a result depends beyond that stage.
        values : plain values
            Whatever else it depends on.
        """
        settings = {name: getattr(self.settings, name) for name in tables}
        inputs = {
            "root": str(self.workspace.root),
            "stage": stage,
            "artifacts": [artifact.key for artifact in self.artifacts.get(stage, ())],
            "settings": {
                name: value if isinstance(value, str) else asdict(value)
                for name, value in settings.items()
            },
            "values": values,
        }
        return make_key("view", 1, inputs)
