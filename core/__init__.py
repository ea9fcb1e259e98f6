"""Chipscape's core: pure stages that turn annotated imagery into clusters of chips.

Nothing here imports streamlit, and only `core.pipeline` uses the artifact store. The import layers
are described in docs/architecture.md and checked by tests/test_architecture.py. The names of the
public API (`core.api`) can be imported from here: ``from core import open_workspace, run``.
"""

from typing import Any, Final

__version__: Final = "0.1.0"

# `core` is a generic name, so the app uses this constant to check that it has the right package.
PROJECT: Final = "chipscape"

PUBLIC_NAMES: Final = (
    "ChipscapeError",
    "RunSettings",
    "Workspace",
    "build_tree",
    "cluster",
    "cut_tree",
    "encoder_cards",
    "export_chips",
    "load_encoder",
    "open_workspace",
    "read_scene",
    "run",
    "score",
)


def __getattr__(name: str) -> Any:
    """Import a name of the public API on first use, so that `import core` stays fast."""
    if name not in PUBLIC_NAMES:
        raise AttributeError(f"module 'core' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module("core.api"), name)
