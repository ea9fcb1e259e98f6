"""Token features: encoders on tiles and windows of patches, stored and used as features."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from core.embeddings.descriptors.texture import Texture
from core.embeddings.networks.satdino import CARDS, load_satdino
from core.embeddings.networks.vit import Vit, VitShape
from core.errors import SettingsError, WeightsError
from core.land.context.image_bands import ImageBands
from core.land.data.bands import FLAIR_BANDS
from core.land.models.classifiers import MethodSettings
from core.land.models.features import FeatureSpec
from core.pipeline.land import token_stage
from core.pipeline.land.run_titles import configuration_title
from core.pipeline.land.study import Study, StudySettings
from core.pipeline.land.study_cells import CELLS, StudyRun
from core.pipeline.land.study_results import finished_runs
from core.pipeline.land.token_encoding import encode_token_grid, sample_windows, token_encoders
from core.pipeline.land.token_stage import TOKENS, TokenSubject
from core.settings import EmbedSettings

NAMES = ("red", "green", "blue", "nir", "elevation")
SHAPE = VitShape(dim=24, depth=2, heads=3, token=16)


def random_image(height=100, width=130, seed=0, **fields):
    rng = np.random.default_rng(seed)
    bands = rng.integers(0, 256, (5, height, width), dtype=np.uint8)
    return ImageBands(bands, FLAIR_BANDS, **fields)


@pytest.fixture(autouse=True)
def _offline(monkeypatch, tmp_path):
    """Keep the tests away from the real hub and this machine's cache of it."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))


@pytest.fixture
def satdino(tmp_path):
    """SatDINO with a tiny network of random weights, in the real format."""
    torch.manual_seed(0)
    network = Vit(SHAPE)
    state = {name: torch.randn_like(value) * 0.2 for name, value in network.state_dict().items()}
    torch.save({"teacher": state}, tmp_path / "satdino.pth")
    card = replace(CARDS["satdino-small-16"], dim=24)
    settings = EmbedSettings(weights=str(tmp_path / "satdino.pth"))
    return load_satdino(card, settings, tmp_path, SHAPE)


def test_encode__windows_of_an_encoder_without_a_network():
    image = random_image()
    encoder = Texture()
    fitted = encoder.fit(sample_windows(image, 50, 0))
    grid = encode_token_grid(encoder, fitted, image)
    assert grid.values.shape[:2] == (13, 17)
    assert grid.step == 8
    # The point of row 5, column 7 is at (44, 60); its window has 32 x 32 pixels around it.
    window = image.crop(slice(28, 60), slice(44, 76))
    chip = sample_windows(window, 1, 0)
    expected = encoder.encode(chip, fitted)[0]
    np.testing.assert_allclose(grid.values[5, 7], expected, atol=1e-5)


def test_encode__tiles_of_a_network_do_not_depend_on_pixels_far_away(satdino):
    image = random_image(400, 500)
    grid = encode_token_grid(satdino, {}, image)
    assert grid.values.shape == (25, 32, 24)
    assert grid.step == 16
    changed = image.values.copy()
    changed[:, 300:, 400:] = 0
    other = encode_token_grid(satdino, {}, replace(image, values=changed))
    # Tiles of 14 x 14 tokens, of which the inner 10 x 10 are used.
    np.testing.assert_array_equal(other.values[:10, :20], grid.values[:10, :20])
    assert np.abs(other.values[20:, 26:] - grid.values[20:, 26:]).max() > 0.01
    again = encode_token_grid(satdino, {}, image)
    assert again.values.tobytes() == grid.values.tobytes()


@pytest.mark.parametrize("shape", [(1, 1), (20, 9), (40, 300)])
def test_encode__images_smaller_than_a_tile_and_nodata(satdino, shape):
    valid = np.ones(shape, bool)
    valid[0] = False
    image = random_image(*shape, valid=valid)
    grid = encode_token_grid(satdino, {}, image)
    assert grid.values.shape[:2] == (-(-shape[0] // 16), -(-shape[1] // 16))
    assert np.isfinite(grid.values).all()
    hidden = image.values.copy()
    hidden[:, ~valid] = 255
    other = encode_token_grid(satdino, {}, replace(image, values=hidden))
    np.testing.assert_array_equal(grid.values, other.values)


def test_run__with_tokens_of_the_texture_encoder(workspace):
    study = Study(workspace, StudySettings())
    plain, tokens = (FeatureSpec(extras=extras) for extras in ((), ("tokens:texture",)))
    runs = [StudyRun(study, MethodSettings(), spec) for spec in (plain, tokens)]
    results = [CELLS.open(run.make(CELLS)) for run in runs]
    assert results[1].scores.miou > results[0].scores.miou
    assert configuration_title(runs[1]) == "kNN, aerial, O + tokens:texture"
    assert "tokens" not in study.data_inputs((0,), plain)
    assert {run.spec for run in finished_runs(workspace, study.dataset)} == {plain, tokens}
    subject = TokenSubject(workspace, study.dataset, "texture")
    artifact = TOKENS.make(workspace.store, subject)
    assert artifact.cached
    assert len(list(artifact.folder.glob("*.npy"))) == 3
    table = study.sampled((0,), tokens)
    assert table.context is not None
    assert table.context.shape[1] == len(table.context_names) == 16
    assert np.isfinite(table.context).all()


def test_run__with_tokens_of_a_network(workspace, satdino, monkeypatch):
    study = Study(workspace, StudySettings())
    monkeypatch.setattr(token_stage, "load_encoder", lambda *_: satdino)
    monkeypatch.setattr(token_stage, "encoder_identity", lambda *_: satdino.identity)
    spec = FeatureSpec(extras=("tokens:satdino-small-16",))
    result = CELLS.open(StudyRun(study, MethodSettings(), spec).make(CELLS))
    assert result.scores.miou > 0.1
    monkeypatch.undo()
    # Without its weights, a run cannot be looked up; other runs still are.
    assert spec not in [run.spec for run in finished_runs(workspace, study.dataset)]


def test_run__unknown_encoders_and_missing_weights(workspace):
    study = Study(workspace, StudySettings())
    unknown = FeatureSpec(extras=("tokens:textur",))
    with pytest.raises(SettingsError, match="Did you mean 'texture'"):
        StudyRun(study, MethodSettings(), unknown).make(CELLS)
    missing = FeatureSpec(extras=("tokens:dinov2-small",))
    with pytest.raises(WeightsError, match="dinov2-small"):
        StudyRun(study, MethodSettings(), missing).make(CELLS)


def test_token_encoders__every_encoder_that_describes_squares():
    names = token_encoders()
    assert {"texture", "satdino-small-16", "dinov2-small", "resnet50"} <= set(names)
    assert not [name for name in names if name.startswith("siglip")]
