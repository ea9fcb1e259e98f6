"""Folded batch norms against the network as it was."""

import torch
from transformers import ResNetConfig, ResNetModel

from core.embeddings.networks.batch_norm import fold_batch_norms


def test_fold__gives_the_same_numbers_with_no_norm_left(random_state):
    model = ResNetModel(ResNetConfig(embedding_size=8, hidden_sizes=[16, 24], depths=[1, 2]))
    model.load_state_dict(random_state(model))
    model.eval()
    pixels = torch.randn(2, 3, 64, 64)
    norms = sum(isinstance(m, torch.nn.BatchNorm2d) for m in model.modules())
    with torch.inference_mode():
        expected = model(pixels).pooler_output
    assert fold_batch_norms(model) == norms > 5
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in model.modules())
    with torch.inference_mode():
        found = model(pixels).pooler_output
        last = model(pixels.contiguous(memory_format=torch.channels_last)).pooler_output
    assert torch.allclose(found, expected, atol=1e-5 * float(expected.abs().max()))
    assert torch.allclose(last, expected, atol=1e-5 * float(expected.abs().max()))


def test_fold__leaves_other_modules_alone():
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    assert fold_batch_norms(network) == 0
    assert isinstance(network[1], torch.nn.BatchNorm2d)
