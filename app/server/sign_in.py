"""Sign-in with an identity provider (OpenID Connect), if secrets.toml has a section [auth]."""

import streamlit as st


def require_sign_in() -> None:
    """Stop the script at a button to sign in, unless the visitor has signed in or need not."""
    if not st.secrets.load_if_toml_exists() or "auth" not in st.secrets:
        return
    if st.user.get("is_logged_in", False):
        with st.sidebar:
            st.button("Sign out", "cs.sign out", type="tertiary", on_click=st.logout)
        return
    st.title("Chipscape")
    st.markdown("Sign in to see the workspaces of this server.")
    st.button("Sign in", "cs.sign in", type="primary", on_click=st.login)
    st.stop()
