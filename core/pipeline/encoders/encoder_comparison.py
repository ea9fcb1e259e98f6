"""Compare encoders: each of them embeds the chips of a workspace and is scored."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.artifacts.formats import read_arrays, write_arrays
from core.artifacts.store import Artifact
from core.chips.chip_set import Outline
from core.chips.spatial_blocks import divide_into_blocks
from core.clusters.evaluation.held_out_votes import HeldOutVotes
from core.embeddings import registry
from core.embeddings.descriptors import colour
from core.embeddings.encoder import encoder_input_side
from core.embeddings.joined_encoder import part_names, single_file_error
from core.errors import SettingsError, TooFewError, unknown_attribute_error
from core.pipeline.chip_stages import open_chips
from core.pipeline.embedding_stages import embedding_artifacts, fit_inputs, join_embeddings
from core.pipeline.encoders.encoder_scores import HELD_OUT, EncoderScores, score_encoder
from core.pipeline.run import Reporter
from core.pipeline.run_stages import find_artifacts, make_artifacts, with_settings
from core.pipeline.stage import Stage
from core.pipeline.view import View
from core.pipeline.workspace import Workspace
from core.progress import Progress, report_step, silent
from core.settings import EmbedSettings

# Every comparison includes this encoder: one that is not better adds nothing to plain colours.
CONTROL = colour.CARD.name


@dataclass(frozen=True)
class ScoredEncoder:
    """One encoder's scores against a class attribute.

    Attributes
    ----------
    encoder, property : str
    scores : EncoderScores
    input_size : int or None
        Side in pixels at which the encoder reads the chips; None if it reads other data.
    normalisation : str
        Where the statistics come from that normalise the pixels or features: "chips" (these
        chips), "weights" (those used in training), "none", or several joined by " + ".
    seconds : float
        Time for fitting and encoding. If the work was interrupted and resumed, only the time of
        the last part is counted.
    chips_per_second : float or None
        Chips divided by seconds; None if the time was too short to measure.
    cached : bool
        True if nothing was computed.
    """

    encoder: str
    property: str
    scores: EncoderScores
    input_size: int | None
    normalisation: str
    seconds: float
    chips_per_second: float | None
    cached: bool

    def as_table(self) -> dict[str, Any]:
        """Return the scores and the other fields as one table of plain values."""
        table = {**vars(self.scores), **vars(self), "is_control": self.encoder == CONTROL}
        scores = self.scores
        table.update(notes=list(scores.notes), cluster_notes=list(scores.cluster_notes))
        return {name: table[name] for name in table if name not in ("scores", "votes")}


@dataclass(frozen=True)
class _Comparison:
    """The embeddings that are scored, and the attribute they are scored against."""

    view: View
    artifacts: tuple[Artifact, ...]
    attribute: str


def _inputs(comparison: _Comparison) -> dict[str, Any]:
    settings = comparison.view.settings
    tables = {name: dataclasses.asdict(getattr(settings, name)) for name in ("gmm", "tree", "cut")}
    return {
        "embeddings": [artifact.key for artifact in comparison.artifacts[1:]],
        "property": comparison.attribute,
        "n_dims": settings.reduction.n_dims,
        "settings": tables,
    }


def _score(comparison: _Comparison, folder: Path, _: Progress) -> dict[str, Any]:
    chips, view = open_chips(comparison.view), comparison.view
    if chips is None:
        raise TooFewError("there are no chips to score", where="encoders")
    scores = score_encoder(
        join_embeddings(comparison.artifacts[1:]),
        chips.properties[comparison.attribute].tolist(),
        chips.facts["scene"].tolist(),
        divide_into_blocks(chips.facts),
        comparison.attribute,
        view.settings,
    )
    votes = scores.votes
    groups = {f"{held_out}-groups": votes[held_out].groups for held_out in HELD_OUT}
    correct = {f"{held_out}-correct": votes[held_out].correct for held_out in HELD_OUT}
    codes, in_sample = votes[HELD_OUT[0]].codes, votes[HELD_OUT[0]].in_sample
    sample = {} if in_sample is None else {"in_sample": in_sample}
    write_arrays(folder / "votes", {"codes": codes, **groups, **correct, **sample})
    settings = view.settings.embed
    encoder = registry.load_encoder(settings.encoder, settings, view.workspace.weights)
    plain = {name: value for name, value in vars(scores).items() if name != "votes"}
    return {"input_size": encoder_input_side(encoder, chips.size), "scores": plain}


def _open_scores(artifact: Artifact) -> EncoderScores:
    table: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in artifact.counts["scores"].items()
    }
    arrays = read_arrays(artifact.folder / "votes")
    sample = arrays.get("in_sample")
    votes = {
        held_out: HeldOutVotes(
            arrays["codes"],
            arrays[f"{held_out}-groups"],
            np.asarray(arrays[f"{held_out}-correct"], np.bool_),
            None if sample is None else np.asarray(sample, np.bool_),
        )
        for held_out in HELD_OUT
    }
    return EncoderScores(**table, votes=votes)


# Version 2: votes, scores across blocks of ground, intervals, and the input size. Version 3: notes
# of the clusterings are kept apart, with the method.
COMPARISON: Stage[_Comparison, EncoderScores] = Stage(
    "comparisons", 3, _inputs, _score, _open_scores
)


def scoring_notes(scored: Sequence[ScoredEncoder], title: Callable[[str], str] = str) -> list[str]:
    """Return the notes of all encoders, each once; those on clusters start with the encoder.

    `title` returns what to write for the name of an encoder.
    """
    shared = dict.fromkeys(note for encoder in scored for note in encoder.scores.notes)
    return [
        *shared,
        *(
            f"{title(encoder.encoder)}, {note}"
            for encoder in scored
            for note in encoder.scores.cluster_notes
        ),
    ]


def describe_normalisation(settings: EmbedSettings, encoder: str) -> str:
    """Return whose statistics normalise the input; see `ScoredEncoder.normalisation`."""
    words = []
    for card in map(registry.encoder_card, part_names(encoder)):
        of_chips = card.learns or (card.mean and settings.statistics == "data")
        words.append("chips" if of_chips else "weights" if card.mean else "none")
    return " + ".join(dict.fromkeys(words))


def settings_for(settings: EmbedSettings, encoder: str) -> EmbedSettings:
    """Return the settings for another encoder that is compared with the chosen one.

    A weight file is used only for the chosen encoder, alone or joined with encoders that need no
    weights; a folder of weights is used for all encoders.
    """
    is_folder = settings.weights and Path(settings.weights).expanduser().is_dir()
    needing = registry.encoders_needing_weights
    shared = bool(is_folder) or needing(encoder) == needing(settings.encoder)
    weights = settings.weights if shared else ""
    return dataclasses.replace(settings, encoder=encoder, weights=weights)


def with_weights_owner(settings: EmbedSettings, encoders: Sequence[str]) -> EmbedSettings:
    """Return the settings with the encoder that needs the weight file as the chosen encoder.

    The settings are unchanged if no file is set, or if the chosen encoder needs weights itself.
    Raises SettingsError if more than one of the encoders needs weights, but only one file is set.
    """
    file, needing = settings.weights, registry.encoders_needing_weights
    if not file or Path(file).expanduser().is_dir() or needing(settings.encoder):
        return settings
    owners = list(dict.fromkeys(part for name in encoders for part in needing(name)))
    if len(owners) > 1:
        raise single_file_error(owners)
    return dataclasses.replace(settings, encoder=owners[0]) if owners else settings


def count_fitted_scenes(workspace: Workspace, chips: Outline, settings: EmbedSettings) -> int:
    """Return the number of the chips' scenes that the encoder is fitted to.

    Scenes that were added later are not counted, because the fit is kept until
    `EmbedSettings.refit` requests a new one.
    """
    return len(fit_inputs(workspace, chips, settings)["chips"])


def ready_encoders(workspace: Workspace, settings: EmbedSettings) -> list[str]:
    """Return the names of the encoders that can run now, without any download."""
    names = [card.name for card in registry.encoder_cards()]
    return [
        name
        for name in names
        if registry.check_readiness(name, settings_for(settings, name), workspace.weights).ready
    ]


def compare_encoders(
    view: View, encoders: Sequence[str], attribute: str, reporter: Reporter = lambda _: silent
) -> list[ScoredEncoder]:
    """Score each encoder on the chips of a view; existing results are not computed again.

    The control, `CONTROL`, is scored last, unless it is listed.

    Raises, before anything is computed, SettingsError for an unknown encoder, an encoder listed
    twice or an attribute that no annotation has, and WeightsError if weights are missing.
    """
    if not encoders or len(set(encoders)) < len(encoders):
        raise SettingsError(
            "no encoder is listed, or one is listed twice",
            where="encoders",
            remedy="List each encoder once, for example texture,colour.",
        )
    chips = open_chips(view)
    attributes = [] if chips is None else list(map(str, chips.properties.columns))
    if attribute not in attributes:
        raise unknown_attribute_error(attribute, attributes)
    if CONTROL not in encoders:
        encoders = [*encoders, CONTROL]
    views = [_with_encoder(view, encoder) for encoder in encoders]
    for encoder, other in zip(encoders, views, strict=True):
        settings, checksum = other.settings.embed, view.workspace.checksums.of
        registry.encoder_identity(encoder, settings, view.workspace.weights, checksum)
    scored = []
    with view.workspace.store.in_use():
        for position, (encoder, other) in enumerate(zip(encoders, views, strict=True), 1):
            artifacts = make_artifacts(other, embedding_artifacts, reporter("embeddings"))
            comparison = _Comparison(other, tuple(artifacts), attribute)
            scores = COMPARISON.make(view.workspace.store, comparison)
            cached = all(artifact.cached for artifact in (*artifacts, scores))
            scored.append(_scored_encoder(comparison, scores, cached=cached))
            report_step(reporter("comparison"), position, len(encoders), encoder)
    return scored


def find_scored_encoder(view: View, encoder: str, attribute: str) -> ScoredEncoder | None:
    """Return the stored scores of an encoder; None if it is not ready or was not compared."""
    other = _with_encoder(view, encoder)
    readiness = registry.check_readiness(encoder, other.settings.embed, view.workspace.weights)
    if not readiness.ready or not view.has("chips"):
        return None
    artifacts = find_artifacts(other, embedding_artifacts)
    if not artifacts:
        return None
    comparison = _Comparison(other, tuple(artifacts), attribute)
    scores = COMPARISON.find(view.workspace.store, comparison)
    return _scored_encoder(comparison, scores, cached=True) if scores else None


def _with_encoder(view: View, encoder: str) -> View:
    return with_settings(view, embed=settings_for(view.settings.embed, encoder))


def _scored_encoder(comparison: _Comparison, scores: Artifact, *, cached: bool) -> ScoredEncoder:
    seconds = sum(float(artifact.manifest["seconds"]) for artifact in comparison.artifacts)
    embed = comparison.view.settings.embed
    n_chips = sum(int(artifact.counts["chips"]) for artifact in comparison.artifacts[1:])
    return ScoredEncoder(
        embed.encoder,
        comparison.attribute,
        COMPARISON.open(scores),
        int(scores.counts["input_size"]) or None,
        describe_normalisation(embed, embed.encoder),
        round(seconds, 3),
        round(n_chips / seconds, 1) if seconds > 0 else None,
        cached,
    )
