"""ResNet-50 trained on ImageNet, a baseline (He et al. 2016)."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.embeddings.encoder import EncoderCard
from core.embeddings.networks.network_encoder import NetworkEncoder
from core.embeddings.networks.weight_files import (
    find_weights,
    load_checkpoint,
    read_checkpoint,
    read_network_config,
)
from core.settings import EmbedSettings

if TYPE_CHECKING:
    from torch import Tensor, nn

CARD = EncoderCard(
    name="resnet50",
    title="ResNet-50",
    summary="Trained on labelled ImageNet photographs. A baseline that has seen no aerial or "
    "satellite imagery in training.",
    dim=2048,
    bands=3,
    licence="Apache-2.0 (code and weights)",
    source="https://huggingface.co/microsoft/resnet-50",
    paper="He et al. 2016, Deep residual learning for image recognition, arXiv:1512.03385",
    hub_id="microsoft/resnet-50",
    revision="34c2154c194f829b11125337b98c8f5f9965ff19",
    weights_file="model.safetensors",
    # ImageNet statistics, as in the model's own preprocessing.
    mean=(0.485, 0.456, 0.406),
    std=(0.229, 0.224, 0.225),
    tags=("photographs", "convolutional", "supervised"),
    version=2,
)
# The network halves the resolution five times.
_STEP = 32
# Options that cannot be derived from the keys and shapes of the weights. The last one means
# version 1.5 of the architecture, which has the stride in the 3 x 3 convolution.
_REQUIRED: dict[str, Any] = {
    "layer_type": "bottleneck",
    "hidden_act": "relu",
    "downsample_in_first_stage": False,
    "downsample_in_bottleneck": False,
}


def load_resnet50(
    settings: EmbedSettings, weights_folder: Path, card: EncoderCard = CARD
) -> NetworkEncoder:
    """Load ResNet-50; a ``config.json`` next to the weights is checked.

    The embedding is the network's pooled output. Raises WeightsError if the weights are missing,
    truncated, not finite, or belong to another network.
    """
    weights = find_weights(card, settings.weights, weights_folder)

    import torch
    from transformers import ResNetConfig, ResNetModel

    config = read_network_config(
        weights.path, card, ResNetConfig, _REQUIRED, lambda config: (config.hidden_sizes or [0])[-1]
    )
    with torch.device("meta"):
        model = ResNetModel(config)
    state = read_checkpoint(weights.path, card).items()
    body = {k.removeprefix("resnet."): v for k, v in state if not k.startswith("classifier.")}
    load_checkpoint(model, body, weights.path, card)
    fold_batch_norms(model)

    def pooled(pixels: "Tensor") -> "Tensor":
        output: Tensor = model(pixels).pooler_output
        return output.flatten(1)

    def last_features(pixels: "Tensor") -> "Tensor":
        features: Tensor = model(pixels).last_hidden_state
        return features

    return NetworkEncoder(
        card,
        pooled,
        model,
        step=_STEP,
        settings=settings,
        weights=weights,
        channels_last=True,
        dense=last_features,
    )


def fold_batch_norms(network: "nn.Module") -> int:
    """Fold each batch norm of a transformers CNN into the convolution before it, in place.

    This saves one pass over the data and does not change the output. A batch norm is recognised as
    the ``normalization`` of a module that also has a ``convolution``, as in ResNetModel. The
    network is switched to evaluation mode and can no longer be trained. Returns the number of batch
    norms.
    """
    from torch import nn
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    network.eval()
    n_folded = 0
    for module in list(network.modules()):
        convolution = getattr(module, "convolution", None)
        norm = getattr(module, "normalization", None)
        if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            module.convolution = fuse_conv_bn_eval(convolution, norm)
            module.normalization = nn.Identity()
            n_folded += 1
    return n_folded
