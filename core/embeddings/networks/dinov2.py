"""DINOv2: vision transformers trained on photographs without labels (Oquab et al. 2023)."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.embeddings.encoder import EncoderCard
from core.embeddings.networks.config_files import config_beside
from core.embeddings.networks.network_encoder import NetworkEncoder
from core.embeddings.networks.weight_files import find_weights, load_strictly, read_state
from core.settings import EmbedSettings

if TYPE_CHECKING:
    from torch import Tensor

_STEP = 14
_HEAD = 64
_SIZES = {"small": (384, 12), "base": (768, 12), "large": (1024, 24)}
_SPEED = {"small": "the fastest", "base": "four times as slow", "large": "14 times as slow"}


def _card(size: str, revision: str, *, registers: bool = False) -> EncoderCard:
    family = "dinov2-with-registers" if registers else "dinov2"
    paper = "Oquab et al. 2023, DINOv2, arXiv:2304.07193"
    if registers:
        paper += "; Darcet et al. 2023, Vision transformers need registers, arXiv:2309.16588"
    return EncoderCard(
        name=f"dinov2-registers-{size}" if registers else f"dinov2-{size}",
        title=f"DINOv2 ViT-{size[0].upper()}/14" + (" with registers" if registers else ""),
        summary=f"Trained on photographs without labels; {_SPEED[size]} of its kind.",
        dim=_SIZES[size][0],
        bands=3,
        licence="Apache-2.0 (code and weights)",
        source=f"https://huggingface.co/facebook/{family}-{size}",
        paper=paper,
        hub_id=f"facebook/{family}-{size}",
        revision=revision,
        weights_file="model.safetensors",
        # ImageNet's, as in the model's own preprocessing.
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

# The names in the published files, and those that the network has.
_RENAMED = {
    ".attention.attention.query.": ".attention.q_proj.",
    ".attention.attention.key.": ".attention.k_proj.",
    ".attention.attention.value.": ".attention.v_proj.",
    ".attention.output.dense.": ".attention.o_proj.",
}


def load(card: EncoderCard, settings: EmbedSettings, weights_folder: Path) -> NetworkEncoder:
    """Load a DINOv2 encoder; a ``config.json`` beside the weights is checked.

    Its embedding is the normalised CLS token. Positions away from the trained 518 px are
    interpolated as transformers does it.

    Parameters
    ----------
    card : EncoderCard
        One of `CARDS`.
    settings : EmbedSettings
    weights_folder : Path
        The workspace's folder of weights.

    Raises
    ------
    WeightsError
        If the weights are missing, truncated, of another network, or not finite.
    """
    weights = find_weights(card, settings.weights, weights_folder)

    import torch
    import transformers

    registers = "registers" in card.name
    name = "Dinov2WithRegisters" if registers else "Dinov2"
    config = config_beside(
        weights.path,
        card,
        getattr(transformers, f"{name}Config"),
        _fixed(card, registers=registers),
        lambda found: int(found.hidden_size),
        {"hidden_size": card.dim, "num_hidden_layers": _depth(card), "image_size": 518},
    )
    with torch.device("meta"):
        model = getattr(transformers, f"{name}Model")(config)
    load_strictly(model, _backbone(weights.path, card), weights.path, card)

    def cls_token(pixels: "Tensor") -> "Tensor":
        out: Tensor = model(pixels).last_hidden_state[:, 0]
        return out

    return NetworkEncoder(card, cls_token, model, step=_STEP, settings=settings, weights=weights)


def _fixed(card: EncoderCard, *, registers: bool) -> dict[str, Any]:
    """What neither a key nor a shape of the weights shows."""
    return {
        "model_type": "dinov2_with_registers" if registers else "dinov2",
        "patch_size": _STEP,
        "num_attention_heads": card.dim // _HEAD,
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-6,
        "mlp_ratio": 4,
        "qkv_bias": True,
        "use_swiglu_ffn": False,
    }


def _depth(card: EncoderCard) -> int:
    return _SIZES[card.name.split("-")[-1]][1]


def _backbone(path: Path, card: EncoderCard) -> dict[str, Any]:
    """The weights without a classifier, under the names that the network has."""
    state = {}
    for key, value in read_state(path, card).items():
        if key.startswith("classifier."):
            continue
        name = key.removeprefix("dinov2_with_registers.").removeprefix("dinov2.")
        for old, new in _RENAMED.items():
            name = name.replace(old, new)
        state[name] = value
    return state
