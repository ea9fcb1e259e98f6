"""Compare the chips embedded per second with a plain loop: `python benchmarks/embed.py [--quick]`.

"Other" is the loop of the seed pipeline, which a user would also write: it reads one .npy file per
chip and passes batches of 32 through transformers' image processor (the one based on Pillow,
because torchvision is not installed) and the eager model. Both use random weights of the same
network, SatDINO's ViT-S/16, in float32 on all cores, and write one matrix to disk. They run in
turns, so that other load affects both alike; `ratio` is the median over the turns, at equal input
size. `detail` contains the network's share of the rate of this machine's float32 matrix product on
one core, and the default input size of both.
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
class Encoders:
    """The chips and the two encoders, with the folder of their files."""

    folder: Path
    part: SceneChips
    model: Dinov2WithRegistersModel

    @cache  # noqa: B019  one object in all
    def encoder(self, side: int) -> Encoder:
        """Return Chipscape's encoder, loaded from the weight file."""
        settings = EmbedSettings(input_size=side, weights=str(self.folder / CARD.weights_file))
        return registry.load_encoder(NAME, settings, self.folder)

    def time_chipscape(self, n: int, side: int) -> float:
        """Return the seconds in which Chipscape embeds n chips and writes the matrix."""
        encoder = self.encoder(side)
        start = time.perf_counter()
        rows = encode_rows(encoder, self.part, BANDS, SCALING, {}, slice(0, n))
        np.save(self.folder / "ours.npy", rows)
        return time.perf_counter() - start

    def time_plain_loop(self, n: int, side: int) -> float:
        """Return the seconds in which the plain loop does the same."""
        size = {"height": side, "width": side}
        processor = ViTImageProcessorPil(
            image_mean=list(CARD.mean), image_std=list(CARD.std), size=size, resample=3
        )
        start = time.perf_counter()
        outputs = []
        with torch.no_grad():
            for first in range(0, n, BATCH):
                rows = range(first, min(first + BATCH, n))
                images = [np.load(self.folder / "chips" / f"{row}.npy") for row in rows]
                inputs = processor(images, return_tensors="pt", input_data_format="channels_last")
                outputs.append(self.model(**inputs).last_hidden_state[:, 0].numpy())
        np.save(self.folder / "other.npy", np.concatenate(outputs))
        return time.perf_counter() - start


def prepare(folder: Path, n: int) -> Encoders:
    """Write the same chips and the same random weights for both encoders."""
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
    return Encoders(folder, SceneChips("", "scene", mapped, mask, facts, facts), model)


def matrix_product_rate() -> float:
    """Return the float32 operations per second of a matrix product."""
    left, right = torch.randn(2, PEAK_SIDE, PEAK_SIDE)
    start = time.perf_counter()
    torch.mm(left, right)
    return 2 * PEAK_SIDE**3 / (time.perf_counter() - start)


def operations_per_chip(n_last_tokens: int) -> float:
    """Return the operations for one chip, if the last block computes `n_last_tokens` tokens."""
    dim = CARD.dim
    block = 2 * 12 * TOKENS * dim**2 + 4 * TOKENS**2 * dim
    last = 2 * (2 * TOKENS + 10 * n_last_tokens) * dim**2 + 4 * n_last_tokens * TOKENS * dim
    return 11 * block + last + 2 * (TOKENS - 2) * 3 * 16**2 * dim


def measure_one_core(network: Vit, seconds: float) -> dict[str, Any]:
    """Measure the rates of the network and of the matrix product on one core, in turns."""
    cores = torch.get_num_threads()
    torch.set_num_threads(1)
    block = torch.randn(8, 3, LARGE, LARGE)
    peaks, rates = [], []
    start = time.perf_counter()
    with torch.inference_mode():
        network(block)
        while not rates or time.perf_counter() - start < seconds:
            peaks += [matrix_product_rate(), matrix_product_rate()]
            batch_start = time.perf_counter()
            network(block)
            rates.append(len(block) / (time.perf_counter() - batch_start))
    torch.set_num_threads(cores)
    rate, best = max(rates), max(peaks)
    return {
        "images_a_core_second": round(rate, 2),
        "peak_gflops": round(best / 1e9, 1),
        "share_of_peak": round(rate * operations_per_chip(TOKENS) / best, 3),
        "share_of_peak_executed_only": round(rate * operations_per_chip(1) / best, 3),
    }


def take_turns(encoders: Encoders, n: int, side: int, seconds: float) -> tuple[float, float, float]:
    """Return the chips per second of both, run in turns for some time, and the median ratio."""
    encoders.time_chipscape(8, side)
    our_seconds, other_seconds = [], []
    start = time.perf_counter()
    while not our_seconds or time.perf_counter() - start < seconds:
        our_seconds.append(encoders.time_chipscape(n, side))
        other_seconds.append(encoders.time_plain_loop(n, side))
    pairs = zip(our_seconds, other_seconds, strict=True)
    ratios = [second / first for first, second in pairs]
    return (
        n / statistics.median(our_seconds),
        n / statistics.median(other_seconds),
        statistics.median(ratios),
    )


def best_rate(encode: Callable[[slice], Any], n: int, seconds: float) -> float:
    """Return the highest rate over several calls, in rows per second."""
    best, start = 0.0, time.perf_counter()
    while not best or time.perf_counter() - start < seconds:
        batch_start = time.perf_counter()
        encode(slice(0, n))
        best = max(best, n / (time.perf_counter() - batch_start))
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer turns, under 50 s")
    quick = parser.parse_args().quick
    seconds_per_part = 4.0 if quick else 40.0
    n = 32 if quick else 128
    with tempfile.TemporaryDirectory() as name:
        encoders = prepare(Path(name), 512)
        ours, other, ratio = take_turns(encoders, n, LARGE, 2.5 * seconds_per_part)
        # Small chips are fast, so more of them are used; otherwise the overhead would dominate.
        native = take_turns(encoders, 4 * n, NATIVE, seconds_per_part / 2)
        core = measure_one_core(Vit(vit_shape(NAME)).eval(), seconds_per_part)
        texture = registry.load_encoder("texture", EmbedSettings(), encoders.folder)
        sample_rows = slice(0, 64)
        sample = ChipBatch(
            np.array(encoders.part.pixels[sample_rows]),
            encoders.part.mask[sample_rows] != 0,
            SCALING,
        )
        fitted = texture.fit(sample)
        rate = best_rate(
            lambda rows: encode_rows(texture, encoders.part, BANDS, SCALING, fitted, rows), 128, 1.0
        )
    result = {
        "name": "embed",
        "ours": round(ours, 2),
        "other": round(other, 2),
        "ratio": round(ratio, 2),
        "unit": f"chips of {NATIVE} px per second, ViT-S/16 at {LARGE} px, float32",
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
