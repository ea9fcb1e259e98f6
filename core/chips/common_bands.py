"""The bands that the chips of several scenes share."""

from collections.abc import Mapping, Sequence

from core.errors import BandError


def shared_band_names(
    scenes: Mapping[str, tuple[str, ...]], selection: tuple[str, ...] = ()
) -> tuple[str, ...]:
    """Return the names of the bands that every scene has, in the first scene's order.

    `scenes` holds band names by file name, and `selection` the bands to use, in this order; if it
    is empty, all that the scenes share. Raises BandError if a scene lacks a selected band, or if
    the scenes share no band name.
    """
    if not scenes:
        return ()
    first_bands = next(iter(scenes.values()))
    common = [band for band in first_bands if all(band in bands for bands in scenes.values())]
    for name in selection:
        scenes_without = [scene for scene, bands in scenes.items() if name not in bands]
        if scenes_without:
            raise BandError(
                f"band {name!r} is missing",
                where=_abridge(scenes_without),
                remedy=f"Bands common to all scenes: {', '.join(common) or 'none'}.",
            )
    if not (selection or common):
        listing = [f"{scene} has {', '.join(bands)}" for scene, bands in scenes.items()]
        raise BandError(
            f"the scenes share no band: {_abridge(listing, '; ')}",
            remedy="Give the bands equal names (band descriptions), or keep one kind of scene "
            "in raw/.",
        )
    return selection or tuple(common)


def _abridge(items: Sequence[str], separator: str = ", ", limit: int = 3) -> str:
    """Join the first few items and state how many more there are."""
    more = f" and {len(items) - limit} more" if len(items) > limit else ""
    return separator.join(items[:limit]) + more
