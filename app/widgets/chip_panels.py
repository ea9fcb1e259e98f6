"""Panels that several pages share: a chip and where it lies, a gallery, tables."""

import math
from collections.abc import Hashable, Sequence
from typing import Literal

import numpy as np
import pandas as pd
import streamlit as st

from app.session import cache, cluster_results, state
from app.session.shown_clusters import Clusters
from app.widgets import charts, image_figures, setting_labels
from app.widgets.colouring import CLUSTER, Colouring, in_order, in_words
from app.widgets.images import data_uris, framed
from app.widgets.markup import facts, gallery, length, number, plain
from app.widgets.markup import rows as table_rows
from core.chips.chip_set import ChipSet
from core.pipeline.plan import Plan
from core.pipeline.workspace import Workspace
from core.raster.annotations.footprints import guess_class
from core.types import IntArray

SIDE = 2000
CHIP_SIDE = 184
PROPERTIES_AT_MOST = 6
SELECTION_A_PAGE = 48
GLANCE = 8


def class_of(chips: ChipSet) -> str:
    """The property that the user says holds the class, or most likely does; empty for none."""
    chosen = state.wanted(state.workspace()).scenes.class_property
    if chosen in chips.properties:
        return chosen
    return str(guess_class(chips.properties) or "")


def scorable(chips: ChipSet) -> str:
    """The property to score against at first: the class, unless all chips are of one."""
    names = [str(name) for name in chips.properties.columns]
    several = [name for name in names if chips.properties[name].nunique() > 1]
    guessed = class_of(chips)
    return guessed if guessed in several or not several else several[0]


def names_of(chips: ChipSet, rows: Sequence[int] | IntArray) -> list[str]:
    """What each chip is called: its class where it has one, else its id."""
    column = class_of(chips)
    table = chips.properties[column] if column else chips.facts["chip_id"]
    return list(in_words(table.iloc[list(rows)]))


def chip(place: Workspace, ready: Plan, chips: ChipSet, row: int, cluster: str | None) -> None:
    """One chip: its pixels, its facts, and where it lies."""
    about = chips.facts.iloc[row]
    beside = st.container(horizontal=True, gap="medium")
    # As wide as the frame: a narrower box would shrink the chip by a fraction.
    left, right = beside.container(width=CHIP_SIDE), beside.container(width="stretch")
    native, step = cache.native_chip(place, ready, chips, row)
    shown, width, words = framed(native, CHIP_SIDE, step)
    left.image(shown, width=width)
    left.caption(words)
    with right:
        st.html(facts(chip_facts(chips, row, cluster)))
    key = state.widget(place, "surroundings", state.value(place, "surroundings", SIDE))
    side = state.keep(place, "surroundings", state.present(key))
    around = cache.surroundings(place, ready, chips, row, side)
    width, height = around.width, around.height
    figure = image_figures.picture(around.uri, width, height, 400)
    for rings in around.footprints:
        image_figures.outline(figure, rings, image_figures.FOOTPRINT, "footprint")
    image_figures.outline(figure, list(around.squares), image_figures.SQUARE, "chip", 1.5)
    image_figures.scale_bar(figure, width, height, around.gsd)
    st.plotly_chart(figure, theme=None, key="cs.around", config=dict(charts.EXPORT))
    ground = f" · {number(around.gsd * width, 'm')} across" if around.gsd else ""
    st.caption(plain(f"{about['scene']}: footprint in yellow, the chip's square in white{ground}"))
    st.slider("Surroundings (px of the scene)", 200, 6000, step=100, key=key)


