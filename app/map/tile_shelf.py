"""What the map's routes may serve: scenes and texts that a page laid down, found by key alone.

The routes run on other threads than the pages; each shelf is bounded, and what was asked for
longest ago goes first.
"""

from collections import OrderedDict
from threading import Lock
from typing import Generic, Protocol, TypeVar

from core.raster.scene import Scene

T = TypeVar("T")
MEGABYTE = 2**20


class Drawn(Protocol):
    """A scene that gives tiles."""

    @property
    def scene(self) -> Scene:
        """What is drawn."""
        ...

    def tile(self, z: int, x: int, y: int) -> bytes:
        """One tile of the web mercator scheme; `SceneError` where there is none."""
        ...


class Shelf(Generic[T]):
    """Things by key, up to a weight in all.

    Parameters
    ----------
    most : int
        Sum of the weights that are kept.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._weight = 0
        self._things: OrderedDict[str, tuple[T, int]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: str) -> T | None:
        """What lies under a key, None where nothing does (any more)."""
        with self._lock:
            if key not in self._things:
                return None
            self._things.move_to_end(key)
            return self._things[key][0]

    def put(self, key: str, thing: T, weight: int = 1) -> T:
        """Lay something down; gives it back."""
        with self._lock:
            _, before = self._things.pop(key, (None, 0))
            self._things[key] = (thing, weight)
            self._weight += weight - before
            while self._weight > self._most and len(self._things) > 1:
                _, (_, gone) = self._things.popitem(last=False)
                self._weight -= gone
        return thing


scenes: Shelf[Drawn] = Shelf(64)
texts: Shelf[bytes] = Shelf(96 * MEGABYTE)
tiles: Shelf[bytes] = Shelf(64 * MEGABYTE)
# What a text is made of, to the key of the text.
made: Shelf[str] = Shelf(256)
