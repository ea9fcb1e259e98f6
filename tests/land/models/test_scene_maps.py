"""Class maps of whole images: without seams, resumable, and with invalid pixels left out."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import rasterio

from core.errors import SceneError
from core.land.data.bands import guess_bands
from core.land.data.dataset import LabelRule, Layout
from core.land.data.nomenclature import LandCover, Legend
from core.land.models import scene_maps
from core.land.models.features import FeatureSpec
from core.land.models.predictors import Prediction
from core.land.models.regularisation import RegularisationSettings
from core.land.models.scene_maps import SceneModel, map_scene

LEGEND = Legend((LandCover(1, "dark", "#202020"), LandCover(2, "bright", "#e0e0e0")), 2)
LAYOUT = Layout(guess_bands(("red", "green", "blue"), 255.0), LEGEND, LabelRule(("1", "2")))
HEIGHT, WIDTH = 1100, 700


@dataclass
class Threshold:
    """Class 2 where the mean of all features is above a limit; fails after some blocks."""

    limit: float = 0.45
    blocks_left: int = 99
    shapes: list[int] = field(default_factory=list)

    def predict(self, features, patch):
        if not self.blocks_left:
            raise KeyboardInterrupt
        self.blocks_left -= 1
        self.shapes.append(len(features.matrix))
        return Prediction((1 + (features.matrix.mean(axis=1) > self.limit)).astype(np.uint8))


@pytest.fixture
def image(make_scene):
    noise = np.random.default_rng(0).integers(0, 256, (3, HEIGHT // 4, WIDTH // 4))
    content = noise.repeat(4, axis=1).repeat(4, axis=2)
    return make_scene("photo.tif", content, tiled=True)


def model_of(predictor, key="a", **options):
    return SceneModel(predictor, LAYOUT, FeatureSpec(**options), None, key)


def read_map(path):
    with rasterio.open(path) as source:
        return source.read(1)


def test_map_scene__equals_the_classes_of_single_pixels(image, tmp_path):
    result = map_scene(model_of(Threshold()), image, tmp_path / "maps" / "photo.tif", "CC BY")
    with rasterio.open(image) as source, rasterio.open(result.path) as written:
        expected = 1 + ((source.read() / np.float32(255)).mean(axis=0) > 0.45)
        classes = written.read(1)
        assert (classes == expected).all()
        assert (written.crs, written.transform) == (source.crs, source.transform)
        assert written.colormap(1)[2] == (0xE0, 0xE0, 0xE0, 255)
        assert written.tags()["COPYRIGHT"] == "CC BY"
        assert written.overviews(1) == [2, 4]
    assert result.counts.tolist() == np.bincount(expected.ravel(), minlength=4).tolist()
    assert (result.n_blocks, result.n_resumed) == (6, 0)
    assert [path.name for path in result.path.parent.iterdir()] == ["photo.tif"]


def test_map_scene__surroundings_cross_the_edges_of_blocks(image, tmp_path, monkeypatch):
    options = {"extras": ("means", "gradients")}
    blocks = map_scene(model_of(Threshold(), **options), image, tmp_path / "blocks.tif")
    monkeypatch.setattr(scene_maps, "SIDE", 2048)
    predictor = Threshold()
    whole = map_scene(model_of(predictor, **options), image, tmp_path / "whole.tif")
    assert predictor.shapes == [HEIGHT * WIDTH]
    assert (read_map(blocks.path) == read_map(whole.path)).all()
    assert len(np.unique(read_map(whole.path))) == 2


def test_map_scene__continues_after_an_interruption(image, tmp_path):
    path = tmp_path / "photo.tif"
    with pytest.raises(KeyboardInterrupt):
        map_scene(model_of(Threshold(blocks_left=3)), image, path)
    assert not path.exists()
    predictor = Threshold()
    result = map_scene(model_of(predictor), image, path)
    # The first strip of two blocks was complete.
    assert (result.n_resumed, len(predictor.shapes)) == (2, 4)
    direct = map_scene(model_of(Threshold()), image, tmp_path / "direct.tif")
    assert path.read_bytes() == direct.path.read_bytes()


def test_map_scene__never_continues_with_another_model(image, tmp_path):
    path = tmp_path / "photo.tif"
    with pytest.raises(KeyboardInterrupt):
        map_scene(model_of(Threshold(blocks_left=3)), image, path)
    result = map_scene(model_of(Threshold(limit=0.7), key="b"), image, path)
    assert result.n_resumed == 0
    assert result.counts[2] < result.counts[1]


def test_map_scene__damaged_strips_are_computed_again(image, tmp_path):
    path = tmp_path / "photo.tif"
    with pytest.raises(KeyboardInterrupt):
        map_scene(model_of(Threshold(blocks_left=5)), image, path)
    strip = next(tmp_path.glob(".photo.parts/*512.npy"))
    strip.write_bytes(strip.read_bytes()[:100])
    assert map_scene(model_of(Threshold()), image, path).n_resumed == 2


def test_map_scene__invalid_pixels_have_no_class(make_scene, tmp_path):
    content = np.full((3, 40, 60), 200)
    content[:, :, :7] = 0
    image = make_scene("gaps.tif", content, nodata=0)
    result = map_scene(model_of(Threshold()), image, tmp_path / "map.tif")
    assert result.counts.tolist() == [40 * 7, 0, 40 * 53, 0]
    assert (read_map(result.path)[:, :7] == 0).all()


def test_map_scene__smoothing_removes_single_pixels(make_scene, tmp_path):
    content = np.full((3, 60, 60), 200)
    content[:, 30, 30] = 10
    image = make_scene("dot.tif", content)
    model = model_of(Threshold())
    assert map_scene(model, image, tmp_path / "a.tif").counts[1] == 1
    smooth = replace(model, regularisation=RegularisationSettings("majority"))
    assert map_scene(smooth, image, tmp_path / "b.tif").counts[1] == 0


def test_map_scene__other_bands(make_scene, tmp_path):
    image = make_scene("two.tif", bands=2)
    with pytest.raises(SceneError, match=r"2 bands, and the model was trained on 3 \(red"):
        map_scene(model_of(Threshold()), image, tmp_path / "map.tif")
    assert list(tmp_path.glob(".*")) == []
