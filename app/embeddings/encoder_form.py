"""The form that chooses the encoder and its settings, and notes on the current embeddings."""

import dataclasses
from functools import partial

import streamlit as st

from app.embeddings.encoder_cards import encoder_title, encoder_titles, is_descriptor
from app.session import cache, jobs, views
from app.session.state import widget_key
from app.widgets.choices import setting_choice, setting_number
from app.widgets.job_status import estimate_line
from app.widgets.markup import escape_markdown, format_number
from app.widgets.setting_labels import setting_label
from core.chips.chip_set import ChipSet
from core.embeddings.band_triples import choose_band_triples
from core.embeddings.joined_encoder import SEPARATOR, part_names
from core.embeddings.raster_encoder import RASTER, RASTER_DEVIATION, is_raster_encoder
from core.errors import BandError
from core.pipeline.encoders.encoder_comparison import count_fitted_scenes
from core.pipeline.estimates.encoder_estimate import estimate_refit
from core.pipeline.view import View
from core.pipeline.workspace import Workspace
from core.types import BandsRule

BANDS_HELP = (
    "A network takes three bands. Red, green, blue: only the bands with these names are used. All, "
    "in triples: all bands are embedded, three at a time, and the embeddings are joined."
)


# The choice of a raster of embeddings, before its path is entered.
RASTER_CHOICE = f"{RASTER}:"
PATH_HELP = (
    "A GeoTIFF, a VRT or a folder of GeoTIFFs on this machine, for example of AlphaEarth (Google "
    "Satellite Embedding) or TESSERA."
)


def encoder_form(workspace: Workspace, chips: ChipSet | None) -> None:
    """Draw the form for the encoder and its settings."""
    current = views.requested_settings(workspace).embed
    encoder = _encoder_choice(workspace, current.encoder)
    parts = [part for part in part_names(encoder) if not is_raster_encoder(part)]
    cards = [card for card in cache.encoder_card_list() if card.name in parts]
    is_network = len(cards) < len(parts) or not all(map(is_descriptor, cards))
    choose = partial(setting_choice, workspace, "embed", disabled=not is_network)
    number = partial(setting_number, workspace, "embed")
    with st.expander("More", expanded=is_network):
        if not is_network:
            st.caption(
                "Input size, normalisation, bands and precision only apply to networks. "
                + ("This encoder uses all bands at the size of the chips." if parts else "")
            )
        note = "With 0, the encoder chooses: the chip size in whole tokens, up to 224 px."
        size, disabled = current.input_size, not is_network
        input_size = number("input_size", size, (0, 1024), 1, note, disabled=disabled)
        help_text = "Statistics by which pixels are normalised."
        statistics = choose("statistics", ("card", "data"), current.statistics, help_text)
        bands_rule = choose("bands_rule", ("first", "triples"), current.bands_rule, BANDS_HELP)
        if chips is not None and is_network:
            _bands_note(chips, bands_rule)
        help_text = "Automatic: half precision on a CUDA device, 32 bits elsewhere."
        precision = choose("precision", ("auto", "full"), current.precision, help_text)
        weights = st.text_input(
            setting_label("embed", "weights"),
            key=widget_key(workspace, "weights", current.weights),
            placeholder="weights folder, then hub",
            help="A file on this machine, or a folder with one file for each encoder.",
        )
        help_text = "Number of evenly sampled chips to which trainable encoders are fitted."
        sample = number("sample", current.sample, (10, 1_000_000), 500, help_text)
    settings = dataclasses.replace(
        current,
        encoder=encoder,
        weights=weights.strip(),
        input_size=input_size,
        statistics=statistics,
        bands_rule=bands_rule,
        precision=precision,
        sample=sample,
    )
    views.request_settings(workspace, embed=settings)


