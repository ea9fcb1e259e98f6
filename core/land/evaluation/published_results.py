"""Published results on official test sets, and whether patches are one of these sets."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.land.evaluation.scorers import SCORER_TITLES, ScorerName

_FLAIR_1 = "Garioud et al. (2022), arXiv:2211.12979"
_FLAIR_2 = "Garioud et al. (2023), arXiv:2310.13336"
_HUB = "Garioud et al. (2025), arXiv:2506.07080"


@dataclass(frozen=True)
class PublishedResult:
    """A published mIoU, 0..1, with its source and the number of published decimals."""

    name: str
    miou: float
    source: str
    digits: int = 4

    def __str__(self) -> str:
        return f"{self.name} {self.miou:.{self.digits}f}"


@dataclass(frozen=True)
class OfficialTest:
    """An official test set, the results published for it, and the scorer they were computed with.

    Attributes
    ----------
    departments : frozenset of str
        The first part of the domains' names, such as D012.
    """

    name: str
    n_patches: int
    departments: frozenset[str]
    scorer: ScorerName
    results: tuple[PublishedResult, ...]


def _departments(numbers: str) -> frozenset[str]:
    return frozenset(f"D{number}" for number in numbers.split())


# The domains of the test sets are listed in the cards of IGNF/FLAIR-1-2 and IGNF/FLAIR-HUB
# (Hugging Face), the last as `split_flairhub`. FLAIR-HUB publishes percent with one digit.
OFFICIAL_TESTS = (
    OfficialTest(
        "FLAIR #1",
        15_700,
        _departments("012 022 026 064 068 071 075 076 083 085"),
        "flair",
        (
            PublishedResult("U-Net", 0.5443, _FLAIR_1),
            PublishedResult("U-Net with metadata", 0.5570, _FLAIR_1),
            PublishedResult("challenge winner", 0.6592, "final ranking of the FLAIR #1 challenge"),
        ),
    ),
    OfficialTest(
        "FLAIR #2",
        16_050,
        _departments("015 022 026 036 061 064 068 069 071 084"),
        "flair",
        (
            PublishedResult("U-Net", 0.5470, _FLAIR_2),
            PublishedResult("U-T&T", 0.5594, _FLAIR_2),
            PublishedResult("U-T&T, best", 0.5758, _FLAIR_2),
            PublishedResult("challenge winner", 0.6413, "final ranking of the FLAIR #2 challenge"),
        ),
    ),
    OfficialTest(
        "FLAIR-HUB",
        50_700,
        _departments("012 015 022 026 036 061 064 068 069 071 073 075 076 083 084 085"),
        "flair-hub",
        (
            PublishedResult("aerial images", 0.641, f"{_HUB}, configuration LC-A", 3),
            PublishedResult("best, nearly all inputs", 0.658, f"{_HUB}, configuration LC-L", 3),
        ),
    ),
)


def find_official_test(domains: Sequence[str], scorer: ScorerName) -> OfficialTest | None:
    """Return the official test set that patches are, or None.

    `domains` contains the domain of each patch. Published results are comparable only if the set
    is complete and `scorer` is theirs.
    """
    departments = frozenset(domain[:4] for domain in domains)
    for test in OFFICIAL_TESTS:
        if (test.n_patches, test.departments, test.scorer) == (len(domains), departments, scorer):
            return test
    return None


def describe_published_results() -> str:
    """State the published results of all test sets, for users who cannot compare with them."""
    sets = "; ".join(
        f"{test.name}: {', '.join(map(str, test.results))} ({SCORER_TITLES[test.scorer]})"
        for test in OFFICIAL_TESTS
    )
    return f"Published scores apply to the complete official test sets only: {sets}."
