import numpy as np

from core.land.data.nomenclature import ATTRIBUTION, FLAIR, FULL


def test_classes__as_published() -> None:
    assert [cover.value for cover in FULL] == list(range(1, 20))
    assert [cover.value for cover in FLAIR.reduced] == list(range(1, 14))
    assert (FULL[0].name, FULL[0].colour) == ("building", "#db0e9a")
    assert (FULL[11].name, FULL[11].colour) == ("plowed land", "#e4df7c")
    assert (FULL[12].name, FULL[17].name, FULL[18].name) == ("swimming pool", "greenhouse", "other")
    assert (FLAIR.reduced[12].name, FLAIR.reduced[12].colour) == ("other", "#000000")
    assert FLAIR.reduced[:12] == FULL[:12]
    assert len({cover.colour for cover in FULL}) == 19


def test_classes__by_nomenclature() -> None:
    assert FLAIR.select("full") is FULL
    assert FLAIR.select("reduced") == (*FULL[:12], FLAIR.reduced[-1])


def test_reduce__rare_classes_become_other() -> None:
    assert FLAIR.reduce_labels(np.array([0, 1, 12, 13, 14, 19])).tolist() == [0, 1, 12, 13, 13, 13]
    assert FLAIR.reduce_labels(np.arange(20)).dtype == np.uint8


def test_is_other__in_both_nomenclatures() -> None:
    assert FLAIR.is_other(np.array([0, 12, 13, 18])).tolist() == [False, False, True, True]


def test_palette__rows_are_values() -> None:
    colours = FLAIR.palette()
    assert colours.shape == (14, 3)
    assert colours[0].tolist() == [128, 128, 128]
    assert colours[5].tolist() == [0x15, 0x53, 0xAE]
    assert FLAIR.palette("full")[18].tolist() == [0x99, 0x99, 0xFF]


def test_attribution__names_the_paper_and_the_licence() -> None:
    assert "10.48550/arXiv.2310.13336" in ATTRIBUTION
    assert "Etalab Open Licence 2.0" in ATTRIBUTION
