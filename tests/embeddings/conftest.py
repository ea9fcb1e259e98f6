"""Small random checkpoints in the real file formats, and batches of random chips."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.chips.scaling import fit_scaling
from core.embeddings.encoder import ChipBatch, EncoderCard
from core.embeddings.networks.satdino import CARDS


def _random_state(network: Any, seed: int = 0) -> dict[str, Any]:
    """Random weights that are varied enough to reveal any error in the forward pass."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    state = {}
    for key, tensor in network.state_dict().items():
        noise = torch.randn(tensor.shape, generator=generator)
        if not tensor.is_floating_point():
            state[key] = torch.zeros(tensor.shape, dtype=tensor.dtype)
        elif key.endswith("running_var"):
            state[key] = 0.5 + noise.abs()
        elif tensor.ndim == 1:
            state[key] = 0.1 * noise + ("norm" in key and key.endswith("weight"))
        else:
            fan_in = tensor[0].numel() if tensor.shape[0] > 1 else 25
            state[key] = noise / fan_in**0.5
    return state


@pytest.fixture
def random_state() -> Callable[..., dict[str, Any]]:
    return _random_state


@dataclass
class Tiny:
    """A small SatDINO network: its card, shape and weights, and a file with the weights."""

    card: EncoderCard
    shape: Any
    teacher: dict[str, Any]
    file: Path


@pytest.fixture(autouse=True)
def _offline(monkeypatch, tmp_path):
    """Keep all tests away from the real hub and this machine's cache of it."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))


@pytest.fixture
def tiny(tmp_path: Path) -> Tiny:
    import torch

    from core.embeddings.networks.vit import Vit, VitShape

    shape = VitShape(dim=24, depth=2, heads=3, token=16)
    teacher = _random_state(Vit(shape))
    head = {"linear.weight": torch.randn(63, 24), "linear.bias": torch.zeros(63)}
    file = tmp_path / "satdino-vit_small-16.pth"
    torch.save({"teacher": teacher, "linear_head": head}, file)
    return Tiny(replace(CARDS["satdino-small-16"], dim=24), shape, teacher, file)


@pytest.fixture
def make_batch() -> Callable[..., ChipBatch]:
    def make(n=5, bands=3, size=32, dtype=np.uint8, seed=0, masked=0.0, names=()) -> ChipBatch:
        rng = np.random.default_rng(seed)
        top = 255 if dtype == np.uint8 else 4000
        pixels = (rng.random((n, bands, size, size)) * top).astype(dtype)
        mask = rng.random((n, size, size)) < masked
        return ChipBatch(pixels, mask, fit_scaling(pixels, mask), names)

    return make
