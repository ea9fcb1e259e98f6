import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from core.errors import TooFewError
from core.land.data.nomenclature import FLAIR

Run = Callable[..., Any]


@pytest.fixture
def unlabelled(land: Path, tmp_path: Path) -> Path:
    """The same workspace without the masks of the test patches."""
    shutil.copytree(land / "flair", tmp_path / "flair")
    shutil.rmtree(tmp_path / "flair" / "flair_2_labels_test")
    return tmp_path


def test_predict__maps_equal_those_of_the_labelled_test_patches(
    run: Run, land: Path, unlabelled: Path
) -> None:
    words = ("--fusion", "--robust", "--json", "--workspace")
    result = json.loads(run("predict", *words, unlabelled).stdout)
    assert (result["unlabelled"], result["training_patches"], result["problems"]) == (1, 2, [])
    folder = unlabelled / "results" / "class_maps"
    assert result["folder"] == str(folder)
    (name,) = result["maps"]
    maps = unlabelled / "maps"
    run("run", "--protocol", "test", "--maps", maps, *words, land)
    with rasterio.open(folder / name) as actual, rasterio.open(maps / "test" / name) as expected:
        classes = actual.read(1)
        np.testing.assert_array_equal(classes, expected.read(1))
        assert classes.min() > 0
        assert (actual.crs, actual.transform) == (expected.crs, expected.transform)
        colours = [actual.colormap(1)[value][:3] for value in range(14)]
        np.testing.assert_array_equal(colours, FLAIR.palette())


def test_predict__nothing_to_predict(run: Run, land: Path) -> None:
    error = run("predict", "--workspace", land).exception
    assert isinstance(error, TooFewError)
    assert "all patches have masks" in str(error)


def test_predict__an_unusable_image_is_reported(run: Run, unlabelled: Path) -> None:
    (image,) = unlabelled.glob("flair/flair_2_aerial_test/*/*/*/*.tif")
    image.write_bytes(b"II*")
    error = run("predict", "--workspace", unlabelled).exception
    assert isinstance(error, TooFewError)
    assert image.stem in str(error)
