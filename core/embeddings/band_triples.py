"""Choose the bands of the chips that a network with three input bands receives."""

from collections.abc import Sequence

from core.errors import BandError
from core.types import BandsRule

_RGB = ("red", "green", "blue")
_N_CHANNELS = 3

Triple = tuple[int, int, int]
"""Positions of three bands among the chips' bands, counted from 0."""


def choose_band_triples(
    n_bands: int, names: Sequence[str] = (), rule: BandsRule = "first"
) -> tuple[list[Triple], str]:
    """Return the triples of bands that a network receives as red, green and blue.

    Three bands are used as they are, or reordered if they are named red, green and blue. A single
    band is repeated. For other numbers of bands, "first" uses the bands named red, green and blue;
    "triples" uses all bands, three at a time, beginning with red, green and blue if there are
    bands of these names. An incomplete last triple is filled with the bands before it, so that
    four bands are used as 1-2-3 and 2-3-4; with two bands, the second is repeated. The network
    runs once for each triple, and the embeddings are joined in this order.

    Also returns a note for the user on which bands are used; it is empty if the bands are used as
    they are. Raises BandError if the rule yields no triple.
    """
    lower = [name.lower() for name in names]
    rgb = [lower.index(name) for name in _RGB] if set(_RGB) <= set(lower) else []
    if n_bands == 1:
        return [(0, 0, 0)], "the single band is repeated as red, green and blue"
    if rule == "triples" and n_bands not in (0, _N_CHANNELS):
        order = rgb + [band for band in range(n_bands) if band not in rgb]
        if n_bands == 2:
            order.append(order[-1])
        starts = (min(i, len(order) - _N_CHANNELS) for i in range(0, n_bands, _N_CHANNELS))
        triples = [(order[i], order[i + 1], order[i + 2]) for i in starts]
        labels = names or [str(band + 1) for band in range(n_bands)]
        listing = "; ".join(", ".join(labels[band] for band in triple) for triple in triples)
        return triples, f"the {n_bands} bands are encoded three at a time: {listing}"
    if n_bands == _N_CHANNELS and rgb in ([], [0, 1, 2]):
        return [(0, 1, 2)], ""
    if rgb:
        note = f"red, green and blue are taken from the bands {', '.join(names)}"
        return [(rgb[0], rgb[1], rgb[2])], note
    listing = f" ({', '.join(names)})" if names else ""
    raise BandError(
        f"the encoder takes three bands, but the chips have {n_bands}{listing}",
        where="bands",
        remedy='Choose one or three bands when cutting the chips, or set bands_rule = "triples".',
    )
