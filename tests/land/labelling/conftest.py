"""Unlabelled images of dark and bright ground, with labelled rectangles."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.land.data.dataset import Dataset
from core.land.images.image_import import ImportSettings, import_images
from core.land.images.image_set import image_dataset
from core.land.labelling.label_regions import (
    RegionHistory,
    add_region_steps,
    class_step,
    region_step,
)
from core.land.labelling.region_pixels import trace_outline
from tests.land.images.conftest import HEIGHT, WIDTH, halves

SOIL, SAND = 1, 2


def rectangle(left: int, top: int, right: int, bottom: int) -> str:
    """Return the outline of a rectangle of pixels."""
    pixels = np.ones((bottom - top, right - left), bool)
    return trace_outline(pixels, (left, top))


def two_classes() -> RegionHistory:
    """Return a history with the classes soil and sand, and no regions."""
    history = add_region_steps(RegionHistory(), class_step(RegionHistory(), "soil", "#804000"))
    return add_region_steps(history, class_step(history, "sand", "#ffee88"))


def add_rectangles(history: RegionHistory, image: str, rows: Sequence[Any]) -> RegionHistory:
    """Label rectangles of an image: class value, left, top, right and bottom."""
    for value, *box in rows:
        step = region_step(history, image, value, rectangle(*box))
        history = add_region_steps(history, step)
    return history


DARK_AND_BRIGHT = (
    (SOIL, 5, 5, 25, 25),
    (SAND, 100, 10, 120, 30),
    (SOIL, 30, 60, 50, 80),
    (SAND, 120, 80, 150, 100),
)


def write_images(make_scene: Callable[..., Path], folder: Path) -> Path:
    """Write two images, dark on the left and bright on the right, with no data in one corner."""
    mask = np.ones((HEIGHT, WIDTH), bool)
    mask[:8, :8] = False
    for number in range(2):
        make_scene(f"field{number}.tif", halves(number), folder=folder, mask=mask)
    return folder


@pytest.fixture
def image_folder(make_scene: Callable[..., Path], tmp_path: Path) -> Path:
    """The folder of the images."""
    return write_images(make_scene, tmp_path / "photos")


@pytest.fixture
def unlabelled(image_folder: Path) -> Dataset:
    """The images as a data set without labels."""
    return image_dataset(import_images(image_folder, ImportSettings(unlabelled=True)))
