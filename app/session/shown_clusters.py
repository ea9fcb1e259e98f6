"""Clusters as they are shown: data only."""

from dataclasses import dataclass, field

import numpy as np

from app.widgets.palette import Look
from core.clusters.editing.edit_history import History
from core.clusters.editing.edits import Edited
from core.clusters.labelling import Labelling
from core.clusters.noise_treatment import Treated
from core.settings import RunSettings
from core.types import IntArray


@dataclass(frozen=True)
class Clusters:
    """A labelling with the ids under which its clusters are shown.

    Attributes
    ----------
    labelling : Labelling
        As the method gave it.
    ids : int32 array, (n,)
        What is shown, after noise treatment and edits: -1 for noise, -2 for excluded chips.
        Taken over from the labelling shown before, where the chips agree.
    settings : RunSettings
    method_ids : int32 array, (n,), or None
        The method's own clusters under their ids, before noise treatment and edits.
    treated : Treated or None
    edited : Edited or None
    family : str
        Of the labellings that share these edits.
    history : History
        The edits, with those undone.
    problems : tuple of str
        Edits that do not fit this labelling.
    changes : tuple of str
        What became of the clusters since the labelling shown before.
    look : Look
    """

    labelling: Labelling
    ids: IntArray
    settings: RunSettings
    method_ids: IntArray | None = None
    treated: Treated | None = None
    edited: Edited | None = None
    family: str = ""
    history: History = field(default_factory=History)
    problems: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    look: Look = field(default_factory=Look)

    @property
    def own(self) -> IntArray:
        """The method's own clusters under their ids."""
        return self.ids if self.method_ids is None else self.method_ids

    @property
    def n_clusters(self) -> int:
        """Clusters shown."""
        return len(np.unique(self.ids[self.ids >= 0]))
