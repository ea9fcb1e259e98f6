"""SatDINO: vision transformers trained on satellite imagery (Straka and Gruber 2025)."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.embeddings.encoder import EncoderCard
from core.embeddings.networks.network_encoder import NetworkEncoder
from core.embeddings.networks.weight_files import find_weights, load_checkpoint, read_checkpoint
from core.errors import WeightsError
from core.settings import EmbedSettings

if TYPE_CHECKING:
    from core.embeddings.networks.vit import VitShape

# Width and number of attention heads.
_SHAPES = {"small": (384, 6), "base": (768, 12)}


def _card(size: str, token: int, remark: str, revision: str = "main") -> EncoderCard:
    model = f"satdino-vit_{size}-{token}"
    return EncoderCard(
        name=f"satdino-{size}-{token}",
        title=f"SatDINO ViT-{size[0].upper()}/{token}",
        summary=f"Trained on satellite imagery without labels. {remark}",
        dim=_SHAPES[size][0],
        bands=3,
        licence="Apache-2.0 (code and weights)",
        source=f"https://huggingface.co/strakajk/{model}",
        paper="Straka and Gruber 2025, SatDINO, arXiv:2508.21402",
        hub_id=f"strakajk/{model}",
        revision=revision,
        weights_file=f"{model}.pth",
        # Statistics of fMoW, the training data. The authors' evaluation uses each test set's own.
        mean=(0.433, 0.436, 0.407),
        std=(0.198, 0.193, 0.195),
        tags=("remote sensing", "vision transformer", "self-supervised"),
    )


_RELATIVE_TIME = "takes about 4 times as long as ViT-S/16"
_BASE_REVISION = "22b7a253cbd6f44d9d435c00be31bfdbb8cedb4f"
# The commits of the small models are not known, so they use "main"; the checksum of the file tells
# which version was used.
_CARDS = (
    _card("small", 16, "This is the fastest of the three models."),
    _card("small", 8, f"Its smaller tokens suit small objects, but it {_RELATIVE_TIME}."),
    _card("base", 16, f"Its embeddings are longer, but it {_RELATIVE_TIME}.", _BASE_REVISION),
)
CARDS: Mapping[str, EncoderCard] = {card.name: card for card in _CARDS}


def vit_shape(name: str) -> "VitShape":
    """Return the shape of the network that belongs to a card's name."""
    from core.embeddings.networks.vit import VitShape

    _, size, token = name.split("-")
    dim, heads = _SHAPES[size]
    return VitShape(dim=dim, depth=12, heads=heads, token=int(token))


def load_satdino(
    card: EncoderCard,
    settings: EmbedSettings,
    weights_folder: Path,
    shape: "VitShape | None" = None,
) -> NetworkEncoder:
    """Load a SatDINO encoder; `shape` defaults to the shape that belongs to the card's name.

    Raises WeightsError if the weights are missing, truncated, not finite, or belong to another
    network.
    """
    weights = find_weights(card, settings.weights, weights_folder)

    import torch

    from core.embeddings.networks.vit import Vit

    shape = shape or vit_shape(card.name)
    with torch.device("meta"):
        network = Vit(shape)
    load_checkpoint(network, _teacher(weights.path, card), weights.path, card)
    return NetworkEncoder(
        card,
        network,
        network,
        step=shape.token,
        settings=settings,
        weights=weights,
        dense=network.token_grid,
    )


def _teacher(path: Path, card: EncoderCard) -> dict[str, Any]:
    """Return a checkpoint's ``teacher``, or the whole checkpoint if it holds only the teacher."""
    state = read_checkpoint(path, card)
    teacher = state if "cls_token" in state else state.get("teacher")
    if not isinstance(teacher, dict) or not teacher:
        keys = ", ".join(sorted(map(str, state))[:3]) or "none"
        raise WeightsError(
            f"the file has no 'teacher' and no 'cls_token'; its first keys are: {keys}",
            where=str(path),
            remedy=f"Download {card.weights_file} from {card.source}.",
        )
    return teacher
