"""Errors as sentences on the page; no page shows a traceback."""

import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from app.widgets.markup import escape_markdown
from core.errors import ChipscapeError

log = logging.getLogger(__name__)


def describe_error(error: Exception, reference: str = "") -> str:
    """Return an error as escaped Markdown; if it was unexpected, only its log reference."""
    if isinstance(error, ChipscapeError):
        return escape_markdown(error)
    return escape_markdown(
        "An unexpected error occurred. Your files and results are unchanged. The log of the "
        f"server has the details under {reference}; please report them."
    )


@contextmanager
def show_errors() -> Iterator[None]:
    """Show a ChipscapeError on the page, in place of the rest of the `with` block."""
    try:
        yield
    except ChipscapeError as error:
        st.error(describe_error(error))


def show_error(error: Exception) -> bool:
    """Show any error; `st.App` calls this for uncaught errors, including those in callbacks.

    Returns True, so that Streamlit does not show its own box with the traceback.
    """
    reference = ""
    if not isinstance(error, ChipscapeError):
        reference = f"error {secrets.token_hex(3)}"
        log.error("%s", reference, exc_info=error)
    st.error(describe_error(error, reference))
    return True
