from pathlib import Path

import pytest

from core.errors import TooFewError
from core.land.data.dataset import Dataset, Patch
from core.land.evaluation.protocols import make_folds, possible_protocols


def dataset(*patches):
    """A data set of patches, each given by split and domain."""
    members = [
        Patch(f"{i:06d}", split, domain, "Z1", Path("i"), Path("m"), None, None, None)
        for i, (split, domain) in enumerate(patches)
    ]
    return Dataset(Path(), tuple(members), ())


FOUR = dataset(*[("train", d) for d in "AACBBB"], ("test", "D"))


def test_folds__domains_are_never_in_both_parts():
    for n in (2, 3, 9):
        folds = make_folds(FOUR, "domains", n)
        assert len(folds) == min(n, 3)
        indexes = [i for fold in folds for i in fold.test]
        assert sorted(indexes) == [0, 1, 2, 3, 4, 5]
        for fold in folds:
            domains = [{FOUR.patches[i].domain for i in part} for part in (fold.train, fold.test)]
            assert not domains[0] & domains[1]
            assert sorted(fold.train + fold.test) == [0, 1, 2, 3, 4, 5]


def test_folds__domains_are_grouped_evenly():
    assert [len(fold.test) for fold in make_folds(FOUR, "domains", 2)] == [3, 3]


def test_folds__patches_and_test():
    assert make_folds(FOUR, "patches")[0].train == make_folds(FOUR, "patches")[0].test
    (official,) = make_folds(FOUR, "test")
    assert (official.train, official.test) == ((0, 1, 2, 3, 4, 5), (6,))


def test_folds__no_patches_or_one_domain():
    with pytest.raises(TooFewError, match="one domain"):
        make_folds(dataset(("train", "A"), ("train", "A")), "domains")
    with pytest.raises(TooFewError, match="test"):
        make_folds(dataset(("train", "A")), "test")
    with pytest.raises(TooFewError, match="training"):
        make_folds(dataset(("test", "A")), "patches")


@pytest.mark.parametrize(
    ("patches", "protocols"),
    [
        ([("train", "A"), ("train", "B"), ("test", "C")], ["domains", "patches", "test"]),
        ([("train", "A"), ("train", "A"), ("test", "C")], ["patches", "test"]),
        ([("train", "A"), ("train", "B")], ["domains", "patches"]),
        ([("test", "C")], []),
    ],
)
def test_possible__depends_on_domains_and_patches(patches, protocols):
    assert possible_protocols(dataset(*patches)) == protocols
