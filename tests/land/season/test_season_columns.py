import pytest

from core.land.data.bands import SENTINEL
from core.land.season.season_columns import STATISTICS, season_column_names, season_formulas


def test_season_formulas__bands_of_sentinel() -> None:
    pairs = {
        name: (SENTINEL[first], SENTINEL[second])
        for name, (first, second) in season_formulas(SENTINEL).items()
    }
    assert pairs == {
        "NDVI": ("B8", "B4"),
        "NDWI": ("B3", "B8"),
        "NDMI": ("B8", "B11"),
        "NBR": ("B8", "B12"),
        "NDRE": ("B8", "B5"),
    }


@pytest.mark.parametrize(
    ("bands", "names"),
    [
        (("Red", "NIR"), {"NDVI"}),
        (("nir", "red edge 1", "red edge 2"), {"NDRE"}),
        (("560 nm", "665 nm", "842 nm"), {"NDVI", "NDWI"}),
        # Band 4 is near infrared on Landsat 7, so its number alone says nothing.
        (("B3", "B4", "B5"), set()),
        (("band 1", "band 2"), set()),
    ],
)
def test_season_formulas__bands_by_name(bands: tuple[str, ...], names: set[str]) -> None:
    assert set(season_formulas(bands)) == names


def test_season_column_names__one_for_each_value() -> None:
    assert season_column_names(SENTINEL, "mean") == SENTINEL
    months = season_column_names(SENTINEL, "months")
    assert len(set(months)) == 120
    assert (months[0], months[10], months[-1]) == ("B2 Jan", "B2 Feb", "B12 Dec")
    indices = season_column_names(SENTINEL, "indices")
    assert len(set(indices)) == 10 + 5 * len(STATISTICS)
    assert indices[9:11] == ("B12", "NDVI minimum")
