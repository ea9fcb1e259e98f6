"""A card for each encoder: its description, whether it is ready, and its cost."""

from html import escape

import streamlit as st

from app.session import cache, jobs
from app.widgets.job_status import estimate_line
from app.widgets.markup import facts_html, format_number
from core.chips.chip_set import ChipSet
from core.embeddings.cost_estimate import CostEstimate
from core.embeddings.encoder import EncoderCard
from core.embeddings.joined_encoder import part_names
from core.embeddings.raster_encoder import is_raster_encoder, raster_card
from core.embeddings.registry import check_readiness
from core.pipeline.encoders.encoder_comparison import settings_for
from core.pipeline.encoders.encoder_costs import MOST_TRIED, find_encoder_cost
from core.pipeline.estimates.encoder_estimate import estimate_trials
from core.pipeline.view import View


def encoder_titles() -> dict[str, str]:
    """Return the title of each encoder, by its name."""
    return {card.name: card.title for card in cache.encoder_card_list()}


def encoder_title(name: str) -> str:
    """Return the title of an encoder, or the titles of joined encoders."""
    titles = encoder_titles()
    return " + ".join(
        raster_card(part).title if is_raster_encoder(part) else titles.get(part, part)
        for part in part_names(name)
    )


def is_descriptor(card: EncoderCard) -> bool:
    """Return True for built-in encoders that use all bands and no neural network."""
    return "offline" in card.tags and not card.bands


def missing_requirements(view: View, encoder: str) -> str:
    """Return the requirements of an encoder that this machine lacks; empty if it is ready."""
    settings = settings_for(view.settings.embed, encoder)
    return check_readiness(encoder, settings, view.workspace.weights).needs


def card_list(view: View, chips: ChipSet | None) -> None:
    """Draw a card for each encoder, ready ones first, and the button that measures their cost."""
    cards = cache.encoder_card_list()
    missing = {card.name: missing_requirements(view, card.name) for card in cards}
    ready = [name for name, needs in missing.items() if not needs]
    chosen = view.settings.embed.encoder
    if chosen not in missing and not missing_requirements(view, chosen):
        ready.append(chosen)
    text, button = st.columns([3, 1], vertical_alignment="center")
    text.caption(
        f"Time and memory are measured on up to {MOST_TRIED} chips, without embedding the others. "
        "An encoder that lacks its weights downloads them from the hub when it first runs; without "
        "a connection, provide the file that its card names."
    )
    disabled = jobs.running_job(view.workspace) is not None or not view.survey.usable
    if button.button("Measure", key="cs.measure", disabled=disabled, width="stretch"):
        jobs.start_estimate(view.workspace, view.settings, ready)
        st.rerun()
    if not disabled:
        estimate_line(view.workspace, lambda model: estimate_trials(view, model, ready))
    html = "".join(
        card_html(card, missing[card.name], describe_need(view, chips, card.name))
        for card in sorted(cards, key=lambda card: bool(missing[card.name]))
    )
    st.html(f'<div class="cs-cards">{html}</div>')


def describe_need(view: View, chips: ChipSet | None, encoder: str = "") -> str:
    """Return the measured cost of an encoder, or why it cannot run; empty if it was not measured.

    `encoder` is the requested encoder by default.
    """
    settings = view.settings.embed
    if chips is None:
        return ""
    cost = find_encoder_cost(view.workspace, chips, settings, encoder or settings.encoder)
    if cost is None:
        return ""
    return describe_cost(cost.estimate) if cost.estimate else f"it cannot run here. {cost.needs}"


def describe_cost(estimate: CostEstimate) -> str:
    """Return an estimate of time and memory in words."""
    unit, size = ("GB", 1e9) if estimate.bytes >= 1e9 else ("MB", 1e6)
    seconds = format_number(estimate.seconds, "s", 2)
    memory = format_number(estimate.bytes / size, unit, 2)
    rate = f"{format_number(round(estimate.rate))} per second, measured on {estimate.measured}"
    return f"about {seconds} and {memory} for {format_number(estimate.n)} chips ({rate})"


def card_html(card: EncoderCard, needs: str, cost: str) -> str:
    """Return the card of an encoder as HTML, with its missing requirements or its measured cost."""
    pairs: list[tuple[str, object]] = [] if needs else [("Cost", cost or "not measured yet")]
    own_size = "the chip size" if is_descriptor(card) else "the chip size, up to 224 px"
    pairs += [
        ("Bands", f"{card.bands}" if card.bands else "any number"),
        ("Length", f"{card.dim} numbers per chip" if card.dim else "depends on the bands"),
        ("Input size", f"{card.input_size} px" if card.input_size else own_size),
        ("Normalisation", _describe_normalisation(card)),
        ("Licence", card.licence or "not stated"),
        ("Source", card.source or "not stated"),
    ]
    if card.revision:
        pairs.append(("Revision", card.revision))
    pairs.append(("Paper", card.paper or "none"))
    state, text = ("none", "needs weights") if needs else ("done", "ready")
    head = f"<h2>{escape(card.title)}</h2><em class='cs-{state}'>{text}</em>"
    summary = f"<p>{escape(card.summary)} <code>{escape(card.name)}</code></p>"
    if needs:
        summary += f"<p class='cs-needs'>{escape(needs)}</p>"
    return f"<article><header>{head}</header>{summary}{facts_html(pairs)}</article>"


def _describe_normalisation(card: EncoderCard) -> str:
    if not card.mean:
        return "fitted to the chips" if card.learns else "none"
    mean, std = (", ".join(f"{v:g}" for v in values) for values in (card.mean, card.std))
    return f"mean {mean}; std {std} (those used to train the weights)"
