import pickle

import pytest

from core import errors
from core.errors import Cancelled, ChipscapeError
from core.progress import silent, step

KINDS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, ChipscapeError)
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_error__says_what_where_and_what_to_do(kind):
    error = kind("is broken", where="a.tif", remedy="Copy it again.")
    assert str(error) == "a.tif: is broken. Copy it again."
    assert str(kind("is broken")) == "is broken."


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_error__travels_between_processes(kind):
    error = pickle.loads(pickle.dumps(kind("is broken", where="a.tif", remedy="Copy it again.")))
    assert type(error) is kind
    assert str(error) == "a.tif: is broken. Copy it again."


def test_error__the_tree_in_the_docstring_is_whole():
    assert len(KINDS) == 10
    assert all(kind.__name__ in (errors.__doc__ or "") for kind in [*KINDS, Cancelled])


def test_cancelled__is_no_error():
    assert not issubclass(Cancelled, ChipscapeError)


def test_step__cancels_where_the_listener_says_so():
    step(silent, 1, 2, "a")
    with pytest.raises(Cancelled):
        step(lambda done, _total, _note: done == 2, 2, 2, "a")
