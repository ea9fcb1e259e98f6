"""The report card on the page: marks by cluster, agreement with a property, the quiet alarm."""

import pandas as pd
import streamlit as st

from app.session import cluster_results, stage_jobs, state
from app.session.shown_clusters import Clusters
from app.widgets import charts, chip_panels, palette
from app.widgets.markup import number, plain
from app.widgets.sliders import sweep_charts
from core.chips.chip_set import ChipSet
from core.clusters.editing import edited_labelling
from core.clusters.evaluation.measures import MEASURES
from core.clusters.evaluation.report_card import ClusterCard
from core.errors import DegenerateError
from core.pipeline.plan import Plan
from core.pipeline.quality_stage import Quality
from core.pipeline.workspace import Workspace

TITLES = {
    "silhouette": "Silhouette", "dbcv": "DBCV", "persistence": "Persistence",
    "stability": "Stability", "size": "Chips", "area": "Area", "noise_fraction": "Noise",
    "ari": "ARI", "ami": "AMI", "nmi": "NMI", "v_measure": "V-measure",
}  # fmt: skip
FIRM, DOUBTFUL = 0.85, 0.6
ROWS_AT_MOST = 15


def alarm(place: Workspace, ready: Plan, chips: ChipSet, clusters: Clusters) -> None:
    """A quiet notice where the clusters may follow something that they should not."""
    told, whole = cluster_results.alarms(place, ready, chips, clusters)
    if not told:
        return
    title = "One thing to look at" if len(told) == 1 else f"{len(told)} things to look at"
    with st.expander(f"{title}: the clusters may follow the scene, the place or the image"):
        st.markdown("\n".join(f"- {plain(sentence)}" for sentence in told))
        st.caption("An alarm asks for a look. Large ships are large: a cluster may follow size "
                   "and be right."
                   + ("" if whole else " Size, place and blur are looked at with the report card.")
                   )  # fmt: skip


def show(place: Workspace, ready: Plan, chips: ChipSet, clusters: Clusters) -> None:
    """The report card of the clusters as they are shown."""
    found = cluster_results.report(place, ready, chips, clusters)
    table = card_table(place, ready, chips, clusters, found)
    card = found.card if found else None
    judged = clusters.ids[clusters.ids != palette.EXCLUDED]
    noise = (judged == palette.NOISE).mean() if len(judged) else 0.0
    facts = [
        ("size", "Clusters", f"{clusters.n_clusters}"),
        ("noise_fraction", "Noise", f"{noise:.0%}"),
        ("silhouette", "Silhouette", mark(card.silhouette if card else None)),
        ("dbcv", "DBCV", mark(card.dbcv if card else None)),
    ]
    for slot, (name, label, value) in zip(st.columns(4), facts, strict=True):
        slot.metric(label, value, help=None if label == "Clusters" else MEASURES[name])
    if found is None:
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            st.markdown("Silhouette, DBCV and stability of these clusters are not measured yet: "
                        "20 resamples are clustered anew.")  # fmt: skip
            st.button("Judge the clusters", type="primary", key="cs.judge",
                      disabled=stage_jobs.busy(place) is not None,
                      on_click=stage_jobs.judge, args=(place, clusters.settings))  # fmt: skip
    _card_frame(table)
    notes = list(card.notes) if card else []
    if found:
        notes.append(f"Stability: {found.n_resamples} resamples of {number(found.n_drawn)} chips.")
    if found and found.n_failed:
        notes.append(f"{found.n_failed} resamples could not be clustered and count as 0.")
    notes.append(_judged(clusters))
    st.caption(plain(" ".join(notes)))
    meanings("silhouette", "dbcv", "persistence", "stability", "size", "area", "noise_fraction")


def card_table(
    place: Workspace, ready: Plan, chips: ChipSet, clusters: Clusters, found: Quality | None
) -> pd.DataFrame:
    """One row a cluster as shown, by id."""
    view = cluster_results.seen(clusters)
    labelling = view.labelling
    kept = int((clusters.ids != palette.EXCLUDED).sum())
    lives = cluster_results.lives(place, ready, clusters)
    area = chips.facts["area"].to_numpy(float) if "area" in chips.facts else None
    marks = {card.label: card for card in found.card.clusters} if found else {}
    ground = [
        float(pd.Series(area[labelling.labels == label]).sum(min_count=1))
        if area is not None else float("nan")
        for label in range(labelling.n_clusters)
    ]  # fmt: skip
    in_hectares = max(ground, default=0) >= 10_000
    unit, scale = ("ha", 10_000) if in_hectares else ("m²", 1)
    rows = []
    sizes = labelling.sizes().tolist()
    for cluster, label in sorted(view.labels.items()):
        rows.append({
            "Cluster": clusters.look.name(cluster),
            "Chips": sizes[label],
            "Share": round(sizes[label] / kept, 2),
            f"Area ({unit})": round(ground[label] / scale, 2),
            **({} if lives is None else {"Persistence": float(lives[label])}),
            **_marks(marks.get(label)),
        })  # fmt: skip
    return pd.DataFrame(rows)


