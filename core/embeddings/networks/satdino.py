"""SatDINO: vision transformers trained on satellite imagery (Straka and Gruber 2025)."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.embeddings.encoder import EncoderCard
from core.embeddings.networks.network_encoder import NetworkEncoder
from core.embeddings.networks.weight_files import find_weights, load_strictly, read_state
from core.errors import WeightsError
from core.settings import EmbedSettings

if TYPE_CHECKING:
    from core.embeddings.networks.vit import VitShape

# fMoW's, on which the weights were trained; upstream's evaluation used each data set's own.
_MEAN = (0.433, 0.436, 0.407)
_STD = (0.198, 0.193, 0.195)


def _card(size: str, token: int, dim: int, revision: str, summary: str) -> EncoderCard:
    model = f"satdino-vit_{size}-{token}"
    return EncoderCard(
        name=f"satdino-{size}-{token}",
        title=f"SatDINO ViT-{size[0].upper()}/{token}",
        summary=summary,
        dim=dim,
        bands=3,
        licence="Apache-2.0 (code and weights)",
        source=f"https://huggingface.co/strakajk/{model}",
        paper="Straka and Gruber 2025, SatDINO, arXiv:2508.21402",
        hub_id=f"strakajk/{model}",
        revision=revision,
        weights_file=f"{model}.pth",
        mean=_MEAN,
        std=_STD,
        tags=("remote sensing", "vision transformer", "self-supervised"),
    )


# Of the small ones no commit is known here: "main", and the checksum tells what was taken.
_CARDS = (
    _card("small", 16, 384, "main", "Trained on satellite imagery; the fastest of the three."),
    _card("small", 8, 384, "main", "Finer tokens, for small objects; four times as slow."),
    _card(
        "base",
        16,
        768,
        "22b7a253cbd6f44d9d435c00be31bfdbb8cedb4f",
        "Wider embeddings, trained on satellite imagery; four times as slow.",
    ),
)
CARDS: Mapping[str, EncoderCard] = {card.name: card for card in _CARDS}


def shape_of(name: str) -> "VitShape":
    """The size of the network that a card's name stands for."""
    from core.embeddings.networks.vit import VitShape

    _, size, token = name.split("-")
    dim, heads = {"small": (384, 6), "base": (768, 12)}[size]
    return VitShape(dim=dim, depth=12, heads=heads, token=int(token))


def load(
    card: EncoderCard,
    settings: EmbedSettings,
    weights_folder: Path,
    shape: "VitShape | None" = None,
) -> NetworkEncoder:
    """Load a SatDINO encoder.

    Parameters
    ----------
    card : EncoderCard
        One of `CARDS`.
    settings : EmbedSettings
    weights_folder : Path
        The workspace's folder of weights.
    shape : VitShape, optional
        The size of the network, where it is not the one that the card's name stands for.

    Raises
    ------
    WeightsError
        If the weights are missing, truncated, of another network, or not finite.
    """
    weights = find_weights(card, settings.weights, weights_folder)

    import torch

    from core.embeddings.networks.vit import Vit

    shape = shape or shape_of(card.name)
    with torch.device("meta"):
        network = Vit(shape)
    load_strictly(network, _teacher(weights.path, card), weights.path, card)
    return NetworkEncoder(
        card, network, network, step=shape.token, settings=settings, weights=weights
    )


def _teacher(path: Path, card: EncoderCard) -> dict[str, Any]:
    """The checkpoint's ``teacher``, or a file that holds nothing but its tensors."""
    state = read_state(path, card)
    teacher = state if "cls_token" in state else state.get("teacher")
    if not isinstance(teacher, dict) or not teacher:
        held = ", ".join(sorted(map(str, state))[:3]) or "nothing"
        raise WeightsError(
            f"has no 'teacher' and no 'cls_token', but {held}",
            where=str(path),
            remedy=f"Bring {card.weights_file} from {card.source}",
        )
    return teacher
