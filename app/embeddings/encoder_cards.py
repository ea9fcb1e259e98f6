"""Encoders on the page: the form that chooses one, the notes of its fit, and all their cards."""

import dataclasses
from collections.abc import Sequence
from html import escape

import streamlit as st

from app.session import cache, stage_jobs, state
from app.widgets import setting_labels
from app.widgets.markup import facts, number, plain
from app.widgets.stage_forms import options
from core.chips.chip_set import ChipSet
from core.embeddings.band_triples import triples
from core.embeddings.cost_estimate import Estimate
from core.embeddings.encoder import EncoderCard
from core.embeddings.joined_encoder import SIGN
from core.embeddings.readiness import readiness
from core.errors import BandError
from core.pipeline.encoders import encoder_comparison
from core.pipeline.encoders.encoder_costs import TRIED, known_outlook
from core.pipeline.plan import Plan
from core.pipeline.workspace import Workspace
from core.settings import EmbedSettings
from core.types import BandsRule

NONE = ""
SINGLE_BAND, THREE_BANDS = 1, 3
MEGABYTE, GIGABYTE = 1e6, 1e9
RULES = {
    "first": "the bands named red, green and blue, and no others",
    "triples": "all of them, three at a time; the embeddings are joined",
}


def titles() -> dict[str, str]:
    """What each encoder is called, by its name."""
    return {card.name: card.title for card in cache.encoder_cards()}


def title(name: str) -> str:
    """What an encoder, or several joined, is called."""
    return " + ".join(titles().get(part, part) for part in name.split(SIGN))


def form(place: Workspace, chips: ChipSet | None) -> EmbedSettings:
    """Which encoder embeds the chips, and how."""
    now = state.wanted(place).embed
    encoder = _chooser(place, now.encoder)
    cards = [card for card in cache.encoder_cards() if card.name in encoder.split(SIGN)]
    network = not cards or any(not ignores_settings(card) for card in cards)
    with st.expander("More", expanded=network):
        if not network:
            st.caption("Input size, normalisation, bands and precision are for networks; this "
                       "encoder sees all bands at the chips' own size.")  # fmt: skip
        size = st.number_input(
            setting_labels.label("embed", "input_size"), 0, 1024, step=1, disabled=not network,
            key=state.widget(place, "embed input_size", now.input_size),
            help="0: the encoder's own, which is the chips' size in whole tokens, 224 at most.",
        )  # fmt: skip
        statistics = options(place, "embed", "statistics", ("card", "data"), now.statistics,
                             "What counts as dark and bright.", disabled=not network)  # fmt: skip
        rule = options(place, "embed", "bands_rule", tuple(RULES), now.bands_rule, bands_words(),
                       disabled=not network)  # fmt: skip
        if chips is not None and network:
            _what_it_sees(chips, rule)
        precision = options(place, "embed", "precision", ("auto", "full"), now.precision,
                            "Automatic: half precision on a CUDA device, 32 bits elsewhere.",
                            disabled=not network)  # fmt: skip
        weights = st.text_input(
            setting_labels.label("embed", "weights"),
            key=state.widget(place, "weights", now.weights),
            placeholder="the workspace's weights folder, then the hub",
            help="A file on this machine, or a folder with one for each encoder.",
        )
        sample = st.number_input(
            setting_labels.label("embed", "sample"), 10, 1_000_000, step=500,
            key=state.widget(place, "embed sample", now.sample),
            help="Chips, evenly spread, that an encoder which learns from the data is fitted on.",
        )  # fmt: skip
    made = dataclasses.replace(
        now, encoder=encoder, weights=weights.strip(), input_size=size, statistics=statistics,
        bands_rule=rule, precision=precision, sample=sample,
    )  # fmt: skip
    state.want(place, embed=made)
    return made


def _chooser(place: Workspace, now: str) -> str:
    """One encoder, or two that are joined."""
    names = list(titles())
    first, _, second = now.partition(SIGN)
    if first not in names or (second and second not in names):
        # Of a settings file: more than two joined, or one that is not installed here.
        names, first, second = [now, *names], now, NONE
    encoder = st.selectbox(
        setting_labels.label("embed", "encoder"), names, format_func=title,
        key=state.widget(place, "encoder", first),
    )  # fmt: skip
    other = st.selectbox(
        "Joined with", [NONE, *titles()],
        format_func=lambda name: title(name) if name else "nothing",
        key=state.widget(place, "encoder second", second),
        help="Both embed each chip; each one's numbers are brought to length 1 and stand side by "
        "side.",
    )  # fmt: skip
    if other and other in encoder.split(SIGN):
        st.caption("An encoder joined with itself tells nothing new: it runs alone.")
        return encoder
    return f"{encoder}{SIGN}{other}" if other else encoder


def bands_words() -> str:
    """What each rule for bands does, in words."""
    said = [f"{setting_labels.choice(rule)}: {words}." for rule, words in RULES.items()]
    return "A network takes three bands. " + " ".join(said)


def _what_it_sees(chips: ChipSet, rule: BandsRule) -> None:
    """What the rule makes of the bands of these chips, said before anything runs."""
    try:
        _, note = triples(len(chips.bands), chips.bands, rule)
    except BandError as error:
        st.warning(plain(error))
        return
    st.caption(plain(f"Of these chips {note}." if note else "These chips have three bands, which "
                     "are taken as they are."))  # fmt: skip


def ignores_settings(card: EncoderCard) -> bool:
    """True for the encoders built in that compute from the pixels as they are."""
    return "offline" in card.tags and not card.bands


