from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import map_coordinates
from sklearn.decomposition import PCA

from core.artifacts.formats import write_array
from core.errors import SceneError, SettingsError
from core.land.context.context_groups import CONTEXT
from core.land.context.extra_features import expand_extras, shorten_extras
from core.land.context.token_grids import (
    N_COMPONENTS,
    TokenFolder,
    TokenGrid,
    fit_principal_axes,
    interpolate_tokens,
    token_encoder_names,
)


@pytest.mark.parametrize("shape", [(5, 7), (1, 4), (1, 1)])
def test_interpolate__as_in_scipy(shape: tuple[int, int]) -> None:
    values = np.random.default_rng(0).random((*shape, 3)).astype(np.float32)
    row, column = (index.ravel() for index in np.indices((shape[0] * 8, shape[1] * 8 - 3)))
    points = [(row + 0.5) / 8 - 0.5, (column + 0.5) / 8 - 0.5]
    result = interpolate_tokens(TokenGrid(values, 8), row, column)
    for band in range(3):
        expected = map_coordinates(values[..., band], points, order=1, mode="nearest")
        np.testing.assert_allclose(result[:, band], expected, atol=1e-6)


def test_interpolate__centre_of_a_token() -> None:
    values = np.arange(12, dtype=np.float32).reshape(3, 4, 1)
    # With an odd step, the point of a token is the centre of a pixel.
    result = interpolate_tokens(TokenGrid(values, 3), np.array([1, 4]), np.array([1, 10]))
    assert result.ravel().tolist() == [0, 7]


def test_principal_axes__as_in_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    tokens = (rng.normal(size=(500, 30)) @ rng.normal(size=(30, 30)) + 5).astype(np.float32)
    components = fit_principal_axes(tokens).project(tokens)
    expected = PCA(N_COMPONENTS).fit(tokens.astype(np.float64)).transform(tokens)
    expected /= expected[:, 0].std()
    np.testing.assert_allclose(np.abs(components), np.abs(expected), rtol=1e-3, atol=1e-4)
    again = fit_principal_axes(tokens.copy()).project(tokens)
    assert components.tobytes() == again.tobytes()


def test_principal_axes__few_dimensions_and_constant_tokens() -> None:
    few = fit_principal_axes(np.random.default_rng(2).random((40, 3), np.float32))
    assert few.project(np.zeros((2, 5, 3), np.float32)).shape == (2, 5, N_COMPONENTS)
    constant = np.full((10, 20), 0.5, np.float32)
    assert np.abs(fit_principal_axes(constant).project(constant)).max() < 1e-6


def test_token_folder__pixels_and_missing_patches(tmp_path: Path) -> None:
    values = np.random.default_rng(3).random((4, 4, N_COMPONENTS)).astype(np.float32)
    write_array(tmp_path / "IMG_1.npy", values)
    folder = TokenFolder(tmp_path, "texture", 8)
    row, column = np.array([0, 31]), np.array([0, 31])
    assert np.array_equal(folder.read_pixels("IMG_1", row, column), values[[0, 3], [0, 3]])
    assert folder.column_names()[0] == "tokens:texture: component 1"
    with pytest.raises(SceneError, match="tokens of texture could not be computed"):
        folder.read_pixels("IMG_2", row, column)


def test_extras__names_of_encoders() -> None:
    extras = expand_extras(("context", "tokens:texture", "ndvi", "tokens:dinov2-small"))
    assert extras == (*CONTEXT, "tokens:texture", "ndvi", "tokens:dinov2-small")
    assert token_encoder_names(extras) == ("texture", "dinov2-small")
    assert shorten_extras(extras) == ("tokens:texture", "ndvi", "tokens:dinov2-small", "context")
    with pytest.raises(SettingsError, match="'token:x' is not one of context, ndvi"):
        expand_extras(("token:x",))
