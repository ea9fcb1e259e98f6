"""Compare class maps of a large image with a scikit-learn loop: `python benchmarks/landcover.py`.

The image is generated: 20,000 x 20,000 pixels of four bands (uint8), in five classes whose colours
overlap, as GeoTIFF tiles of 512 x 512. Both sides are trained on the same 20,000 pixels, classify
every pixel by three nearest neighbours, and write a GeoTIFF. The loop is what a user would write:
it reads a block with rasterio, calls `KNeighborsClassifier.predict` with all cores, and writes the
block. It is timed on a smaller image, and its time is projected by the number of pixels. Each side
runs in a process of its own, whose peak memory is reported. `--quick` uses small images.
"""

import argparse
import json
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from rasterio.windows import Window

from core.land.data.bands import guess_bands
from core.land.data.dataset import LabelRule, Layout
from core.land.data.nomenclature import LandCover, Legend, class_colours
from core.land.data.pixel_table import PixelTable
from core.land.models.classifier_table import fit_classifier
from core.land.models.classifiers import MethodSettings
from core.land.models.features import FeatureSpec, build_features
from core.land.models.scene_maps import SceneModel, map_scene
from core.neighbours.nearest import compile_searches

SIDE, LOOP_SIDE = 20_000, 2_048
QUICK_SIDE, QUICK_LOOP_SIDE = 1_024, 512
BLOCK = 512
N_TRAINING, K = 20_000, 3
CLASSES = ("water", "forest", "grass", "soil", "roof")
MEANS = np.array([(40, 60, 80, 20), (40, 70, 45, 120), (80, 110, 60, 170), (150, 120, 90, 130),
                  (170, 165, 160, 140)])  # fmt: skip
SPREAD = 22
LEGEND = Legend(
    tuple(
        LandCover(value, name, colour)
        for value, (name, colour) in enumerate(zip(CLASSES, class_colours(5), strict=True), 1)
    ),
    len(CLASSES),
)
BANDS = guess_bands(("red", "green", "blue", "nir"), 255.0)


def draw_pixels(classes: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return the bands of pixels of the given classes, uint8 (n, 4)."""
    noise = random.normal(0, SPREAD, (len(classes), 4))
    return np.clip(MEANS[classes] + noise, 0, 255).astype(np.uint8)


def write_image(path: Path, side: int) -> None:
    """Write an image of fields of 64 x 64 pixels, each of one class."""
    random = np.random.default_rng(0)
    profile = {"driver": "GTiff", "width": side, "height": side, "count": 4, "dtype": "uint8"}
    profile |= {"tiled": True, "blockxsize": BLOCK, "blockysize": BLOCK, "compress": "zstd"}
    # Otherwise, GDAL declares the fourth band as alpha.
    profile |= {"photometric": "minisblack"}
    profile |= {"crs": "EPSG:32631", "transform": Affine(0.5, 0, 692_000, 0, -0.5, 4_796_000)}
    with rasterio.open(path, "w", **profile, bigtiff="if_safer") as target:
        for top in range(0, side, BLOCK):
            for left in range(0, side, BLOCK):
                height, width = min(BLOCK, side - top), min(BLOCK, side - left)
                fields = random.integers(0, len(CLASSES), (BLOCK // 64, BLOCK // 64))
                classes = fields.repeat(64, axis=0).repeat(64, axis=1)[:height, :width]
                pixels = draw_pixels(classes.ravel(), random).T.reshape(4, height, width)
                target.write(pixels, window=Window(left, top, width, height))


def training_pixels() -> tuple[np.ndarray, np.ndarray]:
    """Return the bands, uint8 (n, 4), and the classes, 1 to 5, of the training pixels."""
    random = np.random.default_rng(1)
    classes = random.integers(0, len(CLASSES), N_TRAINING)
    return draw_pixels(classes, random), (classes + 1).astype(np.uint8)


def map_ours(image: Path, path: Path) -> None:
    """Write the class map with Chipscape."""
    pixels, labels = training_pixels()
    position = np.zeros(len(labels), np.int16)
    table = PixelTable(
        pixels.astype(np.float32), None, labels, position.astype(np.int32), position, position,
        bands=BANDS,
    )  # fmt: skip
    spec = FeatureSpec()
    features = build_features(table, spec)
    fitted = fit_classifier(features, labels, MethodSettings("knn", k=K), legend=LEGEND)
    layout = Layout(BANDS, LEGEND, LabelRule(("1",)))
    map_scene(SceneModel(fitted.model, layout, spec, None, "benchmark"), image, path)


def map_loop(image: Path, path: Path) -> None:
    """Write the class map with a loop over blocks and scikit-learn."""
    from sklearn.neighbors import KNeighborsClassifier

    pixels, labels = training_pixels()
    model = KNeighborsClassifier(K, n_jobs=-1).fit(pixels / 255, labels)
    with rasterio.open(image) as source:
        profile = source.profile | {"count": 1, "compress": "deflate"}
        with rasterio.open(path, "w", **profile) as target:
            for _, window in source.block_windows(1):
                bands = source.read(window=window)
                classes = model.predict(bands.reshape(4, -1).T / 255)
                target.write(classes.reshape(1, *bands.shape[1:]), window=window)


def measure(call: Callable[[Path, Path], None], image: Path, path: Path) -> tuple[float, float]:
    """Run a function in a process of its own; return wall seconds and peak memory in MB."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context) as pool:
        return pool.submit(_timed, call, image, path).result()


def _timed(call: Callable[[Path, Path], None], image: Path, path: Path) -> tuple[float, float]:
    compile_searches()
    start = time.perf_counter()
    call(image, path)
    seconds = time.perf_counter() - start
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def main() -> None:
    """Measure both sides and print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="use small images")
    parser.add_argument("--side", type=int, default=0, help="side of the image in pixels")
    options = parser.parse_args()
    side = options.side or (QUICK_SIDE if options.quick else SIDE)
    loop_side = QUICK_LOOP_SIDE if options.quick else LOOP_SIDE
    with tempfile.TemporaryDirectory() as folder:
        image, small = Path(folder) / "image.tif", Path(folder) / "small.tif"
        write_image(image, side)
        write_image(small, loop_side)
        map_path, loop_path = Path(folder) / "map.tif", Path(folder) / "loop.tif"
        loop_seconds, loop_memory = measure(map_loop, small, loop_path)
        check_path = Path(folder) / "check.tif"
        map_ours(small, check_path)
        with rasterio.open(loop_path) as first, rasterio.open(check_path) as second:
            agreement = float((first.read(1) == second.read(1)).mean())
        seconds, memory = measure(map_ours, image, map_path)
    ours, other = side**2 / seconds / 1e6, loop_side**2 / loop_seconds / 1e6
    print(f"Chipscape    {side} x {side}: {seconds:.1f} s, {ours:.2f} Mpixel/s, {memory:.0f} MB")
    print(f"scikit-learn {loop_side} x {loop_side}: {loop_seconds:.1f} s, {other:.2f} Mpixel/s, "
          f"{loop_memory:.0f} MB")  # fmt: skip
    print(f"agreement on the smaller image: {agreement:.4%}")
    detail = {"side": side, "seconds": seconds, "memory_mb": memory, "agreement": agreement}
    result = {"name": "landcover", "ours": ours, "other": other, "ratio": ours / other}
    print(json.dumps(result | {"unit": "Mpixel/s", "detail": detail}))


if __name__ == "__main__":
    main()