def forecast(place: Workspace, chips: ChipSet | None) -> None:
    """What the chosen encoder would take, if it was measured."""
    settings = state.wanted(place).embed
    if words := takes(place, chips, settings, settings.encoder):
        st.caption(plain(f"Measured: {words}."))


def refit(place: Workspace, chips: ChipSet, settings: EmbedSettings) -> None:
    """Offer to learn an encoder anew that knows only some of the scenes."""
    here = len(chips.outline.keys)
    knows = encoder_comparison.learnt_from(place, chips.outline, settings)
    if knows == here:
        return
    words, button = st.columns([3, 1], vertical_alignment="center")
    words.info(plain(f"What {title(settings.encoder)} learnt comes from {knows} of {here} scenes. "
                     "It was kept when scenes were added, so that chips keep their "
                     "vectors."))  # fmt: skip
    at_work = stage_jobs.busy(place) is not None
    if button.button("Learn anew", key="cs.refit", disabled=at_work, width="stretch",
                     help="Learns from all scenes and embeds every chip again; clusters "
                     "change."):  # fmt: skip
        stage_jobs.refit(place, state.wanted(place))
        st.rerun()


def notes(ready: Plan) -> None:
    """What was done with these chips: nothing is changed without a word."""
    made = ready.artifacts.get("embeddings")
    if not made:
        return
    counted = sum(int(artifact.counts["chips"]) for artifact in made[1:])
    seconds = sum(float(artifact.manifest["seconds"]) for artifact in made)
    st.caption(f"{number(counted)} chips embedded in {number(seconds, 's')}.")
    for note in made[0].counts.get("notes", ()):
        st.info(plain(f"{note[:1].upper()}{note[1:]}."))


def cards(place: Workspace, chips: ChipSet | None) -> None:
    """A card for each encoder, those that are ready first."""
    settings = state.wanted(place).embed
    known = [(card, needs(place, settings, card.name)) for card in cache.encoder_cards()]
    ready = [card.name for card, lacks in known if not lacks]
    chosen = [settings.encoder] if SIGN in settings.encoder else []
    _measure_button(place, [*ready, *(name for name in chosen if not needs(place, settings, name))])
    known.sort(key=lambda one: bool(one[1]))
    st.html('<div class="cs-cards">' + "".join(
        _card(card, lacks, takes(place, chips, settings, card.name)) for card, lacks in known
    ) + "</div>")  # fmt: skip


def needs(place: Workspace, settings: EmbedSettings, name: str) -> str:
    """What an encoder lacks on this machine; empty where it is ready."""
    return readiness(name, encoder_comparison.settings_for(settings, name), place.weights).needs


def _measure_button(place: Workspace, names: Sequence[str]) -> None:
    words, button = st.columns([3, 1], vertical_alignment="center")
    words.caption(f"Time and memory are measured on {TRIED} of the chips before anything "
                  "runs. An encoder that lacks its weights fetches them from the hub at its first "
                  "run; without a connection, bring the file that its card names.")  # fmt: skip
    idle = stage_jobs.busy(place) is not None or not _usable(place)
    if button.button("Measure", key="cs.measure", disabled=idle, width="stretch"):
        stage_jobs.estimate(place, state.wanted(place), names)
        st.rerun()


def _usable(place: Workspace) -> bool:
    return bool(cache.plan(place, state.wanted(place)).found.usable)


def takes(place: Workspace, chips: ChipSet | None, settings: EmbedSettings, name: str) -> str:
    """What an encoder takes for these chips, or why it can't; empty where it was not measured."""
    found = known_outlook(place, chips, settings, name) if chips is not None else None
    if found is None:
        return ""
    return cost(found.estimate) if found.estimate else f"it cannot run here. {found.needs}"


def cost(found: Estimate) -> str:
    """Time and memory in words."""
    memory = number(found.bytes / MEGABYTE, "MB", 2)
    if found.bytes >= GIGABYTE:
        memory = number(found.bytes / GIGABYTE, "GB", 2)
    return (f"about {number(found.seconds, 's', 2)} and {memory} for {number(found.n)} chips "
            f"({number(round(found.rate))} a second, measured on {found.measured})")  # fmt: skip


def _card(card: EncoderCard, lacks: str, measured: str) -> str:
    pairs: list[tuple[str, object]] = []
    if not lacks:
        pairs.append(("Takes", measured or "not measured yet"))
    pairs += [
        ("Bands", f"{card.bands}" if card.bands else "any number"),
        ("Length", f"{card.dim} numbers a chip" if card.dim else "depends on the bands"),
        ("Input size", f"{card.input_size} px" if card.input_size else _own_size(card)),
        ("Normalisation", _normalisation(card)),
        ("Licence", card.licence or "not said"),
        ("Source", card.source or "not said"),
    ]
    if card.revision:
        pairs.append(("Revision", card.revision))
    pairs.append(("Paper", card.paper or "none"))
    kind, words = ("done", "ready") if not lacks else ("none", "needs a file")
    head = f"<h4>{escape(card.title)}</h4><em class='cs-{kind}'>{words}</em>"
    about = f"<p>{escape(card.summary)} <code>{escape(card.name)}</code></p>"
    about += f"<p class='cs-needs'>{escape(lacks)}</p>" if lacks else ""
    return f"<article><header>{head}</header>{about}{facts(pairs)}</article>"


def _own_size(card: EncoderCard) -> str:
    return "the chips' own" if ignores_settings(card) else "the chips' own, 224 px at most"


def _normalisation(card: EncoderCard) -> str:
    if not card.mean:
        return "learnt from the chips" if card.learns else "none"
    mean, std = (", ".join(f"{v:g}" for v in values) for values in (card.mean, card.std))
    return f"mean {mean}; std {std} (of the weights' own training)"
