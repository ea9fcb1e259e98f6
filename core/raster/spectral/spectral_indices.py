"""Spectral indices of vegetation, water, moisture, buildings and fire, as images."""

import re
from dataclasses import dataclass

import numpy as np

from core.types import AnyArray, BoolArray, ByteArray, FloatArray


@dataclass(frozen=True)
class IndexFormula:
    """A normalised difference: (first - second) / (first + second) of two kinds of bands."""

    name: str
    first: str
    second: str
    subject: str
    source: str


# Of each index, only the bands differ. Where two formulas share a name, the source decides.
INDEX_FORMULAS = (
    IndexFormula("NDVI", "nir", "red", "vegetation", "Rouse et al., 1974"),
    IndexFormula("NDWI", "green", "nir", "open water", "McFeeters, 1996"),
    IndexFormula("MNDWI", "green", "swir 1", "open water near buildings", "Xu, 2006"),
    IndexFormula("NDMI", "nir", "swir 1", "moisture of vegetation", "Gao, 1996"),
    IndexFormula("NDBI", "swir 1", "nir", "built-up land", "Zha et al., 2003"),
    IndexFormula("NBR", "nir", "swir 2", "burnt land", "Key and Benson, 2006"),
)
# Each kind of band: a pattern of its names in lower case, its name in ESA's Sentinel-2 product
# guide, and the range of its centre wavelength in nanometres. The ranges contain the bands of
# Landsat 4 to 9 and Sentinel-2; of the red edge, 700 to 760 nm, only the first band has a kind.
BAND_KINDS = {
    "green": (r"\bgreen\b", "b03", (520, 600)),
    "red": (r"\bred\b(?!.?edge)", "b04", (620, 690)),
    "red edge": (r"\bred.?edge(?!.?[2-9])", "b05", (695, 720)),
    "nir": (r"\bnir(?!\w)|\bnear.?infra.?red\b", "b08", (760, 900)),
    "swir 1": (r"\bswir.?(1|16)\b", "b11", (1550, 1750)),
    "swir 2": (r"\bswir.?(2|22)\b", "b12", (2050, 2350)),
}
_WAVELENGTH = re.compile(r"(\d+(?:\.\d+)?) ?(nm|nanomet|µm|μm|um|micromet)")
# ColorBrewer's BrBG, which remains distinguishable with colour vision deficiencies; the stops lie
# at -1, -0.5, 0, 0.5 and 1.
DIVERGING = ((84, 48, 5), (191, 129, 45), (245, 245, 245), (53, 151, 143), (0, 60, 48))


@dataclass(frozen=True)
class SpectralIndex:
    """A normalised difference of two named bands, drawn with a diverging colour scale.

    The scale always covers -1 to 1, so colours can be compared between scenes.
    """

    name: str
    bands: tuple[str, str]

    def draw(self, values: AnyArray, mask: BoolArray) -> ByteArray:
        """Return the index of native values, (2, h, w), as an image, uint8 (h, w, 4).

        Pixels that are masked, or whose index is undefined, are transparent.
        """
        index = normalised_difference(*values)
        alpha = np.where(mask | ~np.isfinite(index), 0, 255).astype(np.uint8)
        stops, levels = np.linspace(-1, 1, len(DIVERGING)), np.nan_to_num(index)
        colours = [np.interp(levels, stops, channel) for channel in np.array(DIVERGING).T]
        return np.stack([*(c.round().astype(np.uint8) for c in colours), alpha], axis=-1)


def normalised_difference(first: AnyArray, second: AnyArray) -> FloatArray:
    """Return (first - second) / (first + second), -1..1; NaN where the sum is not positive.

    Negative reflectance, which occurs over dark water after atmospheric correction, gives values
    beyond -1 or 1; they are clipped.
    """
    first, second = first.astype(np.float32), second.astype(np.float32)
    total = first + second
    with np.errstate(divide="ignore", invalid="ignore"):
        index = np.where(total > 0, (first - second) / total, np.float32(np.nan))
    return np.clip(index, -1, 1).astype(np.float32)


def find_band(bands: tuple[str, ...], kind: str) -> str | None:
    """Return the first band of a kind by its name, else by its wavelength; None if there is none.

    A number alone is not enough: band 4 is red on Landsat 8, and near infrared on Landsat 7.
    """
    pattern, code, (shortest, longest) = BAND_KINDS[kind]
    for name in bands:
        if name == code or re.search(pattern, name.replace("_", " ")):
            return name
    return next((name for name in bands if shortest <= _wavelength(name) <= longest), None)


def available_indices(bands: tuple[str, ...]) -> dict[str, SpectralIndex]:
    """Return the indices that these bands allow, by name."""
    indices = {}
    for formula in INDEX_FORMULAS:
        first, second = find_band(bands, formula.first), find_band(bands, formula.second)
        if first is not None and second is not None:
            indices[formula.name] = SpectralIndex(formula.name, (first, second))
    return indices


def _wavelength(name: str) -> float:
    """Return the wavelength in a band's name, in nanometres; 0 if there is none."""
    match = _WAVELENGTH.search(name)
    if match is None:
        return 0.0
    return float(match[1]) * (1 if match[2].startswith("n") else 1000)
