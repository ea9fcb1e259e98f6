"""SigLIP 2: a vision transformer that was trained together with a text encoder.

Pictures and words get embeddings in the same space (Tschannen et al. 2025), so chips can be ranked
by a description. Only the published network with a fixed input size is supported, which has the
architecture of the first SigLIP.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from core.embeddings.encoder import EncoderCard, unit_length
from core.embeddings.networks.network_encoder import NetworkEncoder
from core.embeddings.networks.weight_files import (
    WeightFile,
    find_weights,
    load_checkpoint,
    read_checkpoint,
    read_network_config,
)
from core.errors import SettingsError, WeightsError
from core.settings import EmbedSettings
from core.types import FloatArray

if TYPE_CHECKING:
    from torch import Tensor, nn

TOKENIZER_FILE = "tokenizer.json"
CARD = EncoderCard(
    name="siglip2",
    title="SigLIP 2 ViT-B/16",
    summary="Trained on pictures from the web with their captions. Chips can be found by words.",
    dim=768,
    input_size=224,
    bands=3,
    licence="Apache-2.0 (code and weights)",
    source="https://huggingface.co/google/siglip2-base-patch16-224",
    paper="Tschannen et al. 2025, SigLIP 2, arXiv:2502.14786",
    hub_id="google/siglip2-base-patch16-224",
    revision="75de2d55ec2d0b4efc50b3e9ad70dba96a7b2fa2",
    weights_file="model.safetensors",
    more_files=(TOKENIZER_FILE,),
    mean=(0.5, 0.5, 0.5),
    std=(0.5, 0.5, 0.5),
    tags=("photographs", "vision transformer", "words"),
)

_TOKEN_SIDE = 16
# The text encoder was trained with texts of exactly 64 tokens, in lower case: the text, one end
# token, and padding (its model card). It reads the last position, so the padding matters.
_N_TOKENS = 64
_PAD, _END = 0, 1
_N_WORDS = 256_000


def load_siglip2(settings: EmbedSettings, weights_folder: Path) -> NetworkEncoder:
    """Load the image encoder; the embedding is the output of its attention pooling.

    Chips are resized to the 224 px of the training, unless `settings.input_size` says otherwise.
    Raises WeightsError if the weights are missing, truncated, not finite, or belong to another
    network.
    """
    weights = find_weights(CARD, settings.weights, weights_folder)

    from transformers import SiglipVisionModel

    config = _read_config(weights.path).vision_config
    model = _load_part(SiglipVisionModel, config, weights, "vision_model.")

    def pooled(pixels: "Tensor") -> "Tensor":
        embeddings: Tensor = model(pixels, interpolate_pos_encoding=True).pooler_output
        return embeddings

    return NetworkEncoder(CARD, pooled, model, step=_TOKEN_SIDE, settings=settings, weights=weights)


def embed_words(words: str, settings: EmbedSettings, weights_folder: Path) -> FloatArray:
    """Return the embedding of a description, float32 (768,), of length 1.

    Its scalar product with a chip's embedding of length 1 is their similarity. The text encoder is
    loaded each time, which takes about a second and 0.4 GB. Raises SettingsError if there are no
    words, and WeightsError as `load_siglip2` does, also for the file of the tokens.
    """
    if not words.strip():
        raise SettingsError("there are no words to search for", where="words")
    weights = find_weights(CARD, settings.weights, weights_folder)
    path = _token_file(settings, weights_folder)
    tokens = _tokens(words, path)

    import torch
    from transformers import SiglipTextModel

    config = _read_config(weights.path).text_config
    if max(tokens) >= config.vocab_size:
        raise _token_error("the file has more tokens than the text encoder", path)
    # Of the table of 256,000 tokens, two thirds of the text encoder, only the rows in use are read.
    used, numbers = np.unique(tokens, return_inverse=True)
    config.vocab_size = len(used)
    rows = {"text_model.embeddings.token_embedding.weight": used.tolist()}
    model = _load_part(SiglipTextModel, config, weights, "text_model.", rows).eval()
    with torch.inference_mode():
        embedding = model(torch.from_numpy(numbers)[None]).pooler_output.numpy()
    return np.asarray(unit_length(embedding)[0])


def _token_file(settings: EmbedSettings, weights_folder: Path) -> Path:
    """Return the file that splits words into tokens; it is looked up as the weights are."""
    card = replace(CARD, weights_file=TOKENIZER_FILE, more_files=())
    # The setting may name the file of the weights; the file of the tokens is then next to it.
    setting = Path(settings.weights).expanduser() if settings.weights else None
    folder = str(setting.parent if setting.is_file() else setting) if setting else ""
    return find_weights(card, folder, weights_folder).path


def _tokens(words: str, path: Path) -> list[int]:
    """Return the 64 tokens of a text, which is cut off if it is longer."""
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises plain exceptions
        raise _token_error(f"the file of the tokens cannot be read ({error})", path) from error
    tokens = tokenizer.encode(words.strip().lower(), add_special_tokens=False).ids
    tokens = [*tokens[: _N_TOKENS - 1], _END]
    return tokens + [_PAD] * (_N_TOKENS - len(tokens))


def _token_error(problem: str, path: Path) -> WeightsError:
    remedy = f"Download {TOKENIZER_FILE} from {CARD.source}."
    return WeightsError(problem, where=str(path), remedy=remedy)


def _read_config(path: Path) -> Any:
    """Return the configuration of both encoders; see `read_network_config`."""
    from transformers import SiglipConfig

    text = {"vocab_size": _N_WORDS, "max_position_embeddings": _N_TOKENS}
    vision = {"image_size": CARD.input_size, "patch_size": _TOKEN_SIDE}
    return read_network_config(
        path,
        CARD,
        SiglipConfig,
        {"model_type": "siglip"},
        lambda config: int(config.vision_config.hidden_size),
        {"text_config": text, "vision_config": vision},
    )


def _load_part(
    model_class: Any,
    config: Any,
    weights: WeightFile,
    prefix: str,
    rows: Mapping[str, Sequence[int]] | None = None,
) -> "nn.Module":
    """Return the image or the text encoder with its part of the published weights."""
    import torch

    state = read_checkpoint(weights.path, CARD, prefix, rows)
    with torch.device("meta"):
        model: nn.Module = model_class(config)
    load_checkpoint(model, state, weights.path, CARD)
    # The numbers of the positions are not stored in the file.
    embeddings: Any = model.get_submodule("embeddings")
    n_positions = len(embeddings.position_embedding.weight)
    embeddings.position_ids = torch.arange(n_positions)[None]
    return model
