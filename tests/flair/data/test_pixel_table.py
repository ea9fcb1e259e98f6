from typing import Any

import numpy as np
import pytest

from core.errors import SceneError
from core.flair.data.dataset import Problem
from core.flair.data.pixel_table import PixelTable, stack


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
        ({"labels": np.array([1, 20, 2], np.uint8)}, "20, above 19"),
        ({"patch": np.zeros(3, np.int64)}, "patch is int64"),
        ({"column": np.zeros(4, np.int16)}, "column"),
        ({"texture": np.array([0, np.nan, 1], np.float32)}, "texture is not finite"),
        ({"sentinel": np.full((3, 10), np.inf, np.float32)}, "sentinel is not finite"),
    ],
)
def test_pixel_table__checked_at_birth(changes: dict[str, Any], match: str) -> None:
    with pytest.raises(SceneError, match=match):
        table(**changes)


def test_pixel_table__empty_is_fine() -> None:
    assert len(table(0)) == 0


def test_take__every_column() -> None:
    spectra = np.arange(30, dtype=np.float32).reshape(3, 10)
    full = table(sentinel=spectra, texture=np.array([5, 6, 7], np.float32))
    part = full.take(np.array([2, 0]))
    assert part.column.tolist() == [2, 0]
    assert part.aerial[:, 0].tolist() == [10, 0]
    assert part.sentinel is not None
    assert part.sentinel[:, 0].tolist() == [20, 0]
    assert part.texture is not None
    assert part.texture.tolist() == [7, 5]


def test_stack__in_order_with_problems() -> None:
    first = table(2, problems=(Problem("a", "b"),))
    second = table(1, patch=np.array([4], np.int32))
    both = stack([first, second], (Problem("c", "d"),))
    assert both.patch.tolist() == [0, 0, 4]
    assert [str(problem) for problem in both.problems] == ["c: d", "a: b"]


def test_stack__nothing_or_unequal() -> None:
    with pytest.raises(SceneError, match="no patch"):
        stack([])
    with pytest.raises(SceneError, match="1 of 2 parts lack sentinel"):
        stack([table(1), table(1, sentinel=np.zeros((1, 10), np.float32))])
