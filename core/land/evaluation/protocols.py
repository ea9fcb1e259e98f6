"""Evaluation protocols: the patches that a model is trained on, and those it is scored on."""

from dataclasses import dataclass
from typing import Literal

from core.errors import TooFewError
from core.land.data.dataset import Dataset, adapt_terms

Protocol = Literal["domains", "patches", "test"]
TITLES = {
    "domains": "domains left out: all pixels of domains that the model was not trained on",
    "patches": 'the notebook\'s protocol: the training patches themselves, without "other"',
    "test": "the test patches",
}
_NO_LABELS = (
    "The images have no labels. Label regions in the app, and use `chipscape land label-map`."
)
_OWN_TITLES = {
    "domains": "groups left out: all pixels of groups that the model was not trained on",
    "patches": "the training windows themselves: an optimistic estimate",
    "test": "the test windows",
}


def protocol_title(protocol: str, *, is_own: bool) -> str:
    """Return what a protocol scores, in words; images of your own have windows and groups."""
    return (_OWN_TITLES if is_own else TITLES)[protocol]


@dataclass(frozen=True)
class Fold:
    """Indexes of the patches that a model is trained on, and of those it is evaluated on.

    With the protocol "patches", a model is evaluated on the patches it was trained on.
    """

    train: tuple[int, ...]
    test: tuple[int, ...]


def make_folds(dataset: Dataset, protocol: Protocol, n_folds: int = 3) -> list[Fold]:
    """Divide the patches of a data set into the folds of a protocol.

    For "domains", the domains of the training patches are divided into at most `n_folds` groups
    with similar numbers of patches; each model is trained on all groups but one and evaluated on
    that one. Raises TooFewError if the protocol has no patches, or there is only one domain.
    """
    train, test = dataset.split_indexes("train"), dataset.split_indexes("test")
    is_own = dataset.layout.is_own
    if not train or (protocol == "test" and not test):
        name = "test" if train else "training"
        remedy = _NO_LABELS if not dataset.patches and dataset.unlabelled else ""
        if train and is_own:
            remedy = "Images in a folder named test are test images; import the folder again."
        text = adapt_terms(f"there are no {name} patches", is_own=is_own)
        raise TooFewError(text, where=protocol, remedy=remedy)
    if protocol == "patches":
        return [Fold(train, train)]
    if protocol == "test":
        return [Fold(train, test)]
    groups = _group_domains(dataset, train, n_folds)
    if len(groups) < 2:
        raise TooFewError(
            adapt_terms("all training patches belong to one domain", is_own=is_own),
            where=protocol,
            remedy="Import the folder again with --groups blocks and a smaller --block, or use "
            "--protocol patches."
            if is_own
            else 'Add patches of another domain, or choose the "patches" protocol.',
        )
    return [Fold(tuple(i for i in train if i not in set(group)), tuple(group)) for group in groups]


def possible_protocols(dataset: Dataset) -> list[Protocol]:
    """Return the protocols that a data set has enough domains and patches for."""
    train, test = dataset.split_indexes("train"), dataset.split_indexes("test")
    domains = {dataset.patches[index].domain for index in train}
    possible: dict[Protocol, bool] = {
        "domains": len(domains) > 1,
        "patches": bool(train),
        "test": bool(train and test),
    }
    return [protocol for protocol, is_possible in possible.items() if is_possible]


def _group_domains(dataset: Dataset, train: tuple[int, ...], n_folds: int) -> list[list[int]]:
    """Group patches by domain, adding the largest remaining domain to the smallest group."""
    domains: dict[str, list[int]] = {}
    for index in train:
        domains.setdefault(dataset.patches[index].domain, []).append(index)
    groups: list[list[int]] = [[] for _ in range(min(n_folds, len(domains)))]
    for name in sorted(domains, key=lambda name: (-len(domains[name]), name)):
        min(groups, key=len).extend(domains[name])
    return [sorted(group) for group in groups]
