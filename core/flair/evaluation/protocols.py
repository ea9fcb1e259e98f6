"""Which patches teach and which judge."""

from dataclasses import dataclass
from typing import Literal

from core.errors import TooFewError
from core.flair.data.dataset import Dataset

Protocol = Literal["domains", "patches", "test"]
TITLES = {
    "domains": "leave domains out: all pixels of domains that taught nothing",
    "patches": 'the notebook\'s: on the training patches, "other" left out',
    "test": "the official test patches",
}


@dataclass(frozen=True)
class Fold:
    """Indexes of the patches that teach, and of those that judge."""

    train: tuple[int, ...]
    judged: tuple[int, ...]


def folds(dataset: Dataset, protocol: Protocol, n_folds: int = 3) -> list[Fold]:
    """The folds of a protocol.

    Parameters
    ----------
    dataset : Dataset
    protocol : {"domains", "patches", "test"}
        "domains": the training tree's domains are dealt into at most `n_folds` groups of about
        equally many patches, and each group is judged by what the others teach.
    n_folds : int

    Raises
    ------
    TooFewError
        If there are no patches for it, or one domain only.
    """
    train, test = dataset.of("train"), dataset.of("test")
    if not train or (protocol == "test" and not test):
        raise TooFewError(f"there are no {'test' if train else 'training'} patches", where=protocol)
    if protocol == "patches":
        return [Fold(train, train)]
    if protocol == "test":
        return [Fold(train, test)]
    groups = _dealt(dataset, train, n_folds)
    if len(groups) < 2:
        raise TooFewError(
            "all training patches are of one domain",
            where=protocol,
            remedy="Add patches of another domain, or choose the protocol patches.",
        )
    return [Fold(tuple(i for i in train if i not in set(out)), tuple(out)) for out in groups]


def _dealt(dataset: Dataset, train: tuple[int, ...], n_folds: int) -> list[list[int]]:
    """Patches by group of domains, the largest domain first to the smallest group."""
    domains: dict[str, list[int]] = {}
    for index in train:
        domains.setdefault(dataset.patches[index].domain, []).append(index)
    groups: list[list[int]] = [[] for _ in range(min(n_folds, len(domains)))]
    for name in sorted(domains, key=lambda name: (-len(domains[name]), name)):
        min(groups, key=len).extend(domains[name])
    return [sorted(group) for group in groups]
