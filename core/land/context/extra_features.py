"""The names of extra features: NDVI, groups of the surroundings, and tokens of encoders."""

from collections.abc import Sequence

from core.errors import SettingsError
from core.land.context.context_groups import CONTEXT, CONTEXT_GROUPS
from core.land.context.token_grids import TOKENS_PREFIX

EXTRAS = ("ndvi", *CONTEXT_GROUPS)
"""The extra features without those of encoders."""
RECOMMENDED = "context"
"""Among extra features, it stands for the groups in CONTEXT."""


def expand_extras(extras: Sequence[str]) -> tuple[str, ...]:
    """Replace "context" by the recommended groups; raises SettingsError for unknown names.

    "tokens:" followed by the name of an encoder is known; the encoder is checked when it is loaded.
    """
    for extra in extras:
        if extra not in (RECOMMENDED, *EXTRAS) and not extra.startswith(TOKENS_PREFIX):
            known = ", ".join((RECOMMENDED, *EXTRAS))
            raise SettingsError(
                f"{extra!r} is not one of {known}, and not {TOKENS_PREFIX}ENCODER", where="extras"
            )
    groups = [CONTEXT if extra == RECOMMENDED else (extra,) for extra in extras]
    return tuple(dict.fromkeys(extra for group in groups for extra in group))


def shorten_extras(extras: Sequence[str]) -> tuple[str, ...]:
    """Return the names with the recommended groups, if all are included, as one name."""
    if not set(CONTEXT) <= set(extras):
        return tuple(extras)
    return (*(extra for extra in extras if extra not in CONTEXT), RECOMMENDED)
