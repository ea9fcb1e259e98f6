import json

import numpy as np
import pandas as pd
import pytest

from app.widgets import charts, colouring, image_figures
from app.widgets.plot_picker import Picture

EVIL = "<img src=x onerror=alert(1)>"
POINTS = np.array([[0, 0], [1, 2], [-3, 1]], np.float32)


def drawn(picture: Picture) -> dict:
    return json.loads(picture.to_json())


def landscape(ids=(0, 1, -1), names=("a", "b", "c"), picked=None, revision="r") -> dict:
    painted = colouring.by_cluster(np.array(ids, np.int32))
    return drawn(charts.landscape(POINTS, painted, names, picked, revision))


def test_landscape__one_trace_of_plain_lists():
    figure = landscape()
    (trace,) = figure["data"]
    assert trace["x"] == [0, 1, -3]
    assert trace["y"] == [0, 2, 1]
    assert isinstance(trace["marker"]["color"], list)
    assert figure["layout"]["template"] == {}


def test_landscape__recolour_changes_colours_alone():
    one, other = landscape((0, 1, -1)), landscape((1, 1, 2))
    assert one["layout"] == other["layout"]
    assert one["data"][0]["x"] == other["data"][0]["x"]
    assert one["data"][0]["marker"]["color"] != other["data"][0]["marker"]["color"]


def test_landscape__hover_is_text():
    (trace,) = landscape(names=(EVIL, "b", "c"))["data"]
    assert EVIL not in trace["text"][0]
    assert "&lt;img src=x" in trace["text"][0]


def test_landscape__picked_marker_is_pointed_at():
    (arrow,) = landscape(picked=1)["layout"]["annotations"]
    assert (arrow["x"], arrow["y"]) == (1, 2)
    assert landscape()["layout"]["annotations"] == []


@pytest.mark.parametrize(("n", "kind"), [(100, "scatter"), (3000, "scattergl")])
def test_landscape__vector_markers_while_few(n, kind):
    painted = colouring.by_cluster(np.zeros(n, np.int32))
    picture = charts.landscape(np.zeros((n, 2)), painted, ["x"] * n, None, "r")
    assert picture.data[0]["type"] == kind


def test_landscape__numbers_have_a_scale_with_its_title_as_text():
    painted = colouring.by_number(pd.Series([1.0, 2.0, np.nan]), EVIL)
    figure = drawn(charts.landscape(POINTS, painted, ["a", "b", "c"], None, "r"))
    bar = figure["data"][0]["marker"]["colorbar"]
    assert "&lt;img" in bar["title"]["text"]


def test_hover__ink_on_paper_whatever_the_marker():
    for label in (landscape()["data"][0]["hoverlabel"],
                  charts.sizes([]).layout.hoverlabel.to_plotly_json()):  # fmt: skip
        assert label["bgcolor"] == "#FFFFFF"
        assert label["font"]["color"] == charts.INK


def test_picture__refuses_what_is_not_a_number():
    with pytest.raises(ValueError, match="JSON"):
        Picture([{"x": [float("nan")]}], {}).to_json()


def test_sizes__names_are_text():
    figure = charts.sizes([("#000000", EVIL, 3), ("#111111", "b", 1)])
    assert EVIL not in figure.to_json()
    assert "3" in figure.data[0].text[0]
    assert "75%" in figure.data[0].text[0]


def test_sizes__nothing():
    assert len(charts.sizes([]).data[0].x) == 0


def test_criterion__only_fits_of_one_kind_are_joined():
    values = {2: 5.0, 3: 4.0, 4: 9.0}
    kinds = {2: "full", 3: "full", 4: "diag"}
    figure = charts.criterion(values, kinds, 3, "BIC")
    assert [list(trace.x) for trace in figure.data] == [[2, 3], [4]]


def test_spread__leaves_out_what_is_not_known():
    figure = charts.spread(np.array([1.0, np.nan, 2.0]), "length (m)")
    assert list(figure.data[0].x) == [1.0, 2.0]


def test_outline__rings_are_closed_and_apart():
    figure = image_figures.picture("data:,", 100, 50)
    ring = np.array([[0, 0], [4, 0], [4, 4]])
    image_figures.outline(figure, [ring, ring + 10], "#FFFFFF", EVIL)
    trace = figure.data[-1]
    assert list(trace.x) == [0, 4, 4, 0, None, 10, 14, 14, 10, None]
    assert "&lt;img" in trace.name


def test_picture__first_row_is_up():
    figure = image_figures.picture("data:,", 100, 50)
    assert list(figure.layout.yaxis.range) == [50, 0]


@pytest.mark.parametrize(
    ("width", "gsd", "text"),
    [(1000, 0.3, "50\u00a0m"), (2000, 30.0, "10\u00a0km"), (1000, None, "200\u00a0px"),
     (50, 0.05, "0.5\u00a0m")],
)  # fmt: skip
def test_scale_bar__round_length_on_the_ground(width, gsd, text):
    figure = image_figures.scale_bar(
        image_figures.picture("data:,", width, width), width, width, gsd
    )
    assert figure.layout.annotations[0].text == text
    bar = figure.layout.shapes[0]
    metres = float(text.split("\u00a0")[0]) * (1000 if text.endswith("km") else 1)
    assert bar.x1 - bar.x0 == pytest.approx(metres / (gsd or 1))
