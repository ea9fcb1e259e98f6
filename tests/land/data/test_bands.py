"""Roles of bands by their names."""

import json
from dataclasses import asdict

import pytest

from core.errors import BandError, SettingsError
from core.land.data.bands import FLAIR_BANDS, Bands, bands_from_table, guess_bands


def test_flair__is_what_its_names_suggest():
    assert guess_bands(FLAIR_BANDS.names, 255.0) == FLAIR_BANDS


@pytest.mark.parametrize(
    ("names", "visible", "red", "nir", "elevation"),
    [
        (("Blue", "Green", "Red", "NIR"), (2, 1, 0), 2, 3, None),
        (("b02", "b03", "b04", "b08"), (2, 1, 0), 2, 3, None),
        (("band 1", "band 2", "band 3"), (0, 1, 2), None, None, None),
        # Without all of Sentinel-2's visible bands, b4 is just a fourth band.
        (("b1", "b4", "b5"), (0, 1, 2), None, None, None),
        (("grey", "height"), (0,), None, None, 1),
        (("nir", "red", "green"), (0, 1, 2), 1, 0, None),
    ],
)
def test_guess_bands__roles(names, visible, red, nir, elevation):
    bands = guess_bands(names, 100.0)
    assert (bands.visible, bands.red, bands.nir, bands.elevation) == (visible, red, nir, elevation)
    assert elevation not in bands.spectral
    assert len(bands) == len(names)


def test_guess_bands__equal_names():
    with pytest.raises(SettingsError, match="occurs twice"):
        guess_bands(("red", "Red"), 255.0)


def test_table__survives_json():
    bands = guess_bands(("nir", "red", "height"), 3000.0)
    assert bands_from_table(json.loads(json.dumps(asdict(bands)))) == bands


def test_bands__roles_must_exist():
    with pytest.raises(BandError, match="no band 5; the image has 4"):
        Bands(("red", "green", "blue", "nir"), (0, 1, 2), nir=3, elevation=4)


def test_guess_bands__an_elevation_alone_is_its_own_intensity():
    assert guess_bands(("height",), 1.0).visible == (0,)
