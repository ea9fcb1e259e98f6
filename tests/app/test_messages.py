import logging

import pytest
from streamlit.testing.v1 import AppTest

from app import messages
from core.errors import SceneError


def test_words__known_error_is_its_own_sentence_without_markup():
    said = messages.words(
        SceneError("is cut off", where="<b>quay</b>.tif", remedy="Copy it again.")
    )
    assert said == r"\<b\>quay\</b\>\.tif\: is cut off\. Copy it again\."


def test_words__unknown_error_tells_no_details():
    said = messages.words(KeyError("secret"), "error 1a2b")
    assert "secret" not in said
    assert "error 1a2b" in said


def guarded_page() -> None:
    import streamlit as st

    from app.messages import guard
    from core.errors import SceneError

    with guard():
        st.write("before")
        raise SceneError("is cut off", where="quay.tif")
    st.write("after")


def test_guard__known_error_is_shown_and_the_page_goes_on():
    page = AppTest.from_function(guarded_page).run()
    assert not page.exception
    assert [error.value for error in page.error] == [r"quay\.tif\: is cut off\."]
    assert [text.value for text in page.markdown] == ["before", "after"]


def test_guard__defect_is_not_swallowed():
    with pytest.raises(KeyError), messages.guard():
        raise KeyError("defect")


def shown_page() -> None:
    from app.messages import show

    assert show(ValueError("secret")) is True


def test_show__unknown_error_is_logged_and_told_calmly(caplog):
    with caplog.at_level(logging.ERROR):
        page = AppTest.from_function(shown_page).run()
    assert not page.exception
    assert "secret" not in page.error[0].value
    mark = caplog.records[-1].getMessage()
    assert mark in page.error[0].value
    assert caplog.records[-1].exc_info
