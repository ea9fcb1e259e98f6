"""The server: `streamlit run app/main.py`. st.App and its routes, nothing else.

The page body is another file, because it would otherwise run once when this one is imported.
"""

import streamlit as st


def in_words(error: Exception) -> bool:
    """Show an error that nobody caught in words; imported late, after script.py's own check."""
    from app.messages import show

    return show(error)


app = st.App("script.py", on_script_error=in_words)
