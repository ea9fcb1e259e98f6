from pathlib import Path

import pytest

from core.errors import TooFewError
from core.flair.data.dataset import Dataset, Patch
from core.flair.evaluation.protocols import folds


def dataset(*places):
    """Patches from (split, domain)."""
    made = [
        Patch(f"{i:06d}", split, domain, "Z1", Path("i"), Path("m"), None, None, None)
        for i, (split, domain) in enumerate(places)
    ]
    return Dataset(Path(), tuple(made), ())


FOUR = dataset(*[("train", d) for d in "AACBBB"], ("test", "D"))


def test_folds__domains_teach_or_judge_never_both():
    for n in (2, 3, 9):
        made = folds(FOUR, "domains", n)
        assert len(made) == min(n, 3)
        judged = [i for fold in made for i in fold.judged]
        assert sorted(judged) == [0, 1, 2, 3, 4, 5]
        for fold in made:
            domains = [{FOUR.patches[i].domain for i in part} for part in (fold.train, fold.judged)]
            assert not domains[0] & domains[1]
            assert sorted(fold.train + fold.judged) == [0, 1, 2, 3, 4, 5]


def test_folds__domains_are_dealt_evenly():
    assert [len(fold.judged) for fold in folds(FOUR, "domains", 2)] == [3, 3]


def test_folds__the_others():
    assert folds(FOUR, "patches")[0].train == folds(FOUR, "patches")[0].judged
    (official,) = folds(FOUR, "test")
    assert (official.train, official.judged) == ((0, 1, 2, 3, 4, 5), (6,))


def test_folds__impossible():
    with pytest.raises(TooFewError, match="one domain"):
        folds(dataset(("train", "A"), ("train", "A")), "domains")
    with pytest.raises(TooFewError, match="test"):
        folds(dataset(("train", "A")), "test")
    with pytest.raises(TooFewError, match="training"):
        folds(dataset(("test", "A")), "patches")
