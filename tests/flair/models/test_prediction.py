import numpy as np
import rasterio

from core.flair.data.nomenclature import REDUCED
from core.flair.data.patch_reading import Needs, read_patch
from core.flair.data.pixel_sampling import SampleSettings, sample
from core.flair.models.baselines import uniform
from core.flair.models.classifiers import MethodSettings, fit
from core.flair.models.features import FeatureSpec, build
from core.flair.models.prediction import judge, write_class_map
from core.flair.models.predictors import Drawn, Prediction

SPEC = FeatureSpec()


class Constant:
    """Says one class of every pixel, and cluster 1."""

    def __init__(self):
        self.sizes = []

    def predict(self, features, patch):
        self.sizes.append(len(features.matrix))
        n = len(features.matrix)
        return Prediction(np.full(n, 3, np.uint8), np.ones(n, np.int32))


def test_judge__every_pixel_counted_once(land):
    model = Constant()
    judged = judge(model, land, [0, 2], SPEC, None, n_clusters=2)
    assert judged.patches == (0, 2)
    assert judged.counts.shape == (2, 13, 13)
    assert (judged.counts.sum(axis=(1, 2)) == 512 * 512).all()
    assert judged.counts[:, :, 2].sum() == 2 * 512 * 512
    assert judged.by_cluster[1].sum() == 2 * 512 * 512
    assert judged.by_cluster[0].sum() == 0
    assert model.sizes == [512 * 512] * 2


def test_judge__knn_knows_its_training_pixels(land):
    table = sample(land, [0], SampleSettings())
    model = fit(build(table, SPEC), table.labels, MethodSettings(k=1)).model
    whole = read_patch(land, 0)
    said = model.predict(build(whole, SPEC), 1).classes.reshape(512, 512)
    # Pixels of one spectrum may have two classes: their first training pixel speaks for them.
    assert (said[table.row, table.column] == table.labels).mean() > 0.98


def test_judge__a_broken_patch_is_told_and_the_rest_goes_on(make_tree):
    tree = make_tree()
    tree.patch("000001")
    broken = tree.patch("000002")
    broken.write_bytes(b"II*\0 no more")
    judged = judge(Drawn(uniform()), tree.found(), [0, 1], SPEC, None)
    assert judged.patches == (0,)
    assert len(judged.counts) == 1
    assert "IMG_000002" in str(judged.problems[0])


def test_judge__nothing_left():
    from pathlib import Path

    from core.flair.data.dataset import Dataset

    judged = judge(Drawn(uniform()), Dataset(Path(), (), ()), [], SPEC, None)
    assert judged.counts.shape == (0, 13, 13)


def test_judge__fusion_reads_sentinel(land):
    spec = FeatureSpec(fusion=True)

    class Width(Constant):
        def predict(self, features, patch):
            assert features.matrix.shape[1] == 15
            return super().predict(features, patch)

    assert judge(Width(), land, [0], spec, None, n_clusters=2, needs=Needs()).patches == (0,)


def test_write_class_map__colours_place_and_licence(tmp_path, land):
    classes = np.random.default_rng(0).integers(1, 14, (512, 512)).astype(np.uint8)
    image = land.patches[0].image
    write_class_map(tmp_path / "deep" / "map.tif", classes, image)
    with rasterio.open(tmp_path / "deep" / "map.tif") as made, rasterio.open(image) as source:
        assert (made.read(1) == classes).all()
        assert (made.crs, made.transform) == (source.crs, source.transform)
        colours = made.colormap(1)
        assert colours[1] == (*REDUCED[0].rgb, 255)
        assert colours[13] == (0, 0, 0, 255)
        assert "Etalab" in made.tags()["COPYRIGHT"]
        assert made.nodata == 0
    assert len(list((tmp_path / "deep").iterdir())) == 1
