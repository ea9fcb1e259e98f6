import pickle

import pytest

from core import errors
from core.errors import Cancelled, ChipscapeError, unknown_attribute_error
from core.progress import report_step, silent

KINDS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, ChipscapeError)
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_error__message_states_location_problem_and_remedy(kind):
    error = kind("is broken", where="a.tif", remedy="Copy it again.")
    assert str(error) == "a.tif: is broken. Copy it again."
    assert str(kind("is broken")) == "is broken."


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_error__can_be_pickled(kind):
    error = pickle.loads(pickle.dumps(kind("is broken", where="a.tif", remedy="Copy it again.")))
    assert type(error) is kind
    assert str(error) == "a.tif: is broken. Copy it again."


def test_error__docstring_lists_every_class():
    assert len(KINDS) == 10
    assert all(kind.__name__ in (errors.__doc__ or "") for kind in [*KINDS, Cancelled])


def test_cancelled__is_not_an_error():
    assert not issubclass(Cancelled, ChipscapeError)


def test_unknown_attribute_error__lists_known_names():
    error = unknown_attribute_error("kind", ["class", 7])
    assert str(error) == (
        "class attribute: no annotation has an attribute 'kind'. Known attributes: class, 7."
    )
    assert "Known attributes: none." in str(unknown_attribute_error("kind", []))


def test_report_step__cancelled_by_the_callback():
    report_step(silent, 1, 2, "a")
    with pytest.raises(Cancelled):
        report_step(lambda completed, _total, _note: completed == 2, 2, 2, "a")
