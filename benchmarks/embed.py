"""Chips embedded a second beside the seed's way: `python benchmarks/embed.py [--quick]`.

The other side is what the seed did and a user would write: each chip a .npy of its own, read in
the loop; batches of 32 through transformers' image processor (Pillow's, there is no torchvision)
and the eager model. Both sides have random weights of the same network, SatDINO's ViT-S/16, in
float32, on all cores, and end with one matrix on disk. They take turns, so that other load hits
both alike; `ratio` is the median over the turns, at equal input size. Beside it: the share of this
machine's float32 matrix product rate that one core reaches, and each side's default input size.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from transformers import Dinov2WithRegistersConfig, Dinov2WithRegistersModel
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

from core.chips.chip_set import SceneChips
from core.chips.scaling import Scaling
from core.embeddings import registry
from core.embeddings.encoder import ChipBatch, Encoder
from core.embeddings.encoding import encode_rows
from core.embeddings.networks.satdino import CARDS, vit_shape
from core.embeddings.networks.vit import Vit
from core.settings import EmbedSettings

NAME = "satdino-small-16"
CARD = CARDS[NAME]
BANDS = ("red", "green", "blue")
NATIVE, LARGE = 64, 224
BATCH = 32
SCALING = Scaling((0.0,) * 3, (255.0,) * 3, "uint8 divided by 255")
TOKENS = (LARGE // 16) ** 2 + 2
PEAK_SIDE = 1536


@dataclass(eq=False)
class Sides:
    """Both sides' chips, weights and places."""

    folder: Path
    part: SceneChips
    model: Dinov2WithRegistersModel

    @cache  # noqa: B019  one object in all
    def encoder(self, side: int) -> Encoder:
        """Ours, from the weight file."""
        settings = EmbedSettings(input_size=side, weights=str(self.folder / CARD.weights_file))
        return registry.load_encoder(NAME, settings, self.folder)

    def ours(self, n: int, side: int) -> float:
        """Seconds for n chips from the memory map to a matrix on disk."""
        encoder = self.encoder(side)
        begun = time.perf_counter()
        rows = encode_rows(encoder, self.part, BANDS, SCALING, {}, slice(0, n))
        np.save(self.folder / "ours.npy", rows)
        return time.perf_counter() - begun

    def other(self, n: int, side: int) -> float:
        """The same by the seed's loop."""
        size = {"height": side, "width": side}
        processor = ViTImageProcessorPil(
            image_mean=list(CARD.mean), image_std=list(CARD.std), size=size, resample=3
        )
        begun = time.perf_counter()
        found = []
        with torch.no_grad():
            for start in range(0, n, BATCH):
                rows = range(start, min(start + BATCH, n))
                images = [np.load(self.folder / "chips" / f"{row}.npy") for row in rows]
                inputs = processor(images, return_tensors="pt", input_data_format="channels_last")
                found.append(self.model(**inputs).last_hidden_state[:, 0].numpy())
        np.save(self.folder / "other.npy", np.concatenate(found))
        return time.perf_counter() - begun


def prepare(folder: Path, n: int) -> Sides:
    """The same chips and the same random weights for both."""
    torch.manual_seed(0)
    network = Vit(vit_shape(NAME))
    with torch.no_grad():
        for tensor in network.parameters():
            tensor.normal_(0, 0.02)
    torch.save({"teacher": network.state_dict()}, folder / CARD.weights_file)
    config = Dinov2WithRegistersConfig(
        hidden_size=384,
        num_hidden_layers=12,
        num_attention_heads=6,
        patch_size=16,
        image_size=LARGE,
        num_register_tokens=1,
        layer_norm_eps=1e-6,
    )
    model = Dinov2WithRegistersModel(config).eval()
    pixels = np.random.default_rng(0).integers(0, 256, (n, 3, NATIVE, NATIVE), dtype=np.uint8)
    np.save(folder / "chips.npy", pixels)
    (folder / "chips").mkdir()
    for row, chip in enumerate(pixels):
        np.save(folder / "chips" / f"{row}.npy", chip.transpose(1, 2, 0))
    facts = pd.DataFrame({"chip_id": [str(row) for row in range(n)]})
    mapped = np.load(folder / "chips.npy", mmap_mode="r")
    mask = np.zeros((n, NATIVE, NATIVE), np.uint8)
    return Sides(folder, SceneChips("", "scene", mapped, mask, facts, facts), model)


