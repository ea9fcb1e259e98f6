"""The published kNN protocol on the chips of a workspace."""

from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np

from core.clusters.evaluation import knn_protocol
from core.clusters.evaluation.agreement import encode_classes
from core.embeddings import registry
from core.embeddings.encoding import encode_chips, fit_encoder
from core.embeddings.networks.network_encoder import NetworkEncoder
from core.embeddings.networks.resizing import ChipView
from core.errors import SettingsError, TooFewError, unknown_attribute_error
from core.pipeline.chip_stages import open_chips
from core.pipeline.view import View
from core.progress import Progress, report_step, silent

PROTOCOLS = ("satdino",)


@dataclass(frozen=True)
class ProtocolScores:
    """The result of the protocol.

    Attributes
    ----------
    protocol, encoder, property : str
    n_train, n_test, n_classes, n_missing : int
        Chips that vote and chips that are judged; classes; chips without the attribute, left out.
    accuracy : float
        Share of right answers, 0..1: the mean over the scales.
    scales, sides, accuracies : tuple
        Each scale, the pixels along one side that it showed, and its accuracy. Scales that are
        too small for the encoder's step show one step.
    split : str
        How the chips were split, in a sentence.
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


def run_satdino_protocol(view: View, attribute: str, report: Progress = silent) -> dict[str, Any]:
    """Judge an encoder as SatDINO's authors do: kNN at four scales, on central crops.

    Returns
    -------
    dict
        `ProtocolScores` as plain values.

    Raises
    ------
    SettingsError
        For an encoder without a network, or an attribute that no annotation has.
    TooFewError
        If there are fewer than two classes, or no chips.
    """
    chips, settings = open_chips(view), view.settings.embed
    if chips is None:
        raise TooFewError("there are no chips to judge the encoder on", where="protocol")
    if attribute not in chips.properties:
        raise unknown_attribute_error(attribute, chips.properties.columns)
    encoder = registry.load_encoder(settings.encoder, settings, view.workspace.weights)
    if not isinstance(encoder, NetworkEncoder):
        raise SettingsError(
            f"the protocol shows chips at several scales, which {settings.encoder} cannot do",
            where="encoder",
            remedy="Name an encoder with a network, such as satdino-small-16.",
        )
    known, classes, labels = encode_classes(chips.properties[attribute].tolist())
    rows = np.flatnonzero(known)
    if len(classes) < 2:
        raise TooFewError(
            f"{len(classes)} class on {len(rows)} chips leaves nothing to compare",
            where=attribute,
            remedy="Choose an attribute with two classes or more.",
        )
    facts = chips.facts.iloc[rows]
    scenes, ids = facts["scene"].tolist(), facts["chip_id"].tolist()
    is_test, split = knn_protocol.split_test_chips(labels, scenes, ids)
    scalings = chips.fit_scalings(settings.sample)
    fitted = fit_encoder(encoder, chips, scalings, settings.sample)
    sides = [
        knn_protocol.scaled_side(chips.size, scale, encoder.step) for scale in knn_protocol.SCALES
    ]
    accuracies = []
    for n_judged, side in enumerate(sides, 1):
        chip_view = ChipView(int(side * knn_protocol.ENLARGED), side)
        encode = partial(encoder.encode_view, fitted=fitted, view=chip_view)
        vectors = encode_chips(chips, rows, scalings, encode)
        accuracies.append(knn_protocol.neighbour_accuracy(vectors, labels, is_test))
        report_step(report, n_judged, len(sides), f"{side} px")
    scores = ProtocolScores(
        protocol="satdino",
        encoder=settings.encoder,
        property=attribute,
        n_train=int((~is_test).sum()),
        n_test=int(is_test.sum()),
        n_classes=len(classes),
        n_missing=len(chips) - len(rows),
        accuracy=float(np.mean(accuracies)),
        scales=knn_protocol.SCALES,
        sides=tuple(sides),
        accuracies=tuple(accuracies),
        split=split,
    )
    return asdict(scores)
