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
    bands = next(iter(scenes.values()))
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
        told = [f"{name} has {', '.join(there)}" for name, there in scenes.items()]
        raise BandError(
            f"the scenes share no band: {_some(told, '; ')}",
            remedy="Name the bands alike (band descriptions), or keep one kind of scene in raw/.",
        )
    return tuple(shared)


def _some(names: Sequence[str], between: str = ", ", most: int = 3) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return between.join(names[:most]) + more
