"""What stands around the map: choices above it, the picked chip beside it."""

from collections.abc import Sequence

import streamlit as st

from app.map.map_canvas import LAYERS
from app.map.tile_addresses import BASEMAP, OnMap
from app.session import cache, cluster_ids, stage_jobs, state
from app.session.shown_clusters import Clusters
from app.widgets import chip_panels
from app.widgets.images import framed
from app.widgets.markup import facts, plain
from core.chips.chip_set import ChipSet
from core.input_settings import DisplaySettings
from core.pipeline.plan import Plan
from core.pipeline.scene_survey import FoundScene
from core.pipeline.workspace import Workspace
from core.raster.scene import Scene
from core.settings import RunSettings

# Pixels along the longer side up to which a tile takes less than 0.3 s without overviews.
SLOW = 4096
# The furthest stage that is there says which chips the map shows.
STAGES = ("projection", "reduction", "embeddings", "chips")


def settings(place: Workspace) -> RunSettings | None:
    """The settings whose chips the map shows; None before any chip was cut."""
    found = (state.showing(place, stage) for stage in STAGES)
    showing = next((one for one in found if one is not None), None)
    return showing.settings if showing else None


def clusters(place: Workspace, ready: Plan, asked: RunSettings) -> Clusters | None:
    """The clusters as Explore shows them; None where there are none yet."""
    return cluster_ids.shown(place, ready, asked) if "reduction" in ready.artifacts else None


def scene(
    place: Workspace, found: Sequence[FoundScene], row: int | None, home: str | None
) -> FoundScene:
    """The scene on the map: as chosen, or that of a chip that has just been picked elsewhere."""
    names = [one.report.name for one in found]
    kept = state.value(place, "map scene", names[0])
    if row is not None and state.value(place, "map scene row", None) != row:
        state.keep(place, "map scene row", row)
        if home in names and home != kept:
            lead(place, str(home))
    kept = state.value(place, "map scene", names[0])
    turn = state.value(place, "map scene turn", 0)
    key = state.widget(place, f"map scene {turn}", kept if kept in names else names[0])
    chosen = state.keep(place, "map scene", st.selectbox("Scene", names, key=key))
    return found[names.index(chosen)]


def lead(place: Workspace, name: str) -> None:
    """Show another scene; the box that names it is drawn anew."""
    state.keep(place, "map scene", name)
    state.keep(place, "map scene turn", state.value(place, "map scene turn", 0) + 1)


def layers(place: Workspace) -> list[str]:
    """Which layers are on."""
    key = state.widget(place, "map layers", state.value(place, "map layers", list(LAYERS[:2])))
    on = st.pills(
        "Layers", LAYERS, selection_mode="multi", key=key,
        help=f"The basemap is fetched from {BASEMAP}: turning it on sends the place that you look "
        "at over the network. Everything else comes from this machine.",
    )  # fmt: skip
    kept: list[str] = state.keep(place, "map layers", list(on))
    return kept


def opacity(place: Workspace) -> float:
    """How strong the image is, 0..1."""
    key = state.widget(place, "map opacity", state.value(place, "map opacity", 100))
    chosen = st.slider("Image opacity (%)", 0, 100, step=5, key=key)
    return float(state.keep(place, "map opacity", chosen)) / 100


def notes(place: Workspace, shown: OnMap, layer: Sequence[str], asked: DisplaySettings) -> None:
    """What the map cannot do for this scene, and what leaves the machine, in words."""
    if "Basemap" in layer and shown.mercator:
        st.caption(
            f"Basemap: © OpenStreetMap contributors, fetched from {BASEMAP}. The place that you "
            "look at goes over the network until you turn it off."
        )
    elif "Basemap" in layer:
        st.caption("There is no basemap for this scene: it is shown in its own pixels.")
    if not shown.mercator:
        st.caption(plain(_why_pixels(shown.scene)))
    large = max(shown.scene.width, shown.scene.height) > SLOW
    if shown.quick or not large or stage_jobs.busy(place):
        return
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown("This scene has no overviews: zoomed out, each tile reads the whole file.")
        if st.button("Build overviews", key="cs.overviews", type="primary"):
            stage_jobs.overviews(place, state.wanted(place), shown.scene.name, asked.bands)
            st.rerun()


def chip(
    place: Workspace, ready: Plan, chips: ChipSet, row: int, found: Clusters | None, name: str
) -> None:
    """The picked chip: its pixels at the scene's scale and its facts."""
    native, step = cache.native_chip(place, ready, chips, row)
    shown, width, words = framed(native, chip_panels.CHIP_SIDE, step)
    st.image(shown, width=width)
    home = str(chips.facts["scene"].iloc[row])
    st.caption(plain(words if home == name else f"{words}, in {home}"))
    cluster = found.look.name(int(found.ids[row])) if found else None
    st.html(facts(chip_panels.chip_facts(chips, row, cluster)))


def _why_pixels(scene: Scene) -> str:
    """Why a scene is not at its place on the Earth."""
    if scene.crs:
        return (
            "This scene lies across the antimeridian or near a pole, where web mercator ends: it "
            "is shown in its own pixels."
        )
    return "This scene has no place on the Earth that can be read: it is shown in its own pixels."
