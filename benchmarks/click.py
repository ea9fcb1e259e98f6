"""A slider and a click in a real browser: `python benchmarks/click.py [--quick]`.

The benchmark is in in_browser.py. A script's folder comes first on the path, where rasterio and
typer look for the package that bears this file's name: they are handed that one.
"""

import sys
from importlib import import_module
from pathlib import Path

if __name__ == "__main__":
    from in_browser import main

    main()
else:
    here = Path(__file__).resolve().parent
    everywhere = list(sys.path)
    sys.path[:] = [place for place in everywhere if Path(place).resolve() != here]
    del sys.modules[__name__]
    sys.modules[__name__] = import_module(__name__)
    sys.path[:] = everywhere
