import pickle

import pytest
from pyproj.exceptions import CRSError

from core import errors
from core.errors import (
    Cancelled,
    ChipscapeError,
    SceneError,
    convert_errors,
    unknown_attribute_error,
)
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
    assert len(KINDS) == 12
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


@pytest.mark.parametrize("error", [ValueError("two\nlines."), CRSError("bad"), RecursionError()])
def test_convert_errors__any_error_becomes_a_verdict_and_is_logged(error, caplog):
    with (
        pytest.raises(SceneError) as caught,
        convert_errors(SceneError, "a.tif", "the file cannot be read"),
    ):
        raise error
    text = str(caught.value)
    assert text.startswith("a.tif: the file cannot be read. Check that the file is intact (")
    assert type(error).__name__ in text
    assert "\n" not in text
    (record,) = caplog.records
    assert record.exc_info[1] is error


@pytest.mark.parametrize("error", [SceneError("is small"), Cancelled(), KeyboardInterrupt()])
def test_convert_errors__errors_on_purpose_pass_unchanged(error, caplog):
    with pytest.raises(type(error)) as caught, convert_errors(SceneError, "a.tif", "is damaged"):
        raise error
    assert caught.value is error
    assert caplog.records == []


def test_convert_errors__too_little_memory():
    with (
        pytest.raises(SceneError, match=r"a\.tif: is damaged\. Reading it takes more memory than"),
        convert_errors(SceneError, "a.tif", "is damaged"),
    ):
        raise MemoryError
