"""Chipscape's core: pure stages from annotated imagery to a landscape of chips.

Nothing here imports streamlit; only :mod:`core.pipeline` knows the artifact store.
The import layers, from the ground up, are written down in docs/architecture.md and held by
tests/test_architecture.py.
"""

from typing import Final

__version__: Final = "0.1.0"

# `core` is a generic name: the app compares this mark before it trusts the package it imported.
PROJECT: Final = "chipscape"
