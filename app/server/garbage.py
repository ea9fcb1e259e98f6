"""Shorter garbage collections: what was imported is not searched for garbage again.

Streamlit collects all garbage after every run of a script and of a fragment. The modules of the
app hold some 300,000 objects that live as long as the server, and searching them takes several
tenths of a second, in which no session can do anything. `gc.freeze` exempts them from the search.
"""

import gc
import sys

_n_frozen_modules = 0


def freeze_modules() -> None:
    """Exempt all present objects from garbage collection, if modules were imported since."""
    global _n_frozen_modules  # noqa: PLW0603
    if len(sys.modules) == _n_frozen_modules:
        return
    _n_frozen_modules = len(sys.modules)
    # Garbage that exists now would otherwise stay for ever.
    gc.collect()
    gc.freeze()
