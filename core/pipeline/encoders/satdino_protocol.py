"""The published kNN protocol on the chips of a workspace."""

from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np

from core.chips.chip_set import ChipSet
from core.clusters.evaluation import knn_protocol as knn
from core.clusters.evaluation.agreement import coded
from core.embeddings import registry
from core.embeddings.encoding import encode_chips, fit_encoder
from core.embeddings.networks.network_encoder import NetworkEncoder
from core.embeddings.networks.resizing import View
from core.errors import SettingsError, TooFewError
from core.pipeline.run import Run
from core.pipeline.workspace import Workspace
from core.progress import Progress, silent, step
from core.settings import EmbedSettings

PROTOCOLS = ("satdino",)


@dataclass(frozen=True)
class ProtocolScores:
    """What the protocol found.

    Attributes
    ----------
    protocol, encoder, property : str
    n_train, n_test, n_classes, n_missing : int
        Chips that vote and that are judged; classes; chips without the property, left out.
    accuracy : float
        Share of right answers, 0..1: the mean over the scales.
    scales, sides, accuracies : tuple
        Each scale, the pixels along one side that it showed, and its accuracy. Scales that are
        too small for the encoder's step show one step.
    split : str
        How chips were split, in words.
    """

    protocol: str
    encoder: str
    property: str
    n_train: int
    n_test: int
    n_classes: int
    n_missing: int
    accuracy: float
    scales: tuple[float, ...]
    sides: tuple[int, ...]
    accuracies: tuple[float, ...]
    split: str


def judge(done: Run, property_name: str, report: Progress = silent) -> dict[str, Any]:
    """`satdino_protocol` on the chips of a run that came as far as those, as plain values."""
    if done.chips is None:
        raise TooFewError("there are no chips to judge the encoder on", where="protocol")
    scores = satdino_protocol(
        done.workspace, done.chips, done.settings.embed, property_name, report
    )
    return asdict(scores)


def satdino_protocol(
    workspace: Workspace,
    chip_set: ChipSet,
    settings: EmbedSettings,
    property_name: str,
    report: Progress = silent,
) -> ProtocolScores:
    """Judge an encoder as SatDINO's authors do: kNN at four scales, on middle crops.

    Raises
    ------
    SettingsError
        For an encoder without a network, or a property that no annotation has.
    TooFewError
        For fewer than two classes.
    """
    if property_name not in chip_set.properties:
        known = ", ".join(map(str, chip_set.properties.columns)) or "none"
        raise SettingsError(
            f"no annotation has a property {property_name!r}",
            where="property",
            remedy=f"Properties there are: {known}.",
        )
    encoder = registry.load(settings.encoder, settings, workspace.weights)
    if not isinstance(encoder, NetworkEncoder):
        raise SettingsError(
            f"the protocol shows chips at several scales, for which {settings.encoder} is not made",
            where="encoder",
            remedy="Name one with a network, such as satdino-small-16.",
        )
    there, classes, labels = coded(chip_set.properties[property_name].tolist())
    rows = np.flatnonzero(there)
    if len(classes) < 2:
        raise TooFewError(
            f"{len(classes)} class on {len(rows)} chips leaves nothing to compare",
            where=property_name,
            remedy="Choose a property with two classes or more.",
        )
    facts = chip_set.facts.iloc[rows]
    test, rule = knn.split(labels, facts["scene"].tolist(), facts["chip_id"].tolist())
    scalings = chip_set.fit_scalings(settings.sample)
    fitted = fit_encoder(encoder, chip_set, scalings, settings.sample)
    sides = [knn.shown_side(chip_set.size, scale, encoder.step) for scale in knn.SCALES]
    found = []
    for done, side in enumerate(sides):
        view = View(int(side * knn.ENLARGED), side)
        shown = partial(encoder.encode_view, fitted=fitted, view=view)
        vectors = encode_chips(chip_set, rows, scalings, shown)
        found.append(knn.accuracy(vectors, labels, test))
        step(report, done + 1, len(sides), f"{side} px")
    return ProtocolScores(
        protocol="satdino",
        encoder=settings.encoder,
        property=property_name,
        n_train=int((~test).sum()),
        n_test=int(test.sum()),
        n_classes=len(classes),
        n_missing=len(chip_set) - len(rows),
        accuracy=float(np.mean(found)),
        scales=knn.SCALES,
        sides=tuple(sides),
        accuracies=tuple(found),
        split=rule,
    )