def chip_facts(chips: ChipSet, row: int, cluster: str | None) -> list[tuple[str, object]]:
    """A chip's facts in words with units."""
    about, own = chips.facts.iloc[row], chips.properties.iloc[row]
    pairs: list[tuple[str, object]] = []
    if cluster is not None:
        pairs.append(("Cluster", cluster))
    pairs += [(str(k), v) for k, v in own.items() if not _empty(v)][:PROPERTIES_AT_MOST]
    if about["length"] == about["length"]:
        size = f"{length(about['length'])} × {length(about['breadth'], 'm')}"
        place = f"{about['latitude']:.5f}°, {about['longitude']:.5f}°"
        pairs += [("Size", size), ("Area", number(about["area"], "m²")),
                  ("Heading", f"{about['heading']:.0f}°"), ("Lat, lon", place)]  # fmt: skip
    on_earth = about["longitude"] == about["longitude"]
    side = length(about["side"], "m") if on_earth else number(about["side"], "px")
    pairs.append(("Chip side", side))
    if about["valid_fraction"] < 1:
        pairs.append(("Valid pixels", f"{about['valid_fraction']:.0%}"))
    if about["cut_by_edge"]:
        pairs.append(("Edge", "cut by the scene's edge"))
    pairs.append(("Id", about["chip_id"]))
    return pairs


def chip_gallery(
    chips: ChipSet, rows: Sequence[int], colours: Sequence[str], second: Sequence[str] = (),
    width: int = 92,
) -> None:  # fmt: skip
    """Chips side by side with their class and a second line."""
    if not len(rows):
        return
    images = data_uris(cache.thumbnails(chips, rows))
    lines = second or [""] * len(rows)
    captions = list(zip(colours, names_of(chips, rows), lines, strict=True))
    st.html(gallery(images, captions, width))


def table(chips: ChipSet, rows: Sequence[int] | None = None, clusters: Clusters | None = None
) -> None:  # fmt: skip
    """The chips' facts and properties, with the download."""
    shown = table_of(chips, rows, clusters)
    st.dataframe(shown, hide_index=True, height=min(420, 38 + 35 * len(shown)))
    st.download_button(
        "Download the table (CSV)",
        lambda: shown.to_csv(index=False).encode(),
        "chips.csv",
        "text/csv",
        key=f"cs.csv:{rows is None}",
        on_click="ignore",
    )


def table_of(chips: ChipSet, rows: Sequence[int] | None, clusters: Clusters | None) -> pd.DataFrame:
    """Properties and facts of some chips under labels with units; no label twice."""
    kept = list(range(len(chips))) if rows is None else list(rows)
    ours = {"Chip": chips.facts["chip_id"]}
    if clusters is not None:
        ours["Cluster"] = pd.Series([clusters.look.name(int(i)) for i in clusters.ids])
    measured = {
        setting_labels.fact(name): chips.facts[name].round(setting_labels.DIGITS.get(name, 2))
        for name in setting_labels.FACTS
        if name in chips.facts and not chips.facts[name].isna().all()
    }
    own = {label: chips.properties[name] for label, name in own_labels(chips).items()}
    return pd.DataFrame(ours | own | measured).iloc[kept]


def selection(
    place: Workspace, chips: ChipSet, rows: Sequence[int], painted: Colouring,
    clusters: Clusters | None,
) -> None:  # fmt: skip
    """The chips that were boxed or lassoed: a gallery and a table."""
    start = pager(place, "selection", len(rows), SELECTION_A_PAGE)
    shown = rows[start : start + SELECTION_A_PAGE]
    colours = painted.colours()
    texts = [painted.texts[row] for row in shown]
    chip_gallery(chips, shown, [colours[row] for row in shown], texts)
    table(chips, rows, clusters)


def pager(place: Workspace, name: str, total: int, a_page: int) -> int:
    """Which page of a gallery is open: the index of its first item."""
    pages = max(1, math.ceil(total / a_page))
    if pages == 1:
        return 0
    page = st.pagination(pages, key=f"cs.page:{place.root}:{name}:{pages}")
    return (page - 1) * a_page


def sizes(clusters: Clusters) -> list[tuple[str, str, int]]:
    """Colour, name and count of each cluster, noise last."""
    ids, look = clusters.ids, clusters.look
    return [(look.colour(i), look.name(i), int((ids == i).sum())) for i in in_order(ids)]


