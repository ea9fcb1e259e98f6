"""The plot for print, read by matplotlib and an XML parser."""

import dataclasses
import xml.etree.ElementTree as ET

import matplotlib.image as images
import numpy as np
from PIL import Image

from core.clusters.cluster_colours import NOISE_COLOUR, cluster_colour
from core.export import projection_plot
from core.export.export_formats import write_results

from .conftest import EVIL, N, with_edits

SVG = "{http://www.w3.org/2000/svg}"


def texts(path):
    return ["".join(element.itertext()) for element in ET.parse(path).iter(f"{SVG}text")]


def test_svg__names_and_colours(clustered_chips, tmp_path):
    names = {0: EVIL, 1: "_$x$ and $y$"}
    path = write_results(with_edits(clustered_chips, names=names), tmp_path, "plot-svg")
    assert texts(path)[-3:] == [f"{EVIL} (4)", "_$x$ and $y$ (3)", "Noise (2)"]
    content = path.read_text("utf-8").lower()
    for colour in (cluster_colour(0), cluster_colour(1), NOISE_COLOUR):
        assert colour.lower() in content


def test_svg__many_points_become_an_image(clustered_chips, tmp_path, monkeypatch):
    assert "<image" not in write_results(clustered_chips, tmp_path, "plot-svg").read_text("utf-8")
    monkeypatch.setattr(projection_plot, "MOST_VECTOR_POINTS", N - 1)
    assert "<image" in write_results(clustered_chips, tmp_path, "plot-svg").read_text("utf-8")


def test_png__300_dpi_and_colours(clustered_chips, tmp_path):
    path = write_results(with_edits(clustered_chips, colours={0: "#ff0000"}), tmp_path, "plot-png")
    with Image.open(path) as image:
        assert image.size == (2700, 2100)
        assert np.allclose(image.info["dpi"], 300, atol=0.1)
    pixels = images.imread(path)[..., :3]
    assert (pixels == (1, 0, 0)).all(axis=2).sum() > 100


def test_plot__equal_results_give_equal_files(clustered_chips, tmp_path):
    for name in ("plot-svg", "plot-png"):
        first, second = (write_results(clustered_chips, tmp_path / f, name) for f in "xy")
        assert first.read_bytes() == second.read_bytes()


def test_plot__excluded_chips_are_left_out(clustered_chips, tmp_path):
    chips = with_edits(clustered_chips, excluded=np.arange(N) >= 4)
    assert texts(write_results(chips, tmp_path, "plot-svg"))[-1] == "Cluster 0 (4)"


def test_plot__all_chips_excluded(clustered_chips, tmp_path):
    chips = with_edits(clustered_chips, excluded=np.ones(N, bool))
    for name in ("plot-svg", "plot-png"):
        assert write_results(chips, tmp_path, name).stat().st_size > 0


def test_plot__more_clusters_than_colours(clustered_chips, tmp_path):
    labels = np.arange(N).astype(np.int32) * 11
    chips = dataclasses.replace(with_edits(clustered_chips, ids=labels))
    assert "Cluster 88 (1)" in texts(write_results(chips, tmp_path, "plot-svg"))
