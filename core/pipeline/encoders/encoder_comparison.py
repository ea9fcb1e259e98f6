"""Encoders side by side on the chips of a workspace: each embeds them, each is scored."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.artifacts.store import Artifact, Step
from core.chips.chip_set import ChipSet, Outline
from core.embeddings import registry
from core.embeddings.joined_encoder import one_file
from core.embeddings.readiness import readiness
from core.errors import SettingsError, TooFewError
from core.pipeline import chip_stages
from core.pipeline.encoders.encoder_scores import EncoderScores, scores_of
from core.pipeline.run import Reporter, Run, run
from core.pipeline.workspace import Workspace
from core.progress import silent, step
from core.settings import EmbedSettings, RunSettings

COMPARISON_VERSION = 1


@dataclass(frozen=True)
class Compared:
    """One encoder's scores against a property.

    Attributes
    ----------
    encoder, property : str
    scores : EncoderScores
    seconds : float
        That fitting and encoding took when they ran; of a run that was killed and went on, the
        last part.
    cached : bool
        True where nothing was computed for it.
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


def cut_chips(
    workspace: Workspace, settings: RunSettings, reporter: Reporter
) -> tuple[Run, ChipSet]:
    """Run as far as the chips."""
    done = run(workspace, settings, reporter, "chips")
    if done.chips is None:
        raise TooFewError("there are no chips to embed", where="encoders")
    return done, done.chips


def settings_for(settings: EmbedSettings, encoder: str) -> EmbedSettings:
    """The settings under which another encoder runs beside the chosen one.

    A weight file is that of the chosen encoder and of no other, alone or joined with one that
    needs none; a folder serves all.
    """
    folder = settings.weights and Path(settings.weights).expanduser().is_dir()
    shared = bool(folder) or registry.needing(encoder) == registry.needing(settings.encoder)
    return dataclasses.replace(
        settings, encoder=encoder, weights=settings.weights if shared else ""
    )


def with_owner(settings: EmbedSettings, names: Sequence[str]) -> EmbedSettings:
    """The settings with the encoder chosen whose weight file is given, if the chosen needs none.

    Raises
    ------
    SettingsError
        If more than one of the named encoders needs weights, and one file is given.
    """
    given = settings.weights
    if not given or Path(given).expanduser().is_dir() or registry.needing(settings.encoder):
        return settings
    lacking = list(dict.fromkeys(part for name in names for part in registry.needing(name)))
    if len(lacking) > 1:
        raise one_file(lacking)
    return dataclasses.replace(settings, encoder=lacking[0]) if lacking else settings


def learnt_from(workspace: Workspace, chips: Outline, settings: EmbedSettings) -> int:
    """How many of the scenes that the chips come from the chosen encoder learns from.

    Fewer than there are where scenes were added since: what was learnt before them is kept, until
    `EmbedSettings.refit` asks for it anew.
    """
    fit = chip_stages.embedding_fit(workspace, chips, settings)
    return len(fit.inputs["chips"])


def ready_encoders(workspace: Workspace, settings: EmbedSettings) -> list[str]:
    """The names of the encoders that could run now, without any download."""
    return [
        card.name
        for card in registry.cards()
        if readiness(card.name, settings_for(settings, card.name), workspace.weights).ready
    ]


def compare_encoders(
    workspace: Workspace,
    chip_set: ChipSet,
    settings: RunSettings,
    encoders: Sequence[str],
    property_name: str,
    reporter: Reporter = lambda _: silent,
) -> list[Compared]:
    """Embed the chips with each encoder and score it; what is there is not computed again.

    Raises
    ------
    SettingsError
        For an unknown encoder, one named twice, or a property that no annotation has.
    WeightsError
        If the weights of one cannot be had; before anything is computed.
    """
    if not encoders or len(set(encoders)) < len(encoders):
        raise SettingsError(
            "no encoder is named, or one of them twice",
            where="encoders",
            remedy="Write them as texture,rcf.",
        )
    require_property(chip_set, property_name)
    for encoder in encoders:
        chosen = settings_for(settings.embed, encoder)
        registry.identity(encoder, chosen, workspace.weights)
    found = []
    for at, encoder in enumerate(encoders):
        found.append(_compare(workspace, chip_set, settings, encoder, property_name, reporter))
        step(reporter("comparison"), at + 1, len(encoders), encoder)
    return found


def find_compared(
    workspace: Workspace,
    chip_set: ChipSet,
    settings: RunSettings,
    encoder: str,
    property_name: str,
) -> Compared | None:
    """What `compare_encoders` gave for an encoder that is ready, None where it was not asked."""
    chosen = settings_for(settings.embed, encoder)
    if not readiness(encoder, chosen, workspace.weights).ready:
        return None
    outline = chip_set.outline
    fit = chip_stages.embedding_fit(workspace, outline, chosen)
    steps = chip_stages.embeddings_steps(outline, fit)
    found = [workspace.store.find(one) for one in (fit, *steps)]
    made = [artifact for artifact in found if artifact]
    if len(made) < len(found):
        return None
    scored = workspace.store.find(_comparison_step(made, settings, property_name))
    return _opened(encoder, property_name, made, scored, cached=True) if scored else None


def require_property(chip_set: ChipSet, name: str) -> None:
    """Refuse a property that no annotation has.

    Raises
    ------
    SettingsError
        With those there are.
    """
    if name not in chip_set.properties:
        known = ", ".join(map(str, chip_set.properties.columns)) or "none"
        raise SettingsError(
            f"no annotation has a property {name!r}",
            where="property",
            remedy=f"Properties there are: {known}.",
        )


def _compare(
    workspace: Workspace,
    chip_set: ChipSet,
    settings: RunSettings,
    encoder: str,
    property_name: str,
    reporter: Reporter,
) -> Compared:
    chosen = settings_for(settings.embed, encoder)
    matrix, made = chip_stages.embeddings(workspace, chip_set, chosen, reporter("embeddings"))

    def compute_scores(_: Path) -> Mapping[str, Any]:
        truth = chip_set.properties[property_name].tolist()
        scenes = chip_set.facts["scene"].tolist()
        return dataclasses.asdict(scores_of(matrix, truth, scenes, property_name, settings))

    wanted = _comparison_step(made, settings, property_name)
    scored = workspace.store.make(wanted, compute_scores)
    cached = all(artifact.cached for artifact in (*made, scored))
    return _opened(encoder, property_name, made, scored, cached=cached)


def _comparison_step(made: Sequence[Artifact], settings: RunSettings, property_name: str) -> Step:
    """The scores of these embeddings; the key holds what `scores_of` looks at."""
    used = {name: dataclasses.asdict(getattr(settings, name)) for name in ("gmm", "tree", "cut")}
    inputs = {
        "embeddings": [artifact.key for artifact in made[1:]],
        "property": property_name,
        "n_dims": settings.reduction.n_dims,
        "settings": used,
    }
    return Step("comparisons", COMPARISON_VERSION, inputs)


def _opened(
    encoder: str, property_name: str, made: Sequence[Artifact], scored: Artifact, *, cached: bool
) -> Compared:
    counts = scored.counts
    scores = EncoderScores(**{**counts, "notes": tuple(counts["notes"])})
    seconds = sum(float(artifact.manifest["seconds"]) for artifact in made)
    return Compared(encoder, property_name, scores, round(seconds, 3), cached)
