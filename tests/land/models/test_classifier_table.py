import dataclasses
from typing import get_args

from core.land.models.classifier_table import CHANCE_BASELINES, CLASSIFIERS
from core.land.models.classifiers import Classifier, MethodSettings


def test_table__has_every_classifier_once():
    assert sorted(CLASSIFIERS) == sorted(get_args(Classifier))
    assert len({method.title for method in CLASSIFIERS.values()}) == len(CLASSIFIERS)


def test_table__a_method_either_fits_labels_or_clusters():
    assert all((method.fit is None) != (method.cluster is None) for method in CLASSIFIERS.values())
    assert CHANCE_BASELINES == ("uniform", "prevalence")
    assert [name for name, method in CLASSIFIERS.items() if method.has_noise] == ["hdbscan"]


def test_table__settings_are_fields():
    fields = {field.name for field in dataclasses.fields(MethodSettings)} - {"method"}
    assert set().union(*(method.settings for method in CLASSIFIERS.values())) == fields