def _encoder_choice(workspace: Workspace, current: str) -> str:
    """Draw the choice of one encoder, or of two that are joined; return its name."""
    parts = part_names(current)
    raster = next(filter(is_raster_encoder, parts), RASTER_CHOICE)
    first, *other_parts = [RASTER_CHOICE if part == raster else part for part in parts]
    names, second = [*encoder_titles(), RASTER_CHOICE], "".join(other_parts[:1])
    if len(parts) > 2 or not {first, *other_parts} <= set(names):
        # A settings file may name three joined encoders, or one that is not installed here.
        names, first, second = [current, *names], current, ""
    encoder = st.selectbox(
        setting_label("embed", "encoder"),
        names,
        format_func=encoder_title,
        key=widget_key(workspace, "encoder", first),
    )
    if encoder == RASTER_CHOICE:
        return _raster_choice(workspace, raster)
    other = st.selectbox(
        "Joined with",
        ["", *encoder_titles(), RASTER_CHOICE],
        format_func=lambda name: encoder_title(name) if name else "nothing",
        key=widget_key(workspace, "encoder second", second),
        help="Both encoders embed each chip. Each embedding is scaled to length 1, then the two "
        "are joined.",
    )
    if other == RASTER_CHOICE:
        return f"{encoder}{SEPARATOR}{_raster_choice(workspace, raster)}"
    if other and other in part_names(encoder):
        st.caption("Joining an encoder with itself adds nothing, so it is used alone.")
        return encoder
    return f"{encoder}{SEPARATOR}{other}" if other else encoder


def _raster_choice(workspace: Workspace, current: str) -> str:
    """Draw the path of a raster of embeddings and its statistics; return the encoder's name."""
    kind, _, path = current.partition(":")
    path = st.text_input(
        "Raster of embeddings",
        key=widget_key(workspace, "raster path", path),
        placeholder="path of a file or folder",
        help=PATH_HELP,
    )
    has_deviation = st.checkbox(
        "Mean and deviation",
        key=widget_key(workspace, "raster deviation", kind == RASTER_DEVIATION),
        help="Adds the standard deviation of each band under the footprint to its mean, which "
        "describes how mixed the area is.",
    )
    return f"{RASTER_DEVIATION if has_deviation else RASTER}:{path.strip()}"


def _bands_note(chips: ChipSet, rule: BandsRule) -> None:
    """Show which bands of these chips the rule selects, before anything is computed."""
    try:
        _, note = choose_band_triples(len(chips.varying_bands), chips.varying_bands, rule)
    except BandError as error:
        st.warning(escape_markdown(error))
        return
    text = f"For these chips, {note}." if note else "The three bands of these chips are used."
    st.caption(escape_markdown(text))


def refit_offer(view: View, chips: ChipSet) -> None:
    """Offer to fit the encoder again if it is fitted to only some of the scenes."""
    workspace, settings = view.workspace, view.settings.embed
    n_scenes = len(chips.outline.keys)
    n_fitted = count_fitted_scenes(workspace, chips.outline, settings)
    if n_fitted == n_scenes:
        return
    slot, button = st.columns([3, 1], vertical_alignment="center")
    text = (
        f"{encoder_title(settings.encoder)} is fitted to {n_fitted} of {n_scenes} scenes. The fit "
        "was kept when scenes were added, so that chips keep their embeddings."
    )
    slot.info(escape_markdown(text))
    note = "Fits the encoder to all scenes and embeds every chip again; clusters will change."
    is_busy = jobs.running_job(workspace) is not None
    if button.button("Fit again", "cs.refit", note, disabled=is_busy, width="stretch"):
        jobs.start_refit(workspace, view.settings)
        st.rerun()
    if not is_busy:
        estimate_line(workspace, partial(estimate_refit, view))


def fit_notes(view: View) -> None:
    """Draw notes on how the displayed embeddings were computed, including assumptions."""
    artifacts = view.artifacts.get("embeddings")
    if not artifacts:
        return
    n_chips = sum(int(artifact.counts["chips"]) for artifact in artifacts[1:])
    seconds = sum(float(artifact.manifest["seconds"]) for artifact in artifacts)
    st.caption(f"{format_number(n_chips)} chips embedded in {format_number(seconds, 's')}.")
    for artifact in artifacts:
        for note in artifact.counts.get("notes", ()):
            st.info(escape_markdown(f"{note[:1].upper()}{note[1:]}."))
