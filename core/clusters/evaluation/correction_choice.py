"""The choice of a correction of a confounder from the measured effects."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from core.clusters.evaluation.corrections import CORRECTIONS, CorrectionEffect

# The confounders whose share is measured, as they are written in a sentence.
_MEASURED = {"scene": "the scene", "brightness": "brightness", "sharpness": "sharpness"}


@dataclass(frozen=True)
class CorrectionChoice:
    """The best of the compared corrections.

    Attributes
    ----------
    name : str
        Empty if no correction is better than the current settings.
    sentence : str
        The measures of the best correction, or the statement that none is better.
    """

    name: str
    sentence: str


def choose_correction(
    effects: Sequence[CorrectionEffect], attribute: str, harmful: Collection[str] = ()
) -> CorrectionChoice:
    """Choose the correction with the best agreement with the class attribute, by its AMI.

    Without an attribute, or if no agreement can be measured, the choice is the correction that most
    lowers the share of its confounder without lowering the stability of the clusters. Values are
    compared as they are displayed, with two decimals.

    Parameters
    ----------
    effects : sequence of CorrectionEffect
        The first is that of the current settings.
    attribute : str
        The class attribute; empty for none.
    harmful : collection of str
        Names of corrections that are not chosen; see
        `core.clusters.evaluation.corrections.harmful_corrections`.
    """
    before, *candidates = effects
    candidates = [effect for effect in candidates if effect.name not in harmful]
    if not candidates:
        return CorrectionChoice("", "There is no correction to choose from.")
    if attribute and before.ami is not None:
        return _best_agreement(before, candidates, attribute)
    return _lowest_share(before, candidates)


def _best_agreement(
    before: CorrectionEffect, candidates: Sequence[CorrectionEffect], attribute: str
) -> CorrectionChoice:
    def rank(effect: CorrectionEffect) -> tuple[float, float]:
        return _rounded(effect.ami), _lowering(before, effect)

    best = max(candidates, key=rank)
    if _rounded(best.ami) <= _rounded(before.ami):
        return CorrectionChoice(
            "", f"No correction raises the agreement with {attribute!r} (AMI {before.ami:.2f})."
        )
    sentence = (
        f"{best.title} gives the best agreement with {attribute!r} (AMI {best.ami:.2f} instead of "
        f"{before.ami:.2f})"
    )
    phrase = _describe_share(before, best)
    return CorrectionChoice(best.name, f"{sentence} and {phrase}." if phrase else f"{sentence}.")


def _lowest_share(
    before: CorrectionEffect, candidates: Sequence[CorrectionEffect]
) -> CorrectionChoice:
    stable = [item for item in candidates if _rounded(item.stability) >= _rounded(before.stability)]
    best = max(stable, key=lambda effect: _lowering(before, effect), default=None)
    if best is None or _lowering(before, best) <= 0:
        return CorrectionChoice(
            "", "No correction lowers the share of its confounder and keeps the clusters as stable."
        )
    sentence = f"{best.title} {_describe_share(before, best)}"
    if before.stability is None or best.stability is None:
        return CorrectionChoice(best.name, f"{sentence}.")
    stability = f"stability {best.stability:.2f} instead of {before.stability:.2f}"
    return CorrectionChoice(
        best.name, f"{sentence}, with clusters at least as stable ({stability})."
    )


def _describe_share(before: CorrectionEffect, effect: CorrectionEffect) -> str:
    """Return a phrase on the share of the confounder; empty if it was not measured."""
    fact = _confounder(effect)
    first, last = (getattr(item, fact, None) for item in (before, effect))
    if first is None or last is None:
        return ""
    share = f"the information that clusters share with {_MEASURED[fact]}"
    lowering = _lowering(before, effect)
    if lowering == 0:
        return f"does not change {share} ({first:.2f})"
    return f"{'lowers' if lowering > 0 else 'raises'} {share} from {first:.2f} to {last:.2f}"


def _lowering(before: CorrectionEffect, effect: CorrectionEffect) -> float:
    """Return by how much the share of the confounder falls; 0 if it was not measured."""
    fact = _confounder(effect)
    first, last = (getattr(item, fact, None) for item in (before, effect))
    return 0.0 if first is None or last is None else round(first, 2) - round(last, 2)


def _confounder(effect: CorrectionEffect) -> str:
    """Return the measured confounder that a correction is meant to remove; empty for none."""
    causes = next(item.causes for item in CORRECTIONS if item.name == effect.name)
    return next((cause for cause in causes if cause in _MEASURED), "")


def _rounded(value: float | None) -> float:
    return float("-inf") if value is None else round(value, 2)
