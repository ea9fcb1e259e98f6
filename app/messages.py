"""Core errors in words; no page shows a traceback."""

import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from app.widgets.markup import plain
from core.errors import ChipscapeError

log = logging.getLogger(__name__)


def words(error: Exception, reference: str = "") -> str:
    """An error as Markdown that shows as it stands.

    Parameters
    ----------
    error : Exception
    reference : str
        The mark under which the log holds an unexpected error.
    """
    if isinstance(error, ChipscapeError):
        return plain(error)
    return plain(
        "Something went wrong that Chipscape did not foresee. Your files and results are as they "
        f"were. The server's log holds the details under {reference}; please report them."
    )


@contextmanager
def guard() -> Iterator[None]:
    """Show a known error in place of what the block would have drawn."""
    try:
        yield
    except ChipscapeError as error:
        st.error(words(error))


def show(error: Exception) -> bool:
    """Show any error in words; `st.App` calls it for what nobody caught, callbacks included.

    Returns
    -------
    bool
        True: Streamlit's own box with the traceback stays away.
    """
    reference = ""
    if not isinstance(error, ChipscapeError):
        reference = f"error {secrets.token_hex(3)}"
        log.error("%s", reference, exc_info=error)
    st.error(words(error, reference))
    return True
