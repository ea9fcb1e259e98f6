import itertools

import numpy as np
import pytest

from app.widgets import palette, theme

# Machado et al. (2009), severity 1: linear RGB as deuteranopes and protanopes perceive it.
SIGHT = {
    "normal": np.eye(3),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
}


def oklab(colour: str, sight: np.ndarray) -> np.ndarray:
    channels = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    to_lms = np.array(
        [
            [0.4122214708, 0.5363325363, 0.0514459929],
            [0.2119034982, 0.6806995451, 0.1073969566],
            [0.0883024619, 0.2817188376, 0.6299787005],
        ]
    )
    to_lab = np.array(
        [
            [0.2104542553, 0.7936177850, -0.0040720468],
            [1.9779984951, -2.4285922050, 0.4505937099],
            [0.0259040371, 0.7827717662, -0.8086757660],
        ]
    )
    return to_lab @ np.cbrt(to_lms @ np.clip(sight @ linear, 0, 1))


def smallest_distance(colours: tuple[str, ...], sight: np.ndarray) -> float:
    values = [oklab(colour, sight) for colour in colours]
    return min(float(np.linalg.norm(a - b)) for a, b in itertools.combinations(values, 2))


@pytest.mark.parametrize("sight", SIGHT)
def test_colours__distinct_for_colour_blind_readers_too(sight):
    # Neighbours 0.02 apart are just distinguishable; scattered points need several times that.
    assert smallest_distance(palette.COLOURS[:8], SIGHT[sight]) > 0.075
    assert smallest_distance(palette.COLOURS, SIGHT[sight]) > 0.065


def test_colours__at_least_24_without_repeats():
    assert len(set(palette.COLOURS)) == len(palette.COLOURS) >= 24


def test_cluster_colour__only_noise_is_grey():
    red, green, blue = (int(palette.cluster_colour(-1)[i : i + 2], 16) for i in (1, 3, 5))
    assert max(red, green, blue) - min(red, green, blue) < 24
    assert palette.cluster_colour(-1) not in palette.COLOURS


def test_cluster_symbol__repeated_colours_have_another_shape():
    pairs = {(palette.cluster_colour(i), palette.cluster_symbol(i)) for i in range(96)}
    assert len(pairs) == 96


def test_cluster_name__noise_has_a_name():
    assert (palette.cluster_name(-1), palette.cluster_name(3)) == ("Noise", "Cluster 3")


def test_cluster_colour__excluded_is_lighter_than_noise():
    noise, excluded = (
        palette.cluster_colour(palette.NOISE),
        palette.cluster_colour(palette.EXCLUDED),
    )
    assert int(excluded[1:3], 16) > int(noise[1:3], 16) + 32


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("colours", [theme.LIGHT, theme.DARK])
def test_colours__stand_out_from_the_background_or_have_an_outline(colours, sight):
    paper = oklab(colours.paper, SIGHT[sight])
    for colour in (*palette.COLOURS, palette.NOISE_COLOUR):
        if theme.stands_out(colour, colours):
            assert np.linalg.norm(oklab(colour, SIGHT[sight]) - paper) > 0.18
    assert theme.contrast_ratio(colours.muted, colours.paper) > 4.5


def blend(colour: str, background: str, opacity: float) -> str:
    channels = ([int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in (colour, background))
    mix = [round(opacity * a + (1 - opacity) * b) for a, b in zip(*channels, strict=True)]
    return "#" + "".join(f"{value:02X}" for value in mix)


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("colours", [theme.LIGHT, theme.DARK])
def test_greys__as_drawn_they_differ_from_clusters_and_from_the_background(colours, sight):
    greys = [blend(grey, colours.paper, 0.5) for grey in palette.GREYS[:2]]
    assert smallest_distance((*greys, colours.paper), SIGHT[sight]) > 0.04
    for colour in palette.COLOURS:
        drawn = blend(colour, colours.paper, 0.9)
        for grey in greys:
            assert smallest_distance((drawn, grey), SIGHT[sight]) > 0.025
