"""What the plot's routes serve: numbers of all points, and the chip of each point, by key.

See app/map/tile_shelf.py: the routes run in other threads than the pages, and no path is ever taken
from a request.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd

from app.map.tile_shelf import MEGABYTE, Shelf, share_value, shelf_address, shelf_key
from app.widgets.colouring import value_labels
from app.widgets.images import data_uri
from core.types import AnyArray, ByteArray


@dataclass(frozen=True)
class PointDetails:
    """The descriptions of n points; the route of a point draws its chip when it is requested.

    `texts` are the groups or numbers that colour the chips, `names` the classes or None, and
    `chip_ids` the ids; `draw` returns the images of some rows, uint8 (k, size, size, 4).
    """

    texts: Sequence[str]
    names: pd.Series | None
    chip_ids: pd.Series
    draw: Callable[[Sequence[int]], ByteArray]

    def describe(self, row: int) -> str:
        """Return the lines of the tooltip of a chip and its image, as JSON."""
        lines = [self.texts[row]]
        if self.names is not None:
            lines += value_labels(self.names.iloc[[row]]).tolist()
        lines = list(dict.fromkeys([*lines, str(self.chip_ids.iloc[row])]))
        return json.dumps({"lines": lines, "image": data_uri(self.draw([row])[0], lossy=True)})


numbers: Shelf[bytes] = Shelf(96 * MEGABYTE)
details: Shelf[PointDetails] = Shelf(16)


def number_address(array: AnyArray) -> str:
    """Return the URL of an array's bytes in little-endian order."""
    content = array.astype(array.dtype.newbyteorder("<")).tobytes()
    key = shelf_key(content)
    if numbers.get(key) is None:
        numbers.put(key, content, len(content))
    return shelf_address("numbers", key)


def details_address(inputs: str, point_details: PointDetails) -> str:
    """Return the URL of the descriptions, to which the browser adds the number of a point.

    `inputs` must change with the descriptions; see `share_value`.
    """
    return share_value(details, "points", inputs, point_details)
