"""DINOv2: vision transformers trained on photographs without labels (Oquab et al. 2023)."""

from collections.abc import Mapping
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
    from torch import Tensor

_TOKEN_SIDE = 14
_HEAD_DIM = 64
# Width of the embedding and number of transformer blocks.
_SHAPES = {"small": (384, 12), "base": (768, 12), "large": (1024, 24)}
_SPEED = {
    "small": "This is the fastest of the three sizes.",
    "base": "It takes about 4 times as long as the small model.",
    "large": "It takes about 14 times as long as the small model.",
}


def _card(size: str, revision: str, *, registers: bool = False) -> EncoderCard:
    family = "dinov2-with-registers" if registers else "dinov2"
    summary = f"Trained on photographs without labels. {_SPEED[size]}"
    paper = "Oquab et al. 2023, DINOv2, arXiv:2304.07193"
    if registers:
        summary += " Its register tokens reduce artefacts in the features."
        paper += "; Darcet et al. 2023, Vision transformers need registers, arXiv:2309.16588"
    return EncoderCard(
        name=f"dinov2-registers-{size}" if registers else f"dinov2-{size}",
        title=f"DINOv2 ViT-{size[0].upper()}/14" + (" with registers" if registers else ""),
        summary=summary,
        dim=_SHAPES[size][0],
        bands=3,
        licence="Apache-2.0 (code and weights)",
        source=f"https://huggingface.co/facebook/{family}-{size}",
        paper=paper,
        hub_id=f"facebook/{family}-{size}",
        revision=revision,
        weights_file="model.safetensors",
        # ImageNet statistics, as in the model's own preprocessing.
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        tags=("photographs", "vision transformer", "self-supervised"),
    )


_CARDS = (
    _card("small", "ed25f3a31f01632728cabb09d1542f84ab7b0056"),
    _card("base", "f9e44c814b77203eaa57a6bdbbd535f21ede1415"),
    _card("large", "47b73eefe95e8d44ec3623f8890bd894b6ea2d6c"),
    _card("small", "0d9846e56b43a21fa46d7f3f5070f0506a5795a9", registers=True),
    _card("base", "a1d738ccfa7ae170945f210395d99dde8adb1805", registers=True),
    _card("large", "e4c89a4e05589de9b3e188688a303d0f3c04d0f3", registers=True),
)
CARDS: Mapping[str, EncoderCard] = {card.name: card for card in _CARDS}

# Parts of keys in the published files, and their names in the network.
_RENAMED_KEYS = {
    ".attention.attention.query.": ".attention.q_proj.",
    ".attention.attention.key.": ".attention.k_proj.",
    ".attention.attention.value.": ".attention.v_proj.",
    ".attention.output.dense.": ".attention.o_proj.",
}


def load_dinov2(card: EncoderCard, settings: EmbedSettings, weights_folder: Path) -> NetworkEncoder:
    """Load a DINOv2 encoder; a ``config.json`` next to the weights is checked.

    The embedding is the normalised CLS token. For sizes other than the 518 px of training, the
    position embeddings are interpolated as in transformers. Raises WeightsError if the weights are
    missing, truncated, not finite, or belong to another network.
    """
    weights = find_weights(card, settings.weights, weights_folder)

    import torch
    import transformers

    registers = "registers" in card.name
    name = "Dinov2WithRegisters" if registers else "Dinov2"
    depth = _SHAPES[card.name.split("-")[-1]][1]
    # Options that cannot be derived from the keys and shapes of the weights.
    required = {
        "model_type": "dinov2_with_registers" if registers else "dinov2",
        "patch_size": _TOKEN_SIDE,
        "num_attention_heads": card.dim // _HEAD_DIM,
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-6,
        "mlp_ratio": 4,
        "qkv_bias": True,
        "use_swiglu_ffn": False,
    }
    config = read_network_config(
        weights.path,
        card,
        getattr(transformers, f"{name}Config"),
        required,
        lambda config: int(config.hidden_size),
        {"hidden_size": card.dim, "num_hidden_layers": depth, "image_size": 518},
    )
    with torch.device("meta"):
        model = getattr(transformers, f"{name}Model")(config)
    load_checkpoint(model, _backbone(weights.path, card), weights.path, card)

    def cls_token(pixels: "Tensor") -> "Tensor":
        token: Tensor = model(pixels).last_hidden_state[:, 0]
        return token

    def token_grid(pixels: "Tensor") -> "Tensor":
        side = pixels.shape[-1] // _TOKEN_SIDE
        # The tokens of the image come last, after the CLS token and any registers.
        tokens = model(pixels).last_hidden_state[:, -(side**2) :]
        grid: Tensor = tokens.transpose(1, 2).reshape(len(pixels), -1, side, side)
        return grid

    return NetworkEncoder(
        card,
        cls_token,
        model,
        step=_TOKEN_SIDE,
        settings=settings,
        weights=weights,
        dense=token_grid,
    )


def _backbone(path: Path, card: EncoderCard) -> dict[str, Any]:
    """Return the weights without the classifier, under the network's own keys."""
    state = {}
    for key, value in read_checkpoint(path, card).items():
        name = key.removeprefix("dinov2_with_registers.").removeprefix("dinov2.")
        for published, renamed in _RENAMED_KEYS.items():
            name = name.replace(published, renamed)
        if not key.startswith("classifier."):
            state[name] = value
    return state
