import logging

import pytest
from streamlit.testing.v1 import AppTest

from app import messages
from core.errors import SceneError


def test_describe_error__known_error_gives_its_message_without_markup():
    text = messages.describe_error(
        SceneError("is cut off", where="<b>quay</b>.tif", remedy="Copy it again.")
    )
    assert text == r"\<b\>quay\</b\>\.tif\: is cut off\. Copy it again\."


def test_describe_error__unexpected_error_has_no_details():
    text = messages.describe_error(KeyError("secret"), "error 1a2b")
    assert "secret" not in text
    assert "error 1a2b" in text


def guarded_page() -> None:
    import streamlit as st

    from app.messages import show_errors
    from core.errors import SceneError

    with show_errors():
        st.write("before")
        raise SceneError("is cut off", where="quay.tif")
    st.write("after")


def test_show_errors__known_error_is_displayed_and_the_page_continues():
    page = AppTest.from_function(guarded_page).run()
    assert not page.exception
    assert [error.value for error in page.error] == [r"quay\.tif\: is cut off\."]
    assert [element.value for element in page.markdown] == ["before", "after"]


def test_show_errors__unexpected_error_is_not_suppressed():
    with pytest.raises(KeyError), messages.show_errors():
        raise KeyError("defect")


def failed_page() -> None:
    from app.messages import show_error

    assert show_error(ValueError("secret")) is True


def test_show_error__unexpected_error_is_logged_under_a_reference(caplog):
    with caplog.at_level(logging.ERROR):
        page = AppTest.from_function(failed_page).run()
    assert not page.exception
    assert "secret" not in page.error[0].value
    reference = caplog.records[-1].getMessage()
    assert reference in page.error[0].value
    assert caplog.records[-1].exc_info
