import numpy as np
import pytest

from core.raster.spectral.spectral_indices import (
    DIVERGING,
    SpectralIndex,
    available_indices,
    find_band,
    normalised_difference,
)

SENTINEL_2 = ("b02", "b03", "b04", "b05", "b08", "b8a", "b11", "b12")


def test_normalised_difference__by_hand():
    first, second = np.array([[30, 0, 10, 0]], np.uint8), np.array([[10, 5, 10, 0]], np.uint8)
    index = normalised_difference(first, second)
    assert index[0, :3].tolist() == [0.5, -1, 0]
    assert np.isnan(index[0, 3])


def test_normalised_difference__negative_reflectance_stays_in_range():
    index = normalised_difference(np.array([0.3, -0.2]), np.array([-0.1, -0.2]))
    assert index[0] == 1
    assert np.isnan(index[1])


def test_normalised_difference__does_not_depend_on_the_unit():
    rng = np.random.default_rng(0)
    first, second = rng.uniform(0.01, 1, (2, 50))
    thousands = normalised_difference(
        (first * 1e4).astype("uint16"), (second * 1e4).astype("uint16")
    )
    assert thousands == pytest.approx(normalised_difference(first, second), abs=0.02)


@pytest.mark.parametrize(
    ("bands", "kind", "band"),
    [
        (SENTINEL_2, "nir", "b08"),
        (SENTINEL_2, "swir 2", "b12"),
        (("blue", "green", "red edge 1", "red", "nir"), "red", "red"),
        (("red", "near infrared", "nir 2"), "nir", "near infrared"),
        (("infrared", "red"), "nir", None),
        (("swir_1", "swir22"), "swir 1", "swir_1"),
        (("swir_1", "swir22"), "swir 2", "swir22"),
        (("665 nm", "705 nm", "0.842 µm", "1.61 um"), "red", "665 nm"),
        (("665 nm", "705 nm", "0.842 µm", "1.61 um"), "nir", "0.842 µm"),
        (("665 nm", "705 nm", "0.842 µm", "1.61 um"), "swir 1", "1.61 um"),
        (("band 3", "band 4"), "nir", None),
    ],
)
def test_find_band__by_name_or_wavelength_but_never_by_number(bands, kind, band):
    assert find_band(bands, kind) == band


def test_available_indices__those_whose_bands_exist():
    assert [*available_indices(SENTINEL_2)] == ["NDVI", "NDWI", "MNDWI", "NDMI", "NDBI", "NBR"]
    assert [*available_indices(("red", "green", "nir"))] == ["NDVI", "NDWI"]
    assert available_indices(SENTINEL_2)["NDVI"].bands == ("b08", "b04")
    assert available_indices(("red", "green", "blue")) == {}


def test_spectral_index__colours_of_the_ends_and_the_middle():
    values = np.array([[[10.0, 10, 0, 0, 5]], [[0.0, 10, 10, 0, 5]]])
    mask = np.array([[False, False, False, False, True]])
    image = SpectralIndex("NDVI", ("nir", "red")).draw(values, mask)
    expected = [DIVERGING[4], DIVERGING[2], DIVERGING[0]]
    assert [tuple(pixel[:3]) for pixel in image[0, :3].tolist()] == expected
    assert image[0, :, 3].tolist() == [255, 255, 255, 0, 0]