def _judged(clusters: Clusters) -> str:
    """What the card judges, and what that means for its stability."""
    where = "All measured in the clustering space, never in the picture."
    if clusters.edited is None:
        return where
    words = edited_labelling.sentence(clusters.labelling, clusters.edited)
    if edited_labelling.mark(clusters.labelling, clusters.edited):
        words += (
            " Stability asks whether the method finds a cluster by itself: a merged one "
            "comes back by its largest part, and only the method's own have a persistence."
        )
    return f"{words} {where}"  # fmt: skip


def _marks(one: ClusterCard | None) -> dict[str, float | str | None]:
    if one is None:
        return {}
    names = ("silhouette", "dbcv", "stability")
    return {TITLES[name]: getattr(one, name) for name in names} | {
        "Verdict": verdict(one.stability)
    }


def _card_frame(table: pd.DataFrame) -> None:
    columns = {
        name: st.column_config.NumberColumn(help=MEASURES[key], format="%.2f")
        for key, name in TITLES.items()
        if name in table and key not in ("size", "area")
    }
    columns["Chips"] = st.column_config.NumberColumn(help=MEASURES["size"])
    columns["Share"] = st.column_config.NumberColumn(format="percent")
    for name in table:
        if str(name).startswith("Area"):
            columns[str(name)] = st.column_config.NumberColumn(help=MEASURES["area"])
    if "Stability" in table:
        columns["Stability"] = st.column_config.ProgressColumn(
            help=MEASURES["stability"], format="%.2f", min_value=0, max_value=1, color=charts.ACCENT
        )
    st.dataframe(table, hide_index=True, column_config=columns, placeholder="–",
                 height="content" if len(table) <= ROWS_AT_MOST else 560)  # fmt: skip
    st.download_button("Download the report card (CSV)",
                       lambda: table.to_csv(index=False).encode(), "report_card.csv", "text/csv",
                       key="cs.card.csv", on_click="ignore")  # fmt: skip


def against(place: Workspace, chips: ChipSet, clusters: Clusters) -> None:
    """How the shown clusters agree with a property: four measures, shares, the table."""
    names = [str(name) for name in chips.properties.columns]
    if not names:
        st.caption("The annotations have no properties to compare with.")
        return
    kept = state.value(place, "against", chip_panels.scorable(chips) or names[0])
    key = state.widget(place, "against", kept if kept in names else names[0])
    name = state.keep(place, "against", st.selectbox("Property", names, key=key, width=320))
    try:
        found, ids = cluster_results.compared(clusters, chips.properties[name], name)
    except DegenerateError as error:
        st.caption(plain(error))
        return
    for slot, measure in zip(st.columns(4), ("ari", "ami", "nmi", "v_measure"), strict=True):
        slot.metric(TITLES[measure], f"{getattr(found, measure):.2f}", help=MEASURES[measure])
    rows = [at for at in range(len(ids)) if found.table[at].sum()]
    labels = [clusters.look.name(ids[at]) for at in rows]
    colours = [palette.colour(at) for at in range(len(found.values))]
    table = found.table[rows]
    st.plotly_chart(sweep_charts.shares(labels, found.values, table, colours), theme=None,
                    key="cs.shares", config=dict(charts.EXPORT))  # fmt: skip
    counts = pd.DataFrame(table, columns=list(found.values))
    counts.insert(0, "Cluster" if "Cluster" not in found.values else "Cluster (shown)", labels)
    st.dataframe(counts, hide_index=True,
                 height="content" if len(counts) <= ROWS_AT_MOST else 560)  # fmt: skip
    st.download_button("Download the table (CSV)", lambda: counts.to_csv(index=False).encode(),
                       "contingency.csv", "text/csv", key="cs.against.csv",
                       on_click="ignore")  # fmt: skip
    missing = f" {number(found.n_missing)} chips without a value are left out." * bool(
        found.n_missing
    )
    st.caption(plain("The clusters as shown, with noise treatment and edits; noise counts as one "
                     f"more cluster.{missing}"))  # fmt: skip
    meanings("ari", "ami", "nmi", "v_measure")


def meanings(*names: str) -> None:
    """What each measure means and when it misleads."""
    with st.expander("What these mean, and when they mislead"):
        st.markdown("\n".join(f"- **{TITLES[name]}**: {plain(MEASURES[name])}" for name in names))


def mark(value: float | None) -> str:
    """A measure in two digits."""
    return "–" if value is None else f"{value:.2f}"


def verdict(stability: float | None) -> str:
    """What the stability says of a cluster, in a word."""
    if stability is None:
        return "not judged"
    # Judged as it is read: 0.60 on the page is 0.60 here.
    read = round(stability, 2)
    return "firm" if read >= FIRM else "doubtful" if read >= DOUBTFUL else "not there"
