"""SatDINO's published kNN evaluation, applied to the chips of a workspace."""

from functools import partial
from typing import Any

import numpy as np

from core.clusters.evaluation import knn_protocol
from core.clusters.evaluation.agreement import encode_classes
from core.embeddings import registry
from core.embeddings.encoding import encode_chips, fit_encoder
from core.embeddings.networks.network_encoder import NetworkEncoder
from core.embeddings.networks.resizing import ChipView
from core.errors import SettingsError, TooFewError
from core.pipeline.chip_stages import attribute_values, open_chips
from core.pipeline.view import View
from core.progress import Progress, report_step, silent

PROTOCOLS = ("satdino",)


def run_satdino_protocol(view: View, attribute: str, report: Progress = silent) -> dict[str, Any]:
    """Evaluate an encoder as SatDINO's authors do: kNN at four scales, on central crops.

    In the result, `n_train` chips vote, `n_test` chips are classified, and `n_missing` chips
    without the attribute are left out. `accuracy` is the share of correctly classified chips, 0..1,
    averaged over `scales`. `sides` is the chips' side in pixels at each scale, at least one step of
    the encoder, and `accuracies` the accuracy at each scale. `split` is a sentence that describes
    how the chips were split.

    Raises SettingsError for an encoder without a network or an attribute that no annotation has,
    and TooFewError if there are fewer than two classes, or no chips.
    """
    chips, settings = open_chips(view), view.settings.embed
    if chips is None:
        raise TooFewError("there are no chips to evaluate the encoder on", where="protocol")
    chips = chips.without_constant_bands()
    has_value, classes, labels = encode_classes(attribute_values(chips, attribute))
    encoder = registry.load_encoder(settings.encoder, settings, view.workspace.weights)
    if not isinstance(encoder, NetworkEncoder):
        raise SettingsError(
            f"the protocol needs several scales, which {settings.encoder} does not support",
            where="encoder",
            remedy="Choose an encoder with a network, such as satdino-small-16.",
        )
    rows = np.flatnonzero(has_value)
    if len(classes) < 2:
        raise TooFewError(
            f"{len(rows)} chips have {len(classes)} class, but at least 2 are needed",
            where=attribute,
            remedy="Choose an attribute with two classes or more.",
        )
    facts = chips.facts.iloc[rows]
    scenes, ids = facts["scene"].tolist(), facts["chip_id"].tolist()
    is_test, split = knn_protocol.split_test_chips(labels, scenes, ids)
    scalings = chips.fit_scalings(settings.sample)
    fitted, _ = fit_encoder(encoder, chips, scalings, settings.sample)
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
    return {
        "protocol": "satdino",
        "encoder": settings.encoder,
        "property": attribute,
        "n_train": int((~is_test).sum()),
        "n_test": int(is_test.sum()),
        "n_classes": len(classes),
        "n_missing": len(chips) - len(rows),
        "accuracy": float(np.mean(accuracies)),
        "scales": knn_protocol.SCALES,
        "sides": tuple(sides),
        "accuracies": tuple(accuracies),
        "split": split,
    }
