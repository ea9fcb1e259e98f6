"""ResNet-50 trained on ImageNet: the plain baseline (He et al. 2016)."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.embeddings.encoder import EncoderCard
from core.embeddings.networks.batch_norm import fold_batch_norms
from core.embeddings.networks.config_files import config_beside
from core.embeddings.networks.network_encoder import NetworkEncoder
from core.embeddings.networks.weight_files import find_weights, load_strictly, read_state
from core.settings import EmbedSettings

if TYPE_CHECKING:
    from torch import Tensor

CARD = EncoderCard(
    name="resnet50",
    title="ResNet-50",
    summary="Trained on ImageNet photographs: a baseline that knows nothing of imagery from above.",
    dim=2048,
    bands=3,
    licence="Apache-2.0 (code and weights)",
    source="https://huggingface.co/microsoft/resnet-50",
    paper="He et al. 2016, Deep residual learning for image recognition, arXiv:1512.03385",
    hub_id="microsoft/resnet-50",
    revision="34c2154c194f829b11125337b98c8f5f9965ff19",
    weights_file="model.safetensors",
    # ImageNet's, as in the model's own preprocessing.
    mean=(0.485, 0.456, 0.406),
    std=(0.229, 0.224, 0.225),
    tags=("photographs", "convolutional", "supervised"),
    version=2,
)
# The network halves the image five times.
_STEP = 32
# What no key and no shape of the weights shows: version 1.5, with the stride in the 3 x 3.
_FIXED: dict[str, Any] = {
    "layer_type": "bottleneck",
    "hidden_act": "relu",
    "downsample_in_first_stage": False,
    "downsample_in_bottleneck": False,
}


def load(settings: EmbedSettings, weights_folder: Path, card: EncoderCard = CARD) -> NetworkEncoder:
    """Load ResNet-50, pooled; a ``config.json`` beside the weights is checked.

    Raises
    ------
    WeightsError
        If the weights are missing, truncated, of another network, or not finite.
    """
    weights = find_weights(card, settings.weights, weights_folder)

    import torch
    from transformers import ResNetConfig, ResNetModel

    def width(config: ResNetConfig) -> int:
        return int((config.hidden_sizes or [0])[-1])

    config = config_beside(weights.path, card, ResNetConfig, _FIXED, width)
    with torch.device("meta"):
        model = ResNetModel(config)
    load_strictly(model, _backbone(weights.path, card), weights.path, card)
    fold_batch_norms(model)

    def pooled(pixels: "Tensor") -> "Tensor":
        out: Tensor = model(pixels).pooler_output
        return out.flatten(1)

    return NetworkEncoder(
        card,
        pooled,
        model,
        step=_STEP,
        settings=settings,
        weights=weights,
        channels_last=True,
    )


def _backbone(path: Path, card: EncoderCard) -> dict[str, Any]:
    """The weights without the classifier, under the names that ResNetModel has."""
    state = read_state(path, card)
    kept = {key: value for key, value in state.items() if not key.startswith("classifier.")}
    return {key.removeprefix("resnet."): value for key, value in kept.items()}
