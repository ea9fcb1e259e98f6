import numpy as np
import pytest

from core.errors import BandError, SettingsError
from core.land.context.context_groups import compute_context, is_in_groups, local_texture
from core.land.context.image_bands import FLAIR_ROLES, BandRoles, ImageBands

NAMES = ("red", "green", "blue", "nir", "elevation")


def random_bytes(shape: tuple[int, ...] = (5, 30, 40), seed: int = 2) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def test_local_texture__standard_deviation_of_each_window() -> None:
    aerial = random_bytes()
    grey = aerial[:3].astype(float).mean(axis=0)
    texture = local_texture(aerial[:3])
    for row, column in ((4, 4), (15, 20), (25, 35)):
        window = grey[row - 4 : row + 5, column - 4 : column + 5]
        assert texture[row, column] == pytest.approx(window.std(), rel=1e-4)
    assert local_texture(np.full((3, 20, 20), 255, np.uint8)).max() < 1e-3


def test_compute_context__texture_of_visible_bands_in_units_of_the_scale() -> None:
    aerial = random_bytes()
    planes, names = compute_context(ImageBands(aerial, NAMES, roles=FLAIR_ROLES), ("texture",))
    assert names == ("texture",)
    assert np.array_equal(planes[0], local_texture(aerial[:3]) / np.float32(255))
    # Without visible bands, all bands except the elevation are used.
    image = ImageBands(aerial, NAMES, roles=BandRoles(elevation=4))
    assert np.array_equal(
        compute_context(image, ["texture"])[0][0], local_texture(aerial[:4]) / np.float32(255)
    )


def test_compute_context__no_groups_and_unknown_groups() -> None:
    image = ImageBands(random_bytes(), NAMES)
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
        ImageBands(random_bytes(), ("a", "b"))
    with pytest.raises(BandError, match="no band 5; the image has 4"):
        ImageBands(random_bytes((4, 3, 3)), NAMES[:4], roles=FLAIR_ROLES)


def test_image_bands__usable_pixels() -> None:
    bands = np.ones((2, 3, 3), np.float32)
    assert ImageBands(bands, ("a", "b")).usable() is None
    bands[1, 0, 0] = np.nan
    valid = np.ones((3, 3), bool)
    valid[2, 2] = False
    image = ImageBands(bands, ("a", "b"), 1.0, valid=valid)
    usable = image.usable()
    assert usable is not None
    assert int(usable.sum()) == 7
    assert image.unit(0)[2, 2] == 0
    assert image.unit(1)[0, 0] == 0
    assert image.unit(0)[1, 1] == 1
