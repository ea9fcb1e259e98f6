import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import gaussian_filter, laplace

from core.chips import chip_measures
from core.chips.chip_measures import measure_chips, perceptual_hashes
from core.chips.chip_set import ChipSet, SceneChips
from core.errors import Cancelled

SIDE = 40


def noisy_part(name, dtype, n, seed):
    """Chips of two bands with structure, of which every third has masked pixels."""
    rng = np.random.default_rng(seed)
    coarse = gaussian_filter(rng.normal(size=(n, 2, SIDE, SIDE)), (0, 0, 3, 3)) * 300
    pixels = (coarse + rng.normal(120, 9, coarse.shape)).clip(1, 250).astype(dtype)
    mask = (rng.random((n, SIDE, SIDE)) < 0.1).astype(np.uint8)
    mask[np.arange(n) % 3 > 0] = 0
    mask[0] = 1
    facts = pd.DataFrame({"chip_id": [f"{name}{i}" for i in range(n)]})
    return SceneChips(name, name, pixels, mask, facts, pd.DataFrame(index=range(n)))


@pytest.fixture
def chips():
    parts = noisy_part("a", "uint8", 11, 0), noisy_part("b", "uint16", 6, 1)
    return ChipSet(parts, ("near", "far"))


def test_measure__equal_to_one_chip_after_the_other(chips):
    measures = measure_chips(chips)
    assert len(measures) == 17
    for row in range(17):
        mask = chips.read_masks([row])[0]
        grey = chips.read_scaled([row], chips.display_scalings)[0].mean(axis=0).astype(float)
        grey[mask] = grey[~mask].mean() if not mask.all() else 0
        masked_nearby = np.pad(mask, 1)
        masked_nearby = (
            mask
            | masked_nearby[2:, 1:-1]
            | masked_nearby[:-2, 1:-1]
            | masked_nearby[1:-1, 2:]
            | masked_nearby[1:-1, :-2]
        )
        edges = laplace(grey)[~masked_nearby]
        sharpness = np.sqrt((edges**2).mean()) if edges.size else 0
        assert measures["spread"][row] == pytest.approx(grey.std())
        assert measures["sharpness"][row] == pytest.approx(sharpness)
        thumbnail = grey.reshape(8, 5, 8, 5).mean(axis=(1, 3)).ravel()
        assert measures["thumbnail"][row] == pytest.approx(thumbnail, abs=0.01)


def test_measure__does_not_depend_on_the_blocks(chips, monkeypatch):
    whole = measure_chips(chips)
    monkeypatch.setattr(chip_measures, "BLOCK", 4)
    assert measure_chips(chips).tobytes() == whole.tobytes()
    # Large chips are measured one by one.
    monkeypatch.setattr(chip_measures, "MAX_BLOCK_BYTES", 1)
    assert measure_chips(chips).tobytes() == whole.tobytes()


def test_measure__progress_that_can_stop_it(chips, monkeypatch):
    monkeypatch.setattr(chip_measures, "BLOCK", 4)
    reports = []
    measure_chips(chips, report=lambda *step: bool(reports.append(step)))
    assert [n for n, *_ in reports] == [4, 8, 11, 15, 17]
    assert reports[-1] == (17, 17, "b")
    with pytest.raises(Cancelled):
        measure_chips(chips, report=lambda *_: True)


def test_perceptual_hashes__ignore_brightness_and_contrast():
    rng = np.random.default_rng(2)
    grey = 99 * gaussian_filter(rng.normal(size=(30, 32, 32)), (0, 2, 2))
    hashes = perceptual_hashes(grey)
    assert np.array_equal(perceptual_hashes(grey * 0.5 + 60), hashes)
    distances = [int(a ^ b).bit_count() for a in hashes[:10] for b in hashes[10:]]
    assert min(distances) > 8
