"""Resizing compared with Pillow."""

import numpy as np
import pytest
import torch
from PIL import Image

from core.embeddings.networks.resizing import resize_bicubic


@pytest.mark.parametrize(("size", "side"), [(64, 224), (224, 64), (100, 48), (40, 32)])
def test_resize__is_close_to_pillow(size, side):
    """The grey levels avoid black and white, which Pillow clamps between its two passes."""
    pixels = np.random.default_rng(0).integers(75, 180, (size, size, 3), dtype=np.uint8)
    pillow = np.asarray(Image.fromarray(pixels).resize((side, side), Image.Resampling.BICUBIC))
    resized = resize_bicubic(
        torch.from_numpy(pixels / np.float32(255)).permute(2, 0, 1)[None], side
    )
    levels = 255 * resized[0].permute(1, 2, 0).numpy()
    assert np.abs(levels - pillow).max() < 1.2


def test_resize__stays_in_bounds_and_preserves_constants():
    checks = (torch.arange(32)[:, None] + torch.arange(32)[None] % 2 > 20).float()
    resized = resize_bicubic(checks[None, None], 45)
    assert (resized.min(), resized.max()) == (0, 1)
    assert torch.allclose(resize_bicubic(torch.full((1, 3, 30, 30), 0.3), 64), torch.tensor(0.3))


def test_resize__same_size_returns_the_input():
    pixels = torch.rand(1, 3, 32, 32)
    assert resize_bicubic(pixels, 32) is pixels


def test_resize__one_pixel():
    assert resize_bicubic(torch.full((1, 1, 1, 1), 0.5), 16).shape == (1, 1, 16, 16)
