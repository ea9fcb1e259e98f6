"""The encoders by name: those built in, and those that other packages bring.

A package brings an encoder of its own through the entry point group ``chipscape.encoders``: the
entry's name is the encoder's, and it points to a `Source`. Names joined by "+" stand for those
encoders side by side, see `core.embeddings.joined_encoder`.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from core.embeddings.descriptors import rcf, texture
from core.embeddings.encoder import Encoder, EncoderCard, Identity
from core.embeddings.guarded_encoder import Guarded
from core.embeddings.joined_encoder import (
    SIGN,
    Joined,
    joined_card,
    joined_identity,
    part_names,
    part_settings,
)
from core.embeddings.networks import dinov2, resnet50, satdino
from core.embeddings.networks.weight_files import find_weights, identify
from core.errors import SettingsError
from core.settings import EmbedSettings

_log = logging.getLogger(__name__)

GROUP = "chipscape.encoders"


@dataclass(frozen=True)
class Source:
    """A card, and how the encoder is loaded.

    Attributes
    ----------
    card : EncoderCard
    load : callable
        From the settings and the workspace's folder of weights to the encoder.
    """

    card: EncoderCard
    load: Callable[[EmbedSettings, Path], Encoder]


def names() -> list[str]:
    """The names of all encoders: those built in, then others in alphabetical order."""
    return [*_BUILT_IN, *sorted(_others())]


def cards() -> list[EncoderCard]:
    """The cards of all encoders that can be used; one that cannot be imported is logged."""
    found = []
    for name in names():
        try:
            found.append(card(name))
        except SettingsError as error:
            _log.warning("%s", error)
    return found


def card(name: str) -> EncoderCard:
    """The card of one encoder.

    Raises
    ------
    SettingsError
        For an unknown name (with the nearest known one), or a package that cannot be imported.
    """
    return _source(name).card


def needing(name: str) -> list[str]:
    """Of an encoder, or several joined, the names of those that need a weight file."""
    return [part for part in part_names(name) if card(part).needs_weights]


def load(name: str, settings: EmbedSettings, weights_folder: Path) -> Encoder:
    """Load an encoder, ready to run.

    Parameters
    ----------
    name : str
    settings : EmbedSettings
        Its weights, input size and statistics; its `encoder` is not looked at.
    weights_folder : Path
        The workspace's folder of weights.

    Raises
    ------
    SettingsError
        For an unknown name or an input size that the encoder cannot take.
    WeightsError
        If the weights cannot be had or are wrong.
    """
    return _source(name).load(settings, weights_folder)


def identity(name: str, settings: EmbedSettings, weights_folder: Path) -> Identity:
    """What sets the encoder's numbers apart, as `load` would give it, without loading a network.

    Raises
    ------
    SettingsError, WeightsError
        As `load` does; the content of a weight file is not looked at.
    """
    parts = part_names(name)
    if len(parts) > 1:
        own = part_settings(settings, [card(part) for part in parts])
        return joined_identity([identity(part, own, weights_folder) for part in parts])
    source = _source(name)
    if name in _BUILT_IN and source.card.needs_weights:
        weights = find_weights(source.card, settings.weights, weights_folder)
        return identify(source.card, settings, weights)
    return source.load(settings, weights_folder).identity


def _joined(parts: list[str]) -> Source:
    sources = [_source(part) for part in parts]
    cards = [source.card for source in sources]

    def load_all(settings: EmbedSettings, folder: Path) -> Encoder:
        own = part_settings(settings, cards)
        return Joined([source.load(own, folder) for source in sources])

    return Source(joined_card(cards), load_all)


def _dinov2(name: str) -> Source:
    return Source(dinov2.CARDS[name], partial(dinov2.load, dinov2.CARDS[name]))


def _satdino(name: str) -> Source:
    return Source(satdino.CARDS[name], partial(satdino.load, satdino.CARDS[name]))


_BUILT_IN: dict[str, Callable[[], Source]] = {
    "texture": lambda: Source(texture.CARD, lambda _settings, _folder: texture.Texture()),
    "rcf": lambda: Source(rcf.CARD, lambda _settings, _folder: rcf.Rcf()),
    **{name: partial(_satdino, name) for name in satdino.CARDS},
    "resnet50": lambda: Source(resnet50.CARD, resnet50.load),
    **{name: partial(_dinov2, name) for name in dinov2.CARDS},
}


def _others() -> dict[str, EntryPoint]:
    """Entry points by name; a name that is built in already is not given away."""
    return {entry.name: entry for entry in entry_points(group=GROUP) if entry.name not in _BUILT_IN}


def _source(name: str) -> Source:
    if SIGN in name:
        return _joined(part_names(name))
    if name in _BUILT_IN:
        return _BUILT_IN[name]()
    others = _others()
    if name not in others:
        known = names()
        near = get_close_matches(name, known, 1)
        hint = f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(known)}."
        raise SettingsError(f"unknown encoder {name!r}", where="encoder", remedy=hint)
    return _foreign(name, others[name])


def _foreign(name: str, entry: EntryPoint) -> Source:
    """An encoder of another package, whose faults are its own: named, and no end of the others."""
    try:
        source = entry.load()
    except Exception as error:  # a module may raise anything when it is imported
        raise _faulty(
            name, entry, f"cannot be imported ({type(error).__name__}: {error})"
        ) from error
    if not isinstance(source, Source):
        kind = type(source).__name__
        raise _faulty(name, entry, f"points to {kind}, not to a registry.Source")
    if source.card.name != name:
        raise _faulty(name, entry, f"calls itself {source.card.name!r} on its card")

    def load_it(settings: EmbedSettings, folder: Path) -> Encoder:
        return Guarded(source.card, lambda: source.load(settings, folder))

    return Source(source.card, load_it)


def _faulty(name: str, entry: EntryPoint, what: str) -> SettingsError:
    return SettingsError(
        f"the encoder {name!r} {what}",
        where=entry.value,
        remedy="Mend or remove the package that brings it.",
    )
