"""Which bands the chips of several scenes share."""

from collections.abc import Mapping, Sequence

from core.errors import BandError


def common_bands(
    scenes: Mapping[str, tuple[str, ...]], wanted: tuple[str, ...] = ()
) -> tuple[str, ...]:
    """Names of the bands that every scene has, in the first scene's order.

    Parameters
    ----------
    scenes : mapping of file name to the names of its bands
    wanted : tuple of str
        The user's choice; empty for all that are common.

    Raises
    ------
    BandError
        If the scenes share no band by name, or a wanted one is missing somewhere.
    """
    if not scenes:
        return ()
    first, bands = next(iter(scenes.items()))
    shared = [band for band in bands if all(band in other for other in scenes.values())]
    for name in wanted:
        lacking = [scene for scene, there in scenes.items() if name not in there]
        if lacking:
            raise BandError(
                f"band {name!r} is missing",
                where=_some(lacking),
                remedy=f"Bands common to all scenes: {', '.join(shared) or 'none'}.",
            )
    if wanted:
        return wanted
    if not shared:
        other, there = next((n, b) for n, b in scenes.items() if not set(b) & set(bands))
        raise BandError(
            f"the scenes share no band: {first} has {', '.join(bands)}; "
            f"{other} has {', '.join(there)}",
            remedy="Name the bands alike (band descriptions), or keep one kind of scene in raw/.",
        )
    return tuple(shared)


def _some(names: Sequence[str], most: int = 3) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
