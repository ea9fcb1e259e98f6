"""A small SigLIP network with random weights, in the form of the published files."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

WORDS = ("<pad>", "<eos>", "<bos>", "<unk>", "a", "boat", "shed")


def write_siglip_hub(
    folder: Path, dim: int, side: int, random_state: Callable[[Any], dict[str, Any]] | None = None
) -> Path:
    """Write weights, configuration and tokens into a folder; return it."""
    import torch
    from transformers import SiglipConfig, SiglipModel

    sizes = {"hidden_size": dim, "intermediate_size": 40, "num_attention_heads": 2}
    sizes |= {"num_hidden_layers": 2}
    text = sizes | {"vocab_size": 9, "max_position_embeddings": 64, "projection_size": dim}
    vision = sizes | {"image_size": side, "patch_size": 16}
    torch.manual_seed(0)
    network = SiglipModel(SiglipConfig(text_config=text, vision_config=vision))
    if random_state:
        network.load_state_dict(random_state(network))
    network.save_pretrained(folder)
    write_tokens(folder, {word: i for i, word in enumerate(WORDS)})
    return folder


def write_tokens(folder: Path, words: dict[str, int]) -> None:
    """Write a file of tokens that knows a few words and ignores exclamation marks."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Replace("!", "")
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.save(str(folder / "tokenizer.json"))
