"""Chipscape's core: pure stages that turn annotated imagery into clusters of chips.

Nothing here imports streamlit, and only `core.pipeline` uses the artifact store. The layers of
imports are described in docs/architecture.md and checked by tests/test_architecture.py. The names
of the public API (`core.api`) can be imported from here: ``from core import open_workspace, run``.
"""

from typing import Any, Final

__version__: Final = "0.1.0"

# `core` is a generic name: the app compares this constant before it trusts the imported package.
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
    """Load a name of the public API when it is first used, so that `import core` stays light."""
    if name not in PUBLIC_NAMES:
        raise AttributeError(f"module 'core' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module("core.api"), name)
