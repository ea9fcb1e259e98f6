import pytest

from core.errors import TooFewError
from core.land.data.dataset import Dataset
from core.land.data.pixel_sampling import SampleSettings
from core.land.models.features import FeatureSpec
from core.pipeline.land.study import Study, StudySettings
from core.pipeline.workspace import Workspace

OTHER = 13


@pytest.mark.parametrize("draw", ["notebook", "random", "stratified"])
def test_evaluation_pixels__notebook_protocol_uses_other_pixels_without_class_other(
    workspace, draw
):
    sample = SampleSettings(draw=draw, n_per_patch=2500)
    study = Study(workspace, StudySettings(protocol="patches", sample=sample))
    (fold,) = study.folds
    training, judges = study.sampled(fold.train, FeatureSpec()), study.judges(fold, FeatureSpec())
    pixels = [set(zip(t.patch, t.row, t.column, strict=True)) for t in (training, judges)]
    assert not pixels[0] & pixels[1]
    assert len(judges) > 0.9 * 2500 * len(fold.test)
    assert (judges.labels != OTHER).all()


def test_evaluation_pixels__domains_include_class_other_and_are_reproducible(workspace):
    study = Study(workspace, StudySettings())
    fold = study.folds[0]
    first, second = (study.judges(fold, FeatureSpec()) for _ in range(2))
    assert (first.labels == OTHER).any()
    assert set(first.patch) == set(fold.test)
    assert (first.row == second.row).all()


def test_study__no_patches(tmp_path):
    with pytest.raises(TooFewError):
        Study(Workspace.at(tmp_path), StudySettings(), Dataset(tmp_path, (), ()))
