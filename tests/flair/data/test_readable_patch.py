from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from core.errors import SceneError
from core.flair.data.patch_reading import RequiredData, read_aerial, read_pixels
from core.flair.data.pixel_table import SIDE
from core.flair.data.readable_patch import read_readable_patch, read_readable_pixel

Make = Callable[..., Any]
COLUMN, ROW = 300, 20


@pytest.fixture
def tree(make_tree: Make) -> Any:
    tree = make_tree()
    tree.patch("000001", labels=14, aerial=np.arange(5)[:, None, None] + 10)
    tree.area()
    return tree


def cut_off(path: Any) -> None:
    path.write_bytes(path.read_bytes()[:1000])


def test_readable__intact_pixel_equals_the_pixel_table(tree: Any) -> None:
    patch = tree.discover().patches[0]
    readable = read_readable_patch(patch)
    assert readable.problems == ()
    assert np.array_equal(readable.aerial, read_aerial(patch))
    pixel = read_readable_pixel(readable, 0, COLUMN, ROW)
    needs = RequiredData(sentinel=True, nomenclature="full")
    expected = read_pixels(patch, 0, np.array([ROW * SIDE + COLUMN]), needs)
    for name in ("aerial", "sentinel", "labels", "patch", "column", "row"):
        values = getattr(pixel, name)
        assert values.dtype == getattr(expected, name).dtype
        assert np.array_equal(values, getattr(expected, name)), name


def test_readable__a_damaged_mask_leaves_bands_and_spectrum(tree: Any) -> None:
    patch = tree.discover().patches[0]
    cut_off(patch.mask)
    readable = read_readable_patch(patch)
    assert readable.labels is None
    assert [problem.startswith("The mask cannot be read.") for problem in readable.problems] == [
        True
    ]
    pixel = read_readable_pixel(readable, 0, COLUMN, ROW)
    assert pixel.labels.tolist() == [0]
    assert pixel.sentinel is not None


def test_readable__a_damaged_series_leaves_the_bands(tree: Any) -> None:
    patch = tree.discover().patches[0]
    cut_off(patch.super_area.data)
    pixel = read_readable_pixel(read_readable_patch(patch), 0, COLUMN, ROW)
    assert pixel.sentinel is None
    assert pixel.labels.tolist() == [14]


def test_readable__a_damaged_image_leaves_the_labels_only(tree: Any) -> None:
    patch = tree.discover().patches[0]
    cut_off(patch.image)
    readable = read_readable_patch(patch)
    assert readable.aerial is None
    assert readable.labels is not None
    with pytest.raises(SceneError, match="the image cannot be read"):
        read_readable_pixel(readable, 0, COLUMN, ROW)
