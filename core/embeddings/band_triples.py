"""Which bands of the chips a network for three bands is shown."""

from collections.abc import Sequence

from core.errors import BandError
from core.types import BandsRule

_RGB = ("red", "green", "blue")
WIDTH = 3

Triple = tuple[int, int, int]
"""Three bands by their place among the chips' bands, from 0."""


def triples(
    n_bands: int, names: Sequence[str] = (), rule: BandsRule = "first"
) -> tuple[list[Triple], str]:
    """Which bands stand for red, green and blue, once or several times.

    Three bands are taken as they are, or in the order red, green, blue where they bear these
    names; one is repeated. Of more (or two), "first" takes those named red, green and blue, and
    "triples" takes all of them, three at a time: red, green and blue first where they are named,
    then the others in their order. A last triple that is not full takes the bands before it as
    well, so that four bands run as 1-2-3 and 2-3-4; of two bands the second is repeated.

    Parameters
    ----------
    n_bands : int
    names : sequence of str
        The bands' names; empty where they are not known.
    rule : {"first", "triples"}

    Returns
    -------
    chosen : list of triples
        The network runs once for each; the embeddings are joined in this order.
    note : str
        What was done, for people; empty where the bands are taken as they are.

    Raises
    ------
    BandError
        If three bands cannot be had by this rule.
    """
    lower = [name.lower() for name in names]
    named = [lower.index(name) for name in _RGB] if set(_RGB) <= set(lower) else []
    if n_bands == 1:
        return [(0, 0, 0)], "the single band is repeated as red, green and blue"
    if rule == "triples" and n_bands not in (0, WIDTH):
        order = named + [band for band in range(n_bands) if band not in named]
        chosen = [_triple(order, start) for start in range(0, n_bands, WIDTH)]
        said = "; ".join(", ".join(_name(band, names) for band in one) for one in chosen)
        return chosen, f"the {n_bands} bands run in triples, joined: {said}"
    if named:
        taken = named == [0, 1, 2] and n_bands == WIDTH
        note = "" if taken else f"red, green and blue taken of the bands {', '.join(names)}"
        return [(named[0], named[1], named[2])], note
    if n_bands == WIDTH:
        return [(0, 1, 2)], ""
    have = f" ({', '.join(names)})" if names else ""
    raise BandError(
        f"the encoder takes three bands, the chips have {n_bands}{have}",
        where="bands",
        remedy='Choose three bands, or one, when cutting the chips, or set bands_rule = "triples".',
    )


def _triple(order: Sequence[int], start: int) -> Triple:
    """The triple that begins at `start`, filled up with the bands before it."""
    first = max(0, min(start, len(order) - WIDTH))
    own = [*order[first : first + WIDTH]]
    own += [own[-1]] * (WIDTH - len(own))
    return own[0], own[1], own[2]


def _name(band: int, names: Sequence[str]) -> str:
    return names[band] if names else str(band + 1)
