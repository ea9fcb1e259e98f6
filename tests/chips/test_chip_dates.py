import numpy as np
import pandas as pd
import pytest

from core.chips.chip_dates import chip_dates

SCENES = pd.DataFrame(
    {"scene": ["quay_20240630", "quay_2023-01-05_b", "quay_20240230", "s12345678"]}
)


def test_chip_dates__from_the_name_of_the_scene():
    dates = chip_dates(SCENES, pd.DataFrame({"class": list("abcd")}))
    assert dates[:2].tolist() == pd.to_datetime(["2024-06-30", "2023-01-05"]).tolist()
    assert np.isnat(dates[2:]).all()


@pytest.mark.parametrize("name", ["date", "Acquired", "capture_time"])
def test_chip_dates__an_attribute_comes_first(name):
    texts = ["2020-02-03", "2019-12-31T10:00:00Z", None, "2021-05-06"]
    dates = chip_dates(SCENES, pd.DataFrame({"class": list("abcd"), name: texts}))
    assert np.argsort(dates)[:3].tolist() == [1, 0, 3]
    assert np.isnat(dates[2])


@pytest.mark.parametrize("texts", [["x", "y", "z", "2020-01-01"], [1.0, 2.0, 3.0, 4.0]])
def test_chip_dates__other_attributes_are_not_used(texts):
    dates = chip_dates(SCENES, pd.DataFrame({"date": texts}))
    assert str(dates[0]).startswith("2024-06-30")


def test_chip_dates__none():
    assert chip_dates(pd.DataFrame({"scene": ["a", "b"]}), pd.DataFrame()) is None
