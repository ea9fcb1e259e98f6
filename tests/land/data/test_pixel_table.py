from typing import Any

import numpy as np
import pytest

from core.errors import SceneError
from core.land.data.dataset import Problem
from core.land.data.pixel_table import PixelTable, stack_tables


def table(n: int = 3, **changes: Any) -> PixelTable:
    fields: dict[str, Any] = {
        "aerial": np.arange(5 * n, dtype=np.float32).reshape(n, 5),
        "sentinel": None,
        "labels": np.ones(n, np.uint8),
        "patch": np.zeros(n, np.int32),
        "column": np.arange(n, dtype=np.int16),
        "row": np.zeros(n, np.int16),
    }
    return PixelTable(**fields | changes)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"aerial": np.zeros((3, 4), np.float32)}, "aerial"),
        ({"aerial": np.zeros((3, 5))}, "aerial is float64"),
        ({"sentinel": np.zeros((2, 10), np.float32)}, "sentinel"),
        ({"patch": np.zeros(3, np.int64)}, "patch is int64"),
        ({"column": np.zeros(4, np.int16)}, "column"),
        (
            {"context": np.array([[np.nan]] * 3, np.float32), "context_names": ("a",)},
            "context contains values that are not finite",
        ),
        (
            {"sentinel": np.full((3, 10), np.inf, np.float32)},
            "sentinel contains values that are not finite",
        ),
    ],
)
def test_pixel_table__invalid_columns(changes: dict[str, Any], match: str) -> None:
    with pytest.raises(SceneError, match=match):
        table(**changes)


def test_band__by_name() -> None:
    sentinel = np.arange(30, dtype=np.float32).reshape(3, 10)
    pixels = table(sentinel=sentinel)
    assert pixels.band("nir").tolist() == [3, 8, 13]
    assert pixels.band("B8A").tolist() == [7, 17, 27]
    for missing in (table(), pixels):
        with pytest.raises(SceneError, match="no band"):
            missing.band("B8" if missing.sentinel is None else "B9")


def test_pixel_table__empty() -> None:
    assert len(table(0)) == 0


def test_take__every_column() -> None:
    spectra = np.arange(30, dtype=np.float32).reshape(3, 10)
    full = table(
        sentinel=spectra,
        context=np.array([[5, 50], [6, 60], [7, 70]], np.float32),
        context_names=("a", "b"),
    )
    part = full.take(np.array([2, 0]))
    assert part.column.tolist() == [2, 0]
    assert part.aerial[:, 0].tolist() == [10, 0]
    assert part.sentinel is not None
    assert part.sentinel[:, 0].tolist() == [20, 0]
    assert part.context is not None
    assert part.context.tolist() == [[7, 70], [5, 50]]
    assert part.context_names == ("a", "b")


def test_stack__in_order_with_problems() -> None:
    first = table(2, problems=(Problem("a", "b"),))
    second = table(1, patch=np.array([4], np.int32))
    stacked = stack_tables([first, second], (Problem("c", "d"),))
    assert stacked.patch.tolist() == [0, 0, 4]
    assert [str(problem) for problem in stacked.problems] == ["c: d", "a: b"]


def test_stack__no_tables_or_unequal_tables() -> None:
    with pytest.raises(SceneError, match="no patch could be read"):
        stack_tables([])
    texture = {"context": np.zeros((1, 1), np.float32), "context_names": ("texture",)}
    with pytest.raises(SceneError, match="different columns of context"):
        stack_tables([table(1), table(1, **texture)])
    assert stack_tables([table(1, **texture)] * 2).context_names == ("texture",)
    with pytest.raises(SceneError, match="1 of 2 tables lack sentinel"):
        stack_tables([table(1), table(1, sentinel=np.zeros((1, 10), np.float32))])
