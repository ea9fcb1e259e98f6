"""Whether the best of several encoders is really better than the second, and than the control."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from core.clusters.evaluation.bootstrap import (
    MIN_GROUPS,
    Interval,
    count_groups,
    difference_interval,
)
from core.pipeline.encoders.encoder_comparison import CONTROL, ScoredEncoder
from core.pipeline.encoders.encoder_scores import HELD_OUT


@dataclass(frozen=True)
class EncoderDifference:
    """The balanced accuracy of one encoder minus that of another on the same chips.

    Attributes
    ----------
    encoder, other : str
        `encoder` has the higher score, or the same.
    held_out : str
        What was held out of the vote and drawn for the interval: "scenes", "blocks" or "chips".
    difference : float
        Not negative.
    interval : pair of float, or None
        95 % interval of the difference; None if there are too few groups.
    n_groups : int
        Number of scenes, blocks or chips that are counted.
    """

    encoder: str
    other: str
    held_out: str
    difference: float
    interval: Interval | None
    n_groups: int

    @property
    def is_clear(self) -> bool:
        """True if the interval excludes zero."""
        return self.interval is not None and self.interval[0] > 0

    def describe(self, title: Callable[[str], str] = str) -> str:
        """Return the difference as one sentence; `title` maps an encoder's name to its title."""
        first, second = title(self.encoder), title(self.other)
        where = f"across {self.n_groups} {self.held_out}"
        if self.interval is None:
            return (
                f"It is not known whether {first} is better than {second}: the difference is "
                f"{self.difference:.2f} {where}, and an interval needs at least {MIN_GROUPS}."
            )
        # With two digits, a lower limit that is not 0 could be displayed as 0.00.
        digits = 3 if 0 < self.interval[0] < 0.005 else 2
        size = _format(self.difference, digits)
        limits = " to ".join(_format(limit, digits) for limit in self.interval)
        basis = f"95 % interval {limits}, {where}"
        if self.is_clear:
            return f"{first} is better than {second} by {size} ({basis})."
        return (
            f"The data cannot tell {first} and {second} apart: the difference is {size} ({basis})."
        )


def compare_best(scored: Sequence[ScoredEncoder]) -> list[EncoderDifference]:
    """Return the difference between the best and the second, then between the best and the control.

    All are compared by the fairest test with enough groups for an interval: scenes are held out,
    otherwise blocks of ground, otherwise chips. The control is not a candidate. The first
    difference needs two candidates, the second needs one and the control.
    """
    candidates = [row for row in scored if row.encoder != CONTROL]
    if not candidates:
        return []
    held_out = _fairest_test(candidates[0])
    best, *rivals = sorted(candidates, key=lambda row: -_accuracy(row, held_out))
    controls = [row for row in scored if row.encoder == CONTROL]
    return [_difference(best, rival, held_out) for rival in (*rivals[:1], *controls)]


def as_tables(differences: Sequence[EncoderDifference]) -> list[dict[str, Any]]:
    """Return the differences as tables of plain values, with their sentences."""
    return [
        {**vars(difference), "is_clear": difference.is_clear, "sentence": difference.describe()}
        for difference in differences
    ]


def _fairest_test(row: ScoredEncoder) -> str:
    votes = row.scores.votes
    for held_out in reversed(HELD_OUT):
        if count_groups(votes[held_out]) >= MIN_GROUPS:
            return held_out
    # Too few for any interval: chips, of which at least one is counted.
    return HELD_OUT[0]


def _accuracy(row: ScoredEncoder, held_out: str) -> float:
    return float(row.scores.votes[held_out].accuracy or 0.0)


def _difference(row: ScoredEncoder, other: ScoredEncoder, held_out: str) -> EncoderDifference:
    first, second = sorted((row, other), key=lambda item: -_accuracy(item, held_out))
    votes, other_votes = first.scores.votes[held_out], second.scores.votes[held_out]
    return EncoderDifference(
        first.encoder,
        second.encoder,
        held_out,
        _accuracy(first, held_out) - _accuracy(second, held_out),
        difference_interval(votes, other_votes),
        count_groups(votes),
    )


def _format(value: float, digits: int) -> str:
    """Return a number with a true minus sign; a rounded zero has none."""
    rounded = round(value, digits)
    return f"{abs(rounded):.{digits}f}" if rounded >= 0 else f"\u2212{-rounded:.{digits}f}"
