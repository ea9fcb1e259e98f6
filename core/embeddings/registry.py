"""The table of encoders by name: built-in ones and those that other packages provide.

A package provides an encoder through the entry point group ``chipscape.encoders``: the name of the
entry is the encoder's name, and the entry points to a `Source`. Names joined by "+" stand
for encoders whose embeddings are joined, see `core.embeddings.joined_encoder`; "raster:PATH" stands
for a raster of embeddings, see `core.embeddings.raster_encoder`.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from core.artifacts.keys import file_checksum
from core.embeddings.descriptors import colour, texture
from core.embeddings.encoder import Encoder, EncoderCard, Identity
from core.embeddings.guarded_encoder import GuardedEncoder
from core.embeddings.joined_encoder import (
    SEPARATOR,
    JoinedEncoder,
    joined_card,
    joined_identity,
    part_names,
    require_weights_folder,
)
from core.embeddings.networks import dinov2, resnet50, satdino, siglip2
from core.embeddings.networks.weight_files import (
    find_local_weights,
    find_weights,
    weights_identity,
    weights_remedy,
)
from core.embeddings.raster_encoder import (
    RasterEncoder,
    is_raster_encoder,
    raster_card,
    raster_identity,
    raster_path,
)
from core.errors import SceneError, SettingsError, WeightsError
from core.raster.embedding_rasters.raster_files import find_embedding_files
from core.settings import EmbedSettings

_log = logging.getLogger(__name__)

_ENTRY_POINT_GROUP = "chipscape.encoders"


@dataclass(frozen=True)
class Source:
    """A card, and the function that loads its encoder.

    `load` receives the settings and the workspace's weights folder.
    """

    card: EncoderCard
    load: Callable[[EmbedSettings, Path], Encoder]


@dataclass(frozen=True)
class Readiness:
    """Whether an encoder can run on this machine, and what is missing, in complete sentences.

    An encoder is ready if it needs no weights or if its weight files exist; the files are not read.
    """

    ready: bool
    needs: str = ""


_SOURCES = (
    Source(texture.CARD, lambda _settings, _folder: texture.Texture()),
    Source(colour.CARD, lambda _settings, _folder: colour.Colour()),
    *(Source(card, partial(satdino.load_satdino, card)) for card in satdino.CARDS.values()),
    Source(resnet50.CARD, resnet50.load_resnet50),
    *(Source(card, partial(dinov2.load_dinov2, card)) for card in dinov2.CARDS.values()),
    Source(siglip2.CARD, siglip2.load_siglip2),
)
_BUILT_IN = {source.card.name: source for source in _SOURCES}
# Encoders of earlier versions that settings files may still name, and what to use instead.
_REMOVED = {"rcf": "texture"}


def encoder_names() -> list[str]:
    """Return the names of all encoders: the built-in ones, then the others alphabetically."""
    return [*_BUILT_IN, *sorted(_entry_points())]


def replace_removed(name: str) -> str:
    """Return the name of an encoder with parts that were removed replaced; others are kept."""
    parts = [_REMOVED.get(part, part) for part in part_names(name)]
    return name if parts == part_names(name) else SEPARATOR.join(dict.fromkeys(parts))


def encoder_cards() -> list[EncoderCard]:
    """Return the cards of all usable encoders; encoders that cannot be imported are logged."""
    cards = []
    for name in encoder_names():
        try:
            cards.append(encoder_card(name))
        except SettingsError as error:
            _log.warning("%s", error)
    return cards


def encoder_card(name: str) -> EncoderCard:
    """Return the card of one encoder.

    Raises SettingsError if the name is unknown (the error suggests the closest one), or if the
    package that provides the encoder is faulty.
    """
    return _source(name).card


def encoders_needing_weights(name: str) -> list[str]:
    """Return the names of those encoders in a plain or joined name that need a weight file."""
    return [part for part in part_names(name) if encoder_card(part).needs_weights]


def load_encoder(name: str, settings: EmbedSettings, weights_folder: Path) -> Encoder:
    """Load an encoder with the workspace's weights folder; `settings.encoder` is ignored.

    Raises SettingsError if the name is unknown or the encoder cannot take the input size,
    WeightsError if the weights are missing or unusable, and SceneError if a raster of embeddings
    is.
    """
    return _source(name).load(settings, weights_folder)


def encoder_identity(
    name: str,
    settings: EmbedSettings,
    weights_folder: Path,
    checksum: Callable[[Path], str] = file_checksum,
) -> Identity:
    """Return the identity that `load_encoder` would give the encoder, without loading a network.

    `checksum` returns the SHA-256 of a raster's file, perhaps from a ledger. Raises the same errors
    as `load_encoder`, but does not check the content of weight files and rasters.
    """
    parts = part_names(name)
    if len(parts) > 1:
        require_weights_folder(settings.weights, [encoder_card(part) for part in parts])
        return joined_identity(
            [encoder_identity(part, settings, weights_folder, checksum) for part in parts]
        )
    if is_raster_encoder(name):
        return raster_identity(name, checksum)
    source = _source(name)
    if name in _BUILT_IN and source.card.needs_weights:
        weights = find_weights(source.card, settings.weights, weights_folder)
        return weights_identity(source.card, settings, weights)
    return source.load(settings, weights_folder).identity


def check_readiness(name: str, settings: EmbedSettings, weights_folder: Path) -> Readiness:
    """Check whether a plain or joined encoder can run, and name the files that are missing.

    Nothing is loaded and no request is sent: weights that would have to be downloaded count as
    missing. Only `settings.weights` is used.
    """
    try:
        parts = part_names(name)
        for part in filter(is_raster_encoder, parts):
            find_embedding_files(raster_path(part))
        cards = [encoder_card(part) for part in parts]
        without_weights = [
            card
            for card in cards
            if card.needs_weights and not find_local_weights(card, settings.weights, weights_folder)
        ]
    except (SettingsError, WeightsError, SceneError) as error:
        return Readiness(False, str(error))
    needs = " ".join(weights_remedy(card, weights_folder) for card in without_weights)
    return Readiness(not without_weights, needs)


def _entry_points() -> dict[str, EntryPoint]:
    """Return the entry points by name, without those named like a built-in encoder."""
    entries = entry_points(group=_ENTRY_POINT_GROUP)
    return {entry.name: entry for entry in entries if entry.name not in _BUILT_IN}


def _source(name: str) -> Source:
    parts = part_names(name)
    if len(parts) > 1:
        return _joined_source(parts)
    if is_raster_encoder(name):
        return Source(raster_card(name), lambda _settings, _folder: RasterEncoder(name))
    if name in _BUILT_IN:
        return _BUILT_IN[name]
    entries = _entry_points()
    if name in _REMOVED and name not in entries:
        raise SettingsError(
            f"the encoder {name!r} was removed",
            where="encoder",
            remedy=f"Use {_REMOVED[name]!r}, which separates classes better.",
        )
    if name not in entries:
        names = encoder_names()
        matches = get_close_matches(name, names, 1)
        hint = f"Did you mean {matches[0]!r}?" if matches else f"Known: {', '.join(names)}."
        raise SettingsError(f"unknown encoder {name!r}", where="encoder", remedy=hint)
    return _external_source(name, entries[name])


def _joined_source(parts: list[str]) -> Source:
    sources = [_source(part) for part in parts]
    cards = [source.card for source in sources]

    def load(settings: EmbedSettings, folder: Path) -> Encoder:
        require_weights_folder(settings.weights, cards)
        return JoinedEncoder([source.load(settings, folder) for source in sources])

    return Source(joined_card(cards), load)


def _external_source(name: str, entry: EntryPoint) -> Source:
    """Return the source of another package's encoder; its errors do not affect other encoders."""
    try:
        source = entry.load()
    except Exception as error:  # a module may raise anything when it is imported
        problem = f"cannot be imported ({type(error).__name__}: {error})"
        raise _package_error(name, entry, problem) from error
    if not isinstance(source, Source):
        problem = f"is of type {type(source).__name__}, not core.embeddings.registry.Source"
        raise _package_error(name, entry, problem)
    if source.card.name != name:
        problem = f"is named {source.card.name!r} on its card; the two names must match"
        raise _package_error(name, entry, problem)

    def load(settings: EmbedSettings, folder: Path) -> Encoder:
        return GuardedEncoder(source.card, lambda: source.load(settings, folder))

    return Source(source.card, load)


def _package_error(name: str, entry: EntryPoint, problem: str) -> SettingsError:
    return SettingsError(
        f"the encoder {name!r} {problem}",
        where=entry.value,
        remedy="Fix or remove the package that provides it.",
    )