def filtered(place: Workspace, chips: ChipSet, name: str) -> list[int]:
    """Rows of the chips of the class that is chosen."""
    texts = in_words(chips.properties[name])
    counts = texts.value_counts()
    everything = f"all {len(chips)}"
    chosen = st.selectbox(
        "Show", [everything, *counts.index],
        format_func=lambda text: text if text == everything else f"{text} ({counts[text]})",
        key=state.widget(place, f"show {name}", everything), width=320,
    )  # fmt: skip
    if chosen == everything:
        return list(range(len(chips)))
    return [int(row) for row in (texts == chosen).to_numpy().nonzero()[0]]


def cross_section(chips: ChipSet, rows: Sequence[int], a_page: int) -> list[int]:
    """The rows in an order in which each page shows some of every class."""
    name = class_of(chips)
    order = list(rows)
    if name:
        texts = in_words(chips.properties[name])
        order.sort(key=lambda row: str(texts.iloc[row]))
    pages = max(1, math.ceil(len(order) / a_page))
    return [row for page in range(pages) for row in order[page::pages]]


def glance(
    place: Workspace, ready: Plan, chips: ChipSet, painted: Colouring, clusters: Clusters | None
) -> None:
    """Each group in one row: colour, name, size and a few of its chips, the typical ones first."""
    if painted.numeric:
        known = np.asarray(painted.values)[~painted.faint]
        st.plotly_chart(charts.spread(known, painted.title), theme=None, config=dict(charts.EXPORT))
        return
    if painted.title == CLUSTER and clusters is not None:
        found = cluster_results.typical(place, ready, clusters, GLANCE)
        some = {clusters.look.name(cluster): rows for cluster, rows in found.items()}
    else:
        codes = np.asarray(painted.values)
        members = [np.flatnonzero(codes == code) for code in range(len(painted.entries))]
        few = [np.linspace(0, len(m) - 1, min(GLANCE, len(m))).astype(int) for m in members]
        names = [name for _, name, _ in painted.entries]
        some = {n: m[f].tolist() for n, m, f in zip(names, members, few, strict=True)}
    st.html(table_rows(
        (colour, name, f"{count} chip{'s' * (count != '1')}",
         data_uris(cache.thumbnails(chips, some[name])))
        for colour, name, count in painted.entries if some.get(name)
    ))  # fmt: skip


def lengths(chips: ChipSet, rows: Sequence[int]) -> list[str]:
    """The length of some chips' annotations, empty where it is not known."""
    values = chips.facts["length"].iloc[list(rows)]
    return [length(v, "m") if v == v else "" for v in values]  # noqa: PLR0124


def own_labels(chips: ChipSet) -> dict[str, Hashable]:
    """Properties by label; one that is named like something of ours says whose it is."""
    taken = {"Chip", CLUSTER, *(setting_labels.fact(name) for name in setting_labels.FACTS)}
    labels: dict[str, Hashable] = {}
    for name in chips.properties.columns:
        label = str(name)
        while label in taken:
            label += " (annotation)"
        taken.add(label)
        labels[label] = name
    return labels


def colourable(chips: ChipSet) -> dict[str, tuple[Literal["property", "fact"], Hashable]]:
    """Columns that may colour the points, by label: properties first, then facts."""
    options: dict[str, tuple[Literal["property", "fact"], Hashable]] = {
        label: ("property", name) for label, name in own_labels(chips).items()
    }
    for name in setting_labels.FACTS:
        if name in chips.facts and chips.facts[name].nunique(dropna=True) > 1:
            options[setting_labels.fact(name)] = ("fact", name)
    return options


def column(chips: ChipSet, source: Literal["property", "fact"], name: Hashable) -> pd.Series:
    """A property or a fact of all chips."""
    if source == "property":
        return chips.properties[name]
    return chips.facts[name].round(setting_labels.DIGITS.get(str(name), 2))


def _empty(value: object) -> bool:
    return value is None or value != value or value == ""  # noqa: PLR0124
