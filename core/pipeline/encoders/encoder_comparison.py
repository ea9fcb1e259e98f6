"""Several encoders on the chips of a workspace: each embeds them, each is scored."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.artifacts.store import Artifact
from core.chips.chip_set import Outline
from core.embeddings import registry
from core.embeddings.joined_encoder import single_file_error
from core.errors import SettingsError, TooFewError, unknown_attribute_error
from core.pipeline.chip_stages import open_chips
from core.pipeline.embedding_stages import embedding_artifacts, fit_inputs, join_embeddings
from core.pipeline.encoders.encoder_scores import EncoderScores, score_encoder
from core.pipeline.run import Reporter
from core.pipeline.run_stages import find_artifacts, make_artifacts, with_settings
from core.pipeline.stage import Stage
from core.pipeline.view import View
from core.pipeline.workspace import Workspace
from core.progress import Progress, report_step, silent
from core.settings import EmbedSettings


@dataclass(frozen=True)
class ScoredEncoder:
    """One encoder's scores against a class attribute.

    Attributes
    ----------
    encoder, property : str
    scores : EncoderScores
    seconds : float
        What fitting and encoding took when they ran; for a run that was killed and resumed, its
        last part.
    cached : bool
        True if nothing was computed.
    """

    encoder: str
    property: str
    scores: EncoderScores
    seconds: float
    cached: bool

    def as_table(self) -> dict[str, Any]:
        """As plain values in one table."""
        table = dataclasses.asdict(self)
        return {**table.pop("scores"), **table, "notes": list(self.scores.notes)}


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


def _score(comparison: _Comparison, _: Path, __: Progress) -> dict[str, Any]:
    chips = open_chips(comparison.view)
    if chips is None:
        raise TooFewError("there are no chips to score", where="encoders")
    scores = score_encoder(
        join_embeddings(comparison.artifacts[1:]),
        chips.properties[comparison.attribute].tolist(),
        chips.facts["scene"].tolist(),
        comparison.attribute,
        comparison.view.settings,
    )
    return dataclasses.asdict(scores)


COMPARISON: Stage[_Comparison, EncoderScores] = Stage(
    name="comparisons",
    version=1,
    inputs=_inputs,
    compute=_score,
    open=lambda artifact: EncoderScores(
        **{**artifact.counts, "notes": tuple(artifact.counts["notes"])}
    ),
)


def settings_for(settings: EmbedSettings, encoder: str) -> EmbedSettings:
    """Return the settings under which another encoder runs next to the chosen one.

    A weight file belongs to the chosen encoder, alone or joined with one that needs no weights,
    and to no other; a folder of weights serves all encoders.
    """
    is_folder = settings.weights and Path(settings.weights).expanduser().is_dir()
    needing = registry.encoders_needing_weights
    shared = bool(is_folder) or needing(encoder) == needing(settings.encoder)
    weights = settings.weights if shared else ""
    return dataclasses.replace(settings, encoder=encoder, weights=weights)


def with_weights_owner(settings: EmbedSettings, encoders: Sequence[str]) -> EmbedSettings:
    """Return the settings with the encoder chosen to which the weight file belongs.

    They stay as they are if no file is set, or if the chosen encoder needs weights itself.

    Raises
    ------
    SettingsError
        If more than one of the encoders needs weights, but only one file is set.
    """
    file, needing = settings.weights, registry.encoders_needing_weights
    if not file or Path(file).expanduser().is_dir() or needing(settings.encoder):
        return settings
    owners = list(dict.fromkeys(part for name in encoders for part in needing(name)))
    if len(owners) > 1:
        raise single_file_error(owners)
    return dataclasses.replace(settings, encoder=owners[0]) if owners else settings


def count_fitted_scenes(workspace: Workspace, chips: Outline, settings: EmbedSettings) -> int:
    """Return how many of the scenes that the chips come from the encoder is fitted to.

    Fewer than all if scenes were added later: the fit is kept until `EmbedSettings.refit` asks for
    a new one.
    """
    return len(fit_inputs(workspace, chips, settings)["chips"])


def ready_encoders(workspace: Workspace, settings: EmbedSettings) -> list[str]:
    """Return the names of the encoders that could run now, without any download."""
    names = [card.name for card in registry.encoder_cards()]
    return [
        name
        for name in names
        if registry.check_readiness(name, settings_for(settings, name), workspace.weights).ready
    ]


def compare_encoders(
    view: View, encoders: Sequence[str], attribute: str, reporter: Reporter = lambda _: silent
) -> list[ScoredEncoder]:
    """Embed the chips with each encoder and score it; what is there is not computed again.

    Raises
    ------
    SettingsError
        For an unknown encoder, an encoder named twice, or an attribute that no annotation has.
    WeightsError
        If weights are missing; before anything is computed.
    """
    if not encoders or len(set(encoders)) < len(encoders):
        raise SettingsError(
            "no encoder is named, or one of them twice",
            where="encoders",
            remedy="Write them as texture,rcf.",
        )
    require_attribute(view, attribute)
    views = [_with_encoder(view, encoder) for encoder in encoders]
    for encoder, other in zip(encoders, views, strict=True):
        registry.encoder_identity(encoder, other.settings.embed, view.workspace.weights)
    scored = []
    for position, (encoder, other) in enumerate(zip(encoders, views, strict=True), 1):
        artifacts = make_artifacts(other, embedding_artifacts, reporter("embeddings"))
        comparison = _Comparison(other, tuple(artifacts), attribute)
        scores = COMPARISON.make(view.workspace.store, comparison)
        cached = all(artifact.cached for artifact in (*artifacts, scores))
        scored.append(_scored_encoder(comparison, scores, cached=cached))
        report_step(reporter("comparison"), position, len(encoders), encoder)
    return scored


def find_scored_encoder(view: View, encoder: str, attribute: str) -> ScoredEncoder | None:
    """Return the scores of an encoder that is ready, or None if it was not compared."""
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


def require_attribute(view: View, attribute: str) -> None:
    """Refuse an attribute that no annotation has.

    Raises
    ------
    SettingsError
        With the attributes there are.
    """
    chips = open_chips(view)
    known = [] if chips is None else list(map(str, chips.properties.columns))
    if attribute not in known:
        raise unknown_attribute_error(attribute, known)


def _with_encoder(view: View, encoder: str) -> View:
    return with_settings(view, embed=settings_for(view.settings.embed, encoder))


def _scored_encoder(comparison: _Comparison, scores: Artifact, *, cached: bool) -> ScoredEncoder:
    seconds = sum(float(artifact.manifest["seconds"]) for artifact in comparison.artifacts)
    encoder = comparison.view.settings.embed.encoder
    return ScoredEncoder(
        encoder, comparison.attribute, COMPARISON.open(scores), round(seconds, 3), cached
    )
