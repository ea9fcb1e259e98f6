"""The sliders of the methods; a fifth method is one record in core and one widget in the app."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.session.saved_settings import load_settings, save_settings
from app.widgets.sliders.cluster_sliders import WIDGETS
from app.widgets.sliders.method_widget import MethodWidget, SliderRow, count_slider
from core.clusters.labelling import Labelling, make_labelling
from core.clusters.methods.method import ClusteringMethod
from core.clusters.methods.method_table import METHODS
from core.pipeline.run import run_pipeline
from core.pipeline.view import View
from core.pipeline.workspace import Workspace
from core.settings import GmmSettings, KMeansSettings, RunSettings

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
    elements = [*app.markdown, *app.caption, *app.header]
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
    assert app.header[0].value.startswith("4 clusters")
    keys = [element.key for element in app.get("bidi_component")]
    assert sum(key.startswith("cs.gallery") for key in keys) == 4


@pytest.mark.parametrize("page", ["explore", "clusters"])
def test_count_slider__warns_if_the_chips_are_too_few_for_the_clusters(with_scene, page):
    workspace = with_scene(23)
    run_pipeline(workspace, RunSettings(method="gmm"))
    save_settings(workspace, RunSettings(method="gmm"))
    app = open_explore().switch_page(f"../pages/{page}.py").run()
    assert not app.exception
    assert "23 chips are too few for 8 clusters." in texts(app)
    labelled(app.button, "Use 4").click().run()
    assert labelled(app.slider, "Clusters of the mixture").value == 4
    assert "too few" not in texts(app)


def test_count_slider__ends_at_the_number_of_chips(with_scene):
    workspace = with_scene(7)
    settings = RunSettings(method="gmm", gmm=GmmSettings(n_components=2))
    run_pipeline(workspace, settings)
    save_settings(workspace, settings)
    app = open_explore()
    slider = labelled(app.slider, "Clusters of the mixture")
    assert (slider.min, slider.max) == (2, 7)
    slider.set_value(3).run()
    assert labelled(app.button, "Fit 2 to 7 clusters")


def test_count_slider__a_number_above_that_of_the_chips_is_lowered(with_scene):
    workspace = with_scene(7)
    settings = RunSettings(method="gmm", gmm=GmmSettings(n_components=2))
    run_pipeline(workspace, settings)
    save_settings(workspace, replace(settings, gmm=GmmSettings(n_components=8)))
    app = open_explore()
    assert not app.exception
    assert labelled(app.slider, "Clusters of the mixture").value == 7