def peak() -> float:
    """Float32 operations a second of one core's matrix product."""
    left, right = torch.randn(2, PEAK_SIDE, PEAK_SIDE)
    begun = time.perf_counter()
    torch.mm(left, right)
    return 2 * PEAK_SIDE**3 / (time.perf_counter() - begun)


def operations(asking: int) -> float:
    """Operations for one chip, if the last block works for so many tokens."""
    dim = CARD.dim
    block = 2 * 12 * TOKENS * dim**2 + 4 * TOKENS**2 * dim
    last = 2 * (2 * TOKENS + 10 * asking) * dim**2 + 4 * asking * TOKENS * dim
    return 11 * block + last + 2 * (TOKENS - 2) * 3 * 16**2 * dim


def one_core(network: Vit, seconds: float) -> dict[str, Any]:
    """The network's rate on one core beside the matrix product's, in turns."""
    cores = torch.get_num_threads()
    torch.set_num_threads(1)
    block = torch.randn(8, 3, LARGE, LARGE)
    peaks, rates = [], []
    begun = time.perf_counter()
    with torch.inference_mode():
        network(block)
        while not rates or time.perf_counter() - begun < seconds:
            peaks += [peak(), peak()]
            at = time.perf_counter()
            network(block)
            rates.append(len(block) / (time.perf_counter() - at))
    torch.set_num_threads(cores)
    rate, best = max(rates), max(peaks)
    return {
        "images_a_core_second": round(rate, 2),
        "peak_gflops": round(best / 1e9, 1),
        "share_of_peak": round(rate * operations(TOKENS) / best, 3),
        "share_of_peak_executed_only": round(rate * operations(1) / best, 3),
    }


def turns(sides: Sides, n: int, side: int, seconds: float) -> tuple[float, float, float]:
    """Chips a second of ours and the other, and the median ratio, in turns for so many seconds."""
    sides.ours(8, side)
    mine, theirs = [], []
    begun = time.perf_counter()
    while not mine or time.perf_counter() - begun < seconds:
        mine.append(sides.ours(n, side))
        theirs.append(sides.other(n, side))
    ratios = [other / ours for ours, other in zip(mine, theirs, strict=True)]
    return n / statistics.median(mine), n / statistics.median(theirs), statistics.median(ratios)


def rate_of(encode: Callable[[slice], Any], n: int, seconds: float) -> float:
    """Most rows a second over several calls."""
    best, begun = 0.0, time.perf_counter()
    while not best or time.perf_counter() - begun < seconds:
        at = time.perf_counter()
        encode(slice(0, n))
        best = max(best, n / (time.perf_counter() - at))
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer turns, under 50 s")
    quick = parser.parse_args().quick
    each = 4.0 if quick else 40.0
    n = 32 if quick else 128
    with tempfile.TemporaryDirectory() as name:
        sides = prepare(Path(name), 512)
        ours, other, ratio = turns(sides, n, LARGE, 2.5 * each)
        # Small chips go by quickly: more of them, or start and end weigh too much.
        native = turns(sides, 4 * n, NATIVE, each / 2)
        core = one_core(Vit(vit_shape(NAME)).eval(), each)
        texture = registry.load_encoder("texture", EmbedSettings(), sides.folder)
        some = slice(0, 64)
        sample = ChipBatch(np.array(sides.part.pixels[some]), sides.part.mask[some] != 0, SCALING)
        fitted = texture.fit(sample)
        rate = rate_of(
            lambda rows: encode_rows(texture, sides.part, BANDS, SCALING, fitted, rows), 128, 1.0
        )
    result = {
        "name": "embed",
        "ours": round(ours, 2),
        "other": round(other, 2),
        "ratio": round(ratio, 2),
        "unit": f"chips of {NATIVE} px a second, ViT-S/16 at {LARGE} px, float32",
        "detail": {
            "one_core": core,
            "at_equal_64_px": {
                "ours": round(native[0], 1),
                "other": round(native[1], 1),
                "ratio": round(native[2], 2),
            },
            "default_input_size": {"ours": NATIVE, "other": LARGE},
            "default_rate": {"ours": round(native[0], 1), "other": round(other, 1)},
            "texture_chips_a_second": round(rate),
            "cores": len(os.sched_getaffinity(0)),
            "cuda": torch.cuda.is_available(),
        },
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
