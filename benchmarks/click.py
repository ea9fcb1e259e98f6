"""Time a slider and a click in a real browser: `python benchmarks/click.py [--quick]`.

The benchmark itself is in slider_and_click.py. The folder of a script is the first entry of the
import path, so when rasterio and typer import the package `click`, Python finds this file. If it is
imported in this way, it replaces itself by the package.
"""

import sys
from importlib import import_module
from pathlib import Path

if __name__ == "__main__":
    from slider_and_click import main

    main()
else:
    folder = Path(__file__).resolve().parent
    search_path = list(sys.path)
    sys.path[:] = [entry for entry in search_path if Path(entry).resolve() != folder]
    del sys.modules[__name__]
    sys.modules[__name__] = import_module(__name__)
    sys.path[:] = search_path
