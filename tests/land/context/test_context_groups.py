from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, uniform_filter

from core.errors import BandError, SettingsError
from core.land.context.context_groups import (
    CONTEXT,
    CONTEXT_GROUPS,
    compute_context,
    is_in_groups,
    pixel_context,
    stream_context,
)
from core.land.context.image_bands import ImageBands
from core.land.data.bands import FLAIR_BANDS, Bands

NAMES = ("red", "green", "blue", "nir", "elevation")


def random_bytes(shape: tuple[int, ...] = (5, 30, 40), seed: int = 2) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def earlier_texture(visible: np.ndarray) -> np.ndarray:
    """The texture of earlier versions, whose results and keys must stay valid."""
    grey = visible.mean(axis=0, dtype=np.float64)
    mean, mean_square = (uniform_filter(v, 9, mode="reflect") for v in (grey, grey * grey))
    deviation = np.sqrt(np.maximum(mean_square - mean * mean, 0))
    return np.asarray(deviation, np.float32) / np.float32(255)


def test_compute_context__texture_of_visible_bands_in_units_of_the_scale() -> None:
    aerial = random_bytes()
    planes, names = compute_context(ImageBands(aerial, FLAIR_BANDS), ("texture",))
    assert names == ("texture",)
    assert np.array_equal(planes[0], earlier_texture(aerial[:3]))
    # Without visible bands, all bands except the elevation are used.
    image = ImageBands(aerial, Bands(NAMES, (), elevation=4))
    assert np.array_equal(compute_context(image, ["texture"])[0][0], earlier_texture(aerial[:4]))


def test_compute_context__no_groups_and_unknown_groups() -> None:
    image = ImageBands(random_bytes(), Bands(NAMES, ()))
    planes, names = compute_context(image, ())
    assert planes.shape == (0, 30, 40)
    assert names == ()
    with pytest.raises(SettingsError, match="'slope' is not one of texture"):
        compute_context(image, ("slope",))


def test_is_in_groups__by_the_name_before_the_colon() -> None:
    assert is_in_groups("texture", ("texture",))
    assert is_in_groups("means: red, 7 px", ("texture", "means"))
    assert not is_in_groups("means: red, 7 px", ("mean",))


def test_image_bands__names_and_roles_must_fit() -> None:
    with pytest.raises(BandError, match="2 names for bands of shape"):
        ImageBands(random_bytes(), Bands(("a", "b"), ()))
    with pytest.raises(BandError, match="no band 5; the image has 4"):
        Bands(NAMES[:4], (0, 1, 2), nir=3, elevation=4)


def test_image_bands__usable_pixels() -> None:
    bands = np.ones((2, 3, 3), np.float32)
    assert ImageBands(bands, Bands(("a", "b"), ())).usable() is None
    bands[1, 0, 0] = np.nan
    valid = np.ones((3, 3), bool)
    valid[2, 2] = False
    usable = ImageBands(bands, Bands(("a", "b"), ()), valid).usable()
    assert usable is not None
    assert int(usable.sum()) == 7


def smooth_image(shape: tuple[int, int], *, holes: bool, seed: int = 0) -> ImageBands:
    rng = np.random.default_rng(seed)
    bands = gaussian_filter(rng.random((5, *shape)), (0, 3, 3)) * 2000
    valid = None
    if holes:
        valid = rng.random(shape) > 0.05
        valid[30:60, 100:150] = False
        bands[:, ~valid] = np.nan
    return ImageBands(bands, FLAIR_BANDS, valid=valid)


@pytest.mark.parametrize("holes", [False, True])
def test_stream_context__blocks_show_no_seams(*, holes: bool) -> None:
    image = smooth_image((230, 170), holes=holes)
    groups = tuple(CONTEXT_GROUPS)
    expected, names = compute_context(image, groups)
    planes = np.full_like(expected, np.nan)
    for rows, columns, (block, block_names) in stream_context(image, groups, side=64):
        assert block_names == names
        planes[:, rows, columns] = block
    usable = image.usable()
    inside = np.ones(image.shape, bool) if usable is None else usable
    np.testing.assert_allclose(planes[:, inside], expected[:, inside], atol=2e-6)


def test_stream_context__memory_mapped_bands_are_read_block_by_block(tmp_path: Path) -> None:
    np.save(tmp_path / "bands.npy", random_bytes((5, 150, 90)))
    bands = np.load(tmp_path / "bands.npy", mmap_mode="r")
    blocks = list(stream_context(ImageBands(bands, FLAIR_BANDS), ("means",), 60))
    assert [(r.start, c.start) for r, c, _ in blocks] == [
        (row, column) for row in (0, 60, 120) for column in (0, 60)
    ]
    assert blocks[-1][2][0].shape == (10, 30, 30)


def test_pixel_context__as_in_the_image() -> None:
    image = smooth_image((150, 140), holes=False)
    planes, names = compute_context(image, CONTEXT)
    for row, column in ((0, 0), (75, 139), (149, 3)):
        pixel, pixel_names = pixel_context(image, CONTEXT, row, column)
        assert pixel_names == names
        np.testing.assert_allclose(pixel[:, 0, 0], planes[:, row, column], atol=2e-6)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 3)])
def test_compute_context__tiny_and_constant_images(shape: tuple[int, int]) -> None:
    bands = np.full((5, *shape), 51, np.uint8)
    planes, names = compute_context(ImageBands(bands, FLAIR_BANDS), CONTEXT)
    for plane, name in zip(planes, names, strict=True):
        constant = 0.2 if name.startswith("means") else float("no brighter" in name)
        np.testing.assert_allclose(plane, constant, atol=1e-6)


def test_compute_context__without_any_valid_pixel_all_values_are_finite() -> None:
    bands = np.full((5, 20, 20), np.nan, np.float32)
    planes, _ = compute_context(ImageBands(bands, FLAIR_BANDS), tuple(CONTEXT_GROUPS))
    assert np.isfinite(planes).all()


def test_compute_context__any_number_of_bands() -> None:
    for n_bands in (1, 12):
        image = ImageBands(
            random_bytes((n_bands, 40, 30)), Bands(tuple("abcdefghijkl"[:n_bands]), ())
        )
        planes, names = compute_context(image, CONTEXT)
        assert len(names) == len(set(names)) == len(planes) == 2 * n_bands + 2 + 2 + 4 + 4


def test_compute_context__is_deterministic_and_leaves_the_image_unchanged() -> None:
    image = smooth_image((60, 60), holes=True)
    before = image.values.copy()
    first, second = (compute_context(image, CONTEXT)[0] for _ in range(2))
    assert first.tobytes() == second.tobytes()
    np.testing.assert_array_equal(image.values, before)
