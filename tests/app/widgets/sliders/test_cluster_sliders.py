"""The sliders of the methods; a fifth method is one record in core and one widget in the app."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.session.saved_settings import load_settings
from app.widgets.sliders.cluster_sliders import WIDGETS
from app.widgets.sliders.method_widget import MethodWidget, SliderRow, count_slider
from core.clusters.labelling import Labelling, make_labelling
from core.clusters.methods.method import ClusteringMethod
from core.clusters.methods.method_table import METHODS
from core.pipeline.run import run_pipeline
from core.pipeline.view import View
from core.pipeline.workspace import Workspace
from core.settings import KMeansSettings, RunSettings

ROOT = Path(__file__).resolve().parents[4]


def test_widgets__one_for_each_method():
    assert list(WIDGETS) == list(METHODS)


def slice_points(points: np.ndarray, n_slices: int) -> np.ndarray:
    """Cut the first axis into slices that hold equally many points."""
    ranks = np.argsort(np.argsort(points[:, 0], kind="stable"), kind="stable")
    return (ranks * n_slices // len(points)).astype(np.int32)


def fit_slices(points: np.ndarray, settings: RunSettings, _: object = None) -> Labelling:
    labels = slice_points(points, settings.kmeans.n_clusters)
    facts = {"n_clusters": settings.kmeans.n_clusters}
    return make_labelling(labels, np.ones(len(points)), "slices", facts)


SLICES = ClusteringMethod(
    name="slices",
    title="Slices",
    plural="slices",
    settings=KMeansSettings,
    table="kmeans",
    stage="slices",
    version=1,
    fit=fit_slices,
    recluster=lambda _, settings: (
        lambda points, __: slice_points(points, settings.kmeans.n_clusters)
    ),
    confidence="nothing",
    count="n_clusters",
)


def draw_slices(view: View, row: SliderRow) -> View:
    with row.columns[1]:
        return count_slider(view, row, "slices", "Slices of the first principal component.")


def compute_slices(workspace: Workspace, settings: RunSettings) -> None:
    # A job is another process, which would not know the method of this test.
    run_pipeline(workspace, settings, until="clusters")


SLICES_WIDGET = MethodWidget(
    label="Slices of equal size",
    draw=draw_slices,
    missing=lambda settings: f"{settings.kmeans.n_clusters} slices are not computed yet",
    prepare_label="Cut the slices",
    prepare=compute_slices,
)


@pytest.fixture
def fifth_method(monkeypatch):
    monkeypatch.setitem(METHODS, "slices", SLICES)
    monkeypatch.setitem(WIDGETS, "slices", SLICES_WIDGET)


def texts(app: AppTest) -> str:
    elements = [*app.markdown, *app.caption, *app.subheader]
    return " ".join(str(element.value) for element in elements)


def labelled(elements, label: str):
    return next(element for element in elements if element.label == label)


def open_explore() -> AppTest:
    app = AppTest.from_file(str(ROOT / "app" / "script.py"), default_timeout=60)
    return app.run().switch_page("../pages/explore.py").run()


def test_fifth_method__is_one_record_and_one_widget(home, fifth_method):
    app = open_explore()
    method = labelled(app.selectbox, "Clustering method")
    assert method.options == ["GMM", "HDBSCAN", "k-means", "Ward", "Slices of equal size"]
    method.set_value("slices").run()
    labelled(app.slider, "Clusters of k-means").set_value(5).run()
    assert "5 slices are not computed yet" in texts(app)
    labelled(app.button, "Cut the slices").click().run()
    assert not app.exception
    assert "5 slices are not computed yet" not in texts(app)
    assert "5 clusters" in texts(app)
    labelled(app.slider, "Clusters of k-means").set_value(3).run()
    note = "3 slices are not computed yet; the clusters below are the previous ones."
    assert note in texts(app).replace("\\", "")
    assert "5 clusters" in texts(app)


def test_fifth_method__is_used_on_the_clusters_page(home, fifth_method):
    settings = replace(load_settings(home), method="slices", kmeans=KMeansSettings(n_clusters=4))
    compute_slices(home, settings)
    app = open_explore()
    labelled(app.selectbox, "Clustering method").set_value("slices").run()
    labelled(app.slider, "Clusters of k-means").set_value(4).run()
    app.switch_page("../pages/clusters.py").run()
    assert not app.exception
    assert labelled(app.selectbox, "Clustering method").value == "slices"
    assert labelled(app.slider, "Clusters of k-means").value == 4
    assert app.subheader[0].value.startswith("4 clusters")
    page = " ".join(element.proto.body for element in app.get("html"))
    assert page.count('class="cs-gallery"') == 4
