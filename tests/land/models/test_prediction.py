import numpy as np

from core.land.data.patch_reading import RequiredData, read_patch
from core.land.data.pixel_sampling import SampleSettings, sample_pixels
from core.land.models.classifier_table import fit_classifier
from core.land.models.classifiers import MethodSettings
from core.land.models.features import FeatureSpec, build_features
from core.land.models.prediction import judge_patches
from core.land.models.predictors import Prediction, uniform_chance

SPEC = FeatureSpec()


class Constant:
    """Predicts the same class, and cluster 1, for every pixel."""

    def __init__(self):
        self.sizes = []

    def predict(self, features, patch):
        self.sizes.append(len(features.matrix))
        n = len(features.matrix)
        return Prediction(np.full(n, 3, np.uint8), np.ones(n, np.int32))


def test_judge_patches__counts_every_pixel_once(land):
    model = Constant()
    result = judge_patches(model, land, [0, 2], SPEC, None, n_clusters=2)
    assert result.patches == (0, 2)
    assert result.counts.shape == (2, 13, 13)
    assert (result.counts.sum(axis=(1, 2)) == 512 * 512).all()
    assert result.counts[:, :, 2].sum() == 2 * 512 * 512
    assert result.by_cluster[1].sum() == 2 * 512 * 512
    assert result.by_cluster[0].sum() == 0
    assert model.sizes == [512 * 512] * 2


def test_judge_patches__knn_recalls_its_training_pixels(land):
    table = sample_pixels(land, [0], SampleSettings())
    model = fit_classifier(build_features(table, SPEC), table.labels, MethodSettings(k=1)).model
    patch = read_patch(land, 0)
    classes = model.predict(build_features(patch, SPEC), 1).classes.reshape(512, 512)
    # Pixels with the same spectrum may differ in class; the first training pixel decides.
    assert (classes[table.row, table.column] == table.labels).mean() > 0.98


def test_judge_patches__damaged_patch_is_reported(make_tree):
    tree = make_tree()
    tree.patch("000001")
    image = tree.patch("000002")
    image.write_bytes(b"II*\0 no more")
    result = judge_patches(uniform_chance(), tree.discover(), [0, 1], SPEC, None)
    assert result.patches == (0,)
    assert len(result.counts) == 1
    assert "IMG_000002" in str(result.problems[0])


def test_judge_patches__no_patches():
    from pathlib import Path

    from core.land.data.dataset import Dataset

    result = judge_patches(uniform_chance(), Dataset(Path(), (), ()), [], SPEC, None)
    assert result.counts.shape == (0, 13, 13)


def test_judge_patches__fusion_reads_sentinel(land):
    spec = FeatureSpec(fusion=True)

    class Width(Constant):
        def predict(self, features, patch):
            assert features.matrix.shape[1] == 15
            return super().predict(features, patch)

    assert judge_patches(
        Width(), land, [0], spec, None, n_clusters=2, needs=RequiredData()
    ).patches == (0,)
