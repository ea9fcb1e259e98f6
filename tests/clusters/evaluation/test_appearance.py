import numpy as np
import pytest

from core.clusters.evaluation.appearance import measure_appearance


def test_measure_appearance__by_hand():
    pixels = np.zeros((3, 4, 8, 8), np.float32)
    for band, value in enumerate((0.2, 0.4, 0.3, 0.6)):
        pixels[:, band] = value
    pixels[1, :, ::2] += 0.1
    mask = np.zeros((3, 8, 8), bool)
    mask[0, :4] = True
    pixels[0, :, :4] = 99
    mask[2] = True
    table = measure_appearance(pixels, mask, ("Red", "green", "blue", "NIR"))
    assert table.brightness[0] == pytest.approx(0.375)
    assert table.mean_green[0] == pytest.approx(0.4)
    assert table.ndvi[0] == pytest.approx(0.4 / 0.8)
    assert table.ndwi[0] == pytest.approx(-0.2)
    assert table.sharpness[0] == pytest.approx(0, abs=1e-10)
    assert table.contrast[0] == pytest.approx(0, abs=1e-6)
    assert table.sharpness[1] == pytest.approx(0.04, rel=1e-4)
    assert table.iloc[2].isna().all()
    assert "ndvi" not in measure_appearance(pixels[:, :3], mask, ("red", "green", "blue"))


@pytest.mark.parametrize("masked", [np.s_[:4], np.s_[4:], np.s_[:, :4], np.s_[:, 4:]])
def test_measure_appearance__masked_pixels_have_no_effect_on_their_neighbours(masked):
    pixels = np.full((1, 3, 8, 8), 0.5, np.float32)
    mask = np.zeros((1, 8, 8), bool)
    mask[0][masked] = True
    pixels[0][:, mask[0]] = 99
    table = measure_appearance(pixels, mask, ("red", "green", "blue"))
    assert table.sharpness[0] == 0
    assert table.brightness[0] == pytest.approx(0.5)
