import json

import numpy as np
import pandas as pd
import pytest

from app.widgets import charts, colouring
from app.widgets.plot_picker import Picture

EVIL = "<img src=x onerror=alert(1)>"
POINTS = np.array([[0, 0], [1, 2], [-3, 1]], np.float32)


def plot(ids=(0, 1, -1), names=("a", "b", "c"), picked=None, revision="r") -> dict:
    colours = colouring.colour_by_cluster(np.array(ids, np.int32))
    return json.loads(charts.projection_chart(POINTS, colours, names, picked, revision).to_json())


def test_projection_chart__one_trace_of_plain_lists():
    figure = plot()
    (trace,) = figure["data"]
    assert trace["x"] == [0, 1, -3]
    assert trace["y"] == [0, 2, 1]
    assert isinstance(trace["marker"]["color"], list)
    assert figure["layout"]["template"] == {}


def test_projection_chart__other_clusters_change_only_the_colours():
    figure, other = plot((0, 1, -1)), plot((1, 1, 2))
    assert figure["layout"] == other["layout"]
    assert figure["data"][0]["x"] == other["data"][0]["x"]
    assert figure["data"][0]["marker"]["color"] != other["data"][0]["marker"]["color"]


def test_projection_chart__hover_is_text():
    (trace,) = plot(names=(EVIL, "b", "c"))["data"]
    assert EVIL not in trace["text"][0]
    assert "&lt;img src=x" in trace["text"][0]


def test_projection_chart__arrow_points_at_the_picked_marker():
    (arrow,) = plot(picked=1)["layout"]["annotations"]
    assert (arrow["x"], arrow["y"]) == (1, 2)
    assert plot()["layout"]["annotations"] == []


@pytest.mark.parametrize(("n", "kind"), [(100, "scatter"), (3000, "scattergl")])
def test_projection_chart__vector_markers_if_there_are_few(n, kind):
    colours = colouring.colour_by_cluster(np.zeros(n, np.int32))
    picture = charts.projection_chart(np.zeros((n, 2)), colours, ["x"] * n, None, "r")
    assert picture.data[0]["type"] == kind


def test_projection_chart__numbers_have_a_scale_with_its_title_as_text():
    colours = colouring.colour_by_number(pd.Series([1.0, 2.0, np.nan]), EVIL)
    picture = charts.projection_chart(POINTS, colours, ["a", "b", "c"], None, "r")
    bar = json.loads(picture.to_json())["data"][0]["marker"]["colorbar"]
    assert "&lt;img" in bar["title"]["text"]


def test_hover__dark_on_white_for_any_marker_colour():
    for label in (
        plot()["data"][0]["hoverlabel"],
        charts.count_bars([]).layout.hoverlabel.to_plotly_json(),
    ):
        assert label["bgcolor"] == "#FFFFFF"
        assert label["font"]["color"] == charts.INK


def test_picture__refuses_nan():
    with pytest.raises(ValueError, match="JSON"):
        Picture([{"x": [float("nan")]}], {}).to_json()


def test_count_bars__names_are_text():
    figure = charts.count_bars([("#000000", EVIL, 3), ("#111111", "b", 1)])
    assert EVIL not in figure.to_json()
    assert "3" in figure.data[0].text[0]
    assert "75%" in figure.data[0].text[0]


def test_count_bars__no_entries():
    assert len(charts.count_bars([]).data[0].x) == 0


def test_distribution_chart__leaves_out_missing_values():
    figure = charts.distribution_chart(np.array([1.0, np.nan, 2.0]), "length (m)")
    assert list(figure.data[0].x) == [1.0, 2.0]
